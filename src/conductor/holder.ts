import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Who drives a study. */
export interface LeaseHolder {
  /** The name of the machine that drives it. */
  readonly machine: string;
  readonly pid: number;
  /** Where people see the run, on GitHub. */
  readonly runUrl?: string;
  /** Which attempt of that run it is. */
  readonly runAttempt?: string;
  /** What tells whether it is the same machine, where that can be known: of the boot, and of the process's namespace. */
  readonly bootId?: string;
  readonly pidNamespace?: string;
  /** Ticks from the start of the machine to that of the process. */
  readonly startTime?: string;
}

/** Who drives the study if we do. @param runUrl where people see the run; '' if nowhere */
export function ourHolder(runUrl = '', runAttempt?: string): LeaseHolder {
  const bootId = attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  const pidNamespace = attempt(() => readlinkSync('/proc/self/ns/pid'));
  const startTime = attempt(() => processOf(readFileSync('/proc/self/stat', 'utf8'))?.startTime);
  return {
    machine: hostname(),
    pid: process.pid,
    ...(runUrl === '' ? {} : { runUrl }),
    ...(runAttempt === undefined ? {} : { runAttempt }),
    ...(bootId === undefined ? {} : { bootId }),
    ...(pidNamespace === undefined ? {} : { pidNamespace }),
    ...(startTime === undefined ? {} : { startTime }),
  };
}

/**
 * Whether process ids mean the same to both: a machine's name proves nothing, nor does the same boot in another container, nor
 * in a copy of a virtual machine, which has another name at best.
 */
export function isSameMachine(one: LeaseHolder, other: LeaseHolder): boolean {
  return (
    one.machine === other.machine &&
    one.bootId !== undefined &&
    one.bootId === other.bootId &&
    one.pidNamespace !== undefined &&
    one.pidNamespace === other.pidNamespace
  );
}

/** Whether both are of one attempt of a workflow run, as far as they say. */
export function isSameAttempt(one: LeaseHolder, other: LeaseHolder): boolean {
  return (
    one.runUrl !== undefined &&
    one.runUrl === other.runUrl &&
    one.runAttempt === other.runAttempt &&
    one.runAttempt !== undefined
  );
}

/** Whether the process of a holder on this machine lives. A process id may be somebody else's by now. */
export function lifeOf({ pid, startTime }: LeaseHolder): 'alive' | 'dead' | 'unknown' {
  if (startTime === undefined) return 'unknown';
  const text = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  if (text === undefined) return isHidden(pid) ? 'unknown' : 'dead';
  const found = processOf(text);
  if (found === undefined) return 'unknown';
  return found.startTime === startTime && !/^[ZX]/.test(found.state) ? 'alive' : 'dead';
}

/** /proc may be mounted so that it shows nobody else's processes. */
function isHidden(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/**
 * What a line of /proc/PID/stat says. The name of the command, in parentheses, may have blanks and parentheses in it.
 *
 * @returns undefined if it is no such line. `startTime` is the 22nd field: ticks since the machine was started
 */
export function processOf(stat: string): { readonly state: string; readonly startTime: string } | undefined {
  const fields = stat
    .slice(stat.lastIndexOf(')') + 1)
    .trim()
    .split(/\s+/);
  const [state, startTime] = [fields[0], fields[19]];
  return state !== undefined && startTime !== undefined && /^\d+$/.test(startTime) ? { state, startTime } : undefined;
}

/** Undefined where there is no such file: not every machine has /proc. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

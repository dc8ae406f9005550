import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process, and what shows whether its id means the same on another machine or in another container. */
export interface ProcessIdentity {
  /** The name of its machine. */
  readonly machine: string;
  readonly pid: number;
  /** Identify the machine's boot and the process's namespace, where they are known. */
  readonly bootId?: string;
  readonly pidNamespace?: string;
  /** Ticks from the start of the machine to that of the process. */
  readonly startTime?: string;
}

export function ourProcess(): ProcessIdentity {
  const bootId = attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim());
  const pidNamespace = attempt(() => readlinkSync('/proc/self/ns/pid'));
  const startTime = attempt(() => processOf(readFileSync('/proc/self/stat', 'utf8'))?.startTime);
  return {
    machine: hostname(),
    pid: process.pid,
    ...(bootId === undefined ? {} : { bootId }),
    ...(pidNamespace === undefined ? {} : { pidNamespace }),
    ...(startTime === undefined ? {} : { startTime }),
  };
}

/**
 * Whether process ids mean the same to both: a machine's name proves nothing, nor does the same boot in another container, nor
 * in a copy of a virtual machine, which has another name at best.
 */
export function isSameMachine(one: ProcessIdentity, other: ProcessIdentity): boolean {
  return (
    one.machine === other.machine &&
    one.bootId !== undefined &&
    one.bootId === other.bootId &&
    one.pidNamespace !== undefined &&
    one.pidNamespace === other.pidNamespace
  );
}

/** Whether a process of this machine is alive. Its id may have been reused by another process. */
export function lifeOf({ pid, startTime }: ProcessIdentity): 'alive' | 'dead' | 'unknown' {
  if (startTime === undefined) return 'unknown';
  const text = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  if (text === undefined) return isHidden(pid) ? 'unknown' : 'dead';
  const found = processOf(text);
  if (found === undefined) return 'unknown';
  return found.startTime === startTime && !/^[ZX]/.test(found.state) ? 'alive' : 'dead';
}

/** /proc may be mounted so that it hides the processes of other users. */
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

/** Whether a process of this machine started another, or what started it, and so on. */
export function isAncestor(ancestor: number, pid: number): boolean {
  for (let next: number | undefined = pid; next !== undefined && next > 1; next = parentOf(next)) {
    if (next === ancestor) return true;
  }
  return false;
}

function parentOf(pid: number): number | undefined {
  try {
    // `PID (NAME) STATE PPID ...`; the name may hold anything.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

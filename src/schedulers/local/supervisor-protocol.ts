import { outputName } from '../../scripts/outputs.js';
import type { ObsoleteJob } from '../../store/journal/records.js';
import { neverBegan, notExecutable, orphaned } from '../claims/launcher.js';
import type { Job } from '../scheduler.js';

/** The word in place of an unknown exit status. */
export const lost = 'lost';

/** The leader of a step's process group, and its host and pid namespace. */
export interface StepProcess {
  /** `NAME@NAMESPACE`: the name of the machine and the pid namespace; only the name if the namespace is not known. */
  readonly host: string;
  readonly pid: number;
}

/** A line of the supervisor. `key` is the key of the job. */
export type SupervisorReport =
  /** The supervisor has started, and reads records. */
  | { readonly type: 'ready'; readonly host: string; readonly process: string }
  /** A sign of life, sent every few seconds. */
  | { readonly type: 'alive' }
  /**
   * A step runs. Sent again if another process turns out to have the attempt. The host is `-` for a process that is
   * gone.
   */
  | { readonly type: 'started'; readonly key: string; readonly process: StepProcess }
  /**
   * A step has ended. `status` is null if the process is gone and its exit status is unknown. The exit file says so of
   * a script that never started or could not be executed. A step is orphaned if only its waiter was killed; its
   * processes were then ended.
   */
  | {
      readonly type: 'ended';
      readonly key: string;
      readonly status: number | null;
      readonly at?: number;
      readonly how?: EndedHow;
    }
  /** Nobody waits for the step, and this process of it cannot be ended, so the supervisor waits for that. */
  | { readonly type: 'stuck'; readonly key: string; readonly pid: number }
  /** The attempt could not be claimed, or the conductor has claimed it: the script did not run and will not. */
  | { readonly type: 'not-run'; readonly key: string; readonly why: 'unclaimed' | 'given-up' }
  /** The step could not be started. A following `ended` adds nothing. */
  | { readonly type: 'failed'; readonly key: string; readonly message: string }
  /** An obsolete attempt has ended; or it is on another machine, `far`, and cannot be ended from here. */
  | { readonly type: 'dropped'; readonly key: string; readonly far: StepProcess | undefined };

const endedHows = [neverBegan, notExecutable, orphaned] as const;
export type EndedHow = (typeof endedHows)[number];

/** The name of the machine that a process is on. */
export function machineOf({ host }: Pick<StepProcess, 'host'>): string {
  return host.replace(/@\d*$/, '');
}

/** The key of a job in records and reports. */
export function keyOf({ step, attempt }: Job): string {
  return `${step.index}.${attempt}`;
}

/**
 * Tells the supervisor to run a job, or to find it if it is running or has ended.
 *
 * @param after the append to the journal that must be on the disk before it is started, if any
 */
export function runRecord(job: Job, after = ''): string {
  const { step, attempt, script } = job;
  return record(['run', keyOf(job), step.workspace, String(attempt), script, outputName(step), after]);
}

/** Tells the supervisor to end steps. */
export function endRecord(processes: readonly StepProcess[]): string {
  return record(['end', ...processes.map(({ host, pid }) => `${host}:${pid}`), '']);
}

/**
 * Tells the supervisor to end the process of an attempt, and to take its claim so that it never runs later.
 *
 * @param key the key in the report `dropped`
 */
export function dropRecord(key: string, { workspace, attempt }: Pick<ObsoleteJob, 'workspace' | 'attempt'>): string {
  return record(['drop', key, workspace, String(attempt)]);
}

/** Tells the supervisor to kill another one, given by the process that it reported. */
export function retireRecord(process: string): string {
  return record(['retire', process]);
}

/**
 * Builds a record. It begins with an empty field, because a `read` of bash with a timeout may lose the byte that
 * arrives just as the time is over.
 */
function record(fields: readonly string[]): string {
  return ['', ...fields].map((field) => `${field}\0`).join('');
}

/** @returns undefined for a line that is not a report */
export function parseReport(line: string): SupervisorReport | undefined {
  const [, type, key = '', rest = ''] = /^([\w-]+)(?: (\S+))?(?: (.*))?$/.exec(line) ?? [];
  switch (type) {
    case 'ready':
      return { type, host: key, process: rest };
    case 'alive':
      return { type };
    case 'stuck':
      return isNumber(rest) ? { type, key, pid: Number(rest) } : undefined;
    case 'started': {
      const process = parseProcess(rest);
      return process === undefined ? undefined : { type, key, process };
    }
    case 'ended':
      if (rest === lost) return { type, key, status: null };
      return parseEnd(key, rest);
    case 'not-run':
      return rest === 'unclaimed' || rest === 'given-up' ? { type, key, why: rest } : undefined;
    case 'failed':
      return { type, key, message: rest };
    case 'dropped':
      return { type, key, far: parseProcess(rest) };
    default:
      return undefined;
  }
}

/**
 * An exit status, when that was if not the waiter wrote it down, in seconds since the epoch, and perhaps how it came
 * about.
 */
function parseEnd(key: string, text: string): SupervisorReport | undefined {
  const [, status, seconds, word] = /^(\d+)(?: (\d+(?:\.\d+)?))?(?: ([a-z-]+))? *$/.exec(text) ?? [];
  if (status === undefined) return undefined;
  const how = endedHows.find((how) => how === word);
  return {
    type: 'ended',
    key,
    status: Number(status),
    ...(seconds === undefined ? {} : { at: Math.round(Number(seconds) * 1000) }),
    ...(how === undefined ? {} : { how }),
  };
}

function parseProcess(text: string): StepProcess | undefined {
  const [host = '', pid = ''] = text.split(' ');
  return isNumber(pid) ? { host, pid: Number(pid) } : undefined;
}

const isNumber = (text: string) => /^\d+$/.test(text);

import { outputName } from '../../scripts/outputs.js';
import type { ObsoleteJob } from '../../store/journal/records.js';
import { neverBegan, notExecutable } from '../claims/launcher.js';
import type { Job } from '../scheduler.js';

/** What stands in place of an exit status that nobody knows. */
export const lost = 'lost';

/** A step's process, which leads the step's process group, and where process ids like its own are. */
export interface StepProcess {
  /** `NAME@NAMESPACE`: the machine's name, and the pid namespace there. Without the latter if that is not known. */
  readonly host: string;
  readonly pid: number;
}

/** What the supervisor says, in a line each. `key` is that of the job. */
export type SupervisorReport =
  /** It has begun to read what it is told, and is there. */
  | { readonly type: 'ready'; readonly host: string; readonly process: string }
  /** It lives: said every few seconds. */
  | { readonly type: 'alive' }
  /** Again, with another process, if it turns out that another one has the attempt. The host is `-` for one that is gone. */
  | { readonly type: 'started'; readonly key: string; readonly process: StepProcess }
  /**
   * `status` is null if the process is gone and nobody knows how it ended. Of a script that never began, or could not be executed,
   * the launcher has said so; one is orphaned whose launcher was killed alone, and whose processes were ended then.
   */
  | {
      readonly type: 'ended';
      readonly key: string;
      readonly status: number | null;
      readonly at?: number;
      readonly how?: EndedHow;
    }
  /** Its launcher is gone, and this process of it cannot be ended: it is waited for. */
  | { readonly type: 'stuck'; readonly key: string; readonly pid: number }
  /** Its launcher could not claim the attempt, or we had: nothing has run, nor will it. */
  | { readonly type: 'not-run'; readonly key: string; readonly why: 'unclaimed' | 'given-up' }
  /** It could not be started. An `ended` that follows says no more. */
  | { readonly type: 'failed'; readonly key: string; readonly message: string }
  /** An attempt is not wanted, and nothing has it any more; or it cannot be ended from here, being on another machine. */
  | { readonly type: 'dropped'; readonly key: string; readonly far: StepProcess | undefined };

const endedHows = [neverBegan, notExecutable, 'orphaned'] as const;
export type EndedHow = (typeof endedHows)[number];

/** The name of the machine that a process is on. */
export function machineOf({ host }: Pick<StepProcess, 'host'>): string {
  return host.replace(/@\d*$/, '');
}

/** What a job is called in the records and reports. */
export function keyOf({ step, attempt }: Job): string {
  return `${step.index}.${attempt}`;
}

/** Tells the supervisor to run a job, or to find it where it runs or has ended. */
export function runRecord(job: Job): string {
  const { step, attempt, script } = job;
  return record(['run', keyOf(job), step.workspace, String(attempt), script, outputName(step)]);
}

/** Tells the supervisor to end steps. */
export function endRecord(processes: readonly StepProcess[]): string {
  return record(['end', ...processes.map(({ host, pid }) => `${host}:${pid}`), '']);
}

/**
 * Tells the supervisor to end whatever has an attempt, and to see to it that nothing has it later.
 *
 * @param key what `dropped` calls it
 */
export function dropRecord(key: string, { workspace, attempt }: Pick<ObsoleteJob, 'workspace' | 'attempt'>): string {
  return record(['drop', key, workspace, String(attempt)]);
}

/** Tells the supervisor to kill another one, by what that one called its process. */
export function retireRecord(process: string): string {
  return record(['retire', process]);
}

/**
 * It begins with a field that says nothing: a `read` that is to wait for some time only may lose the byte that comes just when
 * that is over.
 */
function record(fields: readonly string[]): string {
  return ['', ...fields].map((field) => `${field}\0`).join('');
}

/** @returns undefined for a line that is none of the supervisor's */
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

/** An exit status, when that was if not the waiter wrote it down, in seconds since the epoch, and perhaps how it came about. */
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

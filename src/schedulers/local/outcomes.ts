import { neverBegan, notExecutable } from '../claims/launcher.js';
import { isOfDisk } from '../disk.js';
import type { JobOutcome } from '../scheduler.js';
import { signalOf } from '../signals.js';
import type { SupervisorReport } from './supervisor-protocol.js';

export type EndReport = Extract<SupervisorReport, { type: 'ended' }>;

/**
 * What the end of a local step's process means.
 *
 * @param words the last of the step's stderr, if nothing of the script ran
 */
export function outcomeOf(
  { status, how }: Pick<EndReport, 'status' | 'how'>,
  isCancelled: boolean,
  words = '',
): JobOutcome {
  // As by the end of its machine: a script that is killed alone is seen to be.
  if (status === null) {
    return unfinished('node-failure', 'its process is gone, and did not write down how it ended', isCancelled);
  }
  if (how === neverBegan) {
    const why = words || `its launcher ended with exit status ${status}`;
    return unfinished('node-failure', `the script was not run: ${why}`, isCancelled);
  }
  const result = status === 0 ? 'completed' : isCancelled ? 'cancelled' : 'failed';
  return { result, exitCode: status, signal: signalOf(status), note: noteOf(how, words) };
}

function noteOf(how: EndReport['how'], words: string): string {
  if (how === 'orphaned') return 'its launcher was killed, and what it left running was ended';
  return how === notExecutable ? words : '';
}

/** What people are told of a process of a step that outlives its launcher. */
export function wordsOfStuck(step: string, pid: number): string {
  return `${step}: its launcher was killed, and what it left (process ${pid}), which cannot be ended, is waited for`;
}

/** Of a step that could not be started; undefined if that is the step's own fault. */
export function notStarted(reason: string, isCancelled: boolean): JobOutcome | undefined {
  const result = isOfDisk(reason) ? 'not-run' : isOfMachine(reason) ? 'node-failure' : undefined;
  return result && unfinished(result, `it could not be started: ${reason}`, isCancelled);
}

/** Of an attempt that did not run to its end, for no fault of the step's. */
export function unfinished(result: 'not-run' | 'node-failure', note: string, isCancelled: boolean): JobOutcome {
  const nothing = { exitCode: null, signal: null };
  return isCancelled ? { ...nothing, result: 'cancelled', note: '' } : { ...nothing, result, note };
}

/** Whether a step could not be started for lack of what a machine may have again later. */
function isOfMachine(message: string): boolean {
  return /Cannot allocate memory|Resource temporarily unavailable|Too many open files/i.test(message);
}

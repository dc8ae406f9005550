import { neverBegan, notExecutable } from '../claims/launcher.js';
import { isOfDisk } from '../disk.js';
import type { JobOutcome } from '../scheduler.js';
import { signalOf } from '../signals.js';
import type { SupervisorReport } from './supervisor-protocol.js';

export type EndReport = Extract<SupervisorReport, { type: 'ended' }>;

/**
 * The outcome of a local step's process.
 *
 * @param words the last line of the step's stderr, if the script did not start
 */
export function outcomeOf(
  { status, how }: Pick<EndReport, 'status' | 'how'>,
  isCancelled: boolean,
  words = '',
): JobOutcome {
  // The machine has probably gone down, because the launcher records a script that is killed alone.
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

/** The message about a process of a step that outlives its launcher. */
export function wordsOfStuck(step: string, pid: number): string {
  return `${step}: its launcher was killed, and what it left (process ${pid}), which cannot be ended, is waited for`;
}

/** The outcome of a step that could not be started; undefined if the cause is the step itself. */
export function notStarted(reason: string, isCancelled: boolean): JobOutcome | undefined {
  const result = isOfDisk(reason) ? 'not-run' : isOfMachine(reason) ? 'node-failure' : undefined;
  return result && unfinished(result, `it could not be started: ${reason}`, isCancelled);
}

/** The outcome of an attempt that did not complete for a reason outside the step. */
export function unfinished(result: 'not-run' | 'node-failure', note: string, isCancelled: boolean): JobOutcome {
  const nothing = { exitCode: null, signal: null };
  return isCancelled ? { ...nothing, result: 'cancelled', note: '' } : { ...nothing, result, note };
}

/** Whether a step could not be started because the machine lacks resources, such as processes or memory, for now. */
function isOfMachine(message: string): boolean {
  return /Cannot allocate memory|Resource temporarily unavailable|Too many open files/i.test(message);
}

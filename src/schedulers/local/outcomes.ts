import { blame } from '../../causes/cause.js';
import { blameOfLocal } from '../../causes/local.js';
import { blameOfStart } from '../../causes/words.js';
import { neverBegan, notExecutable, orphaned } from '../claims/launcher.js';
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
  // The machine has probably gone down, because its waiter records a script that is killed alone.
  if (status === null) {
    return unfinished('node-failure', 'its process is gone, and did not write down how it ended', isCancelled);
  }
  if (how === neverBegan) {
    const why = words || `the process that was to run it ended with exit status ${status}`;
    return unfinished('node-failure', `the script was not run: ${why}`, isCancelled);
  }
  const result = status === 0 ? 'completed' : isCancelled ? 'cancelled' : 'failed';
  const outcome = { result, exitCode: status, signal: signalOf(status), note: noteOf(how, words) } as const;
  if (result === 'completed') return outcome;
  const why = isCancelled ? blame('cancelled') : blameOfLocal({ status, how: how ?? '', words });
  return { ...outcome, blame: why };
}

function noteOf(how: EndReport['how'], words: string): string {
  if (how === orphaned) return 'the process that waited for it was killed, so the rest of it was ended';
  return how === notExecutable ? words : '';
}

/** The message about a process of a step that nobody waits for any more. */
export function wordsOfStuck(step: string, pid: number): string {
  return `${step}: the process that waited for it was killed; its process ${pid} cannot be ended, and is waited for`;
}

/** The outcome of a step that could not be started; undefined if the cause is the step itself. */
export function notStarted(reason: string, isCancelled: boolean): JobOutcome | undefined {
  const result = isOfDisk(reason) ? 'not-run' : isOfMachine(reason) ? 'node-failure' : undefined;
  return result && unfinished(result, `it could not be started: ${reason}`, isCancelled);
}

/** The outcome of an attempt that did not complete for a reason outside the step. */
export function unfinished(
  result: 'not-run' | 'node-failure' | 'evicted',
  note: string,
  isCancelled: boolean,
): JobOutcome {
  const nothing = { exitCode: null, signal: null };
  if (isCancelled) return { ...nothing, result: 'cancelled', note: '', blame: blame('cancelled') };
  return { ...nothing, result, note, blame: result === 'evicted' ? blame('allocation') : blameOfStart(note) };
}

/** Whether a step could not be started because the machine lacks resources, such as processes or memory, for now. */
function isOfMachine(message: string): boolean {
  return /Cannot allocate memory|Resource temporarily unavailable|Too many open files/i.test(message);
}

import { isFailure, isOver, isSkipped, type JobRecord, lastJob, type StepRecord } from '../study/state.js';
import { type Blame, blame } from './cause.js';
import { blameOfUnfinished, type Interruption } from './interruption.js';
import { blameOfResult } from './of-result.js';
import { blameOfRefusal } from './refusals.js';

/** What is known of a step's end besides its record. */
export interface StepEndFacts {
  /** What the scheduler's table said of its last job; undefined for journals that do not have it. */
  readonly ofLastJob?: Blame | undefined;
  /** What left the study INTERRUPTED; undefined if nothing did. */
  readonly interruption?: Interruption | undefined;
}

/** Why a step did not finish; null if it did, or was of a dry run. */
export function blameOfStep(record: StepRecord, { ofLastJob, interruption = 'left' }: StepEndFacts = {}): Blame | null {
  const { state, reason } = record;
  if (state === 'FINISHED' || state === 'DRYRUN') return null;
  if (!isOver(record)) return blameOfUnfinished(state, interruption);
  if (isSkipped(record)) return blame(isFailure(state) ? 'dependency' : 'cancelled');
  // The study's cancellation is the reason of a step that failed meanwhile, too.
  if (state === 'CANCELLED') return blame('cancelled');
  return ofLastJob ?? blameOfState(record, reason);
}

/** What the state alone says, as journals of earlier versions have it. */
function blameOfState(record: StepRecord, reason: string): Blame {
  if (record.state === 'TIMEDOUT') return blame('timeout');
  if (record.state === 'HWFAILURE') return blame('node');
  const { result } = lastJob(record) ?? { result: null };
  if (result === 'not submitted') return blameOfRefusal(reason);
  if (result === 'timeout') return blame('timeout');
  return blame('code');
}

/**
 * Why a job did not complete; null if it did, or is not over. Journals of earlier versions have its result only.
 */
export function blameOfJob({ blame: known, result }: JobRecord): Blame | null {
  if (known !== undefined) return known;
  return result === null ? null : blameOfResult(result);
}

import { type Blame, blame, type Cause, isInfrastructure } from '../causes/cause.js';
import { blameOfResult } from '../causes/of-result.js';
import { decideResubmit } from '../causes/resubmit.js';
import type { JobOutcome } from '../schedulers/scheduler.js';
import { type JobRecord, jobsOfRun, type StepRecord } from '../study/state.js';
import { counted } from '../util/format.js';
import { failedAttempts, isStuckElsewhere } from './attempts.js';
import { describeFailure, ofJob, runsAgain } from './messages.js';
import { EVICTION_LIMIT, NODE_FAILURE_LIMIT, NOT_RUN_LIMIT, type Policy } from './policy.js';
import type { EndState } from './step-table.js';

/** What becomes of a step once its job is over. */
export type Decision =
  | { readonly type: 'end'; readonly state: EndState; readonly reason: string }
  /** The step gets another job: at once, or after a back-off that `failures` says the length of. */
  | { readonly type: 'again'; readonly state: 'TIMEDOUT'; readonly reason: string; readonly failures: 0 }
  | {
      readonly type: 'again';
      readonly state: 'PENDING' | 'HWFAILURE';
      readonly reason: string;
      readonly failures: number;
    }
  /** The step would get another job, but the study cannot go on for now. */
  | { readonly type: 'leave'; readonly state: 'PENDING'; readonly reason: string; readonly why: string };

/** What the decision depends on besides the step's record. */
export interface Rules {
  readonly name: string;
  readonly isLocal: boolean;
  readonly hasRestart: boolean;
  readonly submissionAttempts: Policy['submissionAttempts'];
  readonly resubmitOn: Policy['resubmitOn'];
  /** 0: no limit. */
  readonly restartLimit: Policy['restartLimit'];
  /** Why the study was cancelled; undefined if it was not. */
  readonly cancelReason: string | undefined;
  /** An interrupted study submits nothing any more. */
  readonly isInterrupted: boolean;
}

/** Decides what becomes of a step whose job has ended, and counts the failure in its record. */
export function afterJob(record: StepRecord, job: JobRecord, outcome: JobOutcome, rules: Rules): Decision {
  record.exitCode = outcome.exitCode;
  record.signal = outcome.signal;
  if (outcome.result !== 'not-run') record.notRun = 0;
  switch (outcome.result) {
    case 'completed':
      return { type: 'end', state: 'FINISHED', reason: '' };
    case 'cancelled':
      return cancelled(outcome.note || rules.cancelReason || 'its job was cancelled');
    case 'timeout':
      return afterTimeout(record, job, outcome, rules);
    case 'node-failure':
      return afterNodeFailure(record, job, outcome, rules);
    case 'not-run':
      return afterNoRun(record, outcome.note || 'the script was not run', rules);
    case 'evicted':
      return afterEviction(record, job, outcome.note, rules);
    case 'failed':
      // Maestro 1.1 repeats a local step as often as it submits a job; a job that ran and failed is not repeated.
      if (rules.isLocal) return retryOrFail(record, describeFailure(outcome), rules);
      return afterFailure(record, job, outcome, rules);
  }
}

/** Decides the same for a job that could not be submitted. */
export function afterRefusal(record: StepRecord, job: JobRecord, reason: string, rules: Rules): Decision {
  record.exitCode = null;
  record.signal = null;
  if (rules.cancelReason === undefined && isStuckElsewhere(job)) return anywhere(job, reason, rules);
  return retryOrFail(record, `could not be submitted: ${reason}`, rules);
}

/** A step without a restart is TIMEDOUT; one with a restart is FAILED once the limit is reached (Maestro 1.1). */
function afterTimeout(record: StepRecord, job: JobRecord, outcome: JobOutcome, rules: Rules): Decision {
  const note = outcome.note || 'its time ran out';
  if (!rules.hasRestart)
    return resubmitted(record, job, outcome, rules) ?? { type: 'end', state: 'TIMEDOUT', reason: note };
  if (rules.cancelReason !== undefined) return cancelled(rules.cancelReason);
  const { restarts, restartsBefore } = record;
  if (rules.restartLimit > 0 && restarts - restartsBefore >= rules.restartLimit) {
    const reason = `${note}, after ${counted(restarts, 'restart')}`;
    return resubmitted(record, job, outcome, rules) ?? { type: 'end', state: 'FAILED', reason };
  }
  record.restarts += 1;
  // A restart has as many attempts as the first start had (Maestro 1.1).
  record.failedAttempts = 0;
  return { type: 'again', state: 'TIMEDOUT', reason: again(ofJob(note, job), 'restart', rules), failures: 0 };
}

function afterNodeFailure(record: StepRecord, job: JobRecord, outcome: JobOutcome, rules: Rules): Decision {
  record.nodeFailures += 1;
  if (rules.cancelReason !== undefined) return cancelled(rules.cancelReason);
  const next = resubmitted(record, job, outcome, rules);
  if (next !== undefined) return next;
  const reason = outcome.note || 'a node failed';
  const times = timesOf(record, job, outcome);
  return { type: 'end', state: 'HWFAILURE', reason: times === 1 ? reason : `${reason}, ${times} times` };
}

function afterFailure(record: StepRecord, job: JobRecord, outcome: JobOutcome, rules: Rules): Decision {
  const reason = describeFailure(outcome);
  if (rules.cancelReason !== undefined) return { type: 'end', state: 'FAILED', reason };
  if (isStuckElsewhere(job)) return anywhere(job, reason, rules);
  return resubmitted(record, job, outcome, rules) ?? { type: 'end', state: 'FAILED', reason };
}

/** What a job can be lost with besides a failed node, which is no failure of the step either. */
const losses: readonly Cause[] = ['allocation', 'connection', 'disk', 'queue'];
const anyLoss: ReadonlyMap<Cause, number> = new Map(losses.map((cause) => [cause, NODE_FAILURE_LIMIT]));

/** The next job of a step if `resubmit-on` has one after what ended this one; undefined if it has none. */
function resubmitted(record: StepRecord, job: JobRecord, outcome: JobOutcome, rules: Rules): Decision | undefined {
  if (rules.cancelReason !== undefined) return undefined;
  const isLost = outcome.result === 'node-failure';
  const isNone = rules.resubmitOn.size === 0;
  const on = isLost && !isNone ? new Map([...anyLoss, ...rules.resubmitOn]) : rules.resubmitOn;
  const { isResubmitted, excluded } = decideResubmit(attemptsWith(record, job, outcome), on);
  if (!isResubmitted) return undefined;
  const isElsewhere = excluded.length > 0 && !rules.isLocal;
  const note = isLost ? outcome.note || 'a node failed' : describeFailure(outcome);
  return {
    type: 'again',
    state: isInfrastructure(blameOf(outcome)!) ? 'HWFAILURE' : 'PENDING',
    reason: again(ofJob(note, job), isElsewhere ? 'elsewhere' : 'resubmit', rules),
    failures: timesOf(record, job, outcome),
  };
}

const blameOf = (outcome: JobOutcome): Blame | null => outcome.blame ?? blameOfResult(outcome.result);

/** The failed attempts of a step, this job's the last. */
function attemptsWith(record: StepRecord, job: JobRecord, outcome: JobOutcome) {
  const before = record.jobs.filter(({ attempt }) => attempt < job.attempt);
  const last: JobRecord = { ...job, result: outcome.result, blame: blameOf(outcome) };
  return failedAttempts({ ...record, jobs: [...before, last] });
}

/** How often the step has failed for the cause for which it failed now. */
function timesOf(record: StepRecord, job: JobRecord, outcome: JobOutcome): number {
  const cause = blameOf(outcome)?.cause;
  return attemptsWith(record, job, outcome).filter(({ blame }) => blame.cause === cause).length;
}

/** The next job may run on the nodes, too, that this one was to avoid: the scheduler has no others for it. */
function anywhere({ excluded = [] }: JobRecord, reason: string, rules: Rules): Decision {
  const why = `only ${excluded.join(', ')} can run it: ${reason}`;
  return { type: 'again', state: 'PENDING', reason: again(why, 'resubmit', rules), failures: 1 };
}

/** Files could not be written, which is no failure of the step: it runs once the disk has room. */
function afterNoRun(record: StepRecord, note: string, rules: Rules): Decision {
  const count = ++record.notRun;
  if (rules.cancelReason !== undefined) return cancelled(rules.cancelReason);
  const reason = again(note, 'retry', rules);
  // The first wait is 2 s, so that all waits together take about a minute.
  if (count < NOT_RUN_LIMIT || rules.isInterrupted)
    return { type: 'again', state: 'PENDING', reason, failures: count + 1 };
  const why = `the study directory cannot be written: ${rules.name} was not run, ${count} times in a row: ${note}`;
  return { type: 'leave', state: 'PENDING', reason, why };
}

/** The next conductor's job has as much time as this one's had: what did not fit twice does not fit. */
function afterEviction(record: StepRecord, job: JobRecord, note: string, rules: Rules): Decision {
  if (rules.cancelReason !== undefined) return cancelled(rules.cancelReason);
  const times = jobsOfRun(record).filter(({ result }) => result === 'evicted').length;
  if (times < EVICTION_LIMIT)
    return { type: 'again', state: 'PENDING', reason: again(note, 'retry', rules), failures: 1 };
  // That the conductor's job is too short, or the step no job of its own, is the study's own mistake.
  job.blame = blame('allocation', true);
  const reason = `${note} before the step was done, ${times} times: give that job more time (\`detach-args\`), or make the step a job of its own`;
  return { type: 'end', state: 'FAILED', reason };
}

function retryOrFail(record: StepRecord, reason: string, rules: Rules): Decision {
  const failures = ++record.failedAttempts;
  if (rules.cancelReason !== undefined) return cancelled(rules.cancelReason);
  if (failures >= rules.submissionAttempts) {
    return { type: 'end', state: 'FAILED', reason: failures === 1 ? reason : `${reason} (${failures} attempts)` };
  }
  return { type: 'again', state: 'PENDING', reason: again(reason, 'retry', rules), failures };
}

function cancelled(reason: string): Decision {
  return { type: 'end', state: 'CANCELLED', reason };
}

function again(reason: string, how: Parameters<typeof runsAgain>[1], { isInterrupted }: Rules): string {
  return runsAgain(reason, how, isInterrupted ? 'later' : 'now');
}

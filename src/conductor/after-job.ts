import type { JobOutcome } from '../schedulers/scheduler.js';
import type { JobRecord, StepRecord } from '../study/state.js';
import { describeFailure, ofJob, runsAgain } from './messages.js';
import { NODE_FAILURE_LIMIT, NOT_RUN_LIMIT, type Policy } from './policy.js';
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
      return afterTimeout(record, job, outcome.note || 'its time ran out', rules);
    case 'node-failure':
      return afterNodeFailure(record, job, outcome.note || 'a node failed', rules);
    case 'not-run':
      return afterNoRun(record, outcome.note || 'the script was not run', rules);
    case 'failed':
      // Maestro 1.1 repeats a local step as often as it submits a job; a job that ran and failed is not repeated.
      if (rules.isLocal) return retryOrFail(record, describeFailure(outcome), rules);
      return { type: 'end', state: 'FAILED', reason: describeFailure(outcome) };
  }
}

/** Decides the same for a job that could not be submitted. */
export function afterRefusal(record: StepRecord, reason: string, rules: Rules): Decision {
  record.exitCode = null;
  record.signal = null;
  return retryOrFail(record, `could not be submitted: ${reason}`, rules);
}

/** A step without a restart is TIMEDOUT; one with a restart is FAILED once the limit is reached (Maestro 1.1). */
function afterTimeout(record: StepRecord, job: JobRecord, note: string, rules: Rules): Decision {
  if (!rules.hasRestart) return { type: 'end', state: 'TIMEDOUT', reason: note };
  if (rules.cancelReason !== undefined) return cancelled(rules.cancelReason);
  const { restarts, restartsBefore } = record;
  if (rules.restartLimit > 0 && restarts - restartsBefore >= rules.restartLimit) {
    const reason = `${note}, after ${restarts} restart${restarts === 1 ? '' : 's'}`;
    return { type: 'end', state: 'FAILED', reason };
  }
  record.restarts += 1;
  // A restart has as many attempts as the first start had (Maestro 1.1).
  record.failedAttempts = 0;
  return { type: 'again', state: 'TIMEDOUT', reason: again(ofJob(note, job), 'restart', rules), failures: 0 };
}

function afterNodeFailure(record: StepRecord, job: JobRecord, note: string, rules: Rules): Decision {
  const failures = ++record.nodeFailures;
  if (rules.cancelReason !== undefined) return cancelled(rules.cancelReason);
  if (failures > NODE_FAILURE_LIMIT) {
    return { type: 'end', state: 'HWFAILURE', reason: `${note}, ${failures} times` };
  }
  return { type: 'again', state: 'HWFAILURE', reason: again(ofJob(note, job), 'resubmit', rules), failures };
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

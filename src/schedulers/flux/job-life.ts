import type { Interruption } from '../../causes/interruption.js';
import type { RefusalKind } from '../../flux/classify-refusal.js';
import { type FluxEvent, type JobView, newJob } from '../../flux/eventlog.js';
import type { JobId } from '../../flux/job-id.js';
import type { JobNews, JobOutcome } from '../scheduler.js';
import type { PauseKind } from '../submit-backoff.js';
import type { Found } from './find-inherited.js';

/**
 * Where one attempt of a step is on its way through Flux:
 *
 *     inherited ──────────────┐
 *         │                   ↓
 *         ↓     ┌── checking ──┐
 *      waiting → submitting → watching → classifying → over
 *         │ ↑______│             ↑  ↑________│  ↑
 *         ↓                      │              ↓
 *     withdrawing ───────────────┘         undetermined
 */
export type Phase =
  /** An earlier driver submitted it, or was about to; its job is being searched for. */
  | 'inherited'
  /** In the submit queue, the first time or again. */
  | 'waiting'
  /** A submit is on its way. */
  | 'submitting'
  /** The last submit was refused, but an earlier one may have been accepted, so the claim is read. */
  | 'checking'
  /** The eventlog of its job is being read. */
  | 'watching'
  /** Its job has ended, or the broker does not know it; the end is being classified. */
  | 'classifying'
  /** It has no known job; the conductor takes its claim, so that no job can run it later. */
  | 'withdrawing'
  /** Its job failed while the instance may be shutting down, so the cause is not known yet. */
  | 'undetermined'
  /** Its end has been reported. */
  | 'over';

/** What an earlier driver knew of the job. */
export interface Inheritance {
  readonly id: string;
  readonly endpoint: string;
  readonly mayBeDuplicate: boolean;
}

/** The state of an attempt. Immutable. */
export interface JobLife {
  readonly phase: Phase;
  /** The endpoint of newly submitted jobs. */
  readonly endpoint: string;
  /** Undefined for an attempt of this driver. */
  readonly inheritance: Inheritance | undefined;
  /** The job of the attempt; undefined until one is known. */
  readonly id: JobId | undefined;
  /** A submit got no answer, so another job may run the attempt. */
  readonly mayBeDuplicate: boolean;
  readonly isCancelled: boolean;
  /** The contents of its eventlog so far. */
  readonly view: JobView;
  /** The number of the present reading of the log; answers to questions of earlier readings are ignored. */
  readonly reading: number;
  /** The last of `stages` that was reported, so that none is reported twice when the log is read again. */
  readonly reported: number;
  /** Whether the claim was read when the job started. */
  readonly isOwnerSought: boolean;
  /**
   * It was undetermined while the instance was shutting down: if the instance comes back, the instance ended the job.
   */
  readonly endedWithInstance: boolean;
  /** When its submits began to fail for temporary reasons, in milliseconds since the epoch. */
  readonly failingSince: number | undefined;
  /** How often in a row its eventlog could not be read. */
  readonly logFailures: number;
  /** The report to send once the attempt is withdrawn. */
  readonly withdrawal: Report | undefined;
}

/** News of the job; without `at`, the present time is used. */
export type Report = JobNews & { readonly at?: number };

/** Everything that can happen to an attempt. */
export type LifeEvent =
  /** The submit queue has sent its submit. */
  | { readonly type: 'sent' }
  | { readonly type: 'accepted'; readonly id: JobId }
  | {
      readonly type: 'refused';
      readonly kind: RefusalKind;
      readonly words: string;
      readonly at: number;
      /** Why the instance no longer has resources for it; undefined if it never had them, or if that was not asked. */
      readonly loss?: string | undefined;
      /** When the broker last accepted any job, in milliseconds since the epoch. */
      readonly lastAccepted: number;
    }
  /** The submit failed in a way that says nothing about the job. */
  | { readonly type: 'unanswered'; readonly mayBeHeard: boolean }
  /** The host can no longer run the submit command. */
  | { readonly type: 'unsubmittable'; readonly words: string }
  /**
   * The claim was read: `owner` is the job that has the attempt; `asked` is the job that was known before the reading.
   */
  | { readonly type: 'owner'; readonly owner: JobId | undefined; readonly asked: JobId | undefined }
  | { readonly type: 'found'; readonly found: Found }
  | { readonly type: 'log'; readonly event: FluxEvent }
  /** The broker was asked for its nodes, which its log did not tell. */
  | { readonly type: 'nodes'; readonly reading: number; readonly nodes: readonly string[] }
  /** The log ended too early, or cannot be read; `isUnknown` if the broker does not know the job. */
  | { readonly type: 'log-failed'; readonly reading: number; readonly isUnknown: boolean }
  | { readonly type: 'read-again'; readonly reading: number }
  | { readonly type: 'classified'; readonly reading: number; readonly end: JobEnd }
  /** The claim can no longer change: it is the conductor's, or that of `owner`. */
  | { readonly type: 'fenced'; readonly owner: JobId | undefined }
  | { readonly type: 'cancel' }
  /** A connection was opened, so every log is read from the start. */
  | { readonly type: 'connected' }
  /** The state of the instance has changed to `run`. */
  | { readonly type: 'instance-runs' };

/** What the end of a job means for its step. */
export type JobEnd =
  | { readonly is: 'ended'; readonly outcome: JobOutcome }
  /** Another job has the attempt, and is watched instead. */
  | { readonly is: 'other-job'; readonly id: JobId }
  /** The job did not start, and cannot start in this instance. */
  | { readonly is: 'deferred'; readonly reason: string }
  /** The instance may be shutting down, or does not answer; the end is classified again later. */
  | { readonly is: 'undetermined'; readonly isInstanceEnding: boolean };

/** An action for the scheduler. */
export type LifeAction =
  /** Append the attempt to the submit queue. */
  | { readonly type: 'enqueue' }
  /** Pause all submits for a while. */
  | { readonly type: 'hold-back'; readonly kind: PauseKind; readonly words: string }
  | { readonly type: 'read-log'; readonly id: JobId }
  | { readonly type: 'read-log-later'; readonly delayMs: number }
  /** Cancel the job. */
  | { readonly type: 'cancel'; readonly id: JobId }
  /** Classify the end of the job; `isForgotten` if the broker does not know it. */
  | { readonly type: 'classify'; readonly isForgotten: boolean }
  | { readonly type: 'read-claim'; readonly delayMs: number }
  /** Take the claim for the conductor if no job has it. */
  | { readonly type: 'fence' }
  | { readonly type: 'report'; readonly report: Report }
  /** Drop the attempt, so that the step may have its next one. */
  | { readonly type: 'forget' }
  /** Interrupt the study, because no job can be submitted. */
  | {
      readonly type: 'interrupt';
      readonly reason: string;
      readonly kind: Interruption;
      readonly alsoLocal: boolean;
    };

/** The next state of an attempt, and the actions in their order. */
export interface Step {
  readonly life: JobLife;
  readonly actions: readonly LifeAction[];
}

/** Stages of a job in the order in which they are reported. */
export const stages = { submitted: 0, queued: 1, started: 2, finishing: 3 } as const;

/** The first state of an attempt of this driver. */
export function newLife(endpoint: string): JobLife {
  return {
    phase: 'waiting',
    endpoint,
    inheritance: undefined,
    id: undefined,
    mayBeDuplicate: false,
    isCancelled: false,
    view: newJob,
    reading: 0,
    reported: stages.submitted,
    isOwnerSought: false,
    endedWithInstance: false,
    failingSince: undefined,
    logFailures: 0,
    withdrawal: undefined,
  };
}

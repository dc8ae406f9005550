import type { RefusalKind } from '../../flux/classify-refusal.js';
import { type FluxEvent, type JobView, newJob } from '../../flux/eventlog.js';
import type { JobId } from '../../flux/job-id.js';
import type { JobEvent, JobOutcome } from '../scheduler.js';
import type { Found } from './find-inherited.js';
import type { PauseKind } from './submit-backoff.js';

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
  /** An earlier driver submitted it, or was about to: which job has it is being looked for. */
  | 'inherited'
  /** In the submit queue, the first time or again. */
  | 'waiting'
  /** A submit is on its way. */
  | 'submitting'
  /** The last submit was refused, and an earlier one may have been heard: its claim tells. */
  | 'checking'
  /** The eventlog of its job is read. */
  | 'watching'
  /** Its job is over, or forgotten by the broker: what that means is being found out. */
  | 'classifying'
  /** It has no job that is known, and is given up once its claim is ours, so that no job can run it. */
  | 'withdrawing'
  /** Its job ended badly, and whether by itself cannot be known while the instance may be ending. */
  | 'undetermined'
  /** Its end is reported. */
  | 'over';

/** What an earlier driver knew of the job. */
export interface Inheritance {
  readonly id: string;
  readonly endpoint: string;
  readonly mayBeDuplicate: boolean;
}

/** All that is known of an attempt. Never changed in place. */
export interface JobLife {
  readonly phase: Phase;
  /** Where jobs that are submitted now are. */
  readonly endpoint: string;
  /** Undefined for an attempt that this driver began. */
  readonly inheritance: Inheritance | undefined;
  /** The job that is taken for the attempt's; undefined until one is known. */
  readonly id: JobId | undefined;
  /** A submit of it got no answer: another job may have the attempt. */
  readonly mayBeDuplicate: boolean;
  readonly isCancelled: boolean;
  /** What its eventlog says so far. */
  readonly view: JobView;
  /** Counts how often the log was begun to be read: what was asked during an earlier reading is out of date. */
  readonly reading: number;
  /** The last of `stages` that was reported, so that none is reported again when the log is. */
  readonly reported: number;
  /** Whether it was looked, when the job started, which job has the attempt. */
  readonly isOwnerSought: boolean;
  /** It was undetermined while the instance was ending: should that come back, the end was not the job's own. */
  readonly endedWithInstance: boolean;
  /** Since when its submits fail for reasons that pass, in milliseconds since the epoch. */
  readonly failingSince: number | undefined;
  /** How often in a row its eventlog could not be read. */
  readonly logFailures: number;
  /** What is reported once it is withdrawn. */
  readonly withdrawal: Report | undefined;
}

/** The part of an event of a scheduler that the job's life decides; without `at`, it is told as of now. */
export type Report = JobEvent extends infer E
  ? E extends JobEvent
    ? Omit<E, 'step' | 'attempt' | 'at'> & { readonly at?: number }
    : never
  : never;

/** Everything that can happen to an attempt. */
export type LifeEvent =
  /** Its turn in the submit queue has come. */
  | { readonly type: 'sent' }
  | { readonly type: 'accepted'; readonly id: JobId }
  | {
      readonly type: 'refused';
      readonly kind: RefusalKind;
      readonly words: string;
      readonly at: number;
      /** Why the instance has no resources for it any more; undefined if it never had them, or that is not asked. */
      readonly loss?: string | undefined;
      /** When the broker last accepted any job, in milliseconds since the epoch. */
      readonly lastAccepted: number;
    }
  /** The submit failed in a way that says nothing about the job. */
  | { readonly type: 'unanswered'; readonly mayBeHeard: boolean }
  /** The host runs no command any more that could submit. */
  | { readonly type: 'unsubmittable'; readonly words: string }
  /** What the claim said: the job that has the attempt, if one has. `asked` is the job that was known when it was read. */
  | { readonly type: 'owner'; readonly owner: JobId | undefined; readonly asked: JobId | undefined }
  | { readonly type: 'found'; readonly found: Found }
  | { readonly type: 'log'; readonly event: FluxEvent }
  /** The log ended too early, or cannot be read; `isUnknown` if the broker knows no such job. */
  | { readonly type: 'log-failed'; readonly reading: number; readonly isUnknown: boolean }
  | { readonly type: 'read-again'; readonly reading: number }
  | { readonly type: 'classified'; readonly reading: number; readonly end: JobEnd }
  /** The claim is settled for good: it is ours, or that of `owner`. */
  | { readonly type: 'fenced'; readonly owner: JobId | undefined }
  | { readonly type: 'cancel' }
  /** There is a connection, the first or another: every log is read again. */
  | { readonly type: 'connected' }
  /** The instance, which was not known to run, does. */
  | { readonly type: 'instance-runs' };

/** What the end of a job means for its step. */
export type JobEnd =
  | { readonly is: 'ended'; readonly outcome: JobOutcome }
  /** Another job has the attempt: it is the one to be watched. */
  | { readonly is: 'other-job'; readonly id: JobId }
  /** Nothing of it ran, nor can in this instance as it is by now. */
  | { readonly is: 'deferred'; readonly reason: string }
  /** The instance may be ending, or cannot be asked: to be classified again once more is known. */
  | { readonly is: 'undetermined'; readonly isInstanceEnding: boolean };

/** What is to be done about it. */
export type LifeAction =
  /** It goes to the end of the submit queue. */
  | { readonly type: 'enqueue' }
  /** All submits are held back for a while. */
  | { readonly type: 'hold-back'; readonly kind: PauseKind; readonly words: string }
  | { readonly type: 'read-log'; readonly id: JobId }
  | { readonly type: 'read-log-later'; readonly delayMs: number }
  /** The job is asked to end. */
  | { readonly type: 'cancel'; readonly id: JobId }
  /** What its end means is to be found out; `isForgotten` if the broker does not know the job. */
  | { readonly type: 'classify'; readonly isForgotten: boolean }
  | { readonly type: 'read-claim'; readonly delayMs: number }
  /** The claim is to be taken, if no job has it. */
  | { readonly type: 'fence' }
  | { readonly type: 'report'; readonly report: Report }
  /** It is over: the step may have its next attempt. */
  | { readonly type: 'forget' }
  /** No job can be submitted any more. */
  | { readonly type: 'interrupt'; readonly reason: string; readonly alsoLocal: boolean };

/** A life as it goes on, and what is to be done in order. */
export interface Step {
  readonly life: JobLife;
  readonly actions: readonly LifeAction[];
}

/** Stages of a job in the order in which they are reported. */
export const stages = { submitted: 0, queued: 1, started: 2, finishing: 3 } as const;

/** An attempt that this driver begins. */
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

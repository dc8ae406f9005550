import type { Blame } from '../causes/cause.js';
import type { Interruption } from '../causes/interruption.js';
import type { Outputs } from '../scripts/outputs.js';
import type { ObsoleteJob } from '../store/journal/records.js';
import type { StepInstance } from '../study/graph.js';
import type { JobResult } from '../study/state.js';

/** One attempt of one step. */
export interface Job {
  readonly step: StepInstance;
  /** Counts from 1 in each step. */
  readonly attempt: number;
  /** The script to run, relative to the study directory. */
  readonly script: string;
  /** The nodes that it is not to run on, if the scheduler can do that. */
  readonly excluded?: readonly string[];
}

export interface JobOutcome {
  readonly result: JobResult;
  /** The script's exit status, 128 + N if signal N ended it, as in a shell; null if it never ran. */
  readonly exitCode: number | null;
  /** The signal that ended it: `SIGKILL`; null if none did. */
  readonly signal: string | null;
  /**
   * When it ended, in milliseconds since the epoch; only set if the launcher recorded the end and no event reported it.
   */
  readonly endedAt?: number;
  /** Further explanation by the scheduler, for messages; '' if there is none. */
  readonly note: string;
  /** Why it did not complete; undefined if the result says enough. */
  readonly blame?: Blame;
}

/** What a scheduler reports of a job. */
export type JobNews =
  | {
      readonly type: 'submitted';
      readonly id: string;
      /** Where the job runs: the URI of a broker; '' for a process on the host. */
      readonly endpoint: string;
      /** An earlier submit of this attempt got no answer, so another job may run it. */
      readonly mayBeDuplicate: boolean;
    }
  | {
      readonly type: 'not-submitted';
      readonly reason: string;
      /** Undefined: what the step asks for was refused. */
      readonly blame?: Blame;
    }
  /**
   * The job did not start and cannot start in the present allocation, which ends too soon or has lost nodes. It may run
   * in another allocation.
   */
  | {
      readonly type: 'deferred';
      readonly reason: string;
      /** Whether `renew` can get another allocation. */
      readonly mayRenew: boolean;
    }
  /** The batch system has it. Sent again if it waits for another reason. */
  | {
      readonly type: 'queued';
      /** Why it waits, in the batch system's words. */
      readonly reason?: string;
    }
  | {
      readonly type: 'started';
      /** The nodes that it has, by name; undefined if they are not known, or not yet. */
      readonly nodes?: readonly string[];
    }
  | { readonly type: 'finishing' }
  | {
      readonly type: 'ended';
      readonly outcome: JobOutcome;
      /** As of `started`. */
      readonly nodes?: readonly string[];
    };

/** News of a job, which is known by its step, the index of the instance, and its attempt. */
export type JobEvent = JobNews & {
  readonly step: number;
  readonly attempt: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
};

/**
 * The scheduler has lost contact with its jobs: it reports nothing more, and submits nothing more. The jobs may go on.
 */
export interface InterruptEvent {
  readonly type: 'interrupt';
  readonly at: number;
  readonly reason: string;
  /** Undefined: it cannot be asked about its jobs. */
  readonly kind?: Interruption;
  /** Jobs that are known to have ended before the contact was lost. */
  readonly ended?: readonly Extract<JobEvent, { type: 'ended' }>[];
  /** Jobs that never started and never will, because their allocation is over. */
  readonly notBegun?: readonly { readonly step: number; readonly attempt: number }[];
  /** Local steps are left running too; otherwise the conductor waits for them. */
  readonly alsoLocal?: boolean;
  /** The instance or allocation reported its own end, so its jobs do not go on. */
  readonly hasBackendEnded?: boolean;
}

/** A job that an earlier driver of the study submitted, or was about to submit. */
export interface InheritedJob extends Job {
  /** The id from `submitted`; '' if that event never came, though the job may have been submitted. */
  readonly id: string;
  readonly endpoint: string;
  readonly mayBeDuplicate: boolean;
}

export interface JobRef {
  readonly step: StepInstance;
  /** The id from the event `submitted`. */
  readonly id: string;
}

/** Receives the events of all jobs of a scheduler. */
export type SchedulerListener = (event: JobEvent | InterruptEvent) => void;

/**
 * Runs jobs. No method waits for a job: the scheduler reports to the listener that it was created with. For each job it
 * reports `submitted`, `not-submitted` or `deferred`, and after `submitted` finally `ended` or `deferred`, or
 * `not-submitted` if it was taken out of the queue before it began, unless an interruption comes first. A second
 * `submitted` for a job gives its new id. `ended` may come without `submitted` if the machine kept a job from starting, or
 * if a job of an earlier driver is gone.
 *
 * `submit` and `cancel` take many jobs at once, so that one command over SSH can carry them; `reattach` asks for the ids
 * that the journal has; and the claims of the launcher say which job has an attempt, if a submit got no answer. A further
 * batch system with commands for a queue of jobs needs none of its own: see `batch/batch-system.ts`.
 */
export interface Scheduler {
  /**
   * @param after the append to the journal (`StudyJournal.pendingAppend`) that must be on the host's disk before a job may start; only
   *   the scheduler of local steps can wait for one
   */
  submit(jobs: readonly Job[], after?: string): void;
  /**
   * Takes over jobs of an earlier driver. Their events are the same as after `submit`, except that `submitted` is left
   * out if the id is unchanged. An attempt that turns out to have no job is submitted.
   */
  reattach(jobs: readonly InheritedJob[]): void;
  /** Cancels jobs. Their `ended` follows, with any result, because a job may end by itself first. */
  cancel(jobs: readonly Job[]): void;
  /**
   * Cancels jobs of steps that the study no longer has, if it can reach them. Reports no events for them. Resolves once
   * they have been told to end.
   */
  cancelObsolete(jobs: readonly ObsoleteJob[]): Promise<void>;
  /** The files with a job's stdout and stderr. */
  outputs(job: JobRef): Outputs;
  /** Stops without an event, and leaves jobs running. */
  close(): void;
}

/** The scheduler of a batch system, with which a study can lose contact. */
export interface BatchScheduler extends Scheduler {
  /**
   * Replaces the allocation by a new one, in which later jobs run. Only to be called while no job is in flight, and
   * after a `deferred` with `mayRenew`. Omitted by schedulers without an allocation of their own.
   */
  renew?(reason: string): void;
  /** Stops, reports an interruption with that reason, and leaves jobs running. */
  suspend(reason: string, kind: Interruption): Promise<void>;
}

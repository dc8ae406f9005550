import type { Outputs } from '../scripts/outputs.js';
import type { ObsoleteJob } from '../store/journal/records.js';
import type { StepInstance } from '../study/graph.js';
import type { JobResult } from '../study/state.js';

/** One attempt of one step, to be run. */
export interface Job {
  readonly step: StepInstance;
  /** Counts from 1 in each step. */
  readonly attempt: number;
  /** The script to run, relative to the study directory. */
  readonly script: string;
}

export interface JobOutcome {
  readonly result: JobResult;
  /** The script's exit status (128 + N if signal N ended it, as shells have it); null if it never ran. */
  readonly exitCode: number | null;
  /** The signal that ended it: `SIGKILL`; null if none did. */
  readonly signal: string | null;
  /** When it ended, in milliseconds since the epoch, if that is known from what the launcher wrote down only. */
  readonly endedAt?: number;
  /** What the scheduler says beyond that, for a person; '' if nothing. */
  readonly note: string;
}

/** What a scheduler reports of a job. `step` is the instance's index, `attempt` its job's number, `at` milliseconds since the epoch. */
export type JobEvent =
  | {
      readonly type: 'submitted';
      readonly step: number;
      readonly attempt: number;
      readonly at: number;
      readonly id: string;
      /** Where the job is: the URI of a broker; '' if it is a process of the host. */
      readonly endpoint: string;
      /** An earlier submit of this attempt got no answer: another job may have it. */
      readonly mayBeDuplicate: boolean;
    }
  | {
      readonly type: 'not-submitted';
      readonly step: number;
      readonly attempt: number;
      readonly at: number;
      readonly reason: string;
    }
  /**
   * Nothing of it ran, nor can where jobs run now: the rest of an allocation is too short, or it has lost nodes. It may run in
   * another one.
   */
  | {
      readonly type: 'deferred';
      readonly step: number;
      readonly attempt: number;
      readonly at: number;
      readonly reason: string;
      /** Whether `renew` gets another one. */
      readonly mayRenew: boolean;
    }
  | { readonly type: 'queued'; readonly step: number; readonly attempt: number; readonly at: number }
  | { readonly type: 'started'; readonly step: number; readonly attempt: number; readonly at: number }
  | { readonly type: 'finishing'; readonly step: number; readonly attempt: number; readonly at: number }
  | {
      readonly type: 'ended';
      readonly step: number;
      readonly attempt: number;
      readonly at: number;
      readonly outcome: JobOutcome;
    };

/**
 * The scheduled jobs are out of sight: nothing more is reported of them, nor can more be submitted. What becomes of them is
 * not known.
 */
export interface InterruptEvent {
  readonly type: 'interrupt';
  readonly at: number;
  readonly reason: string;
  /** Jobs that are known all the same to have ended. */
  readonly ended?: readonly Extract<JobEvent, { type: 'ended' }>[];
  /** Jobs that never began, and never will: what they were to run in is over. */
  readonly notBegun?: readonly { readonly step: number; readonly attempt: number }[];
  /** Local steps are left too, rather than waited for. */
  readonly alsoLocal?: boolean;
  /** What ran the jobs is ending, or has ended, by its own word: they do not go on. */
  readonly hasBackendEnded?: boolean;
}

/** A job that an earlier driver of the study submitted, or was about to. */
export interface InheritedJob extends Job {
  /** As `submitted` told it; '' if nothing was told: it may have been submitted all the same. */
  readonly id: string;
  readonly endpoint: string;
  readonly mayBeDuplicate: boolean;
}

/** A job whose outputs are asked for. */
export interface JobRef {
  readonly step: StepInstance;
  /** As `submitted` told it. */
  readonly id: string;
}

/** Is told what becomes of jobs. */
export type SchedulerListener = (event: JobEvent | InterruptEvent) => void;

/**
 * Runs jobs. Nothing here waits: what happens is reported to the listener, which it gets when it is made. Of each job it
 * reports at least `submitted`, `not-submitted` or `deferred`, and in the end, once it was submitted, `ended` or `deferred`;
 * unless there is an interruption before. A job whose `submitted` comes again has another id now. One that could not begin
 * because of the machine, or that an earlier driver left and that is gone, may have an `ended` without any `submitted`.
 *
 * A further batch system is a folder with a `Backend` whose `open` makes one of these: `submit` and `cancel` take many jobs
 * at once, so that one command over SSH can carry them; `reattach` asks the queue for the ids that the journal has; and the
 * claims of the launcher say which job has an attempt, if a submit got no answer.
 */
export interface Scheduler {
  submit(jobs: readonly Job[]): void;
  /**
   * Takes jobs over. What is reported of each from then on is as if they had been submitted here, but for `submitted` where
   * nothing is new about that. Those that no job runs, or will, are submitted.
   */
  reattach(jobs: readonly InheritedJob[]): void;
  /** Asks for the end of jobs. Their `ended` follows, whatever it then says. */
  cancel(jobs: readonly Job[]): void;
  /** Ends jobs of no step of this study, as well as it can. Nothing is reported of them. Resolves once they are told to end. */
  cancelObsolete(jobs: readonly ObsoleteJob[]): Promise<void>;
  /** Where a job's stdout and stderr are. */
  outputs(job: JobRef): Outputs;
  /** Stops. Nothing is reported after that, and jobs are left as they are. */
  close(): void;
}

/** A scheduler of a batch system, of which a study can lose sight. */
export interface BatchScheduler extends Scheduler {
  /**
   * Gives up where jobs run now, where none is in flight, for another place: all that is submitted from now on runs there. To
   * be called after a `deferred` that says that this can be done. Not there if there is no other place.
   */
  renew?(reason: string): void;
  /** Stops, and reports an interruption for that reason. Jobs are left as they are. */
  suspend(reason: string): Promise<void>;
}

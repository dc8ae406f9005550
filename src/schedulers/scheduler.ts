import type { StepInstance } from '../study/graph.js';

/** One attempt of one step, to be run. */
export interface Job {
  readonly step: StepInstance;
  /** Counts from 1 in each step. */
  readonly attempt: number;
  /** The script to run, relative to the study directory. */
  readonly script: string;
}

/** How a job ended, in the scheduler's words. */
export type JobResult = 'completed' | 'failed' | 'timeout' | 'cancelled' | 'node-failure';

export interface JobOutcome {
  readonly result: JobResult;
  /** The script's exit status (128 + N if signal N ended it, as shells have it); null if it never ran. */
  readonly exitCode: number | null;
  /** The signal that ended it: `SIGKILL`; null if none did. */
  readonly signal: string | null;
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
    }
  | {
      readonly type: 'not-submitted';
      readonly step: number;
      readonly attempt: number;
      readonly at: number;
      readonly reason: string;
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
  /** Local steps are left too, rather than waited for. */
  readonly alsoLocal?: boolean;
}

/** Files that a job writes, relative to the study directory. */
export interface Outputs {
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Where jobs run. Nothing here waits: what happens is reported to the listener, for each job at least `submitted` or
 * `not-submitted`, and in the end, once it was submitted, `ended`; unless there is an interruption before. A job whose
 * `submitted` comes again has another id now.
 */
export interface Scheduler {
  submit(job: Job): void;
  /** Asks for the end of jobs. Their `ended` follows, whatever it then says. */
  cancel(jobs: readonly Job[]): void;
  /** Where a job's stdout and stderr are. */
  outputs(step: StepInstance, id: string): Outputs;
}

/** A scheduler of which we can lose sight. */
export interface BatchScheduler extends Scheduler {
  /** Whether what it runs jobs on is ending, or cannot be asked. */
  isEnding(): Promise<boolean>;
  /** Stops, and reports an interruption for that reason. */
  interrupt(reason: string): Promise<void>;
  /** Stops; nothing is reported after that, jobs are left as they are. */
  close(): void;
}

export type JobListener = (event: JobEvent) => void;
/** Of a scheduler that can be lost. */
export type SchedulerListener = (event: JobEvent | InterruptEvent) => void;

import type { BackendOptions } from '../../../src/schedulers/backend.js';

/** A batch system that the contract is held against: what tests do to it, and how its jobs are written. */
export interface BatchSite {
  /** The batch block of studies. */
  readonly batch: Readonly<Record<string, unknown>>;
  /** The keys of a step's run block that make it a plain job. */
  readonly job: Readonly<Record<string, unknown>>;
  /** The keys that make it one which takes the whole site, so that all others wait. */
  readonly whole: Readonly<Record<string, unknown>>;
  /** What commands need in their environment to find it. */
  readonly environment: Readonly<Record<string, string>>;
  /** The Flux broker; '' for others. */
  readonly fluxTarget: string;
  /** Cancels a job as an operator does, who knows nothing of the study. */
  cancel(id: string): Promise<void>;
  /** The node of a job fails, with all that runs there. */
  failNode(id: string): Promise<void>;
  /** The time of a running job is over now, if its shortest time limit is too long for a test. */
  expire(id: string): Promise<void>;
  /**
   * The answer to the next submit is lost, and its job is taken all the same.
   *
   * @returns what is different of the driver that this happens to, and whether it has happened
   */
  loseNextAnswer(): Promise<{ readonly options: Partial<BackendOptions>; readonly wasLost: () => Promise<boolean> }>;
  /** The ids of jobs that are not over. */
  activeJobs(): Promise<readonly string[]>;
  stop(): Promise<void>;
}

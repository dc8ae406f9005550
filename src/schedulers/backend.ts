import type { HeldNodes } from '../causes/node-hours.js';
import type { Host } from '../hosts/host.js';
import type { Plan } from '../scripts/plan.js';
import type { DescribedAllocation } from '../store/journal/records.js';
import type { StudySession } from '../store/session.js';
import type { Clock } from '../util/clock.js';
import type { Log } from '../util/log/log.js';
import type { BatchScheduler, SchedulerListener } from './scheduler.js';

/** Whether a step, by its index in the plan, is over, so that its resources need no check. */
export type IsOver = (step: number) => boolean;

/** The backend as the journal, messages and reports show it. */
export interface BackendDescription {
  /** The version of its batch system; '' before `prepare`. The journal keeps it with the plan. */
  readonly version: string;
  /** Where its jobs run, such as the URI of a broker; '' before `open`. */
  readonly endpoint: string;
  /** The environment of jobs; empty before `open`. */
  readonly environment: Readonly<Record<string, string>>;
  /** The allocations that it has had for this study, since this process drives it; undefined if it gets none. */
  readonly allocated?: readonly HeldNodes[];
}

/**
 * Where a study's scheduled steps run: a Flux instance that is already running, one in an allocation that we request, or
 * the queue of Slurm or LSF. It is created before the study directory and closed after the end of the study.
 */
export interface Backend {
  /**
   * Checks the plan, and adapts it to this batch system and its version. Writes and submits nothing.
   *
   * @throws SpecError, BackendError if the study cannot run there
   */
  prepare(plan: Plan, isOver?: IsOver): Promise<Plan>;
  /**
   * Connects to the batch system once the study is staged; waits for the allocation if it needs one.
   *
   * @param plan as returned by `prepare`
   * @param listener gets every event of the scheduler, from its creation on
   * @throws SpecError; BackendError, also if jobs that an earlier driver submitted elsewhere may still run; HostError
   */
  open(plan: Plan, session: StudySession, listener: SchedulerListener): Promise<BatchScheduler>;
  describe(): BackendDescription;
  /**
   * Whether a process on this machine runs inside it, and so ends with it. Omitted by backends where that cannot
   * happen.
   */
  contains?(pid: number): boolean;
  /** Whether it is shutting down, or does not answer. Omitted by backends that do not end during a study. */
  isShuttingDown?(): Promise<boolean>;
  /** Closes connections, and releases the allocation unless jobs are kept. */
  close(options: CloseOptions): Promise<void>;
}

export interface CloseOptions {
  /**
   * Whether jobs go on in it; undefined if the study failed before a result: then the backend keeps what may be in use.
   */
  readonly keepJobs?: boolean | undefined;
}

/** The inputs that decide where jobs run. */
export interface BackendOptions {
  /** The Flux broker for the jobs: `auto`, or a target as the user wrote it. */
  readonly fluxTarget: string;
  /** Variables for the environment of every step. */
  readonly stepEnvironment: ReadonlyMap<string, string>;
  /** Run the study even if jobs of an earlier run may still be running in an instance that does not answer. */
  readonly ignoresJobsElsewhere: boolean;
}

export interface BackendContext {
  readonly options: BackendOptions;
  readonly host: Host;
  readonly clock: Clock;
  readonly log: Log;
  /** Stops waiting when aborted. */
  readonly cancel: AbortSignal;
  /** Aborted if this run stops driving the study and leaves its jobs running. */
  readonly leave: AbortSignal;
  /** Whether this run only cancels a study that was begun: then it requests no new allocation. */
  readonly onlyFinishes: boolean;
  /**
   * The URI of the Flux instance around this program, if steps do not find it in their environment; '' if there is
   * none.
   */
  readonly around: string;
  /** Saves the allocation that the post step releases if this process is killed; undefined once it is released. */
  readonly remember: (left: { readonly allocation: DescribedAllocation | undefined }) => void;
}

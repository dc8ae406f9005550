import type { Host } from '../hosts/host.js';
import type { Plan } from '../scripts/plan.js';
import type { DescribedAllocation } from '../store/journal/records.js';
import type { StudySession } from '../store/session.js';
import type { Clock } from '../util/clock.js';
import type { Log } from '../util/log/log.js';
import type { BatchScheduler, SchedulerListener } from './scheduler.js';

/** Whether a step, by its index in the plan, does not run any more, so that it may ask for anything. */
export type IsOver = (step: number) => boolean;

/** What a backend says of itself. */
export interface BackendDescription {
  /** The version of its batch system; '' before `prepare`. The journal keeps it with the plan. */
  readonly version: string;
  /** Where its jobs are, as messages and reports call it; '' before `open`. */
  readonly endpoint: string;
  /** The environment of jobs; empty before `open`. */
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Where a study's scheduled steps run: a Flux instance that runs already, or one in an allocation of our own. It is there from
 * before the study is made until after its end.
 */
export interface Backend {
  /**
   * The plan as it is for this batch system and this version of it. Nothing has been made yet, and nothing is submitted.
   *
   * @throws SpecError, BrokerError with what keeps the study from being run there
   */
  prepare(plan: Plan, isOver?: IsOver): Promise<Plan>;
  /**
   * Gets ready to run the jobs of a study that is staged, which may take as long as an allocation is waited for.
   *
   * @param plan as `prepare` made it
   * @param listener is told what becomes of jobs, from the moment on that the scheduler is made
   * @throws SpecError; BrokerError, also if jobs that an earlier driver submitted elsewhere may still run; HostError
   */
  open(plan: Plan, session: StudySession, listener: SchedulerListener): Promise<BatchScheduler>;
  describe(): BackendDescription;
  /** Whether a process of this machine runs in it, and ends when it does. Not there if that cannot be. */
  contains?(pid: number): boolean;
  /** Whether it is ending, or cannot be asked. Not there if it does not end under a study. */
  isShuttingDown?(): Promise<boolean>;
  /** Lets go of it, whatever has become of it. */
  close(options: CloseOptions): Promise<void>;
}

export interface CloseOptions {
  /** Whether jobs are to go on in it. Not given if the study was not driven to any end: then it keeps what may be in use. */
  readonly keepJobs?: boolean | undefined;
}

/** What a user can choose about where jobs run. */
export interface BackendOptions {
  /** Which Flux broker runs the jobs: `auto`, or a target as the user wrote it. */
  readonly fluxTarget: string;
  /** Variables for the environment of every step. */
  readonly stepEnvironment: ReadonlyMap<string, string>;
  /** The study goes on even if jobs of an earlier run may still run in an instance that cannot be asked. */
  readonly ignoresJobsElsewhere: boolean;
}

/** What a backend is made with. */
export interface BackendContext {
  readonly options: BackendOptions;
  readonly host: Host;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends what is waited for. */
  readonly cancel: AbortSignal;
  /** Aborted if the study is left as it is, jobs and all. */
  readonly leave: AbortSignal;
  /** Whether a study that was begun is only brought to its end: nothing is got that is not there. */
  readonly onlyFinishes: boolean;
  /** The URI of the Flux instance around this program, if steps do not find it in their environment; '' if there is none. */
  readonly around: string;
  /** Told of the allocation that is to be given back should this program be killed; of undefined once it is given back. */
  readonly remember: (left: { readonly allocation: DescribedAllocation | undefined }) => void;
}

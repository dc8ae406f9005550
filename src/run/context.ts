import type { AllocationRequest } from '../schedulers/allocation/request.js';
import type { Plan } from '../scripts/plan.js';
import type { Spec } from '../spec/spec.js';
import type { WantedPlace } from '../store/directory.js';
import type { DescribedAllocation } from '../store/journal/records.js';
import type { LeaseHolder } from '../store/lease.js';
import type { StepRecord } from '../study/state.js';
import type { HandOver } from './detach/job-time.js';
import type { StudyContext } from './prepare.js';
import type { ReportContext } from './report.js';

/** What a run of a study takes from the front end: the action or the command line. */
export interface RunContext extends StudyContext, Omit<ReportContext, 'options' | 'host' | 'log'> {
  /** Chooses the study directory from the spec. */
  readonly place: (spec: Spec) => WantedPlace;
  /** The input `allocate`; undefined if the user did not set it. */
  readonly request: AllocationRequest | undefined;
  /**
   * The URI of the Flux instance around this program, if steps do not find it in their environment; '' if there is
   * none.
   */
  readonly around: string;
  /** Names this run in the lease of the study. */
  readonly holder: LeaseHolder;
  /** Whether the study key is a default: then only a re-run of the workflow is expected to find the study finished. */
  readonly isKeyDerived?: boolean;
  /** Saves what the post step must clean up if this process is killed; undefined values clear what was saved. */
  readonly remember: (left: Partial<LeftBehind>) => void;
  /** When and how this run makes room for the next one, if its own time is limited. */
  readonly handOver?: HandOver | undefined;
  /** Shows the progress outside the log, for example in a check run. */
  readonly observer?: RunObserver;
  /** The commit that the results are about, which a study that is followed has to be of; undefined if there is none. */
  readonly commit?: string;
  /** Whether those who collect find what shows the detached start with that token. */
  readonly isCollected?: (token: string) => Promise<boolean>;
  /** Warnings about options that have no effect on this study. */
  readonly ineffectiveOptions: (study: Plan) => readonly string[];
  /** Set by the post step after the main step was killed: the reason why the study is only cancelled, not continued. */
  readonly finishes?: string;
}

/** What the post step cleans up if the main step was killed. */
export interface LeftBehind {
  /** The allocation to release. */
  readonly allocation: DescribedAllocation | undefined;
  /** The directory of the study to cancel. */
  readonly study: string | undefined;
  /** The process id of the main step. */
  readonly driver: number | undefined;
  /** Whether the workflow run was cancelled before the main step was killed. */
  readonly isCancelled: boolean;
  /** Whether a check run on GitHub still shows the study as running. */
  readonly isShown: boolean;
  /** By which that check run is found, if that is not the key of the study. */
  readonly shownKey?: string | undefined;
}

/** Follows a study while it runs. */
export interface RunObserver {
  /** This run holds the lease of the study, and starts to stage it. */
  begun(): Promise<void>;
  /** Another process drives the study, from a detached start with that token: this run follows it. @param isCollected as of the context */
  follows?(token: string, isCollected: boolean): Promise<void>;
  /** All is staged, and the steps begin or go on. @param records as of `changed` */
  executing?(records: readonly StepRecord[]): void;
  /** @param records one for each step; the state machine updates these same objects */
  changed(records: readonly StepRecord[]): void;
  /** Another run has taken over the study. */
  lost(): void;
}

import type { Interruption } from '../../causes/interruption.js';
import type { GeneratorAnswer, KnownAnswer } from '../../study/pgen/answer.js';
import type { JobRecord, StepRecord, StudyStatus } from '../../study/state.js';
import type { LeaseHolder } from '../lease.js';
import type { ChangedLimits, Limits } from '../update-lock.js';

/** The version of the journal's format that this program writes; it reads no later one. */
export const journalVersion = 1;

/** The fields of every record. */
export interface RecordBase {
  /** Counts from 1, through all drivers of the study. */
  readonly seq: number;
  /** The fencing number of the driver that wrote it; 0 before there was one. */
  readonly fence: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** The fields of a step's record that changed, and the jobs that changed, by attempt. */
export type StepPatch = Partial<Omit<StepRecord, 'jobs'>> & {
  readonly jobs?: readonly ({ readonly attempt: number } & Partial<JobRecord>)[];
};

/** A step instance as a plan has it. */
export interface PlannedStep {
  readonly name: string;
  readonly workspace: string;
  readonly scheduled: boolean;
  /** Hash of the texts of its scripts. */
  readonly script: string;
  /** Hash of the names of what it depends on, and of the condition. */
  readonly dependencies: string;
  /** Its record at that time, as a patch to a new record. */
  readonly record: StepPatch;
}

/** A job that may still run although no step of the plan has it. */
export interface ObsoleteJob {
  readonly step: string;
  readonly scheduled: boolean;
  /** The workspace of its step, relative to the study directory. */
  readonly workspace: string;
  readonly attempt: number;
  readonly id: string;
  readonly place: string;
}

/** The schedulers that allocations are got from. */
export const allocators = ['slurm', 'lsf', 'flux'] as const;

export type Allocator = (typeof allocators)[number];

/** A job in a scheduler's queue, with what is needed to query and to cancel it. */
export interface QueuedJob {
  readonly kind: Allocator;
  readonly id: string;
  /** A name that no other job has. */
  readonly jobName: string;
  /** The cluster of Slurm, if it is not the default one on the host. */
  readonly cluster: string | undefined;
  /** The name of the scheduler's installation, as `scheduler` prints it; undefined if that is not known. */
  readonly scheduler?: string | undefined;
  readonly flux: string;
  readonly fluxVersion: string;
}

/** An allocation, as plain data with which another process can give it back. */
export interface DescribedAllocation extends QueuedJob {
  readonly studyPath: string;
  readonly number: number;
}

/** A Flux instance that jobs are submitted to. Its path is not enough: all system instances have the same. */
export interface Endpoint {
  /** Its address in the records of jobs. */
  readonly place: string;
  /** The identity of the instance; '' if that is not known. */
  readonly instance: string;
  /** The rank of the broker there; only the end of rank 0 is the end of the instance. */
  readonly rank: number;
  /** The id of its machine, as names may be shared; '' if that is not known. */
  readonly machine: string;
  /** The allocation that the instance runs in, if that is known. */
  readonly allocation?: QueuedJob;
}

/** The other fields of a record, by its type. */
export type Entry =
  /** The key of the study: the first record, and again when the key changes. */
  | {
      readonly type: 'study';
      readonly version: number;
      readonly key: string;
      readonly name: string;
      readonly token?: string;
    }
  /** A process took the lease, and drives the study from now on. */
  | { readonly type: 'open'; readonly holder: LeaseHolder }
  /**
   * A new plan: its steps, by index, with their records. It is one record, so that a crash leaves the old plan or the new one.
   * `flux` is the version that the scripts are for; '' if that does not matter. Plans of versions that did not record answers
   * of generators lack `knowsAnswers`.
   */
  | {
      readonly type: 'plan';
      readonly flux: string;
      readonly steps: readonly PlannedStep[];
      readonly knowsAnswers?: true;
    }
  /** The answer of a parameter generator, which later plans use again. */
  | ({ readonly type: 'generated' } & GeneratorAnswer)
  /** All files of the plan are in the study directory. */
  | { readonly type: 'staged' }
  /** The changes of one event, by the index of the step. */
  | { readonly type: 'steps'; readonly steps: Readonly<Record<string, StepPatch>> }
  | { readonly type: 'cancel'; readonly reason: string }
  /** `maestro update` changed limits; `inputs` has the values of the inputs at that time. */
  | {
      readonly type: 'limits';
      readonly throttle?: number;
      readonly restartLimit?: number;
      readonly inputs?: Required<Limits>;
    }
  /** The allocation of the study; null before its id is known, and after it was given back. */
  | { readonly type: 'allocation'; readonly number: number; readonly allocation: DescribedAllocation | null }
  /** The Flux instance, or the cluster of another batch system, that jobs are submitted to from now on. */
  | { readonly type: 'endpoint'; readonly endpoint: Endpoint }
  /** Obsolete jobs that were told to end, and whose attempts cannot begin any more. */
  | { readonly type: 'discarded'; readonly jobs: readonly { readonly workspace: string; readonly attempt: number }[] }
  /** The driver stopped. */
  | ({ readonly type: 'end' } & StudyEnd);

/** How a study stood when its driver stopped. */
export interface StudyEnd {
  /** By its steps. */
  readonly status: StudyStatus;
  /** What kind of thing stopped it, if it is INTERRUPTED. */
  readonly interruption?: Interruption | undefined;
  /** How many of its metrics failed it, if there were any. */
  readonly failedMetrics?: number | undefined;
}

export type JournalRecord = RecordBase & Entry;

/** The state of a study, as its journal has it. */
export interface JournalState {
  readonly key: string;
  readonly name: string;
  /** The numbers of the last record; 0 if there is none. */
  readonly seq: number;
  readonly fence: number;
  /** Whether the text ends in the middle of a line. */
  readonly isTorn: boolean;
  /** Undefined if the study was never planned. */
  readonly plan: { readonly flux: string; readonly steps: readonly Omit<PlannedStep, 'record'>[] } | undefined;
  /** By the index of the step in the plan. */
  readonly records: readonly StepRecord[];
  /** The jobs of workspaces that only earlier plans had: the numbers of their attempts are used up. */
  readonly former: ReadonlyMap<string, readonly JobRecord[]>;
  /** Workspaces that only earlier plans had. */
  readonly formerWorkspaces: ReadonlySet<string>;
  /** Jobs that may still run although no step has them: no `discarded` record names them. */
  readonly obsolete: readonly ObsoleteJob[];
  /** Whether all files of this plan are in the study directory. */
  readonly isStaged: boolean;
  /** The answers of parameter generators, one for each question, the latest last. */
  readonly answers: readonly KnownAnswer[];
  /** Why the study was cancelled under the last driver; undefined if it was not. */
  readonly cancelReason: string | undefined;
  /** The limits that `maestro update` changed, under all drivers. */
  readonly limits: ChangedLimits;
  readonly allocation: DescribedAllocation | undefined;
  /** The Flux instances that jobs were submitted to, in order; earlier versions did not record them. */
  readonly endpoints: readonly Endpoint[];
  /** How many allocations the study has had. */
  readonly allocations: number;
  /** The last driver, and when it began; undefined if there was none. */
  readonly opened: { readonly holder: LeaseHolder; readonly at: number } | undefined;
  /** How and when the last driver stopped; undefined if it was killed. */
  readonly ended: (StudyEnd & { readonly at: number }) | undefined;
}

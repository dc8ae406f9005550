import type { GeneratorAnswer, KnownAnswer } from '../../study/pgen/answer.js';
import type { JobRecord, StepRecord, StudyStatus } from '../../study/state.js';
import type { LeaseHolder } from '../lease.js';
import type { ChangedLimits, Limits } from '../update-lock.js';

/** The version of the journal's format that this program writes; it reads no later one. */
export const journalVersion = 1;

/** What every record begins with. */
export interface RecordBase {
  /** Counts from 1, through all drivers of the study. */
  readonly seq: number;
  /** The fencing number of the driver that wrote it; 0 before there was one. */
  readonly fence: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** What is new about a record of a step: the fields that changed, and the jobs that changed, by attempt. */
export type StepPatch = Partial<Omit<StepRecord, 'jobs'>> & {
  readonly jobs?: readonly ({ readonly attempt: number } & Partial<JobRecord>)[];
};

/** A step instance as the plan had it when it was last looked at. */
export interface PlannedStep {
  readonly name: string;
  readonly workspace: string;
  readonly scheduled: boolean;
  /** Hash of the texts of its scripts. */
  readonly script: string;
  /** Hash of the names of what it depends on, and of the condition. */
  readonly dependencies: string;
  /** What was known of it then, as a patch to a new record. */
  readonly record: StepPatch;
}

/** A job of a step that the study does not have any more. */
export interface ObsoleteJob {
  readonly step: string;
  readonly scheduled: boolean;
  /** Of the step, relative to the study directory. */
  readonly workspace: string;
  readonly attempt: number;
  readonly id: string;
  readonly place: string;
}

/** Who gives allocations. */
export const allocators = ['slurm', 'lsf', 'flux'] as const;

export type Allocator = (typeof allocators)[number];

/** A job in a scheduler's queue: what is needed to ask about it, and to end it. */
export interface QueuedJob {
  readonly kind: Allocator;
  readonly id: string;
  /** No other job has it. */
  readonly jobName: string;
  /** Slurm's, if the job is not in the one that commands there talk to. */
  readonly cluster: string | undefined;
  /** What its scheduler calls itself, as `scheduler` prints it; undefined if that is not known. */
  readonly scheduler?: string | undefined;
  readonly flux: string;
  readonly fluxVersion: string;
}

/** An allocation that there is to give back, as plain data: all that another process needs for it. */
export interface DescribedAllocation extends QueuedJob {
  readonly studyPath: string;
  readonly number: number;
}

/** Where jobs are submitted to, and which instance that is: a path says little, for every system instance has the same. */
export interface Endpoint {
  /** As the records of jobs have it. */
  readonly place: string;
  /** The text of the instance's identity; '' if that is not known. */
  readonly instance: string;
  /** Of the broker there; the instance is not over with any but the first, 0. */
  readonly rank: number;
  /** What tells its machine from others of that name; '' if that is not known. */
  readonly machine: string;
  /** The job of another scheduler that the instance ends with, if it is known to be in one. */
  readonly allocation?: QueuedJob;
}

/** What a record says besides. */
export type Entry =
  /** Whose study this is; the first record, and again when the key changes. */
  | {
      readonly type: 'study';
      readonly version: number;
      readonly key: string;
      readonly name: string;
      readonly token?: string;
    }
  /** Somebody took the lease, and drives the study from now on. */
  | { readonly type: 'open'; readonly holder: LeaseHolder }
  /**
   * The steps from now on, by index, with all that is known of them: one record, so that a crash leaves the old plan or the
   * new one. `flux` is the version that the scripts are for; '' if that does not matter. `knowsAnswers` is absent from the plan
   * of a version that does not know of answers, and asked the generator anew.
   */
  | {
      readonly type: 'plan';
      readonly flux: string;
      readonly steps: readonly PlannedStep[];
      readonly knowsAnswers?: true;
    }
  /** What a parameter generator gave: it counts for the plans that follow. */
  | ({ readonly type: 'generated' } & GeneratorAnswer)
  /** All files of the plan are there. */
  | { readonly type: 'staged' }
  /** What one event changed, by the index of the step. */
  | { readonly type: 'steps'; readonly steps: Readonly<Record<string, StepPatch>> }
  | { readonly type: 'cancel'; readonly reason: string }
  /** Somebody changed limits while the inputs said `inputs`. */
  | {
      readonly type: 'limits';
      readonly throttle?: number;
      readonly restartLimit?: number;
      readonly inputs?: Required<Limits>;
    }
  /** The allocation that the study has; null before it is known which, and once it is given back. */
  | { readonly type: 'allocation'; readonly number: number; readonly allocation: DescribedAllocation | null }
  /** Jobs are submitted there from now on. */
  | { readonly type: 'endpoint'; readonly endpoint: Endpoint }
  /** These jobs of no step were told to end, and none of their attempts will begin any more. */
  | { readonly type: 'discarded'; readonly jobs: readonly { readonly workspace: string; readonly attempt: number }[] }
  /** The driver stopped, the study being so. */
  | { readonly type: 'end'; readonly status: StudyStatus };

export type JournalRecord = RecordBase & Entry;

/** All that a journal says: what a study is, and where it stands. */
export interface JournalState {
  readonly key: string;
  readonly name: string;
  /** Of the last record; 0 and 0 if there is none. */
  readonly seq: number;
  readonly fence: number;
  /** Whether the text ends in the middle of a line. */
  readonly isTorn: boolean;
  /** Undefined if the study was never planned. */
  readonly plan: { readonly flux: string; readonly steps: readonly Omit<PlannedStep, 'record'>[] } | undefined;
  /** By the index of the step in the plan. */
  readonly records: readonly StepRecord[];
  /** The jobs of workspaces that only earlier plans had, by workspace. */
  readonly former: ReadonlyMap<string, readonly JobRecord[]>;
  /** Workspaces that only earlier plans had. */
  readonly formerWorkspaces: ReadonlySet<string>;
  /** Jobs that may run, and that no step has any more: nobody is known to have told them to end. */
  readonly obsolete: readonly ObsoleteJob[];
  /** Whether all files of this plan are there. */
  readonly isStaged: boolean;
  /** What parameter generators gave, the latest last: one for each question. */
  readonly answers: readonly KnownAnswer[];
  /** Why the study was cancelled, by the last driver; undefined if it was not. */
  readonly cancelReason: string | undefined;
  /** As changed by somebody, through all drivers. */
  readonly limits: ChangedLimits;
  readonly allocation: DescribedAllocation | undefined;
  /** Where jobs were submitted to, in order; none of those that versions before this one had. */
  readonly endpoints: readonly Endpoint[];
  /** How many allocations the study has had. */
  readonly allocations: number;
  /** The last driver, and when it began; undefined if there was none. */
  readonly opened: { readonly holder: LeaseHolder; readonly at: number } | undefined;
  /** How, and when, the last driver stopped; undefined if it did not say. */
  readonly ended: { readonly status: StudyStatus; readonly at: number } | undefined;
}

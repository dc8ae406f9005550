import type { Blame } from '../causes/cause.js';

/**
 * How a job ended, in the scheduler's words. `not-run`: its script did not start, because it could not be
 * claimed (a full disk) or because the attempt had been given up; the note of its outcome says which. `evicted`: it was ended because
 * the time of the job was up in which the conductor ran, and the step with it.
 */
export type JobResult = 'completed' | 'failed' | 'timeout' | 'cancelled' | 'node-failure' | 'not-run' | 'evicted';

/** The state of a step, in Maestro's words. UNKNOWN is never final. */
export type StepState = (typeof stepStates)[number];

export const stepStates = [
  ...(['INITIALIZED', 'PENDING', 'QUEUED', 'RUNNING', 'FINISHING', 'FINISHED'] as const),
  ...(['FAILED', 'TIMEDOUT', 'HWFAILURE', 'CANCELLED', 'UNKNOWN', 'DRYRUN'] as const),
] as const;

/** The state that reports show: Maestro's, but SKIPPED for a step that is over and never ran. */
export type ShownState = StepState | 'SKIPPED';

export const studyStatuses = ['FINISHED', 'FAILURE', 'CANCELLED', 'INTERRUPTED', 'DRYRUN'] as const;

export type StudyStatus = (typeof studyStatuses)[number];

/** One job: one attempt of a step. Times are milliseconds since the epoch. */
export interface JobRecord {
  /** Counts from 1 in each step; names the attempt everywhere. */
  readonly attempt: number;
  readonly script: 'main' | 'restart';
  /** The scheduler's id; '' until the job is submitted. */
  id: string;
  /** The endpoint that its scheduler reported: the URI of a broker; '' for a local step. */
  place: string;
  /** Its submit was repeated, so another job may run the attempt. */
  isDoubtful: boolean;
  submitted: number;
  started: number | null;
  ended: number | null;
  result: JobResult | 'not submitted' | null;
  /** Why it did not complete, as its scheduler has it; null if it completed, undefined if that is not known. */
  blame?: Blame | null;
  /** The nodes that it had, by name; undefined if they are not known. */
  nodes?: readonly string[];
  /** The nodes that it was not to run on, because earlier jobs of its step were lost with them; undefined if none. */
  excluded?: readonly string[];
}

/**
 * Why a step runs again once its present job has ended: its script or its dependencies have changed, or an earlier
 * driver cancelled the job and this run continues the study.
 */
export type Rerun = 'changed' | 'cancelled';

/** What is known of one step instance. Only the state machine changes it. */
export interface StepRecord {
  state: StepState;
  /** Why the step is in that state; '' if the state says enough. */
  reason: string;
  exitCode: number | null;
  signal: string | null;
  /** Restarts after a timeout, as Maestro counts them. */
  restarts: number;
  /** Restarts before the study was resumed, which do not count against the limit. */
  restartsBefore: number;
  /** Failed attempts, and jobs lost to node failures, as the limits count them. */
  failedAttempts: number;
  nodeFailures: number;
  /** Jobs of attempts before this one do not count against `resubmit-on`; undefined if all do. */
  countedFrom?: number;
  /** How many of its latest jobs in a row ended as `not-run`. */
  notRun: number;
  /** Set if the step has a job in flight and runs again after it. */
  rerun: Rerun | null;
  readonly jobs: JobRecord[];
  /** When its first job was submitted, and when it started. */
  submitted: number | null;
  started: number | null;
  /** When it reached its final state; null until then. */
  ended: number | null;
  /**
   * Its failure does not fail the study: `allow-failure` names the step, or only such failures kept it from running.
   */
  tolerated: boolean;
}

/** The record of a step that has not run, or of a step of a dry run. */
export function newRecord(state: 'INITIALIZED' | 'DRYRUN' = 'INITIALIZED'): StepRecord {
  return {
    state,
    reason: '',
    exitCode: null,
    signal: null,
    restarts: 0,
    restartsBefore: 0,
    failedAttempts: 0,
    nodeFailures: 0,
    notRun: 0,
    rerun: null,
    jobs: [],
    submitted: null,
    started: null,
    ended: null,
    tolerated: false,
  };
}

/** The job of a step that has not ended, whether it is submitted yet or not; undefined if there is none. */
export function openJob({ jobs }: StepRecord): JobRecord | undefined {
  const job = jobs.at(-1);
  return job?.ended === null ? job : undefined;
}

/**
 * Whether a step ran, or tried to, since the study was begun or last resumed; `jobs` also has those of earlier runs.
 */
export function wasSubmitted(record: StepRecord): boolean {
  return record.submitted !== null;
}

/** The latest job of a step since the study was begun or last resumed; undefined if there is none. */
export function lastJob(record: StepRecord): JobRecord | undefined {
  return wasSubmitted(record) ? record.jobs.at(-1) : undefined;
}

/** The jobs of a step since the study was begun, or since the step was last resumed after its end. */
export function jobsOfRun({ jobs, submitted }: StepRecord): JobRecord[] {
  return submitted === null ? [] : jobs.filter((job) => job.submitted >= submitted);
}

/** Whether the step is in its final state. The state alone does not say: a step that will run again may be TIMEDOUT. */
export function isOver(record: StepRecord): boolean {
  return record.ended !== null;
}

export function isFailure(state: ShownState): boolean {
  return state === 'FAILED' || state === 'TIMEDOUT' || state === 'HWFAILURE';
}

/** Whether the step is over and never ran: a dependency did not finish, or the study was cancelled first. */
export function isSkipped(record: StepRecord): boolean {
  return isOver(record) && !wasSubmitted(record) && (isFailure(record.state) || record.state === 'CANCELLED');
}

/** The state for reports, graphs and counts; `status.csv` and the `state` of report.json have Maestro's. */
export function shownState(record: StepRecord): ShownState {
  return isSkipped(record) ? 'SKIPPED' : record.state;
}

/** Whether the step ran, or tried to, and failed for good. */
export function hasFailed(record: StepRecord): boolean {
  return isFailure(record.state) && isOver(record) && wasSubmitted(record);
}

/** INTERRUPTED if a step is not over; otherwise CANCELLED takes precedence over FAILURE, as in Maestro. */
export function studyStatus(records: Iterable<StepRecord>): StudyStatus {
  let status: StudyStatus = 'FINISHED';
  for (const record of records) {
    if (!isOver(record)) return 'INTERRUPTED';
    if (record.state === 'CANCELLED') status = 'CANCELLED';
    else if (isFailure(record.state) && !record.tolerated && status !== 'CANCELLED') status = 'FAILURE';
  }
  return status;
}

export const exitCodes: Readonly<Record<StudyStatus, number>> = {
  FINISHED: 0,
  DRYRUN: 0,
  FAILURE: 2,
  CANCELLED: 3,
  INTERRUPTED: 4,
};

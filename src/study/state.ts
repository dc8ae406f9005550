/**
 * How a job ended, in the scheduler's words. `not-run`: nothing of its script ran, for files that this takes could not be
 * written; the note says which.
 */
export type JobResult = 'completed' | 'failed' | 'timeout' | 'cancelled' | 'node-failure' | 'not-run';

/** Maestro's words for the state of a step. UNKNOWN is never final. */
export type StepState =
  | 'INITIALIZED'
  | 'PENDING'
  | 'QUEUED'
  | 'RUNNING'
  | 'FINISHING'
  | 'FINISHED'
  | 'FAILED'
  | 'TIMEDOUT'
  | 'HWFAILURE'
  | 'CANCELLED'
  | 'UNKNOWN'
  | 'DRYRUN';

/** What people are told of a step: Maestro's words, but that a step that never ran neither failed nor was cancelled. */
export type ShownState = StepState | 'SKIPPED';

export type StudyStatus = 'FINISHED' | 'FAILURE' | 'CANCELLED' | 'INTERRUPTED' | 'DRYRUN';

/** One job: one attempt of a step. Times are milliseconds since the epoch. */
export interface JobRecord {
  /** Counts from 1 in each step; names the attempt everywhere. */
  readonly attempt: number;
  readonly script: 'main' | 'restart';
  /** The scheduler's id; '' until it has given one. */
  id: string;
  /** Where it is, as its scheduler told it: the URI of a broker; '' of a local step's. */
  place: string;
  /** Another job may have the attempt, for its submit was repeated. */
  isDoubtful: boolean;
  submitted: number;
  started: number | null;
  ended: number | null;
  result: JobResult | 'not submitted' | null;
}

/**
 * Why a step runs again once the job that it has now is over: what it runs, or after what, has changed; or an earlier driver
 * told the job to end, and the study goes on all the same.
 */
export type Rerun = 'changed' | 'cancelled';

/** What is known of one step instance. Changed by the state machine only. */
export interface StepRecord {
  state: StepState;
  /** Why it is in that state, if the state alone does not say. */
  reason: string;
  exitCode: number | null;
  signal: string | null;
  /** Restarts after a timeout, as Maestro counts them. */
  restarts: number;
  /** Those of them that do not count against the limit: they were before the study was resumed. */
  restartsBefore: number;
  /** Attempts that failed, and jobs that were lost with their nodes, as the limits count them. */
  failedAttempts: number;
  nodeFailures: number;
  /** So many of its jobs were not run in a row, the last of them. */
  notRun: number;
  /** Of a step with a job in flight; null if that is not so. */
  rerun: Rerun | null;
  readonly jobs: JobRecord[];
  /** When its first job was submitted, and began. */
  submitted: number | null;
  started: number | null;
  /** When it reached its final state; null until then. */
  ended: number | null;
  /** Its failure does not fail the study: `allow-failure` names it, or only such failures kept it from running. */
  tolerated: boolean;
}

/** The record of a step of which nothing is known yet, or nothing will be: a dry run's. */
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

/** The job that a step has in flight, or is about to have; undefined if there is none. */
export function openJob({ jobs }: StepRecord): JobRecord | undefined {
  const job = jobs.at(-1);
  return job?.ended === null ? job : undefined;
}

/** Whether a step ran, or tried to, since the study was begun or last resumed. Jobs alone do not say: they stay. */
export function hasRun(record: StepRecord): boolean {
  return record.submitted !== null;
}

/** The job that a step has, or had last, since the study was begun or last resumed; undefined if there is none. */
export function lastJob(record: StepRecord): JobRecord | undefined {
  return hasRun(record) ? record.jobs.at(-1) : undefined;
}

/** Whether the step will not change any more. The state alone does not say: a step that is to run again may be TIMEDOUT. */
export function isOver(record: StepRecord): boolean {
  return record.ended !== null;
}

export function isFailure(state: ShownState): boolean {
  return state === 'FAILED' || state === 'TIMEDOUT' || state === 'HWFAILURE';
}

/** Whether the step is over without having run: something that it waited for did not finish, or the study was cancelled first. */
export function isSkipped(record: StepRecord): boolean {
  return isOver(record) && !hasRun(record) && (isFailure(record.state) || record.state === 'CANCELLED');
}

/** The state as every report, picture and count has it; `status.csv` and the `state` of report.json have Maestro's. */
export function shownState(record: StepRecord): ShownState {
  return isSkipped(record) ? 'SKIPPED' : record.state;
}

/** Whether the step ran, or tried to, and failed for good. */
export function hasFailed(record: StepRecord): boolean {
  return isFailure(record.state) && isOver(record) && hasRun(record);
}

/** The study's status: INTERRUPTED while a step is not over; else CANCELLED wins over FAILURE, as in Maestro. */
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

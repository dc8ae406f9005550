import type { StepGraph, StepInstance } from '../../study/graph.js';
import {
  isFailure,
  type JobRecord,
  type JobResult,
  newRecord,
  type StepRecord,
  type StepState,
} from '../../study/state.js';
import type { StatusRow } from './read-status.js';

/** States in which Maestro does nothing more with a step. */
const over: readonly StepState[] = ['FINISHED', 'FAILED', 'TIMEDOUT', 'CANCELLED', 'DRYRUN'];

const results: Readonly<Partial<Record<StepState, JobResult>>> = {
  FINISHED: 'completed',
  FAILED: 'failed',
  TIMEDOUT: 'timeout',
  CANCELLED: 'cancelled',
};

/** Of a failure Maestro keeps neither the exit status nor the reason. */
const noReason = 'it failed; Maestro does not record how';

/** How Maestro ended; undefined while it runs. */
export type MaestroEnd = 'FINISHED' | 'FAILURE' | 'CANCELLED' | 'crashed';

export interface RecordsOptions {
  /** How Maestro ended: then steps that it never came to are over too. */
  readonly end: MaestroEnd | undefined;
  /** Where scheduled jobs run. */
  readonly endpoint: string;
  /** Why steps are cancelled, if they are. */
  readonly cancelReason: string;
  /** Milliseconds since the epoch, for ends that have no time. */
  readonly now: number;
}

/** The records of the steps, from the rows of status.csv. */
export function recordsOf(
  graph: StepGraph,
  rows: readonly StatusRow[],
  { end, endpoint, cancelReason, now }: RecordsOptions,
): StepRecord[] {
  const byName = new Map(rows.map((row) => [row.name, row]));
  const records: StepRecord[] = [];
  for (const step of graph.steps) {
    const row = byName.get(step.name);
    const record = row === undefined ? newRecord() : recordOf(step, row, { end, endpoint, now });
    if (end !== undefined && record.ended === null) finish(record, end, now);
    if (record.state === 'CANCELLED') record.reason = cancelReason;
    if (isFailure(record.state) && record.jobs.length === 0) record.reason = reasonOf(step, graph, records);
    records.push(record);
  }
  return records;
}

function recordOf(
  step: StepInstance,
  row: StatusRow,
  { end, endpoint, now }: Omit<RecordsOptions, 'cancelReason'>,
): StepRecord {
  const { state, submitted, ended, restarts, jobId } = row;
  // A step stays TIMEDOUT until its restart has been seen running.
  const mayRestart = state === 'TIMEDOUT' && step.run.get('restart') !== '' && end === undefined;
  const isOver = over.includes(state) && !mayRestart;
  // Maestro does not see the start of a short job.
  const started = row.started ?? (state === 'FINISHED' ? submitted : null);
  const record: StepRecord = { ...newRecord(), state, restarts, submitted, started };
  if (submitted !== null) {
    const job: JobRecord = {
      attempt: restarts + 1,
      script: restarts > 0 ? 'restart' : 'main',
      id: jobId,
      place: step.scheduled ? endpoint : '',
      isDoubtful: false,
      submitted,
      started,
      ended: isOver ? (ended ?? now) : null,
      result: isOver ? (results[state] ?? null) : null,
    };
    record.jobs.push(job);
  }
  if (isOver) {
    record.ended = ended ?? now;
    record.exitCode = state === 'FINISHED' ? 0 : null;
    if (state === 'FAILED') record.reason = noReason;
  }
  return record;
}

/** A step that Maestro left in the middle: of a study that it cancelled it is cancelled, otherwise not known. */
function finish(record: StepRecord, end: MaestroEnd, now: number): void {
  if (end === 'crashed') {
    if (record.state !== 'INITIALIZED') record.state = 'UNKNOWN';
    return;
  }
  record.state = end === 'CANCELLED' ? 'CANCELLED' : 'FAILED';
  record.ended = now;
  const job = record.jobs.at(-1);
  if (job?.ended === null) Object.assign(job, { ended: now, result: end === 'CANCELLED' ? 'cancelled' : 'failed' });
}

function reasonOf({ dependsOn }: StepInstance, graph: StepGraph, records: readonly StepRecord[]): string {
  const failed = dependsOn.find((index) => isFailure(records[index]?.state ?? 'INITIALIZED'));
  return failed === undefined ? noReason : `dependency ${graph.steps[failed]!.name} failed`;
}

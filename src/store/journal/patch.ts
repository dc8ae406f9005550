import { type JobRecord, newRecord, type StepRecord } from '../../study/state.js';
import type { StepPatch } from './records.js';

type JobPatch = NonNullable<StepPatch['jobs']>[number];

const { jobs: _, ...blankStep } = newRecord();
const stepFields = [...Object.keys(blankStep), 'countedFrom'] as (keyof typeof blankStep)[];
const jobFields = [...Object.keys(newJob(1)), 'blame', 'nodes', 'excluded'] as (keyof JobRecord)[];

/** A job of which only the number is known. */
function newJob(attempt: number): JobRecord {
  return {
    attempt,
    script: 'main',
    id: '',
    place: '',
    isDoubtful: false,
    submitted: 0,
    started: null,
    ended: null,
    result: null,
  };
}

/**
 * The fields that differ, and the jobs that differ.
 *
 * @param after has every job that `before` has: jobs are only ever added
 * @returns undefined if the two say the same
 */
export function diffRecord(before: StepRecord, after: StepRecord): StepPatch | undefined {
  const fields = difference<Omit<StepRecord, 'jobs'>>(stepFields, before, after);
  const jobs: JobPatch[] = [];
  for (const [i, job] of after.jobs.entries()) {
    const known = before.jobs[i];
    // A new job is written with all its fields, so that a later version may change their defaults.
    const changed = known === undefined ? job : difference(jobFields, known, job);
    if (changed !== undefined) jobs.push({ ...changed, attempt: job.attempt });
  }
  if (jobs.length > 0) return { ...fields, jobs };
  return fields;
}

function difference<T extends object>(fields: readonly (keyof T)[], before: T, after: T): Partial<T> | undefined {
  let changed: Partial<T> | undefined;
  for (const field of fields) {
    if (before[field] === after[field]) continue;
    changed ??= {};
    changed[field] = after[field];
  }
  return changed;
}

/**
 * Changes the record as the patch says. Fields that this version does not know are ignored.
 *
 * @returns the record that was given
 * @throws RangeError if the patch names an attempt before which others are missing
 */
export function applyPatch(record: StepRecord, patch: StepPatch): StepRecord {
  assign<Omit<StepRecord, 'jobs'>>(stepFields, record, patch);
  for (const jobPatch of patch.jobs ?? []) {
    const { attempt } = jobPatch;
    if (!(Number.isInteger(attempt) && attempt >= 1 && attempt <= record.jobs.length + 1)) {
      throw new RangeError(`attempt ${attempt} cannot follow ${record.jobs.length} attempts`);
    }
    record.jobs[attempt - 1] ??= newJob(attempt);
    assign(jobFields, record.jobs[attempt - 1]!, jobPatch);
  }
  return record;
}

function assign<T extends object>(fields: readonly (keyof T)[], target: T, patch: Partial<T>): void {
  for (const field of fields) {
    const value = patch[field];
    if (value !== undefined) target[field] = value;
  }
}

/** A copy that shares nothing with the record. */
export function cloneRecord(record: StepRecord): StepRecord {
  return { ...record, jobs: record.jobs.map((job) => ({ ...job })) };
}

/**
 * Whether a patch must be written. QUEUED and FINISHING need not be: the scheduler reports them again to the next driver, and
 * the next patch includes them.
 */
export function isWorthNoting(patch: StepPatch): boolean {
  const isPassing = patch.state === 'QUEUED' || patch.state === 'FINISHING';
  return !isPassing || Object.keys(patch).length > 1;
}

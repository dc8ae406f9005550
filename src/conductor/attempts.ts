import { blame } from '../causes/cause.js';
import { blameOfResult } from '../causes/of-result.js';
import { type FailedAttempt, nodesToBlame } from '../causes/resubmit.js';
import type { JobEvent } from '../schedulers/scheduler.js';
import type { JobRecord, StepRecord, StepState } from '../study/state.js';

/** How a job may end after which `resubmit-on` may ask for another one. */
const countedResults: ReadonlySet<JobRecord['result']> = new Set(['failed', 'timeout', 'node-failure'] as const);

type Counted = Pick<StepRecord, 'jobs' | 'countedFrom'>;

/** The jobs of a step that failed, since the study was begun or last resumed, as far as `resubmit-on` counts them. */
export function failedAttempts({ jobs, countedFrom = 1 }: Counted): FailedAttempt[] {
  return jobs.flatMap((job) => {
    if (job.attempt < countedFrom || !countedResults.has(job.result)) return [];
    // Journals of earlier versions tell no blame.
    const why = job.blame ?? blameOfResult(job.result!) ?? blame('code');
    return [{ blame: why, nodes: job.nodes ?? [] }];
  });
}

/** From which attempt on the jobs of a step count that begins anew, or is taken over from an earlier driver. */
export function countedAnew({ jobs }: Counted): Pick<StepRecord, 'countedFrom'> {
  const next = (jobs.findLast(({ ended }) => ended !== null)?.attempt ?? 0) + 1;
  // What the code did wrong is never counted.
  const counts = failedAttempts({ jobs }).some(({ blame }) => blame.cause !== 'code');
  return counts ? { countedFrom: next } : {};
}

/** The nodes that the next job of a step is not to run on, those that an earlier driver lost too. */
export function nodesToAvoid({ jobs }: Counted): readonly string[] {
  const last = jobs.at(-1);
  // The scheduler has no others for it.
  if (last !== undefined && isStuckElsewhere(last)) return [];
  return nodesToBlame(failedAttempts({ jobs }));
}

/** Whether a job was refused or taken back, perhaps because of the nodes that it was not to run on. */
export function isStuckElsewhere({ excluded, blame, started, result }: JobRecord): boolean {
  if (excluded === undefined || started !== null || result === 'not-run') return false;
  return blame?.cause === 'submission' || blame?.cause === 'queue';
}

/** The record of the next job of a step, which is not submitted yet. */
export function newJob(
  record: StepRecord,
  { attempt, script, at, isLocal }: Pick<JobRecord, 'attempt' | 'script'> & { at: number; isLocal: boolean },
): JobRecord {
  const excluded = isLocal ? [] : nodesToAvoid(record);
  return {
    ...{ attempt, script, id: '', place: '', isDoubtful: false },
    ...{ submitted: at, started: null, ended: null, result: null },
    ...(excluded.length === 0 ? {} : { excluded }),
  };
}

/** @returns whether that is news */
export function learnPlace(
  job: JobRecord,
  { id, endpoint: place, mayBeDuplicate: isDoubtful }: Extract<JobEvent, { type: 'submitted' }>,
): boolean {
  if (job.id === id && job.place === place && job.isDoubtful === isDoubtful) return false;
  Object.assign(job, { id, place, isDoubtful });
  return true;
}

/** @returns whether that is news */
export function learnNodes(job: JobRecord, nodes: readonly string[] = []): boolean {
  if (nodes.length === 0 || job.nodes?.join() === nodes.join()) return false;
  job.nodes = nodes;
  return true;
}

/** Forgets how a step ran that begins again as if it never had. */
export function beginAnew(record: StepRecord): void {
  Object.assign(record, { exitCode: null, signal: null, submitted: null, started: null });
  Object.assign(record, { restarts: 0, restartsBefore: 0, failedAttempts: 0, nodeFailures: 0, notRun: 0 });
  Object.assign(record, countedAnew(record));
}

/** Whether the scheduler may still report that a job in this state waits in the queue. */
export const isBefore = (state: StepState) => state === 'PENDING' || state === 'UNKNOWN';

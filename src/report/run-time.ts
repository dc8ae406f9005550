import { type JobRecord, lastJob } from '../study/state.js';
import { shortDuration } from '../util/format.js';
import type { StepResult } from './results.js';

/**
 * How long a job ran, in milliseconds; null if it did not begin, or is not over.
 *
 * @param until when a job that still runs counts as over
 */
export function runTimeOf(
  job: Pick<JobRecord, 'started' | 'ended'> | undefined,
  until: number | null = null,
): number | null {
  if (job === undefined || job.started === null) return null;
  const ended = job.ended ?? until;
  return ended === null ? null : Math.max(0, ended - job.started);
}

/** How long a step's last job ran, in milliseconds; null if none did, or it is not over. */
export function runTime({ record }: Pick<StepResult, 'record'>): number | null {
  return runTimeOf(lastJob(record));
}

/** The same for people; '' if it is null. */
export function runTimeText(result: Pick<StepResult, 'record'>): string {
  const time = runTime(result);
  return time === null ? '' : shortDuration(time);
}

import { openJob, type StepRecord } from '../../study/state.js';
import type { ForeignJob } from './foreign-job.js';
import type { PlannedStep } from './records.js';

/** Steps, and what is known of them, by index. */
interface Known {
  readonly steps: readonly Pick<PlannedStep, 'name' | 'workspace' | 'scheduled'>[];
  readonly records: readonly StepRecord[];
}

/**
 * Jobs that may run, and that no step has any more once there is another plan: theirs is gone, or has begun anew without
 * them.
 *
 * @param unwanted those of earlier plans of which that was so already
 * @param before the plan that there was, and how far it came
 * @param after the steps that follow, with what is known of them from the beginning
 */
export function unwantedAfter(
  unwanted: readonly ForeignJob[],
  before: Known,
  after: readonly { readonly workspace: string; readonly record: StepRecord }[],
): ForeignJob[] {
  const left = before.steps.flatMap(({ name, scheduled, workspace }, index): ForeignJob[] => {
    const job = openJob(before.records[index]!);
    if (job === undefined) return [];
    return [{ step: name, scheduled, workspace, attempt: job.attempt, id: job.id, place: job.place }];
  });
  if (unwanted.length + left.length === 0) return [];
  const taken = new Map(after.map(({ workspace, record }) => [workspace, openJob(record)?.attempt]));
  return [...unwanted, ...left].filter(({ workspace, attempt }) => taken.get(workspace) !== attempt);
}

/** Those that are left of them when these were told to end. */
export function withoutDiscarded(
  unwanted: readonly ForeignJob[],
  discarded: readonly Pick<ForeignJob, 'workspace' | 'attempt'>[],
): ForeignJob[] {
  return unwanted.filter(
    (job) => !discarded.some(({ workspace, attempt }) => workspace === job.workspace && attempt === job.attempt),
  );
}

import { openJob, type StepRecord } from '../../study/state.js';
import type { ObsoleteJob, PlannedStep } from './records.js';

/** Steps, and what is known of them, by index. */
interface Known {
  readonly steps: readonly Pick<PlannedStep, 'name' | 'workspace' | 'scheduled'>[];
  readonly records: readonly StepRecord[];
}

/**
 * Jobs that may run, and that no step has any more once there is another plan: theirs is gone, or has begun anew without
 * them.
 *
 * @param obsolete those of earlier plans of which that was so already
 * @param before the plan that there was, and how far it came
 * @param after the steps that follow, with what is known of them from the beginning
 */
export function obsoleteAfter(
  obsolete: readonly ObsoleteJob[],
  before: Known,
  after: readonly { readonly workspace: string; readonly record: StepRecord }[],
): ObsoleteJob[] {
  const left = before.steps.flatMap(({ name, scheduled, workspace }, index): ObsoleteJob[] => {
    const job = openJob(before.records[index]!);
    if (job === undefined) return [];
    return [{ step: name, scheduled, workspace, attempt: job.attempt, id: job.id, place: job.place }];
  });
  if (obsolete.length + left.length === 0) return [];
  const taken = new Map(after.map(({ workspace, record }) => [workspace, openJob(record)?.attempt]));
  return [...obsolete, ...left].filter(({ workspace, attempt }) => taken.get(workspace) !== attempt);
}

/** Those that are left of them when these were told to end. */
export function withoutDiscarded(
  obsolete: readonly ObsoleteJob[],
  discarded: readonly Pick<ObsoleteJob, 'workspace' | 'attempt'>[],
): ObsoleteJob[] {
  return obsolete.filter(
    (job) => !discarded.some(({ workspace, attempt }) => workspace === job.workspace && attempt === job.attempt),
  );
}

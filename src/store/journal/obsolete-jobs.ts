import { openJob, type StepRecord } from '../../study/state.js';
import type { ObsoleteJob, PlannedStep } from './records.js';

/** Steps and their records, by index. */
interface Known {
  readonly steps: readonly Pick<PlannedStep, 'name' | 'workspace' | 'scheduled'>[];
  readonly records: readonly StepRecord[];
}

/**
 * The jobs that may still run although no step of the new plan has them: their step is gone, or begins again without them.
 *
 * @param obsolete the jobs that were obsolete before
 * @param before the old plan, with the records of its steps
 * @param after the steps of the new plan, with the records that they begin with
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

/** The obsolete jobs without those that a `discarded` record says were told to end. */
export function withoutDiscarded(
  obsolete: readonly ObsoleteJob[],
  discarded: readonly Pick<ObsoleteJob, 'workspace' | 'attempt'>[],
): ObsoleteJob[] {
  return obsolete.filter(
    (job) => !discarded.some(({ workspace, attempt }) => workspace === job.workspace && attempt === job.attempt),
  );
}

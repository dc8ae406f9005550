import { isInfrastructure } from '../../causes/cause.js';
import type { Night } from '../../history/issue.js';
import type { StudyResults } from '../../report/results.js';
import { hasFailed } from '../../study/state.js';

/** What a reported run means for the issue about its study. */
export function nightOf(results: StudyResults, event: string): Night {
  const failing = failingIn(results);
  const wasBad = results.history === undefined ? null : (results.history.wasBad ?? false);
  return { event, wasBad, failing, outcome: outcomeOf(results, failing) };
}

function outcomeOf(results: StudyResults, failing: readonly string[]): Night['outcome'] {
  const { status, blame } = results;
  if (status === 'DRYRUN' || status === 'CANCELLED') return 'none';
  // What failed by itself fails, whatever kept the rest of the study from its end.
  if (failing.length > 0) return 'red';
  if (status === 'FINISHED') return 'green';
  if (blame != null && isInfrastructure(blame)) return 'site';
  return status === 'FAILURE' ? 'red' : 'none';
}

/** What fails by the study's own doing: what only the site is to blame for comes and goes, and says nothing. */
function failingIn({ steps, metrics = [] }: StudyResults): string[] {
  const failed = steps.filter(
    ({ record, blame }) => hasFailed(record) && !record.tolerated && !(blame != null && isInfrastructure(blame)),
  );
  const moved = metrics.filter(({ verdict }) => verdict.severity === 'failure');
  return [...failed.map(({ step }) => step.name), ...moved.map(({ metric, step }) => `${metric.name} of ${step.name}`)];
}

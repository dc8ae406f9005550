import type { Position } from '../spec/source.js';
import { counted, shortDuration } from '../util/format.js';
import { groupBy } from '../util/group-by.js';
import { type Comparison, growthText } from './comparison.js';
import { titleOf } from './metrics/outcome.js';
import type { StudyResults } from './results.js';

/** What is worth a line in the log and an annotation, besides the steps that failed. */
export interface Finding {
  readonly severity: 'failure' | 'warning';
  readonly at: Position;
  /** The step of the spec. */
  readonly step: string;
  readonly title: string;
  readonly message: string;
}

type Results = Pick<StudyResults, 'metrics' | 'history' | 'steps'>;

/**
 * What is wrong with metrics, failures first, then what takes longer than usual, and than in the baseline. What newly fails is
 * reported as a failure already.
 */
export function findingsOf(results: Results, comparison?: Comparison): Finding[] {
  return [...ofMetrics(results), ...ofHistory(results), ...(comparison === undefined ? [] : ofComparison(comparison))];
}

/** That a metric could not be read has one warning already, by the run that tried. */
function ofMetrics({ metrics = [], steps }: Results): Finding[] {
  const bad = metrics.filter(({ verdict }) => verdict.severity !== 'none' && verdict.verdict !== 'unread');
  if (bad.length === 0) return [];
  const places = placesOf(steps);
  const groups = groupBy(bad, ({ metric, step, verdict }) =>
    JSON.stringify([verdict.severity, metric.name, step.step]),
  );
  const findings = [...groups.values()].flatMap((rows) => {
    const { metric, step, verdict } = rows[0]!;
    const severity = verdict.severity === 'failure' ? 'failure' : 'warning';
    return aloneOrTogether(
      { severity, at: places.get(step.name)!, step: step.step },
      `${metric.name} of ${rows.length} instances of ${step.step}`,
      rows.map((row) => {
        const [title, { reason, line }] = [titleOf(row), row.verdict];
        return { title, message: line === '' ? reason : `${reason}\n${line}`, line: `${title}: ${reason}` };
      }),
    );
  });
  const isFailure = ({ severity }: Finding) => severity === 'failure';
  return [...findings.filter(isFailure), ...findings.filter((finding) => !isFailure(finding))];
}

function ofHistory({ history, steps }: Results): Finding[] {
  const slower = history?.slower ?? [];
  if (slower.length === 0) return [];
  const stepOf = new Map(steps.map(({ step }) => [step.name, step.step]));
  const places = placesOf(steps);
  return [...groupBy(slower, ({ name }) => stepOf.get(name)!)].flatMap(([step, group]) =>
    aloneOrTogether(
      { severity: 'warning', at: places.get(group[0]!.name)!, step },
      `${group.length} instances of ${step} took longer than usual`,
      group.map(({ name, time, usual }) => {
        const message = `${shortDuration(time)}, usually ${shortDuration(usual)}.`;
        return { title: `${name} took longer than usual`, message, line: `${name}: ${message}` };
      }),
    ),
  );
}

/** Slower instances of a step that is slower as a whole are left out. */
function ofComparison({ slowerSteps, slowerInstances }: Comparison): Finding[] {
  const slowSteps = new Set(slowerSteps.map(({ step }) => step));
  const slower = ({ at, step, name }: Pick<Finding, 'at' | 'step'> & { readonly name: string }, message: string) =>
    ({ severity: 'warning', at, step, title: `${name} is slower than before`, message }) as const;
  return [
    ...slowerSteps.map((found) => {
      const { instances } = found;
      return slower(found, `The median of ${counted(instances, 'instance')}: ${growthText(found)}.`);
    }),
    ...slowerInstances
      .filter(({ step }) => !slowSteps.has(step))
      .map((found) => slower(found, `${growthText(found)}.`)),
  ];
}

const placesOf = (steps: StudyResults['steps']) => new Map(steps.map(({ step }) => [step.name, step.at]));

/** Of more than these in one step, one finding names the first. */
const MOST_ALONE = 10;

/** A finding about one instance, with a line that says it among others. */
type Single = Pick<Finding, 'title' | 'message'> & { readonly line: string };

function aloneOrTogether(
  about: Pick<Finding, 'severity' | 'at' | 'step'>,
  title: string,
  singles: readonly Single[],
): Finding[] {
  if (singles.length <= MOST_ALONE) return singles.map(({ title, message }) => ({ ...about, title, message }));
  const named = singles.slice(0, MOST_ALONE).map(({ line }) => line);
  return [{ ...about, title, message: [...named, `and ${singles.length - named.length} more`].join('\n') }];
}

import { numberText } from '../../metrics/verdict.js';
import type { Position } from '../../spec/source.js';
import { groupBy } from '../../util/group-by.js';
import { faultOf } from '../causes.js';
import type { StudyResults } from '../results.js';
import { type MetricRow, unitSuffix } from './rows.js';

/**
 * Results with metrics: a study whose steps are all FINISHED has failed if a metric fails it. The states of its steps stay, for
 * they say what was run.
 */
export function withMetricRows(results: StudyResults, metrics: readonly MetricRow[]): StudyResults {
  const fails = metrics.some(({ verdict }) => verdict.severity === 'failure');
  if (!fails) return { ...results, metrics };
  const status = results.status === 'FINISHED' ? 'FAILURE' : results.status;
  return { ...results, metrics, status, ...faultOf(results.steps, metrics) };
}

/** What a metric is worth an annotation for. */
export interface MetricFinding {
  readonly severity: 'failure' | 'warning';
  readonly at: Position;
  /** The step of the spec. */
  readonly step: string;
  readonly title: string;
  readonly message: string;
}

/** Of more than these in one step, one finding names the first. */
const MOST_ALONE = 10;

/**
 * What is wrong with metrics: failures first, and those of many instances together. That some could not be read has one
 * warning already, by the run that tried.
 */
export function metricFindings({ metrics = [], steps }: Pick<StudyResults, 'metrics' | 'steps'>): MetricFinding[] {
  const places = new Map(steps.map(({ step }) => [step.name, step.at]));
  const bad = metrics.filter(({ verdict }) => verdict.severity !== 'none' && verdict.verdict !== 'unread');
  const groups = groupBy(bad, ({ metric, step, verdict }) =>
    JSON.stringify([verdict.severity, metric.name, step.step]),
  );
  const findings = [...groups.values()].flatMap((rows): MetricFinding[] => {
    const { step, verdict } = rows[0]!;
    const about = {
      severity: verdict.severity === 'failure' ? 'failure' : 'warning',
      at: places.get(step.name)!,
      step: step.step,
    } as const;
    if (rows.length > MOST_ALONE) return [{ ...about, ...together(rows) }];
    return rows.map((row) => ({ ...about, title: titleOf(row), message: messageOf(row) }));
  });
  const isFailure = ({ severity }: MetricFinding) => severity === 'failure';
  return [...findings.filter(isFailure), ...findings.filter((finding) => !isFailure(finding))];
}

/** `grind-time of run_SIZE.10 is 3.35 ns/zone`. */
export function titleOf(row: MetricRow): string {
  const { metric, step, verdict } = row;
  const of = `${metric.name} of ${step.name}`;
  if (verdict.value !== null) return `${of} is ${numberText(verdict.value)}${unitSuffix(metric)}`;
  if (verdict.verdict === 'unread') return `${of} was not read`;
  return `${of} ${verdict.verdict === 'missing' ? 'is missing' : 'cannot be read'}`;
}

function messageOf({ verdict: { reason, line } }: MetricRow): string {
  return line === '' ? reason : `${reason}\n${line}`;
}

function together(rows: readonly MetricRow[]): Pick<MetricFinding, 'title' | 'message'> {
  const { metric, step } = rows[0]!;
  const named = rows.slice(0, MOST_ALONE).map((row) => `${titleOf(row)}: ${row.verdict.reason}`);
  return {
    title: `${metric.name} of ${rows.length} instances of ${step.step}`,
    message: [...named, `and ${rows.length - named.length} more`].join('\n'),
  };
}

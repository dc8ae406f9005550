import { numberText } from '../../metrics/verdict.js';
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

/** `grind-time of run_SIZE.10 is 3.35 ns/zone`. */
export function titleOf(row: MetricRow): string {
  const { metric, step, verdict } = row;
  const of = `${metric.name} of ${step.name}`;
  if (verdict.value !== null) return `${of} is ${numberText(verdict.value)}${unitSuffix(metric)}`;
  if (verdict.verdict === 'unread') return `${of} was not read`;
  return `${of} ${verdict.verdict === 'missing' ? 'is missing' : 'cannot be read'}`;
}

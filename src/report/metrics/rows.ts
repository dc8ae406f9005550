import type { Judgement } from '../../history/judge.js';
import type { Metric } from '../../metrics/metric.js';
import type { MetricVerdict } from '../../metrics/verdict.js';
import type { StepInstance } from '../../study/graph.js';
import { counted } from '../../util/format.js';

/** A metric of one instance, as reports show it. */
export interface MetricRow {
  readonly metric: Pick<Metric, 'name' | 'unit' | 'better'>;
  readonly step: Pick<StepInstance, 'name' | 'step' | 'params'>;
  readonly verdict: MetricVerdict;
  /** By the history; null if there is none. */
  readonly judgement: Judgement | null;
}

/** The unit as a suffix: ` ns/zone`; '' if there is none. */
export const unitSuffix = ({ unit }: Pick<Metric, 'unit'>) => (unit === '' ? '' : ` ${unit}`);

/** How many runs the values are compared with, for people: always said, because silence looks like agreement. */
export function comparedWith(rows: readonly MetricRow[]): string {
  const runs = [...new Set(rows.map(({ judgement }) => judgement?.runs ?? 0))];
  return runs.length === 0 ? earlierRunsText(0, 0) : earlierRunsText(Math.min(...runs), Math.max(...runs));
}

/** `Metrics: 90 values. Compared with 14 earlier runs`. */
export function metricsLine(rows: readonly MetricRow[]): string {
  const values = rows.filter(({ verdict }) => verdict.value !== null).length;
  return `Metrics: ${counted(values, 'value')}. ${comparedWith(rows)}`;
}

/** `Compared with 14 earlier runs`. */
export function earlierRunsText(fewest: number, most: number): string {
  if (most === 0) return 'Compared with no earlier run';
  return `Compared with ${fewest === most ? '' : `${fewest} to `}${counted(most, 'earlier run')}`;
}

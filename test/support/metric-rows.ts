import type { Judgement } from '../../src/history/judge.js';
import type { MetricRow } from '../../src/report/metrics/rows.js';

/** A metric of an instance of the step `run`, with what the test says of its verdict. */
export function metricRow(
  name: string,
  verdict: Partial<MetricRow['verdict']> = {},
  judgement: Judgement | null = null,
): MetricRow {
  return {
    metric: { name: 'time', unit: 's', better: 'lower' },
    step: { name, step: 'run', params: { SIZE: name } },
    verdict: {
      ...{ value: 3.5, line: 'time = 3.5', reference: null, low: null, high: null },
      ...{ verdict: 'ok', severity: 'none', reason: '' },
      ...verdict,
    },
    judgement,
  };
}

/** One that fails its study. */
export const worseRow = (name: string, reason = '10 % above the reference 3.2') =>
  metricRow(name, { verdict: 'worse', severity: 'failure', reason });

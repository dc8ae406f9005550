import { describe, expect, it } from 'vitest';
import type { Judgement } from '../../../src/history/judge.js';
import type { Better } from '../../../src/metrics/metric.js';
import { benchmarkFiles, metricsCsv } from '../../../src/report/metrics/files.js';
import { comparedWith, type MetricRow } from '../../../src/report/metrics/rows.js';

const judged = (runs: number): Judgement => ({
  name: '',
  now: 1,
  verdict: 'same',
  runs,
  median: 3,
  change: 0,
  limit: 0.15,
});
const row = (
  name: string,
  value: number | null,
  params: Readonly<Record<string, string>>,
  { better = 'lower', unit = 'ns', runs }: { better?: Better; unit?: string; runs?: number } = {},
): MetricRow => ({
  metric: { name, unit, better },
  step: { name: `run_${Object.values(params).join('.')}`, step: 'run', params },
  verdict: { value, line: '', reference: null, low: null, high: null, verdict: 'ok', severity: 'none', reason: '' },
  judgement: runs === undefined ? null : judged(runs),
});

/** Of a study whose instances are those with values, and others. */
function csvOf(rows: readonly MetricRow[], others: readonly Pick<MetricRow, 'step'>[] = []) {
  const instances = new Map([...rows, ...others].map(({ step }) => [step.name, step]));
  return metricsCsv(rows, [...instances.values()]);
}

describe('metrics.csv', () => {
  it('has a row for each instance, and a column for each parameter and metric', () => {
    const rows = [row('time', 3.5, { SIZE: '10' }), row('fom', 1e9, { SIZE: '10' }), row('time', null, { SIZE: '20' })];
    const others = [row('', null, { SIZE: '30' }), { step: { name: 'post', step: 'post', params: {} } }];
    expect(csvOf(rows, others)).toBe(
      'instance,step,SIZE,time,fom\nrun_10,run,10,3.5,1000000000\nrun_20,run,20,,\nrun_30,run,30,,\npost,post,,,\n',
    );
  });

  it('quotes what needs quotes', () =>
    expect(csvOf([row('time', 1, { NOTE: 'a, "b"\nc' })])).toBe(
      'instance,step,NOTE,time\n"run_a, ""b""\nc",run,"a, ""b""\nc",1\n',
    ));

  it('tells names apart that stand for two things', () =>
    expect(csvOf([row('SIZE', 1, { SIZE: '10', step: '2' })]).split('\n')[0]).toBe(
      'instance,step,SIZE,param.step,metric.SIZE',
    ));

  it('has its head alone if there are no values', () => expect(csvOf([])).toBe('instance,step\n'));
});

describe("github-action-benchmark's files", () => {
  it('have each value where it is better', () => {
    const rows = [
      row('time', 3.5, { SIZE: '10', TRIAL: '1' }, { runs: 14 }),
      row('fom', 2, {}, { better: 'higher', unit: '' }),
      row('energy', 5, {}, { better: 'none' }),
      row('time', null, { SIZE: '20' }),
    ];
    const { smaller, bigger } = benchmarkFiles(rows);
    expect(JSON.parse(smaller)).toEqual([
      { name: 'time of run_10.1', unit: 'ns', value: 3.5, range: '± 0.15', extra: 'SIZE=10\nTRIAL=1' },
    ]);
    expect(JSON.parse(bigger)).toEqual([{ name: 'fom of run_', unit: '1', value: 2 }]);
  });
});

it.each<[readonly (number | undefined)[], string]>([
  [[], 'Compared with no earlier run'],
  [[undefined, 0], 'Compared with no earlier run'],
  [[1, 1], 'Compared with 1 earlier run'],
  [[14, 14], 'Compared with 14 earlier runs'],
  [[undefined, 14], 'Compared with 0 to 14 earlier runs'],
])('values with %j earlier runs are said to be so: %s', (runs, text) =>
  expect(comparedWith(runs.map((count) => row('time', 1, {}, count === undefined ? {} : { runs: count })))).toBe(text),
);

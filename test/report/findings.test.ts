import { describe, expect, it } from 'vitest';
import { annotationsOf } from '../../src/github/annotations.js';
import { compare, parseBaseline } from '../../src/report/comparison.js';
import { findingsOf } from '../../src/report/findings.js';
import { withMetricRows } from '../../src/report/metrics/outcome.js';
import { reportJson } from '../../src/report/report-json.js';
import type { ShownHistory } from '../../src/report/results.js';
import { summaryMarkdown } from '../../src/report/summary.js';
import { metricRow, worseRow } from '../support/metric-rows.js';
import { ran, resultsOf } from '../support/results.js';
import { validReport } from '../support/valid-report.js';

const instances = (count: number, time = 1000) =>
  Array.from({ length: count }, (_, i) => ({ name: `run_${i}`, step: 'run', line: 12, record: ran(time) }));
const results = resultsOf(instances(30));
const history: ShownHistory = {
  ...{ branch: 'main', commit: 'b'.repeat(40), server: 'https://github.com', runs: 14, values: {} },
  changes: [],
  slower: [],
};

describe('what is found besides failed steps', () => {
  it('are one for each instance, failures first, on the line of its step', () => {
    const warned = metricRow('run_0', { verdict: 'worse', severity: 'warning', reason: 'x' });
    const judged = withMetricRows(results, [warned, worseRow('run_1'), metricRow('run_2')]);
    expect(annotationsOf(judged).annotations).toEqual([
      {
        ...{ level: 'failure', line: 12, step: 'run', title: 'time of run_1 is 3.5 s', details: '' },
        message: '10 % above the reference 3.2\ntime = 3.5',
      },
      {
        level: 'warning',
        line: 12,
        step: 'run',
        title: 'time of run_0 is 3.5 s',
        details: '',
        message: 'x\ntime = 3.5',
      },
    ]);
  });

  it('are one for many of a step together', () => {
    const rows = instances(11).map(({ name }) => worseRow(name));
    const [only, ...others] = findingsOf({ ...results, metrics: rows });
    expect(others).toEqual([]);
    expect(only).toMatchObject({ severity: 'failure', title: 'time of 11 instances of run' });
    expect(only!.message.split('\n')).toHaveLength(11);
    expect(only!.message).toMatch(/and 1 more$/);
  });

  it.each([
    [{ value: null, verdict: 'missing' as const, severity: 'failure' as const }, 'time of run_0 is missing'],
    [{ value: null, verdict: 'unreadable' as const, severity: 'failure' as const }, 'time of run_0 cannot be read'],
  ])('say what is not there', (verdict, title) =>
    expect(findingsOf({ ...results, metrics: [metricRow('run_0', verdict)] })[0]!.title).toBe(title),
  );

  it('are none of those that could not be read, of which the run itself warns', () => {
    const unread = metricRow('run_0', { value: null, verdict: 'unread', severity: 'warning', reason: 'gone' });
    const judged = withMetricRows(results, [unread]);
    expect(judged.status).toBe('FINISHED');
    expect(findingsOf(judged)).toEqual([]);
    expect(summaryMarkdown(judged)).toContain('⚠️ not read');
    expect(validReport(reportJson(judged)).metrics).toMatchObject([{ verdict: 'unread', severity: 'warning' }]);
  });

  it('are of what takes longer than usual, too', () => {
    const slower = (count: number) => instances(count).map(({ name }) => ({ name, time: 90_000, usual: 60_000 }));
    const found = (count: number) => findingsOf({ ...results, history: { ...history, slower: slower(count) } });
    expect(found(1)).toEqual([
      {
        severity: 'warning',
        at: results.steps[0]!.step.at,
        step: 'run',
        title: 'run_0 took longer than usual',
        message: '1m 30s, usually 1m 00s.',
      },
    ]);
    expect(found(12).map(({ title }) => title)).toEqual(['12 instances of run took longer than usual']);
    expect(findingsOf(results)).toEqual([]);
  });

  it('are of metrics first, of which failures are, then of the history, then of the baseline', () => {
    const slower = resultsOf(instances(2, 60_000));
    const comparison = compare(parseBaseline(reportJson(results)), slower, 25);
    const warned = metricRow('run_0', { verdict: 'worse', severity: 'warning', reason: 'x' });
    const found = {
      ...withMetricRows(slower, [warned, worseRow('run_1')]),
      history: { ...history, slower: [{ name: 'run_0', time: 60_000, usual: 1000 }] },
    };
    expect(findingsOf(found, comparison).map(({ severity, title }) => [severity, title])).toEqual([
      ['failure', 'time of run_1 is 3.5 s'],
      ['warning', 'time of run_0 is 3.5 s'],
      ['warning', 'run_0 took longer than usual'],
      ['warning', 'run is slower than before'],
    ]);
  });
});

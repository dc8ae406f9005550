import { describe, expect, it } from 'vitest';
import type { MetricVerdict } from '../../../src/metrics/verdict.js';
import type { MetricRow } from '../../../src/report/metrics/rows.js';
import { metricsMarkdown } from '../../../src/report/summary/metrics.js';

const row = (name: string, verdict: Partial<MetricVerdict>): MetricRow => ({
  metric: { name: 'time', unit: 'ms', better: 'lower' },
  step: { name, step: 'run', params: {} },
  verdict: {
    ...{
      value: 2.50061,
      line: '',
      reference: null,
      low: null,
      high: null,
      verdict: 'ok',
      severity: 'none',
      reason: '',
    },
    ...verdict,
  },
  judgement: null,
});
const lines = (rows: readonly MetricRow[], bytes = 10_000) => metricsMarkdown(rows, bytes)?.split('\n');

describe('the metrics in a summary', () => {
  it('are none without metrics', () => expect(metricsMarkdown([], 1000)).toBe(''));

  it('are counted if nothing is new', () =>
    expect(
      lines([row('a', {}), row('b', { verdict: 'recorded' }), row('c', { verdict: 'missing', value: null })]),
    ).toEqual(['### Metrics', '', 'Compared with no earlier run. 3 values are as expected, or only recorded.']));

  it('are a table of what is new', () =>
    expect(
      lines([
        row('good', { verdict: 'better', reason: '10 % below the median 3.5 of 14 runs' }),
        row('quiet', {}),
        row('warned', { verdict: 'worse', severity: 'warning', reason: 'b' }),
        row('bad', { verdict: 'worse', severity: 'failure', reason: 'a' }),
        row('gone', { verdict: 'missing', severity: 'failure', value: null, reason: 'the pattern matches nothing' }),
      ]),
    ).toEqual([
      '### Metrics',
      '',
      'Compared with no earlier run. 1 value is as expected, or only recorded.',
      '',
      '| Instance | Metric | Value | Verdict | Why |',
      '| --- | --- | --- | --- | --- |',
      '| <code>good</code> | time | 2.501 ms | 💚 better | 10 % below the median 3.5 of 14 runs |',
      '| <code>warned</code> | time | 2.501 ms | ⚠️ worse | b |',
      '| <code>bad</code> | time | 2.501 ms | ❌ worse | a |',
      '| <code>gone</code> | time |  | ❌ missing | the pattern matches nothing |',
    ]));

  it('keep what matters most where there is little room', () => {
    const many = Array.from({ length: 100 }, (_, i) => row(`good-${i}`, { verdict: 'better', reason: 'x' }));
    const text = metricsMarkdown([...many, row('bad', { verdict: 'worse', severity: 'failure' })], 700)!;
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(700);
    expect(text).toContain('<code>bad</code>');
    expect(text).toMatch(/And \d+ more; all are in report\.json\.$/);
    expect(metricsMarkdown([row('bad', { verdict: 'worse' })], 100)).toBeUndefined();
  });

  it('show texts from elsewhere as they are', () => {
    const [, , , , , , line] = lines([
      row('a|b<i>', { verdict: 'unreadable', value: null, reason: 'the value `@x` | y' }),
    ])!;
    expect(line).toBe(
      '| <code>a&#124;b&lt;i&gt;</code> | time |  | ❌ not readable | the value &#96;&#64;x&#96; &#124; y |',
    );
  });
});

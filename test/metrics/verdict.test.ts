import { describe, expect, it } from 'vitest';
import type { Judgement } from '../../src/history/judge.js';
import { numberText, type VerdictFacts, verdictOf } from '../../src/metrics/verdict.js';

const percent = (amount: number) => ({ amount, isPercent: true });
const judged = (verdict: Judgement['verdict'], more: Partial<Judgement> = {}): Judgement => ({
  ...{ name: 'run', now: 110, verdict, runs: 14, median: 100, change: 10, limit: 5 },
  ...more,
});
const verdict = (value: number | null, more: Partial<VerdictFacts['metric']> = {}, facts: Partial<VerdictFacts> = {}) =>
  verdictOf({
    metric: {
      unit: 's',
      better: 'lower',
      tolerance: { lower: null, upper: percent(5) },
      onRegression: 'fail',
      isOptional: false,
      ...more,
    },
    reading:
      value === null
        ? { is: 'missing', why: 'the pattern matches nothing' }
        : { is: 'value', value, line: `t = ${value}`, matches: 1 },
    reference: null,
    judgement: null,
    ...facts,
  });
const reference = { reference: { value: 100 } };
const unread = { reading: { is: 'unread', why: 'the connection broke' } } as const;
const both = { tolerance: { lower: percent(20), upper: percent(5) } };

describe('a value', () => {
  it.each<[string, ReturnType<typeof verdict>, string, string]>([
    ['with nothing to compare', verdict(100), 'recorded', 'none'],
    ['with too short a history', verdict(100, {}, { judgement: judged('unknown') }), 'recorded', 'none'],
    ['within the bounds', verdict(105, {}, reference), 'ok', 'none'],
    ['as it was', verdict(100, {}, { judgement: judged('same') }), 'ok', 'none'],
    ['above the bound', verdict(106, {}, reference), 'worse', 'failure'],
    ['above the bound, to be warned of', verdict(106, { onRegression: 'warn' }, reference), 'worse', 'warning'],
    ['far below without a bound there', verdict(10, {}, reference), 'ok', 'none'],
    ['far below with a bound there', verdict(10, both, reference), 'outside', 'failure'],
    ['below, where higher is better', verdict(79, { ...both, better: 'higher' }, reference), 'worse', 'failure'],
    ['out of bounds, where neither is better', verdict(106, { better: 'none' }, reference), 'outside', 'failure'],
    ['worse than it was', verdict(110, {}, { judgement: judged('worse') }), 'worse', 'failure'],
    ['better than it was', verdict(90, {}, { judgement: judged('better') }), 'better', 'none'],
    ['other than it was', verdict(90, {}, { judgement: judged('moved') }), 'moved', 'none'],
    [
      'within the bounds, worse than it was',
      verdict(104, {}, { ...reference, judgement: judged('worse') }),
      'worse',
      'failure',
    ],
    ['that is missing', verdict(null), 'missing', 'failure'],
    ['that may be missing', verdict(null, { isOptional: true }), 'missing', 'none'],
    [
      'that cannot be read',
      verdict(1, {}, { reading: { is: 'unreadable', why: 'the value is nan', line: 't = nan' } }),
      'unreadable',
      'failure',
    ],
    ['that the host could not be asked for', verdict(1, {}, unread), 'unread', 'warning'],
    [
      'that the host could not be asked for, and may be missing',
      verdict(1, { isOptional: true }, unread),
      'unread',
      'none',
    ],
  ])('%s is %s', (_, found, is, severity) => expect(found).toMatchObject({ verdict: is, severity }));

  it('says why', () => {
    expect(verdict(112.9, {}, reference).reason).toBe('12.9 % above the reference 100 (at most 105)');
    expect(verdict(70, both, reference).reason).toBe('30 % below the reference 100 (at least 80)');
    expect(verdict(110, {}, { judgement: judged('worse') }).reason).toBe('10 % above the median 100 of 14 runs');
    const absolute = { tolerance: { lower: null, upper: { amount: 1e-12, isPercent: false } } };
    expect(verdict(3e-9, absolute, { reference: { value: 0 } }).reason).toBe(
      '3e-9 above the reference 0 (at most 1e-12)',
    );
    expect(verdict(100).reason).toBe('');
  });

  it('has the bounds that its reference gives', () => {
    expect(verdict(100, both, reference)).toMatchObject({ reference: 100, low: 80, high: 105 });
    expect(verdict(100, {}, reference)).toMatchObject({ low: null, high: 105 });
    expect(verdict(100)).toMatchObject({ reference: null, low: null, high: null });
  });
});

it.each([
  [2.50061, '2.501'],
  [1234567, '1235000'],
  [1e-9, '1e-9'],
  [100, '100'],
  [0, '0'],
])('%d is shown as %s', (value, text) => expect(numberText(value)).toBe(text));

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { html } from '../../../src/report/html/html.js';
import { metricsSection } from '../../../src/report/html/metrics.js';
import { type Plot, plotFigure, ticksBetween } from '../../../src/report/html/plots.js';
import type { StudyResults } from '../../../src/report/results.js';
import { nightlyResults } from '../../support/nightly-results.js';

const plot: Plot = {
  caption: html`over <bdi>A</bdi>`,
  label: 'a over A',
  places: ['1', '2', '3'],
  bands: [],
  points: [1, 2, 3].map((y, x) => ({ x, y, tone: 'usual', title: `run_${x}` })),
  unit: 's',
};

const centres = (text: string) =>
  [...text.matchAll(/<circle class="point" cx="([\d.-]+)" cy="([\d.-]+)"/g)].map(([, x, y]) => [Number(x), Number(y)]);

describe('a plot', () => {
  it('has a mark for each value, higher ones higher, with what a pointer on it is told', () => {
    const { text } = plotFigure(plot);
    const [a, b, c] = centres(text) as [number[], number[], number[]];
    expect(a[0]! < b[0]! && b[0]! < c[0]!).toBe(true);
    expect(a[1]! > b[1]! && b[1]! > c[1]!).toBe(true);
    expect(text).toContain('<title>run_1: 2 s</title>');
    expect(text).toContain('role="img" aria-label="a over A"');
  });

  it('shows what is worse than allowed by another shape, not by its colour alone', () => {
    const { text } = plotFigure({ ...plot, points: [{ x: 0, y: 1, tone: 'bad', title: 'run' }] });
    expect(text).toMatch(/<path class="point-bad" d="M[^"]+Z"><title>run: 1 s<\/title>/);
    expect(centres(text)).toEqual([]);
  });

  it('puts numbers where they are, and by their logarithms if they differ by orders of magnitude', () => {
    const at = (positions: readonly number[]) => {
      const [a, b, c] = centres(plotFigure({ ...plot, positions }).text).map(([x]) => x!);
      return (b! - a!) / (c! - a!);
    };
    expect(at([10, 20, 50])).toBeCloseTo(0.25, 2);
    expect(at([1, 10, 100])).toBeCloseTo(0.5, 2);
  });

  it('has a band from what is allowed at least to what is allowed at most, and to the edge without a bound', () => {
    const band = { from: 0, to: 2, middle: 2, kind: 'reference' } as const;
    const heightOf = (low: number | null, high: number | null) =>
      Number(
        /class="band"[^>]* height="([\d.]+)"/.exec(plotFigure({ ...plot, bands: [{ ...band, low, high }] }).text)![1],
      );
    const bounded = heightOf(1.5, 2.5);
    expect(bounded).toBeGreaterThan(20);
    expect(heightOf(1.5, null)).toBeGreaterThan(bounded);
    expect(heightOf(null, null)).toBeGreaterThan(heightOf(1.5, null));
  });

  it('is drawn of any values, with all of its marks inside', () => {
    const value = fc.double({ min: -1e12, max: 1e12, noNaN: true });
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 20 }), (values) => {
        const points = values.map((y, x) => ({ x, y, tone: 'usual', title: 't' }) as const);
        const { text } = plotFigure({ ...plot, places: values.map(String), points });
        expect(text).not.toMatch(/NaN|Infinity/);
        for (const [x, y] of centres(text)) {
          expect(x).toBeGreaterThanOrEqual(0);
          expect(x).toBeLessThanOrEqual(330);
          expect(y).toBeGreaterThanOrEqual(0);
          expect(y).toBeLessThanOrEqual(160);
        }
      }),
    );
  });

  it('has a few round numbers on its axis', () => {
    expect(ticksBetween(2.9, 3.5)).toEqual([3, 3.2, 3.4]);
    expect(ticksBetween(0, 100)).toEqual([0, 20, 40, 60, 80, 100]);
    fc.assert(
      fc.property(
        fc.double({ min: -1e6, max: 1e6, noNaN: true }),
        fc.double({ min: 1e-3, max: 1e9, noNaN: true }),
        (low, width) => {
          const ticks = ticksBetween(low, low + width);
          expect(ticks.length).toBeGreaterThanOrEqual(2);
          expect(ticks.length).toBeLessThanOrEqual(6);
        },
      ),
    );
  });

  it('has no labels over each other on its axis', () => {
    const places = Array.from({ length: 200 }, (_, i) => `value ${i}`);
    const { text } = plotFigure({ ...plot, places, points: places.map((_, x) => ({ ...plot.points[0]!, x })) });
    const labels = [...text.matchAll(/class="(?:middle|end) small" x="([\d.]+)" y="155">/g)].map(([, x]) => Number(x));
    expect(labels.length).toBeGreaterThan(2);
    expect(labels.length).toBeLessThan(10);
  });
});

describe('the section of metrics', () => {
  const sectionOf = (results: StudyResults) => metricsSection(results).text;
  const labelsOf = (text: string) => [...text.matchAll(/role="img" aria-label="([^"]*)"/g)].map(([, label]) => label!);

  it('is not there without metrics', () => {
    expect(sectionOf({ ...nightlyResults(), metrics: [] })).toBe('');
  });

  it('says how many values there are, with how many runs they are compared, and what is worse', () => {
    const text = sectionOf(nightlyResults());
    expect(text).toContain('Compared with 14 earlier runs of main.');
    expect(text).toContain('<h3><bdi>grind-time</bdi> <span class="number">ns/zone, lower is better</span></h3>');
    expect(text).toMatch(/81 values, 2\.\d+ to 3\.\d+ ns\/zone; 1 fails the study/);
  });

  it('has a plot over each parameter, of all instances over the history, and of those with most to see', () => {
    const labels = labelsOf(sectionOf(nightlyResults()));
    expect(labels.map((label) => label.replace(/:.*/, ''))).toEqual([
      'grind-time over SIZE',
      'grind-time over TRIAL',
      'grind-time of 81 instances in percent of their medians',
      'grind-time of run_SIZE.40.TRIAL.3',
      expect.stringMatching(/^grind-time of run_SIZE\.\d0\.TRIAL\.\d$/),
    ]);
    expect(labels[0]).toContain('run_SIZE.40.TRIAL.3 worse than allowed');
    expect(labels[3]).toContain('in 14 earlier runs, now 3.3');
  });

  it('has its reference as a band at each place where it differs, and over all if it is the same', () => {
    const results = nightlyResults();
    const [first] = sectionOf(results).split('<figure>').slice(1);
    expect(first!.match(/class="band"/g)).toHaveLength(9);
    // Over the other parameter each place has nine different ones.
    expect(sectionOf(results).split('<figure>')[2]).not.toContain('class="band"');
    const same = results.metrics!.map((row) => ({
      ...row,
      verdict: { ...row.verdict, reference: 3, low: null, high: 3.2 },
    }));
    const [one] = sectionOf({ ...results, metrics: same })
      .split('<figure>')
      .slice(1);
    expect(one!.match(/class="band"/g)).toHaveLength(1);
  });

  it('has a range and the median in place of more values than one can see', () => {
    const results = nightlyResults();
    const metrics = Array.from({ length: 10_000 }, (_, i) => {
      const row = results.metrics![i % results.metrics!.length]!;
      return { ...row, step: { ...row.step, name: `run_${i}`, params: { SIZE: String(i % 7) } } };
    });
    const text = sectionOf({ ...results, metrics, history: { ...results.history!, values: {} } });
    const [first] = text.split('<figure>').slice(1);
    expect(first!.match(/class="range"/g)).toHaveLength(7);
    expect(first).not.toContain('<circle');
    expect(text.length).toBeLessThan(50_000);
  });

  it('says of a metric without any value how many there should be, and draws nothing', () => {
    const results = nightlyResults();
    const metrics = results.metrics!.map((row) => ({
      ...row,
      verdict: { ...row.verdict, value: null, verdict: 'missing', severity: 'failure' } as const,
    }));
    const text = sectionOf({ ...results, metrics });
    expect(text).toContain('0 values; 81 fail the study; 81 without a value');
    expect(text).not.toContain('<svg');
  });
});

import { describe, expect, it } from 'vitest';
import { COMPARED_RUNS, FEWEST_RUNS, judge, type Series } from '../../src/history/judge.js';
import { drawnTogether, spreadOf, studentQuantile } from '../../src/history/statistics.js';
import { median } from '../../src/util/median.js';
import { type Chance, chanceOf } from '../support/crash/chance.js';

/** Normal numbers (Box and Muller). */
const normalOf = (chance: Chance) => () => Math.sqrt(-2 * Math.log(1 - chance())) * Math.cos(2 * Math.PI * chance());

const instances = 90;
const options = { better: 'lower', tolerancePercent: 5, comparisons: instances } as const;
const many = (count: number, value: () => number) => Array.from({ length: count }, value);

/** The noise of each instance, as a share of its value. */
type Noise = (normal: () => number, instance: number) => number;
interface Nights {
  readonly seed: number;
  readonly noise: Noise;
  /** What all instances of one night have in common, as a share. */
  readonly ofNight?: number;
}

/** Plays nights of one study of 90 instances whose values do not change but for noise. */
class Cluster {
  readonly #normal: () => number;
  readonly #noises: readonly number[];
  readonly #values: readonly number[];
  readonly #ofNight: number;
  #nights: number[][] = [];

  constructor({ seed, noise, ofNight = 0 }: Nights) {
    const normal = normalOf(chanceOf(seed));
    this.#normal = normal;
    this.#ofNight = ofNight;
    this.#noises = Array.from({ length: instances }, (_, instance) => noise(normal, instance));
    // From a second to an hour.
    this.#values = Array.from({ length: instances }, (_, instance) => 1.095 ** instance);
    for (let night = 0; night < COMPARED_RUNS; night++) this.#nights.push(this.#play());
  }

  /** One more night. @param slower factors for the values of some instances */
  night(slower: ReadonlyMap<number, number> = new Map()) {
    const now = this.#play().map((value, instance) => value * (slower.get(instance) ?? 1));
    const series = now.map(
      (value, instance): Series => ({
        name: `run_${instance}`,
        now: value,
        before: this.#nights.map((values) => values[instance]!),
      }),
    );
    this.#nights = [...this.#nights.slice(1), now];
    return judge(series, options);
  }

  #play(): number[] {
    const night = 1 + this.#ofNight * this.#normal();
    return this.#values.map((value, instance) => value * night * (1 + this.#noises[instance]! * this.#normal()));
  }
}

const worse = (judged: ReturnType<typeof judge>) =>
  judged.flatMap(({ name, verdict }) => (verdict === 'worse' ? [name] : []));

describe('a regression of 8 % in one instance of 90, after 14 nights with 1 % of noise', () => {
  it('is found, and nothing else', () => {
    let found = 0;
    for (let seed = 1; seed <= 100; seed++) {
      const cluster = new Cluster({ seed, noise: () => 0.01 });
      const names = worse(cluster.night(new Map([[seed % instances, 1.08]])));
      expect(names.filter((name) => name !== `run_${seed % instances}`)).toEqual([]);
      found += names.length;
    }
    expect(found).toBeGreaterThanOrEqual(97);
  });
});

describe('200 nights of noise alone give fewer than two alarms', () => {
  it.each<[string, Omit<Nights, 'seed'>]>([
    ['1 %', { noise: () => 0.01 }],
    ['2 %', { noise: () => 0.02 }],
    ['5 %, as much as the tolerance', { noise: () => 0.05 }],
    ['2 %, and twice that in every fifth instance', { noise: (_, instance) => (instance % 5 === 0 ? 0.04 : 0.02) }],
    ['2 % in the middle, different in each instance', { noise: (normal) => 0.02 * Math.exp(0.5 * normal()) }],
  ])('with %s', (_, nights) => {
    const cluster = new Cluster({ seed: 20, ...nights });
    let alarms = 0;
    for (let night = 0; night < 200; night++) alarms += worse(cluster.night()).length;
    expect(alarms).toBeLessThan(2);
  });

  it('where whole nights are slow, in as few nights', () => {
    const cluster = new Cluster({ seed: 20, noise: () => 0.01, ofNight: 0.02 });
    let nights = 0;
    for (let night = 0; night < 200; night++) nights += worse(cluster.night()).length > 0 ? 1 : 0;
    expect(nights).toBeLessThan(4);
  });
});

describe('a value', () => {
  const steady = [100, 101, 99, 100, 100.5, 99.5, 100, 101, 99, 100, 100, 100.5, 99.5, 100];
  const one = (now: number, before: readonly number[] = steady, more: Partial<Parameters<typeof judge>[1]> = {}) =>
    judge([{ name: 'run', now, before }], { better: 'lower', tolerancePercent: 5, comparisons: 1, ...more })[0]!;

  it.each([
    [104.9, 'lower', 'same'],
    [106, 'lower', 'worse'],
    [94, 'lower', 'better'],
    [106, 'higher', 'better'],
    [94, 'higher', 'worse'],
    [106, 'none', 'moved'],
  ] as const)('of %d after many of about 100, where better is %s, is %s', (now, better, verdict) =>
    expect(one(now, steady, { better })).toMatchObject({ verdict, runs: 14, median: 100 }),
  );

  it('is unknown after fewer than five runs', () => {
    expect(one(200, steady.slice(0, FEWEST_RUNS - 1))).toMatchObject({ verdict: 'unknown', runs: 4, limit: null });
    expect(one(200, [])).toMatchObject({ verdict: 'unknown', runs: 0, median: null, change: null });
  });

  it('that never changed is worse as soon as it leaves the tolerance', () => {
    const constant = steady.map(() => 42);
    expect(one(42 * 1.051, constant).verdict).toBe('worse');
    expect(one(42 * 1.049, constant).verdict).toBe('same');
    expect(one(43, constant, { tolerancePercent: 0 }).verdict).toBe('worse');
  });

  it('may leave the tolerance by as much as it does by itself', () => {
    const noisy = steady.map((value, i) => value + (i - 6.5) * 2);
    expect(one(110, noisy).verdict).toBe('same');
    expect(one(150, noisy).verdict).toBe('worse');
  });

  it('may be what it was in more than a quarter of the runs, as where two kinds of nodes take turns', () => {
    const turns = (slow: number) => steady.map((value, i) => (i < slow ? value + 20 : value));
    expect(one(119, turns(4)).verdict).toBe('same');
    expect(one(119, turns(3)).verdict).toBe('worse');
    expect(one(140, turns(4)).verdict).toBe('worse');
  });

  it('is not excused by a few runs that were far off', () => {
    const outliers = [...steady.slice(3), 300, 300, 20];
    expect(one(110, outliers).verdict).toBe('worse');
  });

  it('has to be further off the more values are compared', () => {
    const limit = (comparisons: number) =>
      one(
        100,
        steady.map((value) => 100 + (value - 100) * 5),
        { comparisons },
      ).limit!;
    expect(limit(1)).toBeLessThan(limit(90));
    expect(limit(90)).toBeLessThan(limit(10_000));
  });

  it('may be as far off as its spread, the uncertainty of that and of the median, and the number of chances allow', () => {
    const noisy = steady.map((value) => 100 + (value - 100) * 5);
    const quantile = studentQuantile(1 / 500 / 90, 0.82 * 13);
    const expected = quantile * spreadOf(noisy) * Math.sqrt(1 + Math.PI / 28);
    expect(one(100, noisy, { comparisons: 90 }).limit).toBeCloseTo(expected, 6);
  });

  it('may be zero, or below', () => {
    expect(
      one(
        0,
        steady.map(() => 0),
      ).verdict,
    ).toBe('same');
    expect(
      one(
        1,
        steady.map(() => 0),
      ).verdict,
    ).toBe('worse');
    expect(
      one(
        -94,
        steady.map((value) => -value),
      ).verdict,
    ).toBe('worse');
  });

  it('of 10,000 instances is judged in a moment', () => {
    const series = Array.from({ length: 10_000 }, (_, i): Series => ({ name: `run_${i}`, now: 100, before: steady }));
    expect(judge(series, { ...options, comparisons: 10_000 }).every(({ verdict }) => verdict === 'same')).toBe(true);
  });
});

describe('the statistics', () => {
  it('median is the middle', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(() => median([])).toThrow(RangeError);
  });

  it('spread is the standard deviation of normal numbers', () => {
    const normal = normalOf(chanceOf(7));
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(many(300, () => spreadOf(many(14, normal))))).toBeCloseTo(1, 1);
    expect(spreadOf([5])).toBe(0);
    expect(spreadOf([5, 5, 5])).toBe(0);
  });

  it.each([
    [0.001, 10, 4.144],
    [0.0005, 30, 3.646],
    [0.00005, 30, 4.482],
    [0.005, 1e6, 2.576],
    [0.00002, 1e6, 4.107],
  ])('is above what Student says with a probability of %d and %d degrees', (probability, degrees, quantile) => {
    const found = studentQuantile(probability, degrees);
    expect(found).toBeGreaterThan(quantile - 0.01);
    expect(found).toBeLessThan(quantile * 1.03);
  });

  it('draws spreads together that differ by chance, and leaves those that differ by more', () => {
    const normal = normalOf(chanceOf(3));
    const range = (values: readonly number[]) => Math.max(...values) / Math.min(...values);
    const alike = many(90, () => spreadOf(many(14, normal)));
    const drawn = drawnTogether(alike, 10.7);
    expect(range(alike)).toBeGreaterThan(2);
    expect(range(drawn.map(({ spread }) => spread))).toBeLessThan(1.4);
    expect(drawn[0]!.degrees).toBe(30);
    const different = drawnTogether([0.001, 0.01, 0.1, 1, 10], 10.7);
    expect(range(different.map(({ spread }) => spread))).toBeGreaterThan(8000);
    expect(different[0]!.degrees).toBeLessThan(12);
    expect(drawnTogether([0.3], 10.7)).toEqual([{ spread: expect.closeTo(0.3), degrees: 10.7 }]);
  });
});

import type { Better } from '../metrics/metric.js';
import { median } from '../util/median.js';
import { degreesOf, drawnTogether, spreadOf, studentQuantile } from './statistics.js';

/** So many of the latest runs are compared with. */
export const COMPARED_RUNS = 14;
/** From fewer runs no spread can be told. */
export const FEWEST_RUNS = 5;
/** By chance alone something is said to be worse in one of 500 runs, however many values are compared. */
const FALSE_ALARMS = 1 / 500;
/** As the smallest spread counts this part of the tolerance, so that values that never changed have one. */
const LEAST_SPREAD = 1 / 1000;

/** A value of one instance, and what it was in earlier runs. */
export interface Series {
  /** The name of the instance. */
  readonly name: string;
  readonly now: number;
  /** The latest `COMPARED_RUNS` at most, in any order. */
  readonly before: readonly number[];
}

export interface JudgeOptions {
  readonly better: Better;
  readonly tolerancePercent: number;
  /** How many values this run compares with earlier ones in all, of other metrics too. */
  readonly comparisons: number;
}

export interface Judgement {
  readonly name: string;
  readonly now: number;
  /** `unknown`: there are too few runs. `moved`: neither direction is better. */
  readonly verdict: 'worse' | 'better' | 'moved' | 'same' | 'unknown';
  /** How many runs it is compared with. */
  readonly runs: number;
  /** Of the earlier runs; null if there are none. */
  readonly median: number | null;
  /** How far it is from the median, in the metric's unit, and how far it may be; null if that is not known. */
  readonly change: number | null;
  readonly limit: number | null;
}

/**
 * Compares values of one metric, or run times of one step, with those of earlier runs. A value is worse when it leaves the
 * median by the tolerance, and by more than chance would make any of the compared values leave it.
 *
 * Three median absolute deviations are not enough for that: they are two standard deviations, are known from 14 runs to a
 * third only, and with 90 instances there are 90 chances a night. With 2 % of noise and a tolerance of 5 % they raise an
 * alarm in half of all nights. What takes their place is the same idea with the uncertainty counted: the spread of the
 * instance, drawn towards that of its siblings, times what Student's distribution allows for that many comparisons (three
 * for one instance and 14 runs, five for 90 of the same noise).
 */
export function judge(series: readonly Series[], options: JudgeOptions): Judgement[] {
  const known = series.filter(({ before }) => before.length >= FEWEST_RUNS);
  const limits = limitsOf(known, options);
  return series.map((one) => {
    const { name, now, before } = one;
    const runs = before.length;
    const middle = runs === 0 ? null : median(before);
    const change = middle === null ? null : now - middle;
    const limit = limits.get(one) ?? null;
    const isUsual = limit !== null && isOftenAs(now, middle!, before);
    const verdict = limit === null ? 'unknown' : isUsual ? 'same' : verdictOf(change!, limit, options.better);
    return { name, now, verdict, runs, median: middle, change, limit };
  });
}

/**
 * Whether more than a quarter of the earlier runs were at least as far from the median, on the same side: where two kinds
 * of node take turns, the spread is that of either, and says nothing of the other.
 */
function isOftenAs(now: number, middle: number, before: readonly number[]): boolean {
  const asFar = before.filter((value) => (now > middle ? value >= now : value <= now));
  return asFar.length > before.length / 4;
}

function verdictOf(change: number, limit: number, better: Better): Judgement['verdict'] {
  if (Math.abs(change) <= limit) return 'same';
  if (better === 'none') return 'moved';
  return change < 0 === (better === 'lower') ? 'better' : 'worse';
}

function limitsOf(
  known: readonly Series[],
  { tolerancePercent, comparisons }: JudgeOptions,
): ReadonlyMap<Series, number> {
  if (known.length === 0) return new Map();
  const probability = FALSE_ALARMS / Math.max(comparisons, known.length);
  const scaled = known.map((one) => {
    const middle = median(one.before);
    // Instances of different sizes have the same noise in percent, if any.
    const scale = middle === 0 ? 1 : Math.abs(middle);
    const least = Math.max(tolerancePercent / 100, Number.EPSILON) * LEAST_SPREAD;
    return { one, middle, scale, own: Math.max(spreadOf(one.before) / scale, least) };
  });
  const fewest = known.reduce((least, { before }) => Math.min(least, before.length), Number.POSITIVE_INFINITY);
  const spreads = drawnTogether(
    scaled.map(({ own }) => own),
    degreesOf(fewest),
  );
  return new Map(
    scaled.map(({ one, middle, scale }, i) => {
      const { spread, degrees } = spreads[i]!;
      // The median is an estimate, too.
      const ofMedian = Math.sqrt(1 + Math.PI / 2 / one.before.length);
      const byChance = studentQuantile(probability, degrees) * spread * ofMedian * scale;
      return [one, Math.max((Math.abs(middle) * tolerancePercent) / 100, byChance)];
    }),
  );
}

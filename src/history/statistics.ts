/**
 * How far values are apart, as a standard deviation of normal ones: Rousseeuw and Croux's Qn, the first quartile of the
 * distances between any two. Like the median absolute deviation it bears with nearly half of the values being outliers, but
 * needs less than half as many of them to be as exact (82 % against 37 % of the information). 0 of fewer than two.
 */
export function spreadOf(values: readonly number[]): number {
  const count = values.length;
  if (count < 2) return 0;
  const distances = values.flatMap((a, i) => values.slice(i + 1).map((b) => Math.abs(a - b)));
  distances.sort((a, b) => a - b);
  const half = Math.floor(count / 2) + 1;
  const correction = count % 2 === 1 ? count / (count + 1.4) : count / (count + 3.8);
  return 2.2219 * correction * distances[(half * (half - 1)) / 2 - 1]!;
}

/** Of how many independent deviations a spread of so many values is as exact as. */
export function degreesOf(count: number): number {
  return 0.82 * Math.max(0, count - 1);
}

/** What a standard normal variable is above with this probability, to 0.001 (Abramowitz and Stegun 26.2.23). */
function normalQuantile(probability: number): number {
  const t = Math.sqrt(-2 * Math.log(probability));
  const above = 2.515517 + t * (0.802853 + t * 0.010328);
  return t - above / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
}

/**
 * How many spreads a value is above what is expected with this probability, when the spread is itself an estimate:
 * Student's distribution, by Wallace's approximation, which errs on the side of more.
 *
 * @param probability at most 0.5
 */
export function studentQuantile(probability: number, degrees: number): number {
  const scaled = (normalQuantile(probability) * (8 * degrees + 3)) / (8 * degrees + 1);
  return Math.sqrt(degrees * Math.expm1(scaled ** 2 / degrees));
}

/** A spread, and how exactly it is known. */
export interface Spread {
  readonly spread: number;
  readonly degrees: number;
}

/** More than this a common spread is never trusted: nights are noisy for all instances at once. */
const MOST_DEGREES = 30;

/**
 * Draws the spreads of instances of one kind towards what is usual among them, the more the less they differ by more than
 * chance (James and Stein). With few values each, an instance's own spread is often much too small by chance alone, and
 * then anything seems to be far from its median.
 *
 * @param own a spread of each instance, above 0, in the same measure
 * @param degrees how exactly each of them is known
 */
export function drawnTogether(own: readonly number[], degrees: number): Spread[] {
  const logs = own.map(Math.log);
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  const byChance = 1 / (2 * degrees);
  const variance = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (logs.length - 1);
  const excess = logs.length < 2 ? Number.POSITIVE_INFINITY : Math.max(0, variance - byChance);
  const weight = Number.isFinite(excess) ? excess / (excess + byChance) : 1;
  const trusted = Math.max(degrees, Math.min(MOST_DEGREES, degrees / weight));
  return logs.map((log) => ({ spread: Math.exp(mean + weight * (log - mean)), degrees: trusted }));
}

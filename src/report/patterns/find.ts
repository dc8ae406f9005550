import { type Candidate, type Condition, candidatesOf, countBits, type Observed } from './conditions.js';

/** What all failures have in common, and few others. */
export interface Pattern {
  /** True of every failure; three at most. */
  readonly conditions: readonly Condition[];
  readonly failures: number;
  /** How many of those that passed it is true of, too. */
  readonly others: number;
}

/** So many conditions at once are still one sentence. */
const MOST_CONDITIONS = 3;
/** It is said if failures that have nothing in common would look like it in less than one of so many studies. */
const CHANCE = 1 / 100;

/**
 * Finds what the failures of a study have in common, by trying all combinations of up to three conditions that hold for
 * every one of them: what is least probable by chance, counting how much there was to choose from. Undefined if nothing
 * is telling.
 *
 * @param instances those that ran to an end of their own: skipped and cancelled ones say nothing
 */
export function findPattern(instances: readonly Observed[]): Pattern | undefined {
  const failed = instances.filter(({ hasFailed }) => hasFailed);
  const others = instances.filter(({ hasFailed }) => !hasFailed);
  // One failure has everything in common with itself.
  if (failed.length < 2 || others.length === 0) return undefined;
  const { candidates, choices } = candidatesOf(failed, others);
  const chances = new Chances(failed.length, instances.length, choices);
  let best: Found | undefined;
  for (const found of combinations(candidates, MOST_CONDITIONS)) {
    const count = countBits(found.others);
    if (count * 2 > failed.length) continue;
    const logChance = chances.logOf(count, found.chosen.length);
    if (best === undefined || logChance < best.logChance - 1e-9) best = { chosen: found.chosen, count, logChance };
  }
  if (best === undefined || best.logChance > Math.log(CHANCE)) return undefined;
  return { conditions: best.chosen, failures: failed.length, others: best.count };
}

interface Found {
  readonly chosen: readonly Condition[];
  readonly count: number;
  readonly logChance: number;
}

interface Combination {
  readonly chosen: readonly Condition[];
  /** The index of the last one among the candidates. */
  readonly last: number;
  readonly others: Uint32Array;
}

/** All combinations, those of fewer conditions first; one that adds nothing is left out with all that contain it. */
function* combinations(candidates: readonly Candidate[], most: number): Generator<Combination> {
  let level: readonly Combination[] = candidates.map(({ condition, others }, last) => ({
    chosen: [condition],
    others,
    last,
  }));
  yield* level;
  for (let size = 2; size <= most; size++) {
    const next: Combination[] = [];
    for (const combination of level) {
      for (const narrower of narrowed(combination, candidates)) {
        yield narrower;
        // There are tens of thousands of the largest, and nothing is made of them.
        if (size < most) next.push(narrower);
      }
    }
    level = next;
  }
}

/** Those with one condition more, of which fewer others are true. */
function* narrowed({ chosen, others, last }: Combination, candidates: readonly Candidate[]): Generator<Combination> {
  const count = countBits(others);
  if (count === 0) return;
  for (let i = last + 1; i < candidates.length; i++) {
    const candidate = candidates[i]!;
    const both = others.map((word, at) => word & candidate.others[at]!);
    if (countBits(both) < count) yield { chosen: [...chosen, candidate.condition], others: both, last: i };
  }
}

/** How probable it is that failures which have nothing in common all meet some condition. Natural logarithms. */
class Chances {
  readonly #failures: number;
  readonly #instances: number;
  readonly #choices: number;
  /** Of factorials. */
  readonly #logs: Float64Array;

  constructor(failures: number, instances: number, choices: number) {
    this.#failures = failures;
    this.#instances = instances;
    this.#choices = Math.max(1, choices);
    this.#logs = new Float64Array(instances + 1);
    for (let n = 2; n <= instances; n++) this.#logs[n] = this.#logs[n - 1]! + Math.log(n);
  }

  /**
   * @param others of how many that passed the conditions are true, too
   * @param conditions how many there are
   */
  logOf(others: number, conditions: number): number {
    const failures = this.#failures;
    const one = this.#ways(failures + others, failures) - this.#ways(this.#instances, failures);
    return one + conditions * Math.log(this.#choices) - this.#logs[Math.min(conditions, this.#instances)]!;
  }

  /** The number of ways to choose some out of all. */
  #ways(all: number, some: number): number {
    return this.#logs[all]! - this.#logs[some]! - this.#logs[all - some]!;
  }
}

import { type Problem, problemOf } from '../spec/problem.js';
import { entry, type Node } from '../spec/yaml/read-yaml.js';
import type { Better, Bound, Tolerance } from './metric.js';
import { parseNumber } from './number.js';

/** A number of percent: `5 %`, `-20%`; undefined if the node is something else. */
export function readPercent(node: Node): number | undefined {
  const bound = signedBound(node);
  return bound?.isPercent === true ? bound.amount : undefined;
}

/** `5 %`, or `0.2 absolute`. A number alone is none: it could be meant as either. */
function signedBound(node: Node): Bound | undefined {
  const parsed = node.kind === 'scalar' ? parseNumber(node.text) : undefined;
  if (parsed?.is !== 'number' || (parsed.unit !== '%' && parsed.unit !== 'absolute')) return undefined;
  return { amount: parsed.value, isPercent: parsed.unit === '%' };
}

/** A bound for the side on which a value is worse, or for both if neither is. */
export function oneSided(bound: Bound, better: Better): Tolerance {
  return { lower: better === 'lower' ? null : bound, upper: better === 'higher' ? null : bound };
}

/**
 * Reads `tolerance`: one bound, for the side on which a value is worse; or a mapping of `lower` (zero or below) and
 * `upper`, each of which holds whichever side is better. A side that is left out has no bound.
 */
export function readTolerance(
  node: Node,
  { better, whose, problems }: { readonly better: Better; readonly whose: string; readonly problems: Problem[] },
): Tolerance {
  const error = (at: Node['at'], message: string, hint?: string) =>
    problems.push(problemOf('error', at, message, hint));
  if (node.kind !== 'mapping' || node.entries.length === 0) {
    const bound = signedBound(node);
    if (bound !== undefined && bound.amount >= 0) return oneSided(bound, better);
    const forms = 'such as 5 %, or 0.2 absolute, or a mapping of lower and upper';
    error(node.at, `'tolerance' ${whose} must be ${forms}`);
    return { lower: null, upper: null };
  }
  for (const { name, keyAt } of node.entries) {
    if (name === 'lower' || name === 'upper') continue;
    error(keyAt, `unknown key '${name}' in 'tolerance' ${whose}`, 'there are lower and upper');
  }
  const side = (key: 'lower' | 'upper', sign: 1 | -1, rule: string): Bound | null => {
    const value = entry(node, key)?.value;
    if (value === undefined) return null;
    const bound = signedBound(value);
    if (bound !== undefined && bound.amount * sign >= 0) return { ...bound, amount: Math.abs(bound.amount) };
    error(value.at, `'${key}' in 'tolerance' ${whose} must be ${rule}`);
    return null;
  };
  return {
    lower: side('lower', -1, 'zero or below, such as -20 % or -0.2 absolute'),
    upper: side('upper', 1, 'zero or above, such as 5 % or 0.2 absolute'),
  };
}

/** The lowest and the highest value that its reference allows; infinite without a bound. */
export function bandOf(reference: number, { lower, upper }: Tolerance): readonly [low: number, high: number] {
  const width = (bound: Bound | null) => {
    if (bound === null) return Number.POSITIVE_INFINITY;
    return bound.isPercent ? (Math.abs(reference) * bound.amount) / 100 : bound.amount;
  };
  return [reference - width(lower), reference + width(upper)];
}

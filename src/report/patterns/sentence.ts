import { inSeries } from '../../util/format.js';
import type { Condition } from './conditions.js';
import type { Pattern } from './find.js';

/**
 * `All 6 failures have SIZE ≥ 70 and TRIAL ≥ 4.`, plain text in which names and values are as they were given.
 *
 * @param shown how a name or value is to be written, for a place where it needs marks or escapes
 */
export function patternText(pattern: Pattern, shown: (text: string) => string = (text) => text): string {
  const { conditions, failures, others } = pattern;
  const of = (kind: Condition['is']) => conditions.filter(({ is }) => is === kind);
  const steps = of('step').map(({ value }) => `are of ${shown(value)}`);
  const params = paramTexts(conditions, shown);
  const nodes = of('node').map(({ value }) => shown(value));
  const parts = [
    ...steps,
    ...(params.length === 0 ? [] : [`have ${inSeries(params)}`]),
    ...(nodes.length === 0 ? [] : [`were on ${inSeries(nodes)}`]),
  ];
  const too = others === 0 ? '' : `, which is true of ${others} that passed, too`;
  return `${failures === 2 ? 'Both' : `All ${failures}`} failures ${inSeries(parts)}${too}.`;
}

/** Two bounds of one parameter are a range. */
function paramTexts(conditions: readonly Condition[], shown: (text: string) => string): string[] {
  const params = conditions.filter((condition) => condition.is === 'param');
  const names = [...new Set(params.map(({ name }) => name))];
  return names.map((name) => {
    const its = params.filter((condition) => condition.name === name);
    const [low, high] = (['≥', '≤'] as const).map((sign) => its.find((condition) => condition.sign === sign)?.value);
    if (low !== undefined && high !== undefined) return `${shown(name)} from ${shown(low)} to ${shown(high)}`;
    const [{ sign, value }] = its as [(typeof its)[number]];
    return `${shown(name)} ${sign} ${shown(value)}`;
  });
}

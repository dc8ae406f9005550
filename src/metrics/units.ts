/** Units that have prefixes of the SI. */
const bases: ReadonlySet<string> = new Set('s Hz B b B/s b/s FLOP FLOP/s FLOPS W J g m'.split(' '));
const prefixes = {
  ...{ '': 1, n: 1e-9, u: 1e-6, µ: 1e-6, μ: 1e-6, m: 1e-3, k: 1e3, K: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50 },
};

/** Other names of units. */
const spellings = new Map(
  Object.entries({
    ...{ sec: 's', secs: 's', second: 's', seconds: 's', msec: 'ms', usec: 'us', nsec: 'ns' },
    ...{ bytes: 'B', 'bytes/s': 'B/s' },
  }),
);

/** Multiples of a second that are not of ten. */
const seconds = new Map(Object.entries({ min: 60, mins: 60, minutes: 60, h: 3600, hours: 3600, d: 86_400 }));

interface Scale {
  readonly base: string;
  readonly factor: number;
}

function scaleOf(unit: string): Scale | undefined {
  const name = spellings.get(unit) ?? unit;
  const time = seconds.get(name);
  if (time !== undefined) return { base: 's', factor: time };
  for (const [prefix, factor] of Object.entries(prefixes)) {
    const base = name.slice(prefix.length);
    if (name.startsWith(prefix) && bases.has(base)) return { base: base === 'FLOPS' ? 'FLOP/s' : base, factor };
  }
  return undefined;
}

/**
 * What a value in one unit is multiplied by to have it in another: 1000 from `s` to `ms`. Units that are written alike
 * are the same, whatever they are.
 *
 * @returns undefined if one is not known to be a multiple of the other
 */
export function conversion(from: string, to: string): number | undefined {
  const [a, b] = [tidy(from), tidy(to)];
  if (a === b) return 1;
  const [scaleA, scaleB] = [scaleOf(a), scaleOf(b)];
  if (scaleA === undefined || scaleB === undefined || scaleA.base !== scaleB.base) return undefined;
  return scaleA.factor / scaleB.factor;
}

/** Brackets around a unit say nothing: `[s]`. */
const tidy = (unit: string) =>
  unit
    .replace(/^[[(]+|[\])]+$/g, '')
    .replaceAll(/\s+/g, ' ')
    .trim();

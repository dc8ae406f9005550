/** An instance that ran, as far as failures could have to do with it. */
export interface Observed {
  /** The step of the spec. */
  readonly step: string;
  readonly params: Readonly<Record<string, string>>;
  /** Of its last job; none if they are not known. */
  readonly nodes: readonly string[];
  readonly hasFailed: boolean;
}

/** Something that may be true of an instance. */
export type Condition =
  | { readonly is: 'step'; readonly value: string }
  | { readonly is: 'node'; readonly value: string }
  | { readonly is: 'param'; readonly name: string; readonly sign: '=' | '≥' | '≤'; readonly value: string };

/** A condition that is true of every failure, and of which of the others. */
export interface Candidate {
  readonly condition: Condition;
  /** A bit for each instance that did not fail. */
  readonly others: Uint32Array;
}

export interface Candidates {
  readonly candidates: readonly Candidate[];
  /** How many conditions there would be to choose from, whichever instances had failed. */
  readonly choices: number;
}

/** So many of the narrowest are looked at: with three of them at once there are 40,000 possibilities. */
const MOST_CANDIDATES = 64;

/** The conditions that are true of all failures and not of all others: of each kind only the narrowest can matter. */
export function candidatesOf(failed: readonly Observed[], others: readonly Observed[]): Candidates {
  const all = [...failed, ...others];
  const names = [...new Set(all.flatMap(({ params }) => Object.keys(params)))];
  const kinds = [ofSteps(failed, all), ofNodes(failed, all), ...names.map((name) => ofParam(name, failed, all))];
  const made = kinds.flatMap(({ conditions }) =>
    conditions.map(({ condition, test }) => ({ condition, others: bitsOf(others, test) })),
  );
  const telling = made.filter((candidate) => countBits(candidate.others) < others.length);
  const ranked = telling.map((candidate) => ({ candidate, count: countBits(candidate.others) }));
  ranked.sort((a, b) => a.count - b.count);
  return {
    candidates: ranked.slice(0, MOST_CANDIDATES).map(({ candidate }) => candidate),
    choices: kinds.reduce((sum, { choices }) => sum + choices, 0),
  };
}

interface Kind {
  readonly conditions: readonly { readonly condition: Condition; readonly test: (each: Observed) => boolean }[];
  readonly choices: number;
}

function ofSteps(failed: readonly Observed[], all: readonly Observed[]): Kind {
  const choices = new Set(all.map(({ step }) => step)).size;
  const { step: value } = failed[0]!;
  if (failed.some(({ step }) => step !== value)) return { conditions: [], choices };
  return { conditions: [{ condition: { is: 'step', value }, test: ({ step }) => step === value }], choices };
}

function ofNodes(failed: readonly Observed[], all: readonly Observed[]): Kind {
  const choices = new Set(all.flatMap(({ nodes }) => nodes)).size;
  const shared = failed.reduce((nodes, each) => {
    const its = new Set(each.nodes);
    return nodes.filter((node) => its.has(node));
  }, failed[0]!.nodes);
  const conditions = [...new Set(shared)].slice(0, MOST_CANDIDATES).map((value) => ({
    condition: { is: 'node', value } as const,
    test: ({ nodes }: Observed) => nodes.includes(value),
  }));
  return { conditions, choices };
}

function ofParam(name: string, failed: readonly Observed[], all: readonly Observed[]): Kind {
  const valueIn = ({ params }: Observed) => (Object.hasOwn(params, name) ? params[name] : undefined);
  const values = new Set(all.flatMap((each) => valueIn(each) ?? []));
  const numbers = [...values].map(numberOf);
  const isNumeric = values.size > 2 && numbers.every((number) => number !== undefined);
  const choices = isNumeric ? 3 * values.size : values.size;
  const failing = [...new Set(failed.map(valueIn))];
  if (failing.includes(undefined)) return { conditions: [], choices };
  const condition = (sign: '=' | '≥' | '≤', value: string) => ({ is: 'param', name, sign, value }) as const;
  const [only] = failing as string[];
  if (failing.length === 1) {
    return { conditions: [{ condition: condition('=', only!), test: (each) => valueIn(each) === only }], choices };
  }
  if (!isNumeric) return { conditions: [], choices };
  const sorted = (failing as string[]).sort((a, b) => numberOf(a)! - numberOf(b)!);
  const [least, most] = [sorted[0]!, sorted.at(-1)!];
  const isBeyond = (each: Observed, limit: string, sign: 1 | -1) =>
    valueIn(each) !== undefined && (numberOf(valueIn(each)!)! - numberOf(limit)!) * sign >= 0;
  return {
    conditions: [
      { condition: condition('≥', least), test: (each) => isBeyond(each, least, 1) },
      { condition: condition('≤', most), test: (each) => isBeyond(each, most, -1) },
    ],
    choices,
  };
}

/** Undefined of a text that is not a number as a whole. */
function numberOf(text: string): number | undefined {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
}

function bitsOf(others: readonly Observed[], test: (each: Observed) => boolean): Uint32Array {
  const bits = new Uint32Array(Math.ceil(others.length / 32));
  for (let i = 0; i < others.length; i++) if (test(others[i]!)) bits[i >>> 5]! |= 1 << (i & 31);
  return bits;
}

export function countBits(words: Uint32Array): number {
  let count = 0;
  for (const word of words) {
    let bits = word - ((word >>> 1) & 0x55555555);
    bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
    count += Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
  }
  return count;
}

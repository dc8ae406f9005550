import type { Metric } from './metric.js';
import { parseNumber } from './number.js';
import { MAX_LINE_BYTES, type SearchedPattern, type SearchResult, searchLimits } from './search.js';
import { conversion } from './units.js';

/** What a metric of an instance came to. */
export type Reading =
  | {
      readonly is: 'value';
      readonly value: number;
      /** The line that has it; of a mean or a count the last that matches; '' of a count of none. */
      readonly line: string;
      /** How often the pattern matched. */
      readonly matches: number;
    }
  /** `why` is a clause about what is not there. */
  | { readonly is: 'missing'; readonly why: string }
  /** It could not be looked for, for the host's sake: this says nothing about the code. */
  | { readonly is: 'unread'; readonly why: string }
  /** `why` completes "the value …" or "the pattern …". */
  | { readonly is: 'unreadable'; readonly why: string; readonly line: string };

/** Which matches of a pattern a metric needs. */
export function keptFor(take: Metric['take']): SearchedPattern['keep'] {
  if (take === 'first') return 'first';
  return take === 'last' || take === 'count' ? 'last' : 'all';
}

type Found = Extract<SearchResult, { is: 'found' }>;

/** Takes a metric's value from what its pattern found, searched with `keptFor(take)`. */
export function readingOf({ take, unit }: Pick<Metric, 'take' | 'unit'>, result: SearchResult): Reading {
  if (result.is !== 'found') return unreadable(whyNotFound(result));
  const { matches } = result;
  const last = result.captured.length - 1;
  if (take === 'count') return { is: 'value', value: matches, line: lineOf(result, last), matches };
  if (matches === 0) return { is: 'missing', why: 'the pattern matches nothing' };
  if (take === 'first' || take === 'last') return readingAt(result, take === 'first' ? 0 : last, unit);
  return reduced(result, take, unit);
}

function whyNotFound(result: Exclude<SearchResult, Found>): string {
  const { seconds, texts, matches } = searchLimits;
  switch (result.is) {
    case 'too-slow':
      return `the pattern took longer than ${seconds} s`;
    case 'given-up':
      return `the pattern took longer than ${seconds} s in each of ${texts} other files`;
    case 'too-many':
      return `the pattern matches more than ${matches} times`;
    case 'failed':
      return `the search failed: ${result.why}`;
  }
}

/** What a pattern found in several texts, as if they were one: the one that is searched first comes first. */
export function joinedResults(results: readonly SearchResult[], keep: SearchedPattern['keep']): SearchResult {
  const found: Found[] = [];
  for (const result of results) {
    if (result.is !== 'found') return result;
    if (result.matches > 0) found.push(result);
  }
  const matches = found.reduce((sum, result) => sum + result.matches, 0);
  if (keep !== 'all') {
    const kept = keep === 'first' ? found[0] : found.at(-1);
    return { ...(kept ?? nothing), matches };
  }
  const captured = found.flatMap((result) => result.captured);
  if (captured.length > searchLimits.matches) return { is: 'too-many' };
  const lines = found.flatMap((result) => result.lines);
  const places = found.flatMap((result) => result.places);
  let before = 0;
  const at = found.flatMap((result) => {
    const offset = before;
    before += result.lines.length;
    return result.at.map((line) => line + offset);
  });
  return { is: 'found', captured, at, places, lines, matches };
}

const nothing: Found = { is: 'found', captured: [], at: [], places: [], lines: [], matches: 0 };

const unreadable = (why: string, line = ''): Reading => ({ is: 'unreadable', why, line });

/** Of a line so much is shown, in characters, and so much of that before the match. */
const shown = { all: 300, before: 100 } as const;

/** The line of a match; of a long one what is around the match. */
function lineOf({ at, places, lines }: Found, index: number): string {
  const line = lines[at[index] ?? -1] ?? '';
  if (line.length <= shown.all) return line;
  const start = Math.min(Math.max(0, places[index]! - shown.before), line.length - shown.all);
  const end = start + shown.all;
  return `${start > 0 ? '...' : ''}${line.slice(start, end)}${end < line.length ? '...' : ''}`;
}

function readingAt(found: Found, index: number, unit: string): Reading {
  const line = lineOf(found, index);
  const captured = found.captured[index] ?? null;
  if (captured === null)
    return unreadable(`the value may be cut: only ${MAX_LINE_BYTES} bytes of a line are read`, line);
  const parsed = parseNumber(captured);
  if (parsed.is === 'none') return unreadable(`the value ${parsed.why}`, line);
  const factor = parsed.unit === '' || unit === '' ? 1 : conversion(parsed.unit, unit);
  if (factor === undefined) return unreadable(`the value is in '${parsed.unit.slice(0, 40)}', not in '${unit}'`, line);
  return { is: 'value', value: scaled(parsed.value, factor), line, matches: found.matches };
}

/** Dividing by a whole number is exact more often than multiplying by a part. */
function scaled(value: number, factor: number): number {
  const inverse = Math.round(1 / factor);
  return factor < 1 && inverse * factor === 1 ? value / inverse : value * factor;
}

/** One value that cannot be read spoils them all: of nothing else is the smallest the smallest. */
function reduced(found: Found, take: 'min' | 'max' | 'mean', unit: string): Reading {
  let best: Extract<Reading, { is: 'value' }> | undefined;
  let total = 0;
  for (let index = 0; index < found.captured.length; index++) {
    const reading = readingAt(found, index, unit);
    if (reading.is !== 'value') return reading;
    total += reading.value;
    const isBest = best === undefined || (take === 'min' ? reading.value < best.value : reading.value > best.value);
    if (take === 'mean' || isBest) best = reading;
  }
  return take === 'mean' ? { ...best!, value: total / found.captured.length } : best!;
}

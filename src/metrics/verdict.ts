import type { Judgement } from '../history/judge.js';
import { counted } from '../util/format.js';
import type { Metric, Reference, verdicts } from './metric.js';
import { bandOf } from './tolerance.js';
import type { Reading } from './value.js';

/** What a metric of one instance came to, and what is thought of it. */
export interface MetricVerdict {
  /** Null if there is none. */
  readonly value: number | null;
  /** The line that was matched; '' if none was. */
  readonly line: string;
  readonly reference: number | null;
  /** What the reference allows; null for an end without a bound, and if there is no reference. */
  readonly low: number | null;
  readonly high: number | null;
  /**
   * - `ok`: within what the reference and the history allow
   * - `recorded`: there is nothing to compare with
   * - `worse`: outside of what one of them allows, on the bad side
   * - `better`: left the history's median on the good side
   * - `outside`: outside of the reference's bounds, where neither side is bad, or on the good side
   * - `moved`: left the history's median, and neither side is bad
   * - `missing`, `unreadable`: there is no value
   * - `unread`: the host could not be asked for it
   */
  readonly verdict: (typeof verdicts)[number];
  /** Whether the study fails for it, or it is a warning. */
  readonly severity: 'failure' | 'warning' | 'none';
  /** What is wrong with it or new, as one clause; '' if nothing is. */
  readonly reason: string;
}

export interface VerdictFacts {
  readonly metric: Pick<Metric, 'unit' | 'better' | 'tolerance' | 'onRegression' | 'isOptional'>;
  readonly reading: Reading;
  readonly reference: Pick<Reference, 'value'> | null;
  /** By the history; null if there is none. */
  readonly judgement: Judgement | null;
}

/** Decides about one value. The reference is asked first: it is what a person said, and the history only what was. */
export function verdictOf({ metric, reading, reference, judgement }: VerdictFacts): MetricVerdict {
  const { onRegression, isOptional, tolerance } = metric;
  const bad = onRegression === 'fail' ? 'failure' : 'warning';
  const band = reference === null ? null : bandOf(reference.value, tolerance);
  const [low, high] = [finite(band?.[0]), finite(band?.[1])];
  const known = { reference: reference?.value ?? null, low, high };
  if (reading.is === 'missing') {
    const severity = isOptional ? 'none' : bad;
    return { ...known, value: null, line: '', verdict: 'missing', severity, reason: reading.why };
  }
  if (reading.is === 'unread') {
    const severity = isOptional ? 'none' : 'warning';
    return { ...known, value: null, line: '', verdict: 'unread', severity, reason: reading.why };
  }
  if (reading.is === 'unreadable') {
    const { line, why } = reading;
    return { ...known, value: null, line, verdict: 'unreadable', severity: bad, reason: why };
  }
  const { value, line } = reading;
  const found = { ...known, value, line };
  const side = low !== null && value < low ? 'below' : high !== null && value > high ? 'above' : null;
  if (side !== null) {
    const isGood = (side === 'below') === (metric.better === 'lower');
    const verdict = metric.better === 'none' || isGood ? 'outside' : 'worse';
    return { ...found, verdict, severity: bad, reason: againstReference(value, reference!.value, { low, high }) };
  }
  if (judgement !== null && judgement.verdict !== 'same' && judgement.verdict !== 'unknown') {
    const { verdict } = judgement;
    return { ...found, verdict, severity: verdict === 'worse' ? bad : 'none', reason: againstHistory(judgement) };
  }
  const isCompared = reference !== null || judgement?.verdict === 'same';
  return { ...found, verdict: isCompared ? 'ok' : 'recorded', severity: 'none', reason: '' };
}

const finite = (bound: number | undefined) => (bound === undefined || !Number.isFinite(bound) ? null : bound);

/** `12.9 % above the reference 3.1 (at most 3.255)`. */
function againstReference(
  value: number,
  reference: number,
  { low, high }: Pick<MetricVerdict, 'low' | 'high'>,
): string {
  const isBelow = low !== null && value < low;
  const bound = isBelow ? `at least ${numberText(low)}` : `at most ${numberText(high!)}`;
  return `${distance(value - reference, reference)} the reference ${numberText(reference)} (${bound})`;
}

/** `8.1 % above the median 3.1 of 14 runs`. */
function againstHistory({ change, median, runs }: Judgement): string {
  return `${distance(change!, median!)} the median ${numberText(median!)} of ${counted(runs, 'run')}`;
}

function distance(change: number, from: number): string {
  const amount = Math.abs(change);
  const size = from === 0 ? numberText(amount) : `${numberText((amount / Math.abs(from)) * 100, 3)} %`;
  return `${size} ${change < 0 ? 'below' : 'above'}`;
}

/** A number as people read one: four digits that count, without zeros behind them. */
export function numberText(value: number, digits = 4): string {
  return String(Number(value.toPrecision(digits)));
}

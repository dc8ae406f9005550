import {
  hasFailed,
  isFailure,
  isOver,
  isSkipped,
  type ShownState,
  type StepRecord,
  shownState,
} from '../study/state.js';
import type { StepResult } from './results.js';

/** Kinds of outcome, what a person looks for first before the others: a picture of a group shows the first that is in it. */
export const looks = ['failed', 'tolerated', 'cancelled', 'running', 'waiting', 'skipped', 'finished'] as const;
export type Look = (typeof looks)[number];

export function lookOf(record: StepRecord): Look {
  if (isSkipped(record)) return 'skipped';
  if (record.state === 'FINISHED') return 'finished';
  if (record.state === 'CANCELLED') return 'cancelled';
  if (isFailure(record.state)) return !isOver(record) ? 'waiting' : record.tolerated ? 'tolerated' : 'failed';
  return record.state === 'RUNNING' || record.state === 'FINISHING' ? 'running' : 'waiting';
}

/** The place of a step in an order that has what wants attention first; lower is earlier. */
export function attentionRank(record: StepRecord): number {
  return looks.indexOf(lookOf(record));
}

/** What wants attention first, else in the order given. Every list that may be cut is cut in this order. */
export function byAttention(steps: readonly StepResult[]): StepResult[] {
  return sortedBy(steps, ({ record }) => attentionRank(record));
}

/** The steps that ran and failed, those that may fail last: the others are worth more of a limited room. */
export function failuresOf(steps: readonly StepResult[]): StepResult[] {
  return byAttention(steps.filter(({ record }) => hasFailed(record)));
}

/** A copy in the order of a number, equal ones as they were. */
export function sortedBy<T>(things: readonly T[], rankOf: (thing: T) => number): T[] {
  return things
    .map((thing) => ({ thing, rank: rankOf(thing) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ thing }) => thing);
}

/** How many steps are in each state, the most frequent first. */
export function countStates(records: readonly StepRecord[]): Map<ShownState, number> {
  const counts = new Map<ShownState, number>();
  for (const record of records) {
    const state = shownState(record);
    counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  return new Map([...counts].sort(([, a], [, b]) => b - a));
}

/** `7 finished, 2 failed, 1 skipped`. */
export function countsText(steps: readonly StepResult[]): string {
  const counts = countStates(steps.map(({ record }) => record));
  return [...counts].map(([state, count]) => `${count} ${state.toLowerCase()}`).join(', ');
}

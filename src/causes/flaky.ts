import { groupBy } from '../util/group-by.js';
import type { NodeAttempt } from './suspects.js';

/** An instance that passed only after it had failed. */
export interface FlakyInstance {
  readonly name: string;
  /** The attempt that passed. */
  readonly passedAt: number;
  readonly failures: readonly NodeAttempt[];
}

/** Instances whose last attempt completed and an earlier one did not, in the order of their first attempts. */
export function flakyInstances(attempts: readonly NodeAttempt[]): FlakyInstance[] {
  return [...groupBy(attempts, ({ name }) => name)].flatMap(([name, all]) => {
    const inOrder = [...all].sort((a, b) => a.attempt - b.attempt);
    const last = inOrder.at(-1)!;
    // A job that was cancelled says nothing about the step.
    const failures = inOrder.filter(
      ({ blame, isRestarted = false }) => blame !== null && blame.cause !== 'cancelled' && !isRestarted,
    );
    return last.blame === null && failures.length > 0 ? [{ name, passedAt: last.attempt, failures }] : [];
  });
}

import type { StudyStatus } from '../study/state.js';
import { type Blame, isInfrastructure } from './cause.js';
import { isTrustedEvent } from './trusted-events.js';

/** The input `on-infrastructure`. */
export type OnInfrastructure = 'fail' | 'neutral';

export interface NeutralFacts {
  readonly onInfrastructure: OnInfrastructure;
  /** The name of GitHub's event: `schedule`; '' on the command line. */
  readonly event: string;
  /** Whether the study is about another commit than the event, which the input `sha` names. */
  readonly isOtherCommit?: boolean | undefined;
  readonly status: StudyStatus;
  /** Why the study is not FINISHED; null if nothing went wrong. */
  readonly blame: Blame | null;
}

export interface NeutralDecision {
  /** Whether the check run is neutral, and the exit code 0. */
  readonly isNeutral: boolean;
  /** What to say about it, as a warning; '' if there is nothing to say. */
  readonly note: string;
}

/**
 * Whether a study that did not finish is neutral, because only the site is to blame. A study that was cancelled, or is
 * FINISHED, stays what it is.
 */
export function decideNeutral(facts: NeutralFacts): NeutralDecision {
  const { onInfrastructure, event, isOtherCommit = false, status, blame } = facts;
  const isBad = status === 'FAILURE' || status === 'INTERRUPTED';
  if (onInfrastructure !== 'neutral' || !isBad || blame === null || !isInfrastructure(blame)) {
    return { isNeutral: false, note: '' };
  }
  if (!isTrustedEvent(event) || isOtherCommit) {
    const where =
      event === ''
        ? 'outside of GitHub'
        : isTrustedEvent(event)
          ? 'with a `sha` that is not the commit of the run'
          : `for the event ${event}`;
    return { isNeutral: false, note: `on-infrastructure: neutral has no effect ${where}: the study fails` };
  }
  return {
    isNeutral: true,
    note: `the study is ${status} only because of the infrastructure: the check is neutral, which GitHub counts as passed`,
  };
}

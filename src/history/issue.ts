import { isTrustedEvent } from '../causes/trusted-events.js';

/** What one reported run means for the issue about its study. */
export interface Night {
  /** The name of GitHub's event. */
  readonly event: string;
  /**
   * - `green`: the study is FINISHED, and no metric fails it
   * - `red`: it failed by its own doing
   * - `site`: it failed, and only the infrastructure is to blame
   * - `none`: it came to no verdict, for it was cancelled or is not over
   */
  readonly outcome: 'green' | 'red' | 'site' | 'none';
  /** What fails: names of instances, and `METRIC of INSTANCE`. */
  readonly failing: readonly string[];
  /** Whether the run before failed, too, whatever for; null if there is no history that could say so. */
  readonly wasBad: boolean | null;
}

/** The issue that is open for the study and branch. */
export interface OpenIssue {
  readonly number: number;
  /** What failed when its last comment, or its first body, was written; null if it cannot be read any more. */
  readonly failing: readonly string[] | null;
}

export type IssueAction =
  | { readonly do: 'nothing' }
  | { readonly do: 'open' }
  /** Rewrites the body; the comment says what is new and what is gone, null if neither. */
  | { readonly do: 'update'; readonly number: number; readonly comment: IssueChange | null }
  | { readonly do: 'close'; readonly number: number };

/** What fails now and did not, and the other way round. */
export interface IssueChange {
  readonly added: readonly string[];
  readonly gone: readonly string[];
}

/**
 * What is to be done with the issue about a study. A night that is red for the infrastructure alone opens one only if the
 * night before was bad, too, and changes nothing of what an open one says fails.
 */
export function decideIssue(night: Night, open: OpenIssue | null): IssueAction {
  const { event, outcome, failing, wasBad } = night;
  if (!isTrustedEvent(event) || outcome === 'none') return { do: 'nothing' };
  if (open === null) {
    const isWorthOne = outcome === 'red' || (outcome === 'site' && wasBad === true);
    return { do: isWorthOne ? 'open' : 'nothing' };
  }
  const { number } = open;
  if (outcome === 'green') return { do: 'close', number };
  if (outcome === 'site') return { do: 'update', number, comment: null };
  const known = new Set(open.failing ?? []);
  const now = new Set(failing);
  const change = {
    added: [...now].filter((name) => !known.has(name)),
    gone: [...known].filter((name) => !now.has(name)),
  };
  // An issue that a person has rewritten says nothing of what failed before, so all of it would be new.
  const isChanged = open.failing !== null && change.added.length + change.gone.length > 0;
  return { do: 'update', number, comment: isChanged ? change : null };
}

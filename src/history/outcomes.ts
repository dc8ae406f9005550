import { blame, isInfrastructure } from '../causes/cause.js';
import { COMPARED_RUNS } from './judge.js';
import type { HistoryRecord, HistoryStep } from './record.js';

/**
 * What a run says about an instance: `passed`, perhaps only at a later attempt (`wavered`); `failed`, by its own doing;
 * or nothing (null): it was not run, was cancelled, or the site is to blame.
 */
export type Outcome = 'passed' | 'wavered' | 'failed' | null;

export function outcomeOf(step: HistoryStep | undefined): Outcome {
  if (step === undefined || step.skipped || step.state === 'DRYRUN') return null;
  if (step.state === 'FINISHED') return step.failures > 0 ? 'wavered' : 'passed';
  const { cause, isOfSpec } = step;
  if (cause === null || cause === 'cancelled' || cause === 'dependency') return null;
  return isInfrastructure(blame(cause, isOfSpec)) ? null : 'failed';
}

/** What has become of an instance, as the runs before show it. */
export interface Change {
  readonly name: string;
  /**
   * - `newly-failing`: the last run that says something about it passed, or none of those that there are does
   * - `still-failing`: it failed there, too
   * - `fixed`: it failed there, and has passed
   */
  readonly change: 'newly-failing' | 'still-failing' | 'fixed' | null;
  /** Whether it passes now and fails then for no reason that is seen: over the last runs and this one. */
  readonly isFlaky: boolean;
  /** The first run of those in a row in which it has failed; null if it does not fail, or this run is the first. */
  readonly failingSince: HistoryRecord | null;
  /** The last run in which it passed; null if none is known. */
  readonly lastPassed: HistoryRecord | null;
}

/** From so many changes between passing and failing on an instance is flaky: a failure and its repair are two runs' worth of one. */
const FLAKY_CHANGES = 3;

/**
 * Compares the outcomes of instances with those of earlier runs.
 *
 * @param records of the same study, the earliest first; the last `COMPARED_RUNS` count
 */
export function changesOf(now: Readonly<Record<string, HistoryStep>>, records: readonly HistoryRecord[]): Change[] {
  const compared = records.slice(-COMPARED_RUNS);
  return Object.entries(now).map(([name, step]) => changeOf(name, outcomeOf(step), compared));
}

function changeOf(name: string, now: Outcome, records: readonly HistoryRecord[]): Change {
  const known = records.flatMap((record) => {
    const outcome = outcomeOf(Object.hasOwn(record.steps, name) ? record.steps[name] : undefined);
    return outcome === null ? [] : [{ record, outcome }];
  });
  const hasPassed = (outcome: Outcome) => outcome === 'passed' || outcome === 'wavered';
  const last = known.at(-1)?.outcome ?? null;
  const lastPassedAt = known.findLastIndex(({ outcome }) => hasPassed(outcome));
  const isFailing = now === 'failed';
  const change = isFailing
    ? last === 'failed'
      ? 'still-failing'
      : // Without earlier runs nothing is new.
        records.length === 0
        ? null
        : 'newly-failing'
    : hasPassed(now) && last === 'failed'
      ? 'fixed'
      : null;
  return {
    name,
    change,
    isFlaky: isFlaky([...known.map(({ outcome }) => outcome), now]),
    failingSince: isFailing ? (known[lastPassedAt + 1]?.record ?? null) : null,
    lastPassed: known[lastPassedAt]?.record ?? null,
  };
}

/** Passing and failing in turns; a run that passed only at a later attempt did both. */
function isFlaky(outcomes: readonly Outcome[]): boolean {
  const known = outcomes.filter((outcome) => outcome !== null);
  if (known.includes('wavered')) return true;
  const changes = known.filter((outcome, i) => i > 0 && outcome !== known[i - 1]).length;
  return changes >= FLAKY_CHANGES;
}

/** `since abc1234`, with what leads from the last run that passed to the first that failed; '' if nothing is known. */
export function compareLink(
  server: string,
  { failingSince, lastPassed }: Pick<Change, 'failingSince' | 'lastPassed'>,
  now: string,
): string {
  if (lastPassed === null) return '';
  const { repository, commit } = lastPassed.run;
  const first = failingSince?.run.commit ?? now;
  const isCommit = (text: string) => /^[0-9a-f]{7,64}$/.test(text);
  if (!isCommit(commit) || !isCommit(first) || commit === first || !/^[\w.-]+\/[\w.-]+$/.test(repository)) return '';
  return `${server}/${repository}/compare/${commit}...${first}`;
}

import { type Blame, rankOf } from '../../causes/cause.js';
import type { StudyStatus } from '../../study/state.js';
import { counted } from '../../util/format.js';
import { attentionRank } from '../attention.js';
import type { StepResult, StudyResults } from '../results.js';

/** NOTRUN: there is no report, or none of the reports that there should be. */
export type MergedStatus = StudyStatus | 'NOTRUN';

/** A study on one machine of several. */
export interface Leg {
  readonly name: string;
  /** Undefined for one that was expected and has no report. */
  readonly results: StudyResults | undefined;
}

/** An instance of a step, on all machines. */
export interface MergedRow {
  readonly name: string;
  readonly step: string;
  readonly params: Readonly<Record<string, string>>;
  /** By the index of the leg; undefined where the study has no such instance, or was not run. */
  readonly cells: readonly (StepResult | undefined)[];
}

/** The same study on several machines. */
export interface MergedResults {
  readonly status: MergedStatus;
  /** The names of the studies, each once. */
  readonly studies: readonly string[];
  /** Those that were expected in that order, then the others. */
  readonly legs: readonly Leg[];
  /** In the order of the spec. */
  readonly rows: readonly MergedRow[];
}

/** What a merged result is called after, the first that any leg has. Nothing that was not run to its end is FINISHED. */
const precedence: readonly MergedStatus[] = ['FAILURE', 'CANCELLED', 'INTERRUPTED', 'FINISHED', 'DRYRUN', 'NOTRUN'];

/** The exit status of a merged result: 0 only if a leg finished, and no other came to grief. */
export const mergedExitCodes: Readonly<Record<MergedStatus, number>> = {
  FINISHED: 0,
  FAILURE: 2,
  CANCELLED: 3,
  INTERRUPTED: 4,
  DRYRUN: 1,
  NOTRUN: 1,
};

export function legStatus({ results }: Leg): MergedStatus {
  return results?.status ?? 'NOTRUN';
}

/**
 * Merges the results of a study on several machines.
 *
 * @param given by name, each once
 * @param expected the names of those that there should be; none of them given makes a leg that was not run
 */
export function merge(given: ReadonlyMap<string, StudyResults>, expected: readonly string[]): MergedResults {
  const names = [...new Set([...expected, ...given.keys()])];
  const legs = names.map((name): Leg => ({ name, results: given.get(name) }));
  const statuses = new Set(legs.map(legStatus));
  return {
    status: precedence.find((status) => statuses.has(status)) ?? 'NOTRUN',
    studies: [...new Set([...given.values()].map(({ name }) => name))],
    legs,
    rows: rowsOf(legs),
  };
}

/** Every instance that any leg has: by the steps, and in each of them, in the order in which they are first seen. */
function rowsOf(legs: readonly Leg[]): MergedRow[] {
  const steps = new Map<string, Map<string, (StepResult | undefined)[]>>();
  for (const [index, { results }] of legs.entries()) {
    for (const result of results?.steps ?? []) {
      const { step, name } = result.step;
      const instances = steps.get(step) ?? new Map<string, (StepResult | undefined)[]>();
      steps.set(step, instances);
      const cells = instances.get(name) ?? legs.map(() => undefined);
      instances.set(name, cells);
      cells[index] = result;
    }
  }
  return [...steps].flatMap(([step, instances]) =>
    [...instances].map(([name, cells]) => {
      const { params } = cells.find((cell) => cell !== undefined)!.step;
      return { name, step, params, cells };
    }),
  );
}

/** The place of a row in an order that has what wants attention first. */
export function rowRank({ cells }: MergedRow): number {
  return Math.min(...cells.flatMap((cell) => (cell === undefined ? [] : attentionRank(cell.record))));
}

/** `3 machines: 1 FAILURE, 1 FINISHED, 1 not run`. */
export function legsText({ legs }: MergedResults): string {
  const counts = precedence.flatMap((status) => {
    const count = legs.filter((leg) => legStatus(leg) === status).length;
    return count === 0 ? [] : [`${count} ${shownStatus(status)}`];
  });
  return `${counted(legs.length, 'machine')}: ${counts.join(', ')}`;
}

/** The status as people read it. */
export function shownStatus(status: MergedStatus): string {
  return status === 'NOTRUN' ? 'not run' : status;
}

/** What a person is to be warned of although the result may be green. */
export function mergedWarnings({ legs }: MergedResults): string[] {
  return legs.flatMap((leg) => {
    const status = legStatus(leg);
    if (status === 'NOTRUN') return [`${leg.name} was not run: there is no report of it`];
    return status === 'DRYRUN' ? [`${leg.name} was a dry run only`] : [];
  });
}

/** Why a merged result is not green although nothing failed; '' if that is not so. */
export function emptinessOf({ status }: MergedResults): string {
  if (status === 'NOTRUN') return 'no machine has run the study';
  return status === 'DRYRUN' ? 'no machine has run the study: there are only dry runs' : '';
}

/** Of several studies the cause that is most urgent to know; '' if nothing went wrong. */
export function worstCause(results: readonly Pick<StudyResults, 'blame'>[]): Blame['cause'] | '' {
  const blames = results.flatMap((each) => each.blame ?? []);
  return blames.toSorted((a, b) => rankOf(a) - rankOf(b))[0]?.cause ?? '';
}

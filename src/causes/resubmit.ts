import { type Blame, type Cause, causes, isInfrastructure } from './cause.js';

/** The input `resubmit-on`: after which causes a step runs again by itself, and how often for each. */
export type ResubmitOn = ReadonlyMap<Cause, number>;

/** Resubmissions of a cause that has no number. */
const DEFAULT_TIMES = 3;
const MOST_TIMES = 100;

/** After a failure of the code, or a refusal, the same would happen again. */
const repeatable: readonly Cause[] = [
  ...(['node', 'preempted', 'allocation', 'queue', 'connection', 'disk'] as const),
  ...(['timeout', 'memory'] as const),
];

/**
 * Parses `node, preempted: 3`: names of causes, each with the number after it, or that after the next one that has one;
 * three if there is none. `none` is none at all.
 *
 * @returns what is wrong with it, as a clause, if something is
 */
export function parseResubmitOn(text: string): ResubmitOn | string {
  if (text.trim() === 'none') return new Map();
  const parts = text.split(',').map((part) => /^\s*([a-z]+)\s*(?::\s*(\d+))?\s*$/.exec(part));
  const found = new Map<Cause, number>();
  let times = DEFAULT_TIMES;
  for (const [i, part] of [...parts.entries()].reverse()) {
    const [, name, number] = part ?? [];
    if (name === undefined) return `'${text.split(',')[i]!.trim()}' is not a cause with a number, such as node: 3`;
    const cause = repeatable.find((each) => each === name);
    if (cause === undefined) {
      const isCause = (causes as readonly string[]).includes(name);
      const why = isCause ? 'is not a cause that trying again can help with' : 'is not a cause';
      return `'${name}' ${why}: the causes are ${repeatable.join(', ')}`;
    }
    if (number !== undefined) times = Number(number);
    if (times > MOST_TIMES) return `${times} times is too often: at most ${MOST_TIMES}`;
    if (found.has(cause)) return `'${cause}' is given twice`;
    found.set(cause, times);
  }
  return new Map([...found].reverse());
}

export interface ResubmitDecision {
  readonly isResubmitted: boolean;
  /** The nodes that the next job is not to run on, those of earlier attempts too; empty if the nodes are not to blame. */
  readonly excluded: readonly string[];
}

/** One attempt of a step that did not complete. */
export interface FailedAttempt {
  readonly blame: Blame;
  /** The nodes that are to blame: those that were lost, or all of a job if that is not known. */
  readonly nodes: readonly string[];
}

/** More nodes than this are not excluded: a list of most of a cluster keeps a job in the queue for ever. */
const MAX_EXCLUDED = 16;

/**
 * Whether a step runs again after its last attempt, and where not. What the spec brought about is only repeated if its
 * cause is asked for by name and is the study's own (a time limit, a lack of memory).
 *
 * @param attempts all of this run, the latest last
 */
export function decideResubmit(attempts: readonly FailedAttempt[], on: ResubmitOn): ResubmitDecision {
  const last = attempts.at(-1);
  if (last === undefined) return { isResubmitted: false, excluded: [] };
  const { cause } = last.blame;
  const isOfSite = isInfrastructure(last.blame);
  const before = attempts.filter(({ blame }) => blame.cause === cause).length;
  const isWanted = (isOfSite || cause === 'timeout' || cause === 'memory') && before <= (on.get(cause) ?? 0);
  if (!isWanted) return { isResubmitted: false, excluded: [] };
  return { isResubmitted: true, excluded: nodesToBlame(attempts) };
}

/** The nodes that attempts were lost with, which the next one is not to run on: the latest, if there are many. */
export function nodesToBlame(attempts: readonly FailedAttempt[]): readonly string[] {
  // Of very many nodes most are good, and which one is not is not known.
  const lost = attempts.filter(({ blame, nodes }) => blame.cause === 'node' && nodes.length <= MAX_EXCLUDED);
  return [...new Set(lost.flatMap(({ nodes }) => nodes))].slice(-MAX_EXCLUDED);
}

import { groupBy } from '../util/group-by.js';
import type { Blame } from './cause.js';

/** One job that ended, with the nodes that it ran on. */
export interface NodeAttempt {
  /** The step of the spec. */
  readonly step: string;
  /** The instance. */
  readonly name: string;
  /** Counts from 1 in each instance. */
  readonly attempt: number;
  readonly nodes: readonly string[];
  /** Null if it completed. */
  readonly blame: Blame | null;
  /** Whether its step went on with a restart script, as is planned for a time limit. */
  readonly isRestarted?: boolean;
}

/** A node on which what runs elsewhere fails. */
export interface Suspect {
  readonly node: string;
  /** The instances that failed on it. */
  readonly failed: readonly string[];
  /** The different steps that these are of. */
  readonly steps: readonly string[];
}

/** Causes that a broken node can have; a time limit may be one of a slow node. */
const mayBeNode: ReadonlySet<string> = new Set(['code', 'timeout', 'memory', 'node', 'disk']);

/**
 * Nodes on which instances of at least two steps failed and none passed that failed there, while other instances of the
 * same steps passed elsewhere. The most failures first.
 */
export function suspectNodes(attempts: readonly NodeAttempt[]): Suspect[] {
  const suspects: Suspect[] = [];
  const passed = attempts.filter(({ blame }) => blame === null);
  const placesOf = groupBy(passed, ({ step }) => step);
  const failed = attempts.filter(({ blame }) => blame !== null && mayBeNode.has(blame.cause));
  const onNode = groupBy(
    failed.flatMap((attempt) => attempt.nodes.map((node) => ({ node, attempt }))),
    ({ node }) => node,
  );
  for (const [node, found] of onNode) {
    const mine = found.map(({ attempt }) => attempt);
    const isElsewhere = (step: string) =>
      (placesOf.get(step) ?? []).some(({ nodes }) => nodes.length > 0 && !nodes.includes(node));
    const hasPassedHere = (step: string) => (placesOf.get(step) ?? []).some(({ nodes }) => nodes.includes(node));
    const steps = [...new Set(mine.map(({ step }) => step))].filter(
      (step) => isElsewhere(step) && !hasPassedHere(step),
    );
    if (steps.length < 2) continue;
    const names = mine.filter(({ step }) => steps.includes(step)).map(({ name }) => name);
    suspects.push({ node, failed: [...new Set(names)], steps });
  }
  return suspects.sort((a, b) => b.failed.length - a.failed.length || (a.node < b.node ? -1 : 1));
}

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

/** A job with the nodes and the time that it had. */
export interface NodeTime {
  /** How many nodes. */
  readonly nodes: number;
  /** Milliseconds; null if it never ran. */
  readonly runTime: number | null;
}

/** Node-hours of jobs: nodes × run time, of all attempts, since all of them were paid for. */
export function nodeHours(jobs: readonly NodeTime[]): number {
  return jobs.reduce((total, { nodes, runTime }) => total + (nodes * (runTime ?? 0)) / 3_600_000, 0);
}

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

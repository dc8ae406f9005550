import { groupBy } from '../util/group-by.js';

const HOUR_MS = 3_600_000;

/** A job with the nodes and the time that it had. */
export interface NodeTime {
  /** How many nodes. */
  readonly nodes: number;
  /** Milliseconds; null if it never ran. */
  readonly runTime: number | null;
}

/** Node-hours of jobs: nodes × run time, of all attempts, since all of them were paid for. */
export function nodeHours(jobs: readonly NodeTime[]): number {
  return jobs.reduce((total, { nodes, runTime }) => total + (nodes * (runTime ?? 0)) / HOUR_MS, 0);
}

/** Nodes that were held for a while. Milliseconds since the epoch; until null: still. */
export interface HeldNodes {
  readonly nodes: number;
  readonly from: number;
  readonly until: number | null;
}

/** A job that ran. */
export interface RanOn {
  /** By name; none if they are not known. */
  readonly nodes: readonly string[];
  /** How many, if they are not known by name. */
  readonly count: number;
  readonly from: number;
  readonly until: number;
}

/** What a study was given, and what it used of it. */
export interface AllocationUse {
  readonly nodeHours: number;
  /** A node counts as used while any job runs on it. */
  readonly usedNodeHours: number;
}

/**
 * How much of its allocations a study used; undefined if it had none.
 *
 * @param now when an allocation that is still held counts as ended
 */
export function allocationUse(
  held: readonly HeldNodes[],
  jobs: readonly RanOn[],
  now: number,
): AllocationUse | undefined {
  if (held.length === 0) return undefined;
  const windows = held.map(({ nodes, from, until }) => ({ nodes, from, until: Math.max(from, until ?? now) }));
  const total = windows.reduce((sum, { nodes, from, until }) => sum + nodes * (until - from), 0);
  const used = windows.reduce((sum, window) => sum + usedIn(window, jobs), 0);
  return { nodeHours: total / HOUR_MS, usedNodeHours: Math.min(used, total) / HOUR_MS };
}

function usedIn({ from, until }: { readonly from: number; readonly until: number }, jobs: readonly RanOn[]): number {
  const within = jobs
    .map((job) => ({ ...job, from: Math.max(job.from, from), until: Math.min(job.until, until) }))
    .filter((job) => job.from < job.until);
  const named = within.flatMap(({ nodes, ...times }) => nodes.map((node) => ({ node, ...times })));
  const unnamed = within.filter(({ nodes }) => nodes.length === 0);
  return (
    [...groupBy(named, ({ node }) => node).values()].reduce((sum, times) => sum + covered(times), 0) +
    unnamed.reduce((sum, job) => sum + job.count * (job.until - job.from), 0)
  );
}

/** How long at least one of some spans of time lasts. */
function covered(spans: readonly { readonly from: number; readonly until: number }[]): number {
  let total = 0;
  let end = Number.NEGATIVE_INFINITY;
  for (const { from, until } of spans.toSorted((a, b) => a.from - b.from)) {
    total += Math.max(0, until - Math.max(from, end));
    end = Math.max(end, until);
  }
  return total;
}

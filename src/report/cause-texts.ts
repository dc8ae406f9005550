import type { Cause } from '../causes/cause.js';
import type { FlakyInstance } from '../causes/flaky.js';
import type { NodeAttempt, Suspect } from '../causes/suspects.js';
import { counted, inSeries, someOf } from '../util/format.js';
import type { StudyResults } from './results.js';

/** How names are written: for a place where they need marks or escapes. */
export type Shown = (text: string) => string;

/** So many names are in a sentence. */
const MOST_NAMES = 5;

/** `node7: 4 instances of run and post failed on it (…), while others of these steps passed elsewhere`. */
export function suspectText({ node, failed, steps }: Suspect, shown: Shown): string {
  const names = someOf(failed.map(shown), MOST_NAMES);
  const of = steps.length > MOST_NAMES ? someOf(steps.map(shown), MOST_NAMES) : inSeries(steps.map(shown));
  const count = counted(failed.length, 'instance');
  return `${shown(node)}: ${count} of ${of} failed on it (${names}), while others of these steps passed elsewhere`;
}

/** What became of an attempt that did not complete. */
const ends: Readonly<Record<Cause, string>> = {
  code: 'failed by itself',
  timeout: 'reached its time limit',
  memory: 'ran out of memory',
  node: 'was lost with a node',
  preempted: 'was preempted',
  allocation: 'ended with the allocation',
  queue: 'was not started by the queue',
  connection: 'was out of sight',
  disk: 'could not use the files of the study',
  submission: 'was not accepted',
  dependency: 'waited for another step',
  cancelled: 'was cancelled',
};

/** `run_A.1 passed at attempt 3; attempt 1 was lost with a node (node7), attempt 2 failed by itself (on node3)`. */
export function flakyText({ name, passedAt, failures }: FlakyInstance, shown: Shown): string {
  const attempts = failures.map((failure) => attemptText(failure, shown));
  return `${shown(name)} passed at attempt ${passedAt}; ${someOf(attempts, MOST_NAMES)}`;
}

function attemptText({ attempt, blame, nodes }: NodeAttempt, shown: Shown): string {
  const on = nodes.length === 0 ? '' : ` (${blame?.cause === 'node' ? '' : 'on '}${someOf(nodes.map(shown), 3)})`;
  return `attempt ${attempt} ${blame === null ? 'completed' : ends[blame.cause]}${on}`;
}

/** `12.5 node-hours, 61 % of the allocation used`; '' if nothing is known of them. */
export function nodeHoursText({ nodeHours, allocation }: Pick<StudyResults, 'nodeHours' | 'allocation'>): string {
  if (nodeHours === undefined) return '';
  const hours = `${hoursText(nodeHours)} node-hours`;
  if (allocation === undefined || allocation.nodeHours === 0) return hours;
  const percent = Math.round((100 * allocation.usedNodeHours) / allocation.nodeHours);
  return `${hours}, ${percent} % of the allocation's ${hoursText(allocation.nodeHours)} used`;
}

/** A number of hours with two or three digits that say something. */
export function hoursText(hours: number): string {
  if (hours >= 100) return String(Math.round(hours));
  return String(Number(hours.toPrecision(hours >= 1 ? 3 : 2)));
}

import * as z from 'zod';
import { programs } from '../../generated/programs.js';
import { allocators, type QueuedJob } from '../../store/journal/records.js';
import { assignments } from '../../util/shell-quote.js';
import { isNewFlux } from './submission.js';

/**
 * Bash functions that ask the host's scheduler about a job:
 *
 * - `look`: prints `STATE|QUEUE|NODES|START|REASON`, or nothing if the scheduler does not know the job (any more).
 *   START is the host's local time, as in 2026-11-24T20:31:00. Fails with the scheduler's words on stdout if it cannot
 *   be asked.
 * - `list`: prints the ids of all jobs of this name that have not ended, a line each; fails likewise.
 * - `position QUEUE`: prints which of those that wait in the queue it is, or nothing.
 * - `end ID...`: ends jobs. That there are none is no failure.
 * - `scheduler`: prints what this scheduler calls itself, or nothing. In another cluster the same ids are of other
 *   jobs, or of none: if the job is known to be of another scheduler than this one all the others fail, and say so.
 *
 * They print the same whatever the scheduler, and do not read stdin.
 */
export function queueFunctions(job: QueuedJob): string {
  const { kind, id, jobName, cluster = '', scheduler = '', flux, fluxVersion } = job;
  const variables = {
    job_id: id,
    job_name: jobName,
    job_cluster: cluster,
    job_scheduler: scheduler,
    ...(kind === 'flux' ? { flux_path: flux, has_queues: isNewFlux(fluxVersion) ? 'yes' : 'no' } : {}),
  };
  return [
    assignments(variables),
    programs['schedulers/batch/ask.sh'],
    programs[`schedulers/batch/${kind}.sh`],
    programs['schedulers/batch/same-scheduler.sh'],
  ].join('');
}

/** A `QueuedJob` as it is kept in a file. */
export const queuedJobSchema = z.object({
  kind: z.enum(allocators),
  id: z.string().min(1),
  jobName: z.string().min(1),
  cluster: z.string().optional(),
  scheduler: z.string().optional(),
  flux: z.string(),
  fluxVersion: z.string(),
});

/** The state of a job in its batch system. */
export interface JobState {
  /** Whether the job waits for its nodes, has them, or has ended. */
  readonly phase: 'waiting' | 'running' | 'ended';
  /** The batch system's own word for the state. */
  readonly word: string;
  readonly queue: string;
  readonly nodes: string;
  /** The expected start, in the host's local time: 2026-11-24T20:31:00; '' if not known. */
  readonly start: string;
  readonly reason: string;
}

const waiting = [
  ...['PENDING', 'REQUEUED', 'REQUEUE_FED', 'REQUEUE_HOLD', 'RESV_DEL_HOLD', 'SPECIAL_EXIT'],
  ...['PEND', 'PSUSP', 'WAIT'],
  ...['DEPEND', 'PRIORITY', 'SCHED'],
];
const ended = [
  ...['BOOT_FAIL', 'CANCELLED', 'COMPLETED', 'COMPLETING', 'DEADLINE', 'FAILED', 'LAUNCH_FAILED', 'NODE_FAIL'],
  ...['OUT_OF_MEMORY', 'PREEMPTED', 'REVOKED', 'TIMEOUT'],
  ...['DONE', 'EXIT'],
  ...['CANCELED', 'CLEANUP', 'INACTIVE'],
];

/** Parses the output of `look`. An unknown word counts as running, so that the job is not given up. */
export function parseJobState(line: string): JobState {
  const [word = '', queue = '', nodes = '', start = '', ...reason] = line.split('|');
  return {
    phase: waiting.includes(word) ? 'waiting' : ended.includes(word) ? 'ended' : 'running',
    word,
    queue,
    // LSF puts the number of slots before each node.
    nodes: [...new Set(nodes.split(':').map((host) => host.replace(/^[0-9]+\*/, '')))].join(', '),
    start: /^[0-9]{4}-[0-9]{2}-[0-9]{2}T/.test(start) ? start : '',
    reason: meaningful(reason.join('|').trim()),
  };
}

function meaningful(reason: string): string {
  return ['None', '(null)'].includes(reason) ? '' : reason.replace(/;$/, '');
}

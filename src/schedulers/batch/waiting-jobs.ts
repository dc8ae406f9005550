import type { Clock } from '../../util/clock.js';
import type { BatchSystem, QueueRow } from './batch-system.js';
import type { QueuedJob } from './queued-job.js';

/** A job that waits for less than this needs no reason. */
const REASON_DELAY_MS = 5_000;

/** A reason that keeps changing is reported no more often. */
const REASON_INTERVAL_MS = 60_000;

/** How long there may be no node for a job that is not to run on some: others may come back. */
const STUCK_TIMEOUT_MS = 300_000;

export interface WaitingJobsOptions {
  readonly system: Pick<BatchSystem, 'name' | 'doubtOf' | 'lacksNodes'>;
  readonly clock: Clock;
  readonly log: (line: string) => void;
  /** A job waits, for this reason by now. */
  readonly onReason: (queued: QueuedJob, reason: string) => void;
  /** A job may wait for ever because of the nodes that it is not to run on. */
  readonly onStuck: (queued: QueuedJob, reason: string) => void;
}

/** Tells why jobs wait, and of what may keep them waiting for ever. */
export class WaitingJobs {
  readonly #options: WaitingJobsOptions;
  /** The reasons that were warned of. */
  readonly #doubts = new Set<string>();

  constructor(options: WaitingJobsOptions) {
    this.#options = options;
  }

  /** @param isNew whether the queue says something else of the job than when it was last asked */
  take(queued: QueuedJob, row: QueueRow, isNew: boolean): void {
    if (isNew) this.#warn(queued, row);
    const now = this.#options.clock.now();
    this.#takeStuck(queued, row, now);
    const isDue = now - queued.acceptedAt >= REASON_DELAY_MS && now - queued.reasonAt >= REASON_INTERVAL_MS;
    if (row.reason === '' || row.reason === queued.reason || !isDue) return;
    queued.reason = row.reason;
    queued.reasonAt = now;
    this.#options.onReason(queued, row.reason);
  }

  #takeStuck(queued: QueuedJob, row: QueueRow, now: number): void {
    const { system, onStuck } = this.#options;
    const isStuck = queued.job.excluded !== undefined && system.lacksNodes(row);
    queued.stuckSince = isStuck ? (queued.stuckSince ?? now) : undefined;
    if (queued.stuckSince === undefined || now - queued.stuckSince < STUCK_TIMEOUT_MS) return;
    // Unless that works it is told again after the same time.
    queued.stuckSince = undefined;
    onStuck(queued, row.reason || `${system.name} does not say what it waits for`);
  }

  #warn(queued: QueuedJob, row: QueueRow): void {
    const doubt = this.#options.system.doubtOf(row);
    if (doubt === undefined || this.#doubts.has(doubt.reason)) return;
    this.#doubts.add(doubt.reason);
    this.#options.log(`job ${queued.id} of ${queued.job.step.name} may never start (${doubt.reason}): ${doubt.hint}`);
  }
}

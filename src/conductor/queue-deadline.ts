import type { Clock } from '../util/clock.js';
import { shortDuration } from '../util/format.js';
import type { StudyEvent } from './events.js';

export interface QueueDeadlineOptions {
  readonly clock: Clock;
  /** Milliseconds; 0: no limit. */
  readonly limitMs: number;
  /** Called with the reason, for people, once the jobs in the queue have waited for so long and none has begun. */
  readonly onOver: (reason: string) => void;
}

/**
 * The time in which the first job of a run must begin. The limit applies only while a job is queued; the next one gets the
 * full time. Once a job has begun, the others may wait as long as they have to.
 */
export class QueueDeadline {
  readonly #options: QueueDeadlineOptions;
  #hasBegun = false;
  /** Undefined while no job is queued. */
  #stopTimer: (() => void) | undefined;

  constructor(options: QueueDeadlineOptions) {
    this.#options = options;
  }

  jobQueued(): void {
    const { clock, limitMs, onOver } = this.#options;
    if (this.#hasBegun || this.#stopTimer !== undefined || limitMs === 0) return;
    const reason = `max-wait: no job has begun to run within ${shortDuration(limitMs)}`;
    this.#stopTimer = clock.after(limitMs, () => onOver(reason));
  }

  jobBegan(): void {
    this.#hasBegun = true;
    this.queueEmpty();
  }

  queueEmpty(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }
}

/** The step whose job has begun to run, as an event says, or had before it ended; undefined if it says nothing of that. */
export function beganIn(event: StudyEvent): number | undefined {
  const hasBegun = event.type === 'started' || (event.type === 'ended' && event.outcome.exitCode !== null);
  return hasBegun ? event.step : undefined;
}

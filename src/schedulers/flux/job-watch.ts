import { ConnectionError, errno, FluxError } from '../../flux/errors.js';
import type { Handle } from '../../flux/handle.js';
import type { JobId } from '../../flux/job-id.js';
import { watchEventlog } from '../../flux/requests.js';
import type { InstanceMonitor } from './instance-monitor.js';
import type { LifeEvent } from './job-life.js';
import type { TrackedJob } from './tracked-job.js';

export interface JobWatchOptions {
  readonly instance: InstanceMonitor;
  readonly dispatch: (tracked: TrackedJob, event: LifeEvent) => void;
  /** Closes a connection whose answers cannot be parsed. */
  readonly drop: (reason: string) => void;
  /** Handles the failure of a background task. */
  readonly guard: (task: Promise<void>) => void;
}

/** Reads the eventlogs of jobs while there is a connection. */
export class JobWatch {
  readonly #options: JobWatchOptions;
  #handle: Handle | undefined;

  constructor(options: JobWatchOptions) {
    this.#options = options;
  }

  onUp(handle: Handle): void {
    this.#handle = handle;
  }

  onDown(): void {
    this.#handle = undefined;
  }

  /**
   * Reads a job's log from its first entry. Without a connection it does nothing; every log is read after the next
   * connect.
   */
  read(tracked: TrackedJob, id: JobId): void {
    if (this.#handle === undefined) return;
    const { reading } = tracked.life;
    const { dispatch, guard } = this.#options;
    tracked.stopReading();
    tracked.stopReading = watchEventlog(this.#handle, id, {
      onEvents: (events) => {
        for (const event of events) {
          // A report may have led to another job.
          if (tracked.life.reading !== reading) return;
          dispatch(tracked, { type: 'log', event });
        }
      },
      onEnd: (error) => guard(this.#onEnd(tracked, reading, error)),
    });
  }

  /** The log ended, or could not be read. */
  async #onEnd(tracked: TrackedJob, reading: number, error: Error | undefined): Promise<void> {
    const { instance, dispatch, drop } = this.#options;
    const { life } = tracked;
    if (life.phase !== 'watching' || life.reading !== reading || error instanceof ConnectionError) return;
    if (error !== undefined && !(error instanceof FluxError)) return drop(error.message);
    // An instance that is shutting down may no longer know its jobs.
    if ((await instance.ask()) === 'ending') return;
    dispatch(tracked, { type: 'log-failed', reading, isUnknown: error?.errno === errno.ENOENT });
  }
}

import { ConnectionError, errno, FluxError, RequestTimeout } from '../../flux/errors.js';
import type { Handle } from '../../flux/handle.js';
import type { JobId } from '../../flux/job-id.js';
import { AnswerError, type EventlogListener, lookUpNodes, watchEventlog } from '../../flux/requests.js';
import type { InstanceMonitor } from './instance-monitor.js';
import type { LifeEvent } from './job-life.js';
import { JournalFeed } from './journal-feed.js';
import type { TrackedJob } from './tracked-job.js';

export interface JobWatchOptions {
  readonly instance: InstanceMonitor;
  /** Whether the user owns the instance: then its journal may be read. */
  readonly isOwner: boolean;
  readonly dispatch: (tracked: TrackedJob, event: LifeEvent) => void;
  /** Closes a connection whose answers cannot be parsed. */
  readonly drop: (reason: string) => void;
  /** Handles the failure of a background task. */
  readonly guard: (task: Promise<void>) => void;
}

/** Reads the events of jobs while there is a connection. */
export class JobWatch {
  readonly #options: JobWatchOptions;
  #handle: Handle | undefined;
  #feed: JournalFeed | undefined;

  constructor(options: JobWatchOptions) {
    this.#options = options;
  }

  onUp(handle: Handle): void {
    this.#handle = handle;
    this.#feed = this.#options.isOwner ? new JournalFeed(handle) : undefined;
  }

  onDown(): void {
    this.#handle = undefined;
    this.#feed = undefined;
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
    const listener: EventlogListener = {
      onEvents: (events) => {
        for (const event of events) {
          // A report may have led to another job.
          if (tracked.life.reading !== reading) return;
          dispatch(tracked, { type: 'log', event });
          if (event.name === 'alloc' && event.nodes === undefined) guard(this.#askNodes(tracked, reading, id));
        }
      },
      onEnd: (error) => guard(this.#onEnd(tracked, reading, error)),
    };
    tracked.stopReading = this.#feed?.follow(id, listener) ?? watchEventlog(this.#handle, id, listener);
  }

  /** Asks which nodes the job got, while it is being started. Without an answer they stay unknown. */
  async #askNodes(tracked: TrackedJob, reading: number, id: JobId): Promise<void> {
    if (this.#handle === undefined) return;
    try {
      const nodes = await lookUpNodes(this.#handle, id);
      if (nodes.length > 0) this.#options.dispatch(tracked, { type: 'nodes', reading, nodes });
    } catch (error) {
      const isOfBroker = [FluxError, ConnectionError, RequestTimeout, AnswerError].some(
        (kind) => error instanceof kind,
      );
      if (!isOfBroker) throw error;
    }
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

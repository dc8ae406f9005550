import { ConnectionError } from '../../flux/errors.js';
import type { FluxEvent } from '../../flux/eventlog.js';
import { watchJournal } from '../../flux/events-journal.js';
import type { Handle } from '../../flux/handle.js';
import type { JobId } from '../../flux/job-id.js';
import type { EventlogListener } from '../../flux/requests.js';

/**
 * Of how many jobs that are not followed the events are kept. A job's first events may come before the answer to its
 * submit, which tells its id; far fewer submits than this are unanswered at once.
 */
const MAX_UNFOLLOWED = 1024;

interface Follower {
  readonly listener: EventlogListener;
  /** Events that were not delivered yet; undefined once each is delivered as it comes. */
  early: FluxEvent[] | undefined;
}

/**
 * The events of jobs from the broker's journal: one stream for all jobs, which is about 10 ms ahead of the eventlogs
 * because the broker commits those to its KVS first. Jobs whose first events are not among what the journal tells have
 * to be followed by their eventlogs.
 */
export class JournalFeed {
  readonly #followers = new Map<JobId, Follower>();
  /** The events of other jobs, from the first on, of the last jobs that were submitted. */
  readonly #unfollowed = new Map<JobId, FluxEvent[]>();
  #isOver = false;

  constructor(handle: Handle) {
    watchJournal(handle, {
      onEvents: (id, events) => this.#onEvents(id, events),
      onEnd: (error) => this.#onEnd(error),
    });
  }

  /**
   * Delivers all events of a job, from the first on, but none before this returns. `onEnd` is called only if the stream
   * ends before the job.
   *
   * @returns what stops that; undefined if the first events of the job are not known
   */
  follow(id: JobId, listener: EventlogListener): (() => void) | undefined {
    const early = this.#unfollowed.get(id);
    if (early === undefined || this.#isOver) return undefined;
    this.#unfollowed.delete(id);
    const follower: Follower = { listener, early };
    this.#followers.set(id, follower);
    queueMicrotask(() => this.#deliverEarly(id, follower));
    return () => this.#drop(id, follower);
  }

  #deliverEarly(id: JobId, follower: Follower): void {
    const { early = [] } = follower;
    follower.early = undefined;
    // It may have been stopped meanwhile.
    if (this.#followers.get(id) === follower) this.#deliver(id, follower, early);
  }

  #onEvents(id: JobId, events: readonly FluxEvent[]): void {
    const follower = this.#followers.get(id);
    if (follower === undefined) this.#keep(id, events);
    else if (follower.early === undefined) this.#deliver(id, follower, events);
    else follower.early.push(...events);
  }

  #deliver(id: JobId, follower: Follower, events: readonly FluxEvent[]): void {
    if (events.at(-1)?.name === 'clean') this.#drop(id, follower);
    follower.listener.onEvents(events);
  }

  /** Keeps the events of a job that is not followed, or not yet. */
  #keep(id: JobId, events: readonly FluxEvent[]): void {
    const known = this.#unfollowed.get(id);
    if (known !== undefined) {
      known.push(...events);
      return;
    }
    if (events[0]?.name !== 'submit') return;
    this.#unfollowed.set(id, [...events]);
    if (this.#unfollowed.size <= MAX_UNFOLLOWED) return;
    const [oldest] = this.#unfollowed.keys();
    this.#unfollowed.delete(oldest!);
  }

  #drop(id: JobId, follower: Follower): void {
    if (this.#followers.get(id) === follower) this.#followers.delete(id);
  }

  /** The followers read on in the eventlogs, whatever was the matter with the journal. */
  #onEnd(error: Error | undefined): void {
    this.#isOver = true;
    this.#unfollowed.clear();
    const followers = [...this.#followers.values()];
    this.#followers.clear();
    for (const { listener } of followers) listener.onEnd(error instanceof ConnectionError ? error : undefined);
  }
}

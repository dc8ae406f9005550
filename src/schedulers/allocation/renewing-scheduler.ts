import type { Outputs } from '../../scripts/outputs.js';
import type { ObsoleteJob } from '../../store/journal/records.js';
import type { Clock } from '../../util/clock.js';
import type {
  BatchScheduler,
  InheritedJob,
  InterruptEvent,
  Job,
  JobEvent,
  JobOutcome,
  JobRef,
  SchedulerListener,
} from '../scheduler.js';

/**
 * What is known, once a place has ended, of a job that was in flight there: how it ended, where one that had begun and wrote
 * no end down is lost (`node-failure`). Undefined: it never began, and never will there.
 */
export type KnownOutcome = JobOutcome | undefined;

/** Somewhere that jobs run for a while: an allocation. */
export interface JobPlace {
  /** Makes what runs jobs there. */
  readonly start: (listener: SchedulerListener) => BatchScheduler;
}

export interface RenewingOptions {
  /**
   * Gives up the place that is out of sight, and looks what became of its jobs.
   *
   * @param reason why it is; the note of those that are lost
   * @param mayLive whether the jobs may go on there, and are wanted: then the place is given up only if it is sure to have
   *   ended. Otherwise it has said so itself, or nothing in it is wanted any more, and it is given up whatever it is.
   * @returns in the order of `jobs`; `alive` if it was not given up
   */
  readonly reapJobs: (
    jobs: readonly Job[],
    reason: string,
    mayLive: boolean,
  ) => Promise<readonly KnownOutcome[] | 'alive'>;
  /** Whether another place may be got. */
  readonly mayRenew: () => boolean;
  /** Gets another place; undefined if there is to be none. */
  readonly renew: (reason: string) => Promise<JobPlace | undefined>;
  readonly clock: Clock;
}

/**
 * Runs jobs in a place that may end before they do, such as an allocation, and then in the next one. What had begun there
 * counts as lost to the failure of a node; what had not is simply submitted again. The next one is sought once there is a
 * job for it: what is left of a study may need none. If it is not to be had the study is interrupted; and so it is if the
 * place is out of sight, and may live: its jobs go on, and are not ours to repeat. Jobs that an earlier driver left are attached to the place that there is, or the next one: it finds out what became of them elsewhere.
 */
export class RenewingScheduler implements BatchScheduler {
  readonly #options: RenewingOptions;
  readonly #listener: SchedulerListener;
  /** By the index of the step. */
  readonly #inFlight = new Map<number, Job>();
  /** What is in flight, and not wanted any more. */
  readonly #cancelled = new Set<Job>();
  /** What is in flight, was left by an earlier driver, and has had no place to be attached to. */
  readonly #left = new Map<Job, InheritedJob>();
  /** Why there is no place, once it is known what became of its jobs. */
  #loss: string | undefined;
  #isRenewing = false;
  /** Undefined while there is none. */
  #scheduler: BatchScheduler | undefined;
  /** The present or the last one. */
  #last: BatchScheduler;
  /** The steps that did not fit in the place before, by index. */
  #deferred = new Set<number>();
  #deferredBefore: ReadonlySet<number> = new Set();
  /** Whether a job has begun in the present place. */
  #hasBegun = false;
  #isOver = false;

  constructor(first: JobPlace, options: RenewingOptions, listener: SchedulerListener) {
    this.#options = options;
    this.#listener = listener;
    this.#last = this.#begin(first);
  }

  submit(jobs: readonly Job[]): void {
    for (const job of jobs) this.#inFlight.set(job.step.index, job);
    if (this.#scheduler !== undefined) this.#scheduler.submit(jobs);
    else this.#renewIfNeeded();
  }

  reattach(jobs: readonly InheritedJob[]): void {
    for (const job of jobs) this.#inFlight.set(job.step.index, job);
    if (this.#scheduler !== undefined) return this.#scheduler.reattach(jobs);
    for (const job of jobs) this.#left.set(job, job);
    this.#renewIfNeeded();
  }

  /** Jobs of a place that is over are over with it. */
  async cancelObsolete(jobs: readonly ObsoleteJob[]): Promise<void> {
    await this.#scheduler?.cancelObsolete(jobs);
  }

  cancel(jobs: readonly Job[]): void {
    for (const { step, attempt } of jobs) {
      const job = this.#inFlight.get(step.index);
      if (job?.attempt === attempt) this.#cancelled.add(job);
    }
    if (this.#scheduler !== undefined) this.#scheduler.cancel(jobs);
    else if (this.#loss !== undefined) this.#endCancelled();
  }

  outputs(job: JobRef): Outputs {
    return this.#last.outputs(job);
  }

  renew(reason: string): void {
    const scheduler = this.#scheduler;
    if (this.#isOver || scheduler === undefined) return;
    this.#scheduler = undefined;
    scheduler.close();
    const event = { type: 'interrupt', at: this.#options.clock.now(), reason, hasBackendEnded: true } as const;
    this.#settle(event).catch((error: unknown) => this.#fail(reason, error));
  }

  async suspend(reason: string): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#scheduler !== undefined) return this.#scheduler.suspend(reason);
    this.#listener({ type: 'interrupt', at: this.#options.clock.now(), reason });
  }

  close(): void {
    this.#isOver = true;
    this.#last.close();
  }

  #begin(place: JobPlace): BatchScheduler {
    const scheduler = place.start((event) => this.#onEvent(event));
    this.#scheduler = scheduler;
    this.#last = scheduler;
    this.#deferredBefore = this.#deferred;
    this.#deferred = new Set();
    this.#hasBegun = false;
    return scheduler;
  }

  #onEvent(event: JobEvent | InterruptEvent): void {
    if (event.type !== 'interrupt') {
      this.#tell(event);
      return;
    }
    if (this.#isOver) return this.#listener(event);
    this.#scheduler = undefined;
    for (const ended of event.ended ?? []) this.#tell(ended);
    this.#settle(event).catch((error: unknown) => this.#fail(event.reason, error));
  }

  /** Before it is passed on: an end may be answered with the step's next attempt. */
  #tell(event: JobEvent): void {
    const job = this.#inFlight.get(event.step);
    if (event.type === 'started') this.#hasBegun = true;
    const isEnd = event.type === 'ended' || event.type === 'not-submitted' || event.type === 'deferred';
    if (isEnd && job?.attempt === event.attempt) {
      this.#inFlight.delete(event.step);
      this.#cancelled.delete(job);
      this.#left.delete(job);
    }
    this.#listener(event.type === 'deferred' ? this.#defer(event) : event);
  }

  /** What does not fit in a new place that nothing has run in yet, fits in no other like it. */
  #defer(event: Extract<JobEvent, { type: 'deferred' }>): JobEvent {
    const { step } = event;
    const isHopeless = this.#deferredBefore.has(step) && !this.#hasBegun;
    this.#deferred.add(step);
    return { ...event, mayRenew: !isHopeless && this.#options.mayRenew() };
  }

  async #settle({ reason, alsoLocal, hasBackendEnded }: InterruptEvent): Promise<void> {
    const jobs = [...this.#inFlight.values()];
    const mayLive = hasBackendEnded !== true && jobs.some((job) => !this.#cancelled.has(job));
    const remains = await this.#options.reapJobs(jobs, reason, mayLive);
    if (remains === 'alive') return this.#giveUp(reason, { alsoLocal });
    const outcomes = jobs.map((job, i) => {
      const outcome = remains[i];
      return this.#cancelled.has(job) && outcome?.result !== 'completed' ? cancelled : outcome;
    });
    // Nobody is to believe that what needs another place runs again now.
    const isLast = !this.#options.mayRenew() && outcomes.some(needsPlace);
    if (isLast && !this.#isOver) {
      const ended = jobs.flatMap((job, i) => (outcomes[i] === undefined ? [] : [this.#endOf(job, outcomes[i])]));
      for (const event of ended) this.#inFlight.delete(event.step);
      return this.#giveUp(reason, { ended, hasBackendEnded: true });
    }
    for (const [i, job] of jobs.entries()) {
      if (outcomes[i] !== undefined) this.#tellEnd(job, outcomes[i]);
    }
    this.#loss = reason;
    this.#endCancelled();
    this.#renewIfNeeded();
  }

  #endCancelled(): void {
    for (const job of this.#cancelled) this.#tellEnd(job, cancelled);
  }

  #renewIfNeeded(): void {
    const reason = this.#loss;
    if (reason === undefined || this.#isRenewing || this.#isOver || this.#inFlight.size === 0) return;
    this.#isRenewing = true;
    this.#renew(reason).catch((error: unknown) => this.#fail(reason, error, { hasBackendEnded: true }));
  }

  async #renew(reason: string): Promise<void> {
    const place = await this.#options.renew(reason);
    if (this.#isOver) return;
    if (place === undefined) return this.#giveUp(reason, { hasBackendEnded: true });
    this.#loss = undefined;
    this.#isRenewing = false;
    const scheduler = this.#begin(place);
    // Those that never began, and what came meanwhile. Of that, too, something may be answered at once.
    for (const job of [...this.#inFlight.values()]) {
      if (this.#scheduler !== scheduler) return;
      if (this.#inFlight.get(job.step.index) !== job) continue;
      const left = this.#left.get(job);
      this.#left.delete(job);
      if (this.#cancelled.has(job)) this.#tellEnd(job, cancelled);
      else if (left !== undefined) scheduler.reattach([left]);
      else scheduler.submit([job]);
    }
  }

  #tellEnd(job: Job, outcome: JobOutcome): void {
    if (!this.#isOver) this.#tell(this.#endOf(job, outcome));
  }

  #endOf({ step, attempt }: Job, outcome: JobOutcome): Extract<JobEvent, { type: 'ended' }> {
    return { type: 'ended', step: step.index, attempt, at: outcome.endedAt ?? this.#options.clock.now(), outcome };
  }

  #fail(reason: string, error: unknown, what: GivenUp = {}): void {
    this.#giveUp(`${reason}; ${error instanceof Error ? error.message : String(error)}`, what);
  }

  #giveUp(reason: string, { ended, hasBackendEnded = false, alsoLocal = false }: GivenUp = {}): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // What an earlier driver left may have begun elsewhere.
    const waiting = [...this.#inFlight.values()].filter((job) => hasBackendEnded && !this.#left.has(job));
    const notBegun = waiting.map(({ step, attempt }) => ({ step: step.index, attempt }));
    this.#listener({
      type: 'interrupt',
      at: this.#options.clock.now(),
      reason,
      ...(ended === undefined || ended.length === 0 ? {} : { ended }),
      ...(notBegun.length === 0 ? {} : { notBegun }),
      ...(alsoLocal ? { alsoLocal } : {}),
    });
  }
}

/** What is known when there is no place any more. */
interface GivenUp {
  readonly ended?: InterruptEvent['ended'];
  /** What has no end told there never began. */
  readonly hasBackendEnded?: boolean;
  readonly alsoLocal?: boolean | undefined;
}

/** Whether a job has to run again, or yet. */
const needsPlace = (outcome: KnownOutcome) =>
  outcome === undefined || outcome.result === 'node-failure' || outcome.result === 'not-run';

const cancelled: JobOutcome = { result: 'cancelled', exitCode: null, signal: null, note: '' };

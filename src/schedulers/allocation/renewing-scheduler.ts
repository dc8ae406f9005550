import { blame } from '../../causes/cause.js';
import type { Interruption } from '../../causes/interruption.js';
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

import { NoAllocationError } from './no-allocation.js';

/**
 * The outcome of a job that was in flight when its allocation ended. A job that started and recorded no end is lost
 * (`node-failure`). Undefined: it never started, and never will in that allocation.
 */
export type KnownOutcome = JobOutcome | undefined;

/** An allocation in which jobs can run. */
export interface JobPlace {
  /** Creates the scheduler for its jobs. */
  readonly start: (listener: SchedulerListener) => BatchScheduler;
}

export interface RenewingOptions {
  /**
   * Releases an allocation with which contact was lost, and reads the outcomes of its jobs.
   *
   * @param reason why contact was lost; the note of lost jobs
   * @param mayLive whether its jobs may still be running and are not cancelled: then it is released only if it has
   *   certainly ended. Otherwise the allocation reported its own end, or all its jobs are cancelled, and it is released
   *   in any case.
   * @returns in the order of `jobs`; `alive` if it was not released
   */
  readonly reapJobs: (
    jobs: readonly Job[],
    reason: string,
    mayLive: boolean,
  ) => Promise<readonly KnownOutcome[] | 'alive'>;
  /** Whether another allocation may be requested. */
  readonly mayRenew: () => boolean;
  /** Requests another allocation; undefined if the limit is reached. */
  readonly renew: (reason: string) => Promise<JobPlace | undefined>;
  readonly clock: Clock;
}

/**
 * Runs jobs in an allocation, and in further allocations if it ends before the study does. Jobs that had started in the
 * ended allocation count as node failures; the others are submitted again. The next allocation is requested only when
 * there is a job for it. If none is available, the study is interrupted. It is also interrupted if contact is lost with
 * an allocation that may be alive, because its jobs may go on and must not run twice. Jobs of an earlier driver are
 * reattached in the present allocation, or the next one, which finds out what became of them.
 */
export class RenewingScheduler implements BatchScheduler {
  readonly #options: RenewingOptions;
  readonly #listener: SchedulerListener;
  /** By the index of the step. */
  readonly #inFlight = new Map<number, Job>();
  /** Jobs in flight that were cancelled. */
  readonly #cancelled = new Set<Job>();
  /** Jobs in flight of an earlier driver that wait for an allocation to be reattached in. */
  readonly #left = new Map<Job, InheritedJob>();
  /** Why there is no allocation; set once the outcomes of its jobs are known. */
  #loss: string | undefined;
  #isRenewing = false;
  /** Undefined while there is no allocation. */
  #scheduler: BatchScheduler | undefined;
  /** The scheduler of the present or the last allocation. */
  #last: BatchScheduler;
  /** The indexes of steps that did not fit in the present allocation, and in the one before it. */
  #deferred = new Set<number>();
  #deferredBefore: ReadonlySet<number> = new Set();
  /** Whether a job has started in the present allocation. */
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

  /** Without an allocation there is nothing to cancel, because obsolete jobs ended with it. */
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
    const at = this.#options.clock.now();
    const event = { type: 'interrupt', at, reason, kind: 'allocation-over', hasBackendEnded: true } as const;
    this.#settle(event).catch((error: unknown) => this.#fail(reason, error));
  }

  async suspend(reason: string, kind: Interruption): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#scheduler !== undefined) return this.#scheduler.suspend(reason, kind);
    this.#listener({ type: 'interrupt', at: this.#options.clock.now(), reason, kind });
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

  /** Updates the jobs in flight, then passes the event on; the listener may submit the step's next attempt at once. */
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

  /** A step that was deferred before and does not fit in a new, unused allocation fits in no other one. */
  #defer(event: Extract<JobEvent, { type: 'deferred' }>): JobEvent {
    const { step } = event;
    const isHopeless = this.#deferredBefore.has(step) && !this.#hasBegun;
    this.#deferred.add(step);
    return { ...event, mayRenew: !isHopeless && this.#options.mayRenew() };
  }

  async #settle({ reason, kind = 'scheduler-lost', alsoLocal, hasBackendEnded }: InterruptEvent): Promise<void> {
    const jobs = [...this.#inFlight.values()];
    const mayLive = hasBackendEnded !== true && jobs.some((job) => !this.#cancelled.has(job));
    const remains = await this.#options.reapJobs(jobs, reason, mayLive);
    if (remains === 'alive') return this.#giveUp(reason, kind, { alsoLocal });
    const outcomes = jobs.map((job, i) => {
      const outcome = remains[i];
      return this.#cancelled.has(job) && outcome?.result !== 'completed' ? cancelled : outcome;
    });
    // Without another allocation, steps that need one must not be reported as about to run again.
    const isLast = !this.#options.mayRenew() && outcomes.some(needsPlace);
    if (isLast && !this.#isOver) {
      const ended = jobs.flatMap((job, i) => (outcomes[i] === undefined ? [] : [this.#endOf(job, outcomes[i])]));
      for (const event of ended) this.#inFlight.delete(event.step);
      return this.#giveUp(reason, 'allocation-over', { ended, hasBackendEnded: true });
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
    if (place === undefined) return this.#giveUp(reason, 'allocation-over', { hasBackendEnded: true });
    this.#loss = undefined;
    this.#isRenewing = false;
    const scheduler = this.#begin(place);
    // Jobs that never started, and new ones. Each call may change the jobs in flight, because events may come at once.
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
    const words = error instanceof Error ? error.message : String(error);
    // Anything else says only that nobody could be asked: another run may have an allocation.
    const kind = error instanceof NoAllocationError ? error.kind : 'scheduler-lost';
    this.#giveUp(`${reason}; ${words}`, kind, what);
  }

  #giveUp(
    reason: string,
    kind: Interruption,
    { ended, hasBackendEnded = false, alsoLocal = false }: GivenUp = {},
  ): void {
    if (this.#isOver) return;
    this.#isOver = true;
    // Jobs of an earlier driver may have started elsewhere.
    const waiting = [...this.#inFlight.values()].filter((job) => hasBackendEnded && !this.#left.has(job));
    const notBegun = waiting.map(({ step, attempt }) => ({ step: step.index, attempt }));
    this.#listener({
      type: 'interrupt',
      at: this.#options.clock.now(),
      reason,
      kind,
      ...(ended === undefined || ended.length === 0 ? {} : { ended }),
      ...(notBegun.length === 0 ? {} : { notBegun }),
      ...(alsoLocal ? { alsoLocal } : {}),
    });
  }
}

/** What is known of the jobs when the study is interrupted. */
interface GivenUp {
  readonly ended?: InterruptEvent['ended'];
  /** The allocation is over: jobs without an end in `ended` never started. */
  readonly hasBackendEnded?: boolean;
  readonly alsoLocal?: boolean | undefined;
}

/** Whether a job has to run in another allocation. */
const needsPlace = (outcome: KnownOutcome) =>
  outcome === undefined || outcome.result === 'node-failure' || outcome.result === 'not-run';

const cancelled: JobOutcome = {
  result: 'cancelled',
  exitCode: null,
  signal: null,
  note: '',
  blame: blame('cancelled'),
};

import type { Clock } from '../clock.js';
import type { StepInstance } from '../study/graph.js';
import type {
  BatchScheduler,
  InterruptEvent,
  Job,
  JobEvent,
  JobOutcome,
  Outputs,
  SchedulerListener,
} from './scheduler.js';

/** What is known, once a place has ended, of a job that was in flight there. */
export type Remains =
  /** It ended well, and wrote that down. */
  | 'finished'
  /** It had begun: what it did is lost. */
  | 'begun'
  /** It never began, and never will there. */
  | 'waiting';

/** Somewhere that jobs run for a while: an allocation. */
export interface JobPlace {
  /** Makes what runs jobs there. */
  readonly start: (listener: SchedulerListener) => BatchScheduler;
}

export interface RenewingOptions {
  /**
   * Gives up the place that has ended, and looks what became of its jobs.
   *
   * @returns in the order of `jobs`
   */
  readonly settle: (jobs: readonly Job[]) => Promise<readonly Remains[]>;
  /** Gets another place; undefined if there is to be none. */
  readonly renew: (reason: string) => Promise<JobPlace | undefined>;
  readonly clock: Clock;
}

/**
 * Runs jobs in a place that may end before they do, such as an allocation, and then in the next one. What had begun there
 * counts as lost to the failure of a node; what had not is simply submitted again. Without a next one the study is
 * interrupted.
 */
export class RenewingScheduler implements BatchScheduler {
  readonly #options: RenewingOptions;
  readonly #listener: SchedulerListener;
  /** By the index of the step. */
  readonly #inFlight = new Map<number, Job>();
  /** What is cancelled while it is not known yet what became of it. */
  readonly #cancelled = new Set<Job>();
  /** There is no place, and what is in flight waits for one. */
  #isSettled = false;
  /** Undefined while there is none. */
  #scheduler: BatchScheduler | undefined;
  /** The present or the last one. */
  #last: BatchScheduler;
  #isOver = false;

  constructor(first: JobPlace, options: RenewingOptions, listener: SchedulerListener) {
    this.#options = options;
    this.#listener = listener;
    this.#last = this.#begin(first);
  }

  submit(job: Job): void {
    this.#inFlight.set(job.step.index, job);
    this.#scheduler?.submit(job);
  }

  cancel(jobs: readonly Job[]): void {
    if (this.#scheduler !== undefined) return this.#scheduler.cancel(jobs);
    for (const { step, attempt } of jobs) {
      const job = this.#inFlight.get(step.index);
      if (job?.attempt !== attempt) continue;
      if (this.#isSettled) this.#tellEnd(job, 'cancelled', '');
      else this.#cancelled.add(job);
    }
  }

  outputs(step: StepInstance, id: string): Outputs {
    return this.#last.outputs(step, id);
  }

  async isEnding(): Promise<boolean> {
    return (await this.#scheduler?.isEnding()) ?? false;
  }

  async interrupt(reason: string): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#scheduler !== undefined) return this.#scheduler.interrupt(reason);
    this.#listener({ type: 'interrupt', at: this.#options.clock.now(), reason });
  }

  close(): void {
    this.#isOver = true;
    this.#last.close();
  }

  #begin(place: JobPlace): BatchScheduler {
    const scheduler = place.start((event) => this.#hear(event));
    this.#scheduler = scheduler;
    this.#last = scheduler;
    return scheduler;
  }

  #hear(event: JobEvent | InterruptEvent): void {
    if (event.type !== 'interrupt') {
      this.#tell(event);
      return;
    }
    if (this.#isOver) return this.#listener(event);
    this.#scheduler = undefined;
    for (const ended of event.ended ?? []) this.#tell(ended);
    this.#goOn(event).catch((error: unknown) => {
      this.#giveUp(`${event.reason}; ${error instanceof Error ? error.message : String(error)}`);
    });
  }

  /** Before it is passed on: an end may be answered with the step's next attempt. */
  #tell(event: JobEvent): void {
    const isEnd = event.type === 'ended' || event.type === 'not-submitted';
    if (isEnd && this.#inFlight.get(event.step)?.attempt === event.attempt) this.#inFlight.delete(event.step);
    this.#listener(event);
  }

  async #goOn({ reason }: InterruptEvent): Promise<void> {
    const { settle, renew } = this.#options;
    const jobs = [...this.#inFlight.values()];
    const remains = await settle(jobs);
    if (this.#isOver) return;
    for (const [i, job] of jobs.entries()) {
      if (remains[i] === 'finished') this.#tellEnd(job, 'completed', '');
      else if (this.#cancelled.has(job)) this.#tellEnd(job, 'cancelled', '');
      else if (remains[i] === 'begun') this.#tellEnd(job, 'node-failure', reason);
    }
    this.#cancelled.clear();
    this.#isSettled = true;
    const place = await renew(reason);
    if (this.#isOver) return;
    if (place === undefined) return this.#giveUp(reason);
    this.#isSettled = false;
    const scheduler = this.#begin(place);
    // Those that never began, and what came meanwhile.
    for (const job of this.#inFlight.values()) scheduler.submit(job);
  }

  #tellEnd({ step, attempt }: Job, result: JobOutcome['result'], note: string): void {
    const exitCode = result === 'completed' ? 0 : null;
    const outcome = { result, exitCode, signal: null, note };
    this.#tell({ type: 'ended', step: step.index, attempt, at: this.#options.clock.now(), outcome });
  }

  #giveUp(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#listener({ type: 'interrupt', at: this.#options.clock.now(), reason });
  }
}

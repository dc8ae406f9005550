import {
  type JobPlace,
  type KnownOutcome,
  RenewingScheduler,
} from '../../src/schedulers/allocation/renewing-scheduler.js';
import type {
  BatchScheduler,
  InheritedJob,
  InterruptEvent,
  Job,
  JobEvent,
  JobRef,
  SchedulerListener,
} from '../../src/schedulers/scheduler.js';
import type { Outputs } from '../../src/scripts/outputs.js';
import type { ObsoleteJob } from '../../src/store/journal/records.js';
import type { JobResult } from '../../src/study/state.js';
import { graphOf } from './graphs.js';
import { VirtualClock } from './virtual-clock.js';

export const noOutcome = { exitCode: null, signal: null, note: '' };

/** A place whose jobs do what the test says. */
export class Place implements JobPlace, BatchScheduler {
  /** What was asked of it: `submit a 1`. */
  readonly asked: string[] = [];
  readonly jobs: Job[] = [];
  readonly left: InheritedJob[] = [];
  listener!: SchedulerListener;
  isClosed = false;
  /** Does something with a job as soon as it is submitted, from within `submit`. */
  onSubmit: (job: Job) => void = () => {};
  readonly #name: string;

  constructor(name = 'place') {
    this.#name = name;
  }

  readonly start = (listener: SchedulerListener): BatchScheduler => {
    this.listener = listener;
    return this;
  };

  submit(jobs: readonly Job[]): void {
    for (const job of jobs) {
      this.asked.push(`submit ${job.step.name} ${job.attempt}`);
      this.jobs.push(job);
      this.onSubmit(job);
    }
  }

  reattach(jobs: readonly InheritedJob[]): void {
    for (const job of jobs) this.asked.push(`attach ${job.step.name} ${job.attempt}`);
    this.left.push(...jobs);
  }

  async cancelObsolete(jobs: readonly ObsoleteJob[]): Promise<void> {
    for (const job of jobs) this.asked.push(`discard ${job.step} ${job.attempt}`);
  }

  cancel(jobs: readonly Job[]): void {
    for (const job of jobs) this.asked.push(`cancel ${job.step.name} ${job.attempt}`);
  }

  outputs({ step, id }: JobRef): Outputs {
    return { stdout: `${this.#name}/${step.name}.${id}.out`, stderr: '' };
  }

  async suspend(reason: string): Promise<void> {
    this.asked.push(`suspend ${reason}`);
    this.listener({ type: 'interrupt', at: 99, reason });
  }

  close(): void {
    this.isClosed = true;
  }

  tell(job: Job, type: 'queued' | 'started' | 'finishing'): void {
    this.listener({ type, ...base(job) });
  }

  submitted(job: Job, id = '1'): void {
    this.listener({ type: 'submitted', ...base(job), id, endpoint: this.#name, mayBeDuplicate: false });
  }

  end(job: Job, result: JobResult = 'completed'): void {
    this.listener(endOf(job, result));
  }

  /** It ends, and some of its jobs are known to have ended before. */
  lose(reason = 'the allocation is over', ...ended: Extract<JobEvent, { type: 'ended' }>[]): void {
    this.listener({ type: 'interrupt', at: 1, reason, ...(ended.length > 0 ? { ended } : {}) });
  }
}

/** What becomes of jobs whose place is lost. */
export const remains = {
  finished: { result: 'completed', exitCode: 0, signal: null, note: '' },
  failed: { result: 'failed', exitCode: 3, signal: null, note: '' },
  begun: { ...noOutcome, result: 'node-failure', note: 'it was lost' },
  waiting: undefined,
} as const satisfies Record<string, KnownOutcome>;

export const base = ({ step, attempt }: Job) => ({ step: step.index, attempt, at: 1 });
export const endOf = (job: Job, result: JobResult) => ({
  type: 'ended' as const,
  ...base(job),
  outcome: { ...noOutcome, result },
});

/** An answer that the test gives when it likes. */
export class Answers<T> {
  readonly #waiting: { resolve: (value: T) => void; reject: (error: Error) => void }[] = [];

  ask(): Promise<T> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  get open(): number {
    return this.#waiting.length;
  }

  /** Answers, and waits until that has taken effect. */
  async give(value: T): Promise<void> {
    this.#waiting.shift()!.resolve(value);
    await turn();
  }

  async fail(error: string | Error): Promise<void> {
    this.#waiting.shift()!.reject(typeof error === 'string' ? new Error(error) : error);
    await turn();
  }
}

/** Until all that was promised so far is done. */
export const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A scheduler with jobs `a`, `b`, `c`, in a place that the test loses. */
export class Setting {
  readonly first = new Place('first');
  readonly clock = new VirtualClock(1000);
  readonly events: (JobEvent | InterruptEvent)[] = [];
  readonly settling = new Answers<readonly KnownOutcome[] | 'alive'>();
  readonly renewing = new Answers<JobPlace | undefined>();
  /** The jobs that each settling was asked of, and the reasons of renewals. */
  readonly settled: string[][] = [];
  readonly reasons: string[] = [];
  /** Whether there may be another place. */
  mayRenew = true;
  /** What each settling was told as the reason of the loss. */
  readonly losses: string[] = [];
  /** Whether the place may live, as each settling was told. */
  readonly mayLive: boolean[] = [];
  readonly steps = graphOf(['a', 'b', 'c'].map((name) => ({ name, scheduled: true }))).steps;
  onEvent: (event: JobEvent | InterruptEvent) => void = () => {};
  readonly scheduler = new RenewingScheduler(
    this.first,
    {
      clock: this.clock,
      reapJobs: (jobs, reason, mayLive) => {
        this.losses.push(reason);
        this.mayLive.push(mayLive);
        this.settled.push(jobs.map(({ step, attempt }) => `${step.name} ${attempt}`));
        return this.settling.ask();
      },
      mayRenew: () => this.mayRenew,
      renew: (reason) => {
        this.reasons.push(reason);
        return this.renewing.ask();
      },
    },
    (event) => {
      this.events.push(event);
      this.onEvent(event);
    },
  );

  job(name: string, attempt = 1): Job {
    return { step: this.steps.find((step) => step.name === name)!, attempt, script: `${name}.sh` };
  }

  submit(...names: string[]): Job[] {
    const jobs = names.map((name) => this.job(name));
    for (const job of jobs) this.scheduler.submit([job]);
    return jobs;
  }

  /** What was reported, in short. */
  get said(): string[] {
    return this.events.map((event) => {
      if (event.type === 'interrupt') return `interrupt: ${event.reason}`;
      const name = `${this.steps[event.step]!.name} ${event.attempt}`;
      return event.type === 'ended' ? `${name} ${event.outcome.result}` : `${name} ${event.type}`;
    });
  }
}

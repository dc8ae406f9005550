import type { Interruption } from '../causes/interruption.js';
import type { Outputs } from '../scripts/outputs.js';
import type { Clock } from '../util/clock.js';
import type { BatchScheduler, Job, JobRef, SchedulerListener } from './scheduler.js';

export interface UnavailableOptions {
  /** Why it could not be reached, for messages. */
  readonly reason: string;
  readonly kind: Interruption;
  /** The outputs of jobs that it had. */
  readonly outputs: (job: JobRef) => Outputs;
  readonly clock: Clock;
}

/** Replaces a scheduler that could not be reached: it reports an interruption as soon as it gets a job. */
export class UnavailableScheduler implements BatchScheduler {
  readonly outputs: (job: JobRef) => Outputs;
  readonly #reason: string;
  readonly #kind: Interruption;
  readonly #clock: Clock;
  readonly #listener: SchedulerListener;

  constructor({ reason, kind, outputs, clock }: UnavailableOptions, listener: SchedulerListener) {
    this.outputs = outputs;
    this.#reason = reason;
    this.#kind = kind;
    this.#clock = clock;
    this.#listener = listener;
  }

  /** Without an allocation these jobs were never submitted. */
  submit(jobs: readonly Job[]): void {
    if (this.#kind !== 'waited-too-long') return void this.suspend(this.#reason, this.#kind);
    const notBegun = jobs.map(({ step, attempt }) => ({ step: step.index, attempt }));
    const why = { reason: this.#reason, kind: this.#kind, notBegun };
    this.#listener({ type: 'interrupt', at: this.#clock.now(), ...why });
  }

  reattach(): void {
    void this.suspend(this.#reason, this.#kind);
  }

  async cancelObsolete(): Promise<void> {}

  cancel(): void {}

  async suspend(reason: string, kind: Interruption): Promise<void> {
    this.#listener({ type: 'interrupt', at: this.#clock.now(), reason, kind });
  }

  close(): void {}
}

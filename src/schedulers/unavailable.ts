import type { Outputs } from '../scripts/outputs.js';
import { outputsOf } from '../scripts/outputs.js';
import type { Clock } from '../util/clock.js';
import type { BatchScheduler, JobRef, SchedulerListener } from './scheduler.js';

/** Replaces a scheduler that could not be reached: it reports an interruption as soon as it gets a job. */
export class UnavailableScheduler implements BatchScheduler {
  readonly #reason: string;
  readonly #clock: Clock;
  readonly #listener: SchedulerListener;

  /** @param reason why it could not be reached, for messages */
  constructor(reason: string, clock: Clock, listener: SchedulerListener) {
    this.#reason = reason;
    this.#clock = clock;
    this.#listener = listener;
  }

  submit(): void {
    void this.suspend(this.#reason);
  }

  reattach(): void {
    void this.suspend(this.#reason);
  }

  async cancelObsolete(): Promise<void> {}

  cancel(): void {}

  outputs({ step, id }: JobRef): Outputs {
    return outputsOf(step, id);
  }

  async suspend(reason: string): Promise<void> {
    this.#listener({ type: 'interrupt', at: this.#clock.now(), reason });
  }

  close(): void {}
}

import type { Outputs } from '../scripts/outputs.js';
import { outputsOf } from '../scripts/outputs.js';
import type { Clock } from '../util/clock.js';
import type { BatchScheduler, JobRef, SchedulerListener } from './scheduler.js';

/** Stands for a scheduler that was not reached: what it has of jobs is out of sight from the beginning. */
export class UnavailableScheduler implements BatchScheduler {
  readonly #reason: string;
  readonly #clock: Clock;
  readonly #listener: SchedulerListener;

  /** @param reason why, for people */
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

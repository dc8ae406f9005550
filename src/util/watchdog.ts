import type { Clock } from './clock.js';

/** Milliseconds without an answer after which the watchdog reports, and the interval of further reports. */
export const longSilence = 20_000;

/** Reports when an expected answer does not come. */
export class Watchdog {
  readonly #clock: Clock;
  readonly #onLong: (times: number) => void;
  #stopTimer: () => void = () => {};

  /** @param onLong called after each `longSilence` without an answer, with the number of calls so far */
  constructor(clock: Clock, onLong: (times: number) => void) {
    this.#clock = clock;
    this.#onLong = onLong;
  }

  /** Starts the timer. */
  begin(): void {
    this.end();
    this.#wait(1);
  }

  end(): void {
    this.#stopTimer();
  }

  #wait(times: number): void {
    this.#stopTimer = this.#clock.after(longSilence, () => {
      this.#wait(times + 1);
      this.#onLong(times);
    });
  }
}

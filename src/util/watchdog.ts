import type { Clock } from './clock.js';

/** Milliseconds without an answer after which that is worth a word, and again after as many. */
export const longSilence = 20_000;

/** Counts how long somebody who owes an answer has said nothing. */
export class Watchdog {
  readonly #clock: Clock;
  readonly #onLong: (times: number) => void;
  #stopTimer: () => void = () => {};

  /** @param onLong told each time that so much more time has passed, and how often that was */
  constructor(clock: Clock, onLong: (times: number) => void) {
    this.#clock = clock;
    this.#onLong = onLong;
  }

  /** Counts from now on. */
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

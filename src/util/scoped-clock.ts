import type { Clock } from './clock.js';

/** A clock whose timers are all cancelled when it is closed; after that it sets no timers. */
export class ScopedClock implements Clock {
  readonly #clock: Clock;
  readonly #timers = new Set<() => void>();
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  random(): number {
    return this.#clock.random();
  }

  after(milliseconds: number, call: () => void): () => void {
    if (this.#isClosed) return () => {};
    const stop = this.#clock.after(milliseconds, () => {
      this.#timers.delete(stop);
      call();
    });
    this.#timers.add(stop);
    return () => {
      this.#timers.delete(stop);
      stop();
    };
  }

  close(): void {
    this.#isClosed = true;
    for (const stop of this.#timers) stop();
    this.#timers.clear();
  }
}

import { Fifo } from './fifo.js';

/** Limits how many tasks run at once; the others wait in order. */
export class Semaphore {
  readonly #size: number;
  readonly #waiting = new Fifo<() => void>();
  #running = 0;

  constructor(size: number) {
    this.#size = size;
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#size) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
    try {
      return await task();
    } finally {
      // The next waiting task takes the place, if there is one.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}

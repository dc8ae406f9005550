import { Fifo } from '../util/fifo.js';

/** The steps of one kind that are ready to run, first come first served, and how many of that kind are in flight. */
export class ReadyQueue {
  inFlight = 0;
  /** Most in flight. One that is lowered holds back what comes; what is in flight stays. */
  limit: number;
  readonly #ready = new Fifo<number>();

  constructor(limit: number) {
    this.limit = limit;
  }

  add(index: number): void {
    this.#ready.push(index);
  }

  /** The next step, if there is one and room for it. It is for the caller to count it. */
  next(): number | undefined {
    return this.inFlight < this.limit ? this.#ready.shift() : undefined;
  }
}

import type { Clock } from '../../src/util/clock.js';

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly call: () => void;
}

/** A clock that stands still until it is told to go on. Timers of one moment go off in the order in which they were set. */
export class VirtualClock implements Clock {
  /** What `random` answers. */
  chance = 0.5;
  #now: number;
  #set = 0;
  readonly #timers = new Set<Timer>();

  constructor(now = 0) {
    this.#now = now;
  }

  readonly now = (): number => this.#now;

  readonly random = (): number => this.chance;

  after(milliseconds: number, call: () => void): () => void {
    const timer = { at: this.#now + milliseconds, order: this.#set++, call };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** How many timers are set. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Goes on by so much; what is due on the way goes off at its own time. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds;
    for (let next = this.#next(); next !== undefined && next.at <= end; next = this.#next()) this.#goTo(next);
    this.#now = end;
  }

  /** Goes on until no timer is set. */
  runOut(): void {
    for (let next = this.#next(); next !== undefined; next = this.#next()) this.#goTo(next);
  }

  #goTo(timer: Timer): void {
    this.#timers.delete(timer);
    this.#now = Math.max(this.#now, timer.at);
    timer.call();
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) {
      if (first === undefined || timer.at < first.at || (timer.at === first.at && timer.order < first.order)) {
        first = timer;
      }
    }
    return first;
  }
}

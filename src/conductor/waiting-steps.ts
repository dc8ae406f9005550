import { Fifo } from '../util/fifo.js';
import { counted } from '../util/format.js';

/** A limit as the user gives it, where 0 is none. */
export const noneIfZero = (limit: number) => (limit === 0 ? Number.POSITIVE_INFINITY : limit);

/** The steps of one kind that are ready to run, first come first served, and how many of that kind are in flight. */
export class ReadyQueue {
  inFlight = 0;
  /** Most in flight. A lower limit holds back the next steps and cancels none. */
  limit: number;
  readonly #ready = new Fifo<number>();

  constructor(limit: number) {
    this.limit = limit;
  }

  add(index: number): void {
    this.#ready.push(index);
  }

  /** The next step, if there is one and room for it. The caller adds it to `inFlight`. */
  next(): number | undefined {
    return this.inFlight < this.limit ? this.#ready.shift() : undefined;
  }
}

/** Why a step waits for another allocation. */
interface Deferral {
  readonly reason: string;
  readonly mayRenew: boolean;
}

/** The steps that the present allocation cannot run: its remaining time is too short for them, or it has lost nodes. */
export class Deferrals {
  readonly #steps = new Map<number, Deferral>();

  get size(): number {
    return this.#steps.size;
  }

  /** Whether another allocation may be had for one of them. */
  get mayRenew(): boolean {
    return [...this.#steps.values()].some(({ mayRenew }) => mayRenew);
  }

  add(step: number, deferral: Deferral): void {
    this.#steps.set(step, deferral);
  }

  clear(): void {
    this.#steps.clear();
  }

  /** Removes all of them. */
  take(): readonly number[] {
    const steps = [...this.#steps.keys()];
    this.#steps.clear();
    return steps;
  }

  /** Why the study cannot go on here, by the first of them: `a (and 2 other steps) cannot run here any more: …`. */
  describe(nameOf: (step: number) => string): string {
    const [[step, { reason }]] = [...this.#steps] as [[number, Deferral]];
    const others = this.#steps.size - 1;
    const more = others === 0 ? '' : ` (and ${counted(others, 'other step')})`;
    return `${nameOf(step)}${more} cannot run here any more: ${reason}`;
  }
}

import type { StepGraph } from '../study/graph.js';
import type { StepRecord } from '../study/state.js';
import type { Clock } from '../util/clock.js';
import { statusCsv, statusOrder } from './status-csv.js';

/**
 * Keeps status.csv in the study directory up to date: written after each transition, but at most once in
 * max(1 s, steps/1000 s), one write at a time.
 */
export class StatusFile {
  readonly #replace: (text: string) => Promise<void>;
  readonly #graph: StepGraph;
  readonly #clock: Clock;
  readonly #order: readonly number[];
  readonly #interval: number;
  #lastWrite = Number.NEGATIVE_INFINITY;
  #stopTimer: (() => void) | undefined;
  #writing: Promise<void> | undefined;
  /** Whether to write once more after the write that is under way. */
  #isStale = false;
  #failure: string | undefined;
  #records: readonly StepRecord[] | undefined;

  /** @param replace gives the file this text */
  constructor(replace: (text: string) => Promise<void>, graph: StepGraph, clock: Clock) {
    this.#replace = replace;
    this.#graph = graph;
    this.#clock = clock;
    this.#order = statusOrder(graph);
    this.#interval = Math.max(1000, graph.steps.length);
  }

  /** Why the last write failed; undefined if it did not. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Writes soon, with the records as they are then. */
  changed(records: readonly StepRecord[]): void {
    this.#records = records;
    if (this.#stopTimer !== undefined) return;
    const wait = Math.max(0, this.#lastWrite + this.#interval - this.#clock.now());
    this.#stopTimer = this.#clock.after(wait, () => {
      this.#stopTimer = undefined;
      this.#write();
    });
  }

  /** Writes the last state, after a write that is under way. */
  async end(): Promise<void> {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    this.#write();
    while (this.#writing !== undefined) await this.#writing;
  }

  /** Writes, or once more after the write that is under way. */
  #write(): void {
    if (this.#writing !== undefined) {
      this.#isStale = true;
      return;
    }
    const records = this.#records;
    if (records === undefined) return;
    this.#isStale = false;
    this.#lastWrite = this.#clock.now();
    const text = statusCsv(this.#graph, records, this.#order, this.#lastWrite);
    this.#writing = this.#replace(text)
      .then(
        () => undefined,
        // The file is for people; the study goes on without it.
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      )
      .then((failure) => {
        this.#failure = failure;
        this.#writing = undefined;
        if (this.#isStale) this.#write();
      });
  }
}

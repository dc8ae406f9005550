import type { Clock } from '../util/clock.js';

/** A write failed with a message, or has no answer. */
type Kind = 'failure' | 'silence';

/** Since when writes fail. People are told once of each kind of failure, and once when writes succeed again. */
export class Outage {
  readonly #clock: Clock;
  readonly #tell: (words: string | undefined) => void;
  /** Since when it fails; undefined if it does not. */
  #since: number | undefined;
  #told: Kind | undefined;

  constructor(clock: Clock, tell: (words: string | undefined) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** A write failed. @returns for how many milliseconds writes have failed */
  failed(): number {
    const now = this.#clock.now();
    this.#since ??= now;
    return now - this.#since;
  }

  tell(kind: Kind, words: string): void {
    if (this.#told === kind) return;
    this.#told = kind;
    this.#tell(words);
  }

  /** There was an answer. @param isWell whether the write that had failed succeeded */
  answered(isWell: boolean): void {
    if (isWell) this.#since = undefined;
    if (this.#since !== undefined || this.#told === undefined) return;
    this.#told = undefined;
    this.#tell(undefined);
  }
}

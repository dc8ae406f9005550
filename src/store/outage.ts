import type { Clock } from '../util/clock.js';

/** What is wrong with a file that cannot be written: that is said, or nothing is said. */
type Kind = 'failure' | 'silence';

/** That something cannot be done, since when, and who is told: once of each kind, and once when all is well again. */
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

  /** Begins to count if it has not. @returns the milliseconds for which it fails */
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

  /** There was an answer. @param isWell whether what had failed does not any more */
  answered(isWell: boolean): void {
    if (isWell) this.#since = undefined;
    if (this.#since !== undefined || this.#told === undefined) return;
    this.#told = undefined;
    this.#tell(undefined);
  }
}

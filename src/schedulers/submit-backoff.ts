import type { RefusalKind } from '../flux/classify-refusal.js';
import type { Clock } from '../util/clock.js';

/** The growing delays in milliseconds while submission is disabled or a limit is reached; the last one repeats. */
const WAIT_MS = [10_000, 20_000, 40_000, 60_000] as const;

/** The growing delays in milliseconds after a temporary failure; the last one repeats. */
const RETRY_MS = [1_000, 2_000, 4_000, 8_000, 15_000, 30_000] as const;

/** How long temporary failures may go on, the same time as a system broker may be away. */
export const TROUBLE_LIMIT_MS = 300_000;

/** Why submits are paused. */
export type PauseKind = Extract<RefusalKind, 'wait' | 'retry' | 'doubt'>;

/**
 * Pauses all submits while the broker refuses jobs, with a delay that grows with each failure in a row. Each reason is
 * logged once, and again after a success; a limit is not logged again, because each job that ends lets another one
 * through.
 */
export class SubmitBackoff {
  readonly #clock: Clock;
  readonly #tell: (line: string) => void;
  readonly #onResume: () => void;
  readonly #told = new Set<string>();
  #failures = 0;
  #kind: PauseKind = 'wait';
  #stopTimer: (() => void) | undefined;
  /** When the broker last accepted a job, in milliseconds since the epoch. */
  lastSuccess = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, tell: (line: string) => void, onResume: () => void) {
    this.#clock = clock;
    this.#tell = tell;
    this.#onResume = onResume;
  }

  get isPaused(): boolean {
    return this.#stopTimer !== undefined;
  }

  /** Pauses submits; several submits that fail at once count as one failure. */
  pause(kind: PauseKind, words: string): void {
    this.#say(kind, words);
    if (this.isPaused) return;
    const delays = kind === 'wait' ? WAIT_MS : RETRY_MS;
    if (kind !== this.#kind) this.#failures = 0;
    this.#kind = kind;
    const delay = delays[Math.min(this.#failures, delays.length - 1)]!;
    this.#failures += 1;
    this.#stopTimer = this.#clock.after(delay, () => this.#resume());
  }

  /** A job was accepted. */
  succeed(): void {
    this.#failures = 0;
    this.lastSuccess = this.#clock.now();
    for (const words of this.#told) if (!isLimit(words)) this.#told.delete(words);
  }

  /** Ends the pause of a limit, because a job of the study has ended. */
  onRoom(): void {
    if (this.#kind !== 'wait' || this.#stopTimer === undefined) return;
    this.#stopTimer();
    this.#resume();
  }

  #resume(): void {
    this.#stopTimer = undefined;
    this.#onResume();
  }

  #say(kind: PauseKind, words: string): void {
    if (this.#told.has(words)) return;
    this.#told.add(words);
    const what = kind === 'wait' ? 'no job can be submitted for now, and all wait' : 'a job could not be submitted yet';
    this.#tell(`${what}: ${words}${kind === 'wait' ? '' : '; it is tried again'}`);
  }
}

const isLimit = (words: string) => !/\bdisabled\b/.test(words);

import { HostError, HostLostError } from '../../hosts/host.js';
import type { Clock } from '../../util/clock.js';
import { type BatchCommands, NotAnsweredError } from './commands.js';
import type { QueuedJob } from './queued-job.js';

/** The queue is asked again after this part of the time since something last changed. */
const QUESTION_RATIO = 0.5;
const MIN_INTERVAL_MS = 1_000;
const MAX_INTERVAL_MS = 30_000;

/** The growing delays before a job that should be over is asked about again; the last one repeats. */
const EXPLAIN_DELAYS_MS = [200, 400, 800, 1_500, 3_000, 5_000] as const;

/** The growing delays while the batch system does not answer; the last one repeats. */
const SILENCE_DELAYS_MS = [2_000, 4_000, 8_000, 15_000, 30_000] as const;

/** How often in a row the host may fail to run a command before the scheduler gives up. */
const MAX_HOST_FAILURES = 5;

export interface QueueWatchOptions {
  readonly commands: Pick<BatchCommands, 'query' | 'explain'>;
  /** The batch system's name, for messages. */
  readonly systemName: string;
  readonly clock: Clock;
  readonly log: (line: string) => void;
  /** The jobs that may be in the queue, all with an id. */
  readonly jobs: () => readonly QueuedJob[];
  /** Takes the answers about jobs, by id; a job without one is not in the queue. */
  readonly onRows: (jobs: readonly QueuedJob[], rows: Awaited<ReturnType<BatchCommands['query']>>) => void;
  /** Takes the answers about jobs that should be over; a job without one is not known to the batch system. */
  readonly onExplained: (
    jobs: readonly QueuedJob[],
    rows: Awaited<ReturnType<BatchCommands['explain']>>,
  ) => Promise<void>;
  /** The host runs no commands any more. */
  readonly onFailure: (words: string) => void;
  /** Handles the failure of a background task. */
  readonly guard: (task: Promise<void>) => void;
}

/**
 * Asks the batch system about jobs: about all in the queue with one command, every second while something happens and
 * every 30 s in long waits, and soon about those that should be over, until the end is known.
 */
export class QueueWatch {
  readonly #options: QueueWatchOptions;
  readonly #toExplain = new Set<QueuedJob>();
  #explanations = 0;
  #stopQuestion: (() => void) | undefined;
  #stopExplanation: (() => void) | undefined;
  #isExplaining = false;
  #isAsking = false;
  #lastChange = Number.NEGATIVE_INFINITY;
  #failures = 0;
  #hostFailures = 0;
  #isClosed = false;

  constructor(options: QueueWatchOptions) {
    this.#options = options;
  }

  /** Something happened to a job: the queue is asked soon. */
  onChange(): void {
    this.#lastChange = this.#options.clock.now();
    this.#askLater();
  }

  /** Asks about jobs that should be over until `forget` is called for them. */
  explain(jobs: readonly QueuedJob[]): void {
    const before = this.#toExplain.size;
    for (const queued of jobs) this.#toExplain.add(queued);
    if (this.#toExplain.size === before) return;
    // A new one is asked about soon, whatever the others have waited.
    this.#explanations = 0;
    this.#stopExplanation?.();
    this.#explainLater();
  }

  /** The job is over, or is known not to be. */
  forget(queued: QueuedJob): void {
    this.#toExplain.delete(queued);
  }

  close(): void {
    this.#isClosed = true;
    this.#stopQuestion?.();
    this.#stopExplanation?.();
    this.#toExplain.clear();
  }

  #askLater(): void {
    if (this.#isAsking || this.#isClosed) return;
    const { clock } = this.#options;
    const sinceChange = clock.now() - this.#lastChange;
    const usual = Math.min(MAX_INTERVAL_MS, Math.max(MIN_INTERVAL_MS, sinceChange * QUESTION_RATIO));
    this.#stopQuestion?.();
    this.#stopQuestion = clock.after(this.#failures > 0 ? this.#silenceDelay() : usual, () => {
      this.#stopQuestion = undefined;
      this.#options.guard(this.#ask());
    });
  }

  async #ask(): Promise<void> {
    const { commands, jobs, onRows } = this.#options;
    // What is asked about anyway need not be asked twice.
    const asked = jobs().filter((queued) => !this.#toExplain.has(queued));
    if (asked.length === 0) return;
    this.#isAsking = true;
    const rows = await this.#answers(() => commands.query(asked.map(({ id }) => id)));
    this.#isAsking = false;
    if (this.#isClosed) return;
    if (rows !== undefined) onRows(asked, rows);
    this.#askLater();
  }

  #explainLater(): void {
    if (this.#isExplaining || this.#isClosed || this.#toExplain.size === 0) return;
    const delay = EXPLAIN_DELAYS_MS[Math.min(this.#explanations, EXPLAIN_DELAYS_MS.length - 1)]!;
    this.#explanations += 1;
    this.#stopExplanation = this.#options.clock.after(Math.max(delay, this.#silenceDelay()), () =>
      this.#options.guard(this.#explain()),
    );
  }

  async #explain(): Promise<void> {
    const { commands, onExplained } = this.#options;
    const asked = [...this.#toExplain];
    if (asked.length === 0) return;
    this.#isExplaining = true;
    const rows = await this.#answers(() => commands.explain(asked.map(({ id }) => id)));
    if (this.#isClosed) return;
    if (rows !== undefined) await onExplained(asked, rows);
    this.#isExplaining = false;
    this.#explainLater();
  }

  /** The pause after the batch system did not answer; 0 if it does. */
  #silenceDelay(): number {
    return this.#failures === 0 ? 0 : SILENCE_DELAYS_MS[Math.min(this.#failures, SILENCE_DELAYS_MS.length) - 1]!;
  }

  /** @returns undefined if the batch system did not answer */
  async #answers<T>(ask: () => Promise<T>): Promise<T | undefined> {
    const { systemName, log, onFailure } = this.#options;
    try {
      const answers = await ask();
      if (this.#failures > 0) log(`${systemName} answers again`);
      this.#failures = 0;
      this.#hostFailures = 0;
      return answers;
    } catch (error) {
      if (!(error instanceof NotAnsweredError || error instanceof HostError)) throw error;
      if (this.#isClosed) return undefined;
      if (error instanceof HostError && !(error instanceof HostLostError)) {
        this.#hostFailures += 1;
        if (this.#hostFailures >= MAX_HOST_FAILURES) onFailure(error.message);
      }
      this.#failures += 1;
      // One question may fail for many reasons; several mean that the batch system is away.
      if (this.#failures === 2) {
        log(`${systemName} cannot be asked about the jobs, and is asked again: ${error.message}`);
      }
      return undefined;
    }
  }
}

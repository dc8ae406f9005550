import type { Problem } from '../../spec/problem.js';
import { formatProblem } from '../../spec/problem.js';
import type { Log, Place } from './log.js';
import { printable } from './plain-text.js';

/** Passes everything on to another log, and keeps each line with its time in UTC for the `logs/` of the study. */
export class KeptLog implements Log {
  readonly #log: Log;
  readonly #now: () => number;
  readonly #lines: string[] = [];

  constructor(log: Log, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  /** The lines so far. */
  get text(): string {
    return this.#lines.map((line) => `${line}\n`).join('');
  }

  phase(title: string): void {
    this.#keep(`-- ${title}`);
    this.#log.phase(title);
  }

  endPhase(): void {
    this.#log.endPhase();
  }

  info(text: string): void {
    this.#keep(text);
    this.#log.info(text);
  }

  live(text: (() => string) | undefined): void {
    this.#log.live(text);
  }

  problem(problem: Problem): void {
    this.#keep(formatProblem(problem));
    this.#log.problem(problem);
  }

  error(message: string, place?: Place): void {
    this.#keep(`error: ${place === undefined ? message : place.title}`);
    this.#log.error(message, place);
  }

  warning(message: string, place?: Place): void {
    this.#keep(`warning: ${place === undefined ? message : place.title}`);
    this.#log.warning(message, place);
  }

  /** Keeps a line without passing it on. */
  note(text: string): void {
    this.#keep(text);
  }

  #keep(text: string): void {
    this.#lines.push(`${new Date(this.#now()).toISOString()} ${printable(text)}`);
  }
}

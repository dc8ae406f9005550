import { formatProblem, type Problem } from '../spec/problem.js';
import type { Log, Place } from './log.js';
import { oneLine, printable } from './plain-text.js';

/** What is needed of a stream: a terminal's, a pipe's, or a test's. */
export interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** The command line's log: results to stdout, problems to stderr, and on a terminal a last line that lives. */
export class TerminalLog implements Log {
  readonly #out: TextStream;
  readonly #err: TextStream;
  #live: (() => string) | undefined;
  #drawn = 0;

  constructor(out: TextStream, err: TextStream) {
    this.#out = out;
    this.#err = err;
  }

  phase(_title: string): void {}
  endPhase(): void {}

  info(text: string): void {
    this.#print(this.#out, text);
  }

  live(text: (() => string) | undefined): void {
    this.#live = this.#out.isTTY && this.#err.isTTY ? text : undefined;
    if (text === undefined) this.#erase();
    else if (Date.now() - this.#drawn > 100) this.#draw();
  }

  problem(problem: Problem): void {
    this.#print(this.#err, formatProblem(problem));
  }

  error(message: string, place?: Place): void {
    this.#print(this.#err, `${prefix(place)}error: ${message}`);
  }

  warning(message: string, place?: Place): void {
    this.#print(this.#err, `${prefix(place)}warning: ${message}`);
  }

  #print(stream: TextStream, text: string): void {
    this.#erase();
    stream.write(`${printable(text)}\n`);
    this.#draw();
  }

  #draw(): void {
    if (this.#live === undefined) return;
    this.#drawn = Date.now();
    this.#err.write(`\r\u001b[K${oneLine(this.#live()).slice(0, (this.#err.columns ?? 80) - 1)}`);
  }

  #erase(): void {
    if (this.#err.isTTY && this.#drawn > 0) this.#err.write('\r\u001b[K');
  }
}

function prefix(place: Place | undefined): string {
  return place === undefined ? '' : `${place.at.file}:${place.at.line}: ${place.title}\n`;
}

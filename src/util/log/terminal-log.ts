import { formatProblem, type Problem } from '../../spec/problem.js';
import type { Log, Place } from './log.js';
import { inert, oneLine } from './plain-text.js';

/** The part of a stream that the log needs: a terminal, a pipe or a test. */
export interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** The log of the command line: results to stdout, problems to stderr, and on a terminal a live last line. */
export class TerminalLog implements Log {
  readonly #out: TextStream;
  readonly #err: TextStream;
  #live: (() => string) | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Whether the live line is on the screen. */
  #isDrawn = false;

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
    if (!this.#out.isTTY || !this.#err.isTTY) return;
    this.#live = text;
    if (text === undefined) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      this.#erase();
    } else {
      // Drawn by a timer rather than on events, which may come by the thousand or not for hours.
      this.#timer ??= setInterval(() => this.#draw(), 100).unref();
    }
  }

  problem(problem: Problem): void {
    this.#print(this.#err, formatProblem(problem));
  }

  error(message: string, place?: Place): void {
    this.#print(this.#err, complaint('error', message, place));
  }

  warning(message: string, place?: Place): void {
    this.#print(this.#err, complaint('warning', message, place));
  }

  /** Says something that is no part of the results, and no reason to worry. */
  note(text: string): void {
    this.#print(this.#err, `note: ${text}`);
  }

  #print(stream: TextStream, text: string): void {
    this.#erase();
    stream.write(`${inert(text)}\n`);
    this.#draw();
  }

  #draw(): void {
    if (this.#live === undefined) return;
    this.#isDrawn = true;
    this.#err.write(`\r\u001b[K${oneLine(this.#live()).slice(0, (this.#err.columns || 80) - 1)}`);
  }

  #erase(): void {
    if (this.#isDrawn) this.#err.write('\r\u001b[K');
    this.#isDrawn = false;
  }
}

/** Formats a problem; with a place as `FILE:LINE: error: title` and the message below. */
function complaint(kind: string, message: string, place: Place | undefined): string {
  if (place === undefined) return `${kind}: ${message}`;
  const { at, title } = place;
  return [
    `${at.file}:${at.line}: ${kind}: ${oneLine(title)}`,
    ...message.split('\n').map((line) => `    ${line}`),
  ].join('\n');
}

import { formatProblem, type Problem } from '../../spec/problem.js';
import type { Log, Place } from './log.js';
import { inert, oneLine, printable } from './plain-text.js';
import { colored, hasColors, hasLiveLine, isForPerson, type StyleEnvironment } from './terminal-style.js';

const DRAW_EVERY_MS = 250;

/** The part of a stream that the log needs: a terminal, a pipe or a test. */
export interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** The log of the command line: results to stdout, problems to stderr, and on a terminal colours and a live last line. */
export class TerminalLog implements Log {
  readonly #out: TextStream;
  readonly #err: TextStream;
  #live: (() => string) | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Whether the live line is on the screen. */
  #isDrawn = false;
  readonly #environment: StyleEnvironment;
  readonly #isLive: boolean;

  /** @param environment says whether there are colours and a live line: NO_COLOR, FORCE_COLOR, CI, TERM */
  constructor(out: TextStream, err: TextStream, environment: StyleEnvironment = {}) {
    this.#out = out;
    this.#err = err;
    this.#environment = environment;
    this.#isLive = hasLiveLine([out, err], environment);
  }

  phase(_title: string): void {}
  endPhase(): void {}

  info(text: string): void {
    this.#print(this.#out, text);
  }

  live(text: (() => string) | undefined): void {
    if (!this.#isLive) return;
    this.#live = text;
    if (text === undefined) {
      clearInterval(this.#timer);
      this.#timer = undefined;
      this.#erase();
    } else {
      // Drawn by a timer rather than on events, which may come by the thousand or not for hours.
      this.#timer ??= setInterval(() => this.#draw(), DRAW_EVERY_MS).unref();
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

  /** Says why nothing is done. */
  complain(text: string): void {
    this.#print(this.#err, text);
  }

  /** Says something that is no part of the results, and no reason to worry. */
  note(text: string): void {
    this.#print(this.#err, `note: ${text}`);
  }

  #print(stream: TextStream, text: string): void {
    this.#erase();
    // What a person copies from a screen is not to have invisible characters in it.
    const plain = isForPerson(stream, this.#environment) ? printable(text) : inert(text);
    stream.write(`${hasColors(stream, this.#environment) ? colored(plain) : plain}\n`);
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

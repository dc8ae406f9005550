import { once } from 'node:events';
import { inert, printable } from '../util/log/plain-text.js';
import { isForPerson, type StyleEnvironment } from '../util/log/terminal-style.js';

/**
 * Writes what a step has written to stdout: to a file or a program as it is, to a terminal without control characters, and to a runner
 * of workflows so that no line is a command to it.
 */
export class OutputStream {
  readonly #escape: ((text: string) => string) | undefined;
  readonly #decoder = new TextDecoder();
  #line = '';

  constructor(environment: StyleEnvironment) {
    const { stdout } = process;
    const isRunner = environment.GITHUB_ACTIONS === 'true';
    this.#escape = isForPerson(stdout, environment) ? printable : isRunner || stdout.isTTY ? inert : undefined;
  }

  /** Whether nobody reads any more. */
  get isClosed(): boolean {
    return process.stdout.destroyed || !process.stdout.writable;
  }

  readonly write = async (chunk: Buffer): Promise<void> => {
    if (this.#escape === undefined) return this.#put(chunk);
    // An escape sequence, or the beginning of a command, may be cut within a line.
    const text = this.#line + this.#decoder.decode(chunk, { stream: true });
    const end = text.lastIndexOf('\n') + 1;
    this.#line = text.slice(end);
    if (end > 0) await this.#put(this.#escape(text.slice(0, end)));
  };

  /** Writes what is left of a line without an end. */
  async end(): Promise<void> {
    if (this.#line !== '') await this.#put(`${this.#escape!(this.#line)}\n`);
    this.#line = '';
  }

  async #put(data: Buffer | string): Promise<void> {
    const { stdout } = process;
    if (this.isClosed || stdout.write(data)) return;
    const closed = new AbortController();
    stdout.once('close', () => closed.abort());
    await once(stdout, 'drain', { signal: closed.signal }).catch(() => {});
  }
}

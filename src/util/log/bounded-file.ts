import { appendFileSync, renameSync, statSync } from 'node:fs';
import type { TextStream } from './terminal-log.js';

/** A log that nobody may read for weeks: with more than this in it the file begins anew, and the part before stays beside it. */
const MAX_BYTES = 4 * 1024 * 1024;

/** A file of this machine as the stream of a log. What cannot be written is lost, and the program goes on. */
export class BoundedFile implements TextStream {
  readonly #path: string;
  readonly #most: number;
  #bytes: number;

  /** @param most bytes, after which it begins anew and `PATH.old` has what was in it */
  constructor(path: string, most = MAX_BYTES) {
    this.#path = path;
    this.#most = most;
    this.#bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  }

  write(text: string): void {
    try {
      if (this.#bytes > this.#most) {
        renameSync(this.#path, `${this.#path}.old`);
        this.#bytes = 0;
      }
      appendFileSync(this.#path, text, { mode: 0o600 });
      this.#bytes += Buffer.byteLength(text);
    } catch {
      // A full disk must not end a study.
    }
  }
}

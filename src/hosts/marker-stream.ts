import { Transform, type TransformCallback } from 'node:stream';

/** How much is kept of what comes before the mark: it may say why no mark comes. */
const MAX_NOISE_BYTES = 4096;

/**
 * Passes on what comes after a mark. A shell may print anything before it runs what it was told to run; what that is to say
 * begins with a mark of ours.
 */
export class AfterMark extends Transform {
  readonly #mark: Buffer;
  #before: Buffer | undefined = Buffer.alloc(0);
  #noise = '';

  /** @param mark in two halves, so that a shell that echoes its command line is not taken for one that runs it */
  constructor(mark: readonly [string, string]) {
    super();
    this.#mark = Buffer.from(mark.join(''));
  }

  /** Whether the mark has come. It is also an event, `begun`. */
  get hasBegun(): boolean {
    return this.#before === undefined;
  }

  /** What came before the mark, its end if that is long. */
  get noise(): string {
    return `${this.#noise}${this.#before?.toString() ?? ''}`.slice(-MAX_NOISE_BYTES).trim();
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    if (this.#before === undefined) return done(null, chunk);
    const all = Buffer.concat([this.#before, chunk]);
    const at = all.indexOf(this.#mark);
    if (at === -1) {
      // The mark may have begun within what is kept.
      const kept = Math.max(0, all.length - this.#mark.length);
      this.#noise = `${this.#noise}${all.toString('utf8', 0, kept)}`.slice(-MAX_NOISE_BYTES);
      this.#before = all.subarray(kept);
      return done();
    }
    this.#noise += all.toString('utf8', 0, at);
    this.#before = undefined;
    this.emit('begun');
    done(null, all.subarray(at + this.#mark.length));
  }
}

/** Shell text, for any shell, that prints a mark. */
export function printMark(mark: readonly [string, string]): string {
  return `printf %s%s ${mark.join(' ')}`;
}

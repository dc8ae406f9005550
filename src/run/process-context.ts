export { Signalled } from '../util/signalled.js';

/** An error that nothing caught, after which the study is left as it is, because the state of this process is unknown. */
export class Fault {
  readonly #words: string;

  constructor(words: string) {
    this.#words = words;
  }

  toString(): string {
    return this.#words;
  }
}

/** Whether this process was told to end, and does not end because of a fault of its own. */
export function isCancelled({ aborted, reason }: AbortSignal): boolean {
  return aborted && !(reason instanceof Fault);
}

/** What the process was started with and in. */
export interface ProcessContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  /** Aborted when the process is told to end or must: the reason is a `Signalled` or a `Fault`. */
  readonly cancel: AbortSignal;
  /** Aborted when the process gets a SIGHUP, even after another signal. */
  readonly hangup: AbortSignal;
}

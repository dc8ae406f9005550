import { Worker } from 'node:worker_threads';
import { programs } from '../generated/programs.js';

/** The last bytes of a file are searched, or for `take: first` the first. */
export const MAX_SEARCHED_BYTES = 8 * 1024 * 1024;
/** A longer line is cut. */
export const MAX_LINE_BYTES = 4096;
const MAX_MATCHES = 1_000_000;
const TIMEOUT_MS = 10_000;
/** A pattern that was too slow so often is searched for no more. */
const MAX_SLOW = 3;

export interface SearchedText {
  /** At most `MAX_SEARCHED_BYTES`. */
  readonly bytes: Uint8Array;
  /** Whether the file has more before these bytes, or after them: then the line that is cut is left out. */
  readonly isStartCut: boolean;
  readonly isEndCut: boolean;
  readonly patterns: readonly SearchedPattern[];
}

export interface SearchedPattern {
  /** Of a regular expression, which is valid. */
  readonly source: string;
  /** Which matches are wanted: the first, after which nothing is searched; the last; or all. */
  readonly keep: 'first' | 'last' | 'all';
}

/** What a pattern found in a text. */
export type SearchResult =
  | {
      readonly is: 'found';
      /** What was captured by the matches that are kept, in the order of the text; null if its line is cut in it. */
      readonly captured: readonly (string | null)[];
      /** For each of these the index of its line in `lines`, and where in the line its match begins. */
      readonly at: readonly number[];
      readonly places: readonly number[];
      readonly lines: readonly string[];
      /** How many matches there are up to the last that is kept. */
      readonly matches: number;
    }
  /** The pattern took longer than it may, or did so for `MAX_SLOW` other texts, or matches more often than all can be kept. */
  | { readonly is: 'too-slow' | 'given-up' | 'too-many' }
  /** `why` is what the regular expression or the thread said. */
  | { readonly is: 'failed'; readonly why: string };

/** How long a pattern may take for one text and for how many, and how often it may match: for messages. */
export const searchLimits = { seconds: TIMEOUT_MS / 1000, texts: MAX_SLOW, matches: MAX_MATCHES } as const;

/**
 * Searches texts with regular expressions of users in a thread of its own, which is started with the first text. The
 * thread's program is text of this one, so that the bundle needs no file for it.
 */
export class TextSearcher {
  readonly #timeoutMs: number;
  /** How often which pattern was too slow. */
  readonly #slow = new Map<string, number>();
  #worker: Worker | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(timeoutMs = TIMEOUT_MS) {
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Searches one text, after those that were given before. If the thread dies of it, all its patterns have failed, and the next text
   * gets another thread.
   *
   * @param signal ends the search and its thread
   * @returns in the order of the patterns
   * @throws the reason of `signal`
   */
  search(text: SearchedText, signal?: AbortSignal): Promise<readonly SearchResult[]> {
    const result = this.#last.then(() => this.#searchPatient(text, signal));
    this.#last = result.catch(() => {});
    return result;
  }

  /** Leaves out the patterns that are given up. */
  async #searchPatient(text: SearchedText, signal?: AbortSignal): Promise<readonly SearchResult[]> {
    const patterns = text.patterns.filter(({ source }) => (this.#slow.get(source) ?? 0) < MAX_SLOW);
    const results = patterns.length === 0 ? [] : await this.#searchNow({ ...text, patterns }, signal);
    for (const [i, { source }] of patterns.entries()) {
      if (results[i]!.is === 'too-slow') this.#slow.set(source, (this.#slow.get(source) ?? 0) + 1);
    }
    return text.patterns.map((pattern) => results[patterns.indexOf(pattern)] ?? { is: 'given-up' });
  }

  #searchNow(text: SearchedText, signal?: AbortSignal): Promise<readonly SearchResult[]> {
    signal?.throwIfAborted();
    this.#worker ??= this.#start();
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      const settle = (call: () => void) => {
        worker.off('message', onResults).off('error', onEnd).off('exit', onEnd);
        signal?.removeEventListener('abort', onAbort);
        call();
      };
      const onResults = (results: readonly SearchResult[]) => settle(() => resolve(results));
      const onEnd = (error: unknown) => {
        this.#worker = undefined;
        const failed: SearchResult = { is: 'failed', why: whyEnded(error) };
        settle(() => resolve(text.patterns.map(() => failed)));
      };
      const onAbort = () => {
        this.#worker = undefined;
        settle(() => reject(signal?.reason));
        void worker.terminate();
      };
      worker.on('message', onResults).on('error', onEnd).on('exit', onEnd);
      signal?.addEventListener('abort', onAbort);
      // Sent as they are, bytes take along all of the memory that they are a part of.
      const bytes = new Uint8Array(text.bytes);
      worker.postMessage({ ...text, bytes }, [bytes.buffer]);
    });
  }

  #start(): Worker {
    return new Worker(programs['metrics/search-thread.js'], {
      eval: true,
      // Neither the environment nor the options of this process concern it.
      env: {},
      execArgv: [],
      workerData: { timeoutMs: this.#timeoutMs, lineBytes: MAX_LINE_BYTES, mostMatches: MAX_MATCHES },
      resourceLimits: { maxOldGenerationSizeMb: 512 },
    });
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    await this.#last;
    await this.#worker?.terminate();
    this.#worker = undefined;
  }
}

/** What ended a thread: an error, or its exit status. */
function whyEnded(error: unknown): string {
  if (!(error instanceof Error)) return 'the thread that searches ended too early';
  return 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'it took too much memory' : error.message;
}

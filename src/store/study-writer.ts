import { type Host, HostError } from '../hosts/host.js';
import type { Clock } from '../util/clock.js';
import { confirmLease, LeaseLostError, parseLease, StudyGoneError } from './lease.js';
import { Outage } from './outage.js';

/** The files that a writer replaces, relative to the study directory. */
export type ReplacedFile = 'status.csv' | '.conductor/lease';

/** Where the journal is, relative to the study directory. */
export const journalPath = '.conductor/journal.jsonl';

/**
 * What is appended for a text. It begins with a newline because the file may end in the middle of a line: a full disk, a kill or a
 * broken connection may have cut short what was written before.
 */
export function appendedText(text: string): string {
  return `\n${text}`;
}

/** Receives what the writer sees on the host. */
export interface StudyWriterListener {
  /**
   * Somebody wants the study cancelled. The lock file that says so is removed after this, or what it promises; if that
   * fails, and sometimes when the way to the host breaks, it is told again.
   */
  onCancel(): void | Promise<void>;
  /** Somebody wants the limits changed; the text is YAML, as Maestro writes it. Otherwise as `onCancel`. */
  onUpdate(text: string): void | Promise<void>;
  /** Another process has taken the study. Called once. */
  onLost(error: LeaseLostError): void;
  /**
   * The journal cannot be written, or has had no answer for long, and why, in a sentence. Again if that changes to the other.
   * Undefined: it can be written again.
   */
  onTrouble(words: string | undefined): void;
}

/** What a writer writes, and for whom. */
export interface StudyWriterContext {
  readonly host: Host;
  readonly studyPath: string;
  /** The fencing number by which we drive the study. */
  readonly fence: number;
  readonly clock: Clock;
  readonly listener: StudyWriterListener;
  /** Milliseconds for which it is tried again to write the journal. */
  readonly patience?: number;
  /** Whether it looks for Maestro's lock files; so it does by default. */
  readonly watchesLocks?: boolean;
}

/** Something to be written that has no answer yet. */
export type WriteRequest = (
  | { readonly kind: 'append'; readonly text: string; readonly flush: number }
  | { readonly kind: 'replace'; readonly file: ReplacedFile; readonly text: string }
  /** Removes a lock file of Maestro's. An update that is not this one any more, in base64, stays. */
  | { readonly kind: 'forget'; readonly what: LockFile; readonly base64: string }
) & { readonly resolve: () => void; readonly reject: (error: Error) => void };

/** Maestro's lock files, by what they ask for. */
export type LockFile = 'cancel' | 'update';

type Asked<Request = WriteRequest> = Request extends WriteRequest ? Omit<Request, 'resolve' | 'reject'> : never;

/** What could not be appended is tried again after this time, and for the other. */
export const RETRY_MS = 5_000;
const USUAL_PATIENCE_MS = 60_000;

/** The end, or an answer about who drives the study, may take this long. */
const USUAL_WITHIN_MS = 10_000;

/**
 * Writes the study's own files on the host, for one driver of the study and for as long as nobody else drives it: requests in
 * their order, a failed append again and again. So the journal may have things twice, but never in another order and never
 * with something left out.
 */
export abstract class StudyWriter {
  protected readonly host: Host;
  protected readonly studyPath: string;
  protected readonly fence: number;
  protected readonly clock: Clock;
  protected readonly watchesLocks: boolean;
  /** All that has no answer, in order. */
  protected requests: WriteRequest[] = [];
  protected readonly trouble: Outage;
  readonly #listener: StudyWriterListener;
  readonly #patience: number;
  /** The lock files that somebody is being told of. */
  readonly #taking = new Set<LockFile>();
  /** Whether another process has taken the study. */
  #hasLost = false;
  /** Why nothing is written any more. */
  #over: Error | undefined;
  #onIdle: (() => void)[] = [];

  protected constructor(context: StudyWriterContext) {
    const { host, studyPath, fence, clock, listener, patience = USUAL_PATIENCE_MS, watchesLocks = true } = context;
    this.host = host;
    this.studyPath = studyPath;
    this.fence = fence;
    this.clock = clock;
    this.watchesLocks = watchesLocks;
    this.trouble = new Outage(clock, (words) => listener.onTrouble(words));
    this.#listener = listener;
    this.#patience = patience;
  }

  /**
   * Adds whole lines to the journal. Resolves when they are on the host's disk. After one that was given up nothing is
   * written any more, for the journal would have a gap.
   *
   * @param flush numbers those appends of this driver for which steps may wait on the host: none is lower than the one before
   * @throws LeaseLostError if another process has taken the study; HostError if it could not be written for a minute, or the host
   *   cannot be reached any more
   */
  append(text: string, flush = 0): Promise<void> {
    return this.#request({ kind: 'append', text, flush });
  }

  /**
   * Replaces a file's text: a reader finds the old one or the new one, never a part. It is tried once.
   *
   * @param text not empty
   * @throws LeaseLostError, HostError
   */
  replace(file: ReplacedFile, text: string): Promise<void> {
    return this.#request({ kind: 'replace', file, text });
  }

  /**
   * Makes sure that we still drive the study, before something that cannot be taken back. It waits for nothing that is to be
   * written, and works when nothing can be, even after the end: it is a command of its own.
   *
   * @param within milliseconds that the answer may take, once the host is reached
   * @throws LeaseLostError if another process has taken it; HostError if that could not be found out
   */
  async confirm(within = USUAL_WITHIN_MS): Promise<void> {
    if (this.#over instanceof LeaseLostError) throw this.#over;
    try {
      await confirmLease(this.host, this.studyPath, this.fence, this.clock, within);
    } catch (error) {
      if (error instanceof LeaseLostError) this.#onLost(error);
      throw error;
    }
  }

  /** Ends after all that was asked for, or after so many milliseconds: then what is left of it rejects with HostError. */
  async end(within = USUAL_WITHIN_MS): Promise<void> {
    if (this.requests.length > 0) {
      await new Promise<void>((resolve) => {
        const stop = this.clock.after(within, () => this.giveUp(`no answer for ${within / 1000} s`));
        this.#onIdle.push(() => {
          stop();
          resolve();
        });
      });
    }
    if (this.#over === undefined) this.onEnd();
    this.close(new HostError(`the study ${this.studyPath} is not written any more`));
  }

  /** Ends at once: all that has no answer rejects with HostError, and may have been done, or be done yet, all the same. */
  giveUp(reason: string): void {
    this.close(new HostError(`the study ${this.studyPath} on ${this.host.name} is not written any more: ${reason}`));
  }

  /** A request was added to the others. */
  protected abstract onRequest(request: WriteRequest): void;

  /** The first request was answered, or is. */
  protected abstract onAnswer(): void;

  /** All that was asked for is done, and nothing more will be. `onClose` follows. */
  protected onEnd(): void {}

  /** Nothing is written after this, which is called before the requests that are left reject. */
  protected abstract onClose(): void;

  protected get isOver(): boolean {
    return this.#over !== undefined;
  }

  #request(asked: Asked): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#over !== undefined) return reject(this.#over);
      const request = { ...asked, resolve, reject };
      this.requests.push(request);
      this.onRequest(request);
    });
  }

  /** Nothing is written after this. */
  protected close(reason: Error): void {
    this.#over ??= reason;
    this.onClose();
    for (const { reject } of this.requests.splice(0)) reject(this.#over);
    this.#tellIdle();
  }

  #tellIdle(): void {
    if (this.requests.length === 0) for (const tell of this.#onIdle.splice(0)) tell();
  }

  /** That we live must not wait for what cannot be appended. */
  protected putBeatsFirst(): void {
    const isBeat = (request: WriteRequest) => request.kind === 'replace' && request.file === '.conductor/lease';
    this.requests = [...this.requests.filter(isBeat), ...this.requests.filter((request) => !isBeat(request))];
  }

  // What became of the first request.

  protected done(): void {
    const request = this.requests.shift();
    const isAppend = ({ kind }: WriteRequest) => kind === 'append';
    this.trouble.answered(request !== undefined && (isAppend(request) || !this.requests.some(isAppend)));
    request?.resolve();
    this.onAnswer();
    this.#tellIdle();
  }

  /** A request that is tried once failed. */
  protected failed(file: string, words: string): void {
    const request = this.requests.shift();
    this.trouble.answered(false);
    request?.reject(new HostError(this.#cannotWrite(file, words)));
    this.onAnswer();
    this.#tellIdle();
  }

  /** An append failed. After the patience for it nothing is written any more. */
  protected cannotAppend(words: string, isWorthTelling = true): void {
    const message = this.#cannotWrite(journalPath, words);
    const passed = this.trouble.failed();
    if (passed >= this.#patience) {
      return this.close(new HostError(`${message}, for ${Math.round(passed / 1000)} s`));
    }
    if (isWorthTelling) this.trouble.tell('failure', message);
  }

  #cannotWrite(file: string, words: string): string {
    return `cannot write ${this.studyPath}/${file} on ${this.host.name}: ${words}`;
  }

  // What is seen on the host.

  /** @param lease the line of the driver that has the study now; '' if it has not written it yet */
  protected lost(lease: string): void {
    this.#onLost(new LeaseLostError(this.studyPath, parseLease(lease, this.fence + 1)));
  }

  /** The study directory has been removed. */
  protected gone(): void {
    this.#onLost(new StudyGoneError(this.studyPath));
  }

  /** Told by what writes, or by a command that confirms, or by both. */
  #onLost(error: LeaseLostError): void {
    if (this.#hasLost) return;
    this.#hasLost = true;
    this.close(error);
    this.#listener.onLost(error);
  }

  /**
   * Tells of a lock file, and only then has it removed: what nobody heard of is still to be done.
   *
   * @param base64 the text of an update
   */
  protected take(what: LockFile, base64: string): void {
    if (this.#taking.has(what)) return;
    this.#taking.add(what);
    const taken = async () => {
      try {
        if (what === 'cancel') await this.#listener.onCancel();
        else await this.#listener.onUpdate(Buffer.from(base64, 'base64').toString());
        await this.#request({ kind: 'forget', what, base64 });
      } catch (error) {
        // The next driver finds it.
        if (!(error instanceof HostError || error instanceof LeaseLostError)) throw error;
      } finally {
        this.#taking.delete(what);
      }
    };
    void taken();
  }
}

import { type Host, HostError } from '../hosts/host.js';
import { type CommandEnd, LongLivedCommand } from '../hosts/long-lived-command.js';
import type { Clock } from '../util/clock.js';
import { confirmLease, LeaseLostError, parseLease } from './lease.js';
import { Outage } from './outage.js';
import {
  appendRequest,
  forgetRequest,
  journalPath,
  parseWriterReport,
  type ReplacedFile,
  remoteWriterText,
  replaceRequest,
} from './remote-writer-protocol.js';

/** Receives what the writer sees on the host. */
export interface RemoteWriterListener {
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

export interface RemoteWriterOptions {
  /** Milliseconds for which it is tried again to write the journal. */
  readonly patience?: number;
  /** Whether it looks for Maestro's lock files; so it does by default. */
  readonly watchesLocks?: boolean;
}

interface Request {
  readonly kind: 'append' | 'replace' | 'forget';
  /** The file, relative to the study directory; '' of `forget`. */
  readonly file: string;
  readonly bytes: Buffer;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** What could not be appended is tried again after this time, and for this long. */
const RETRY_MS = 5_000;
const USUAL_PATIENCE_MS = 60_000;

/**
 * A command that owes an answer is left for another one after so many long silences (a minute), for it may be the command
 * that hangs. More than so many in a row are not: then it is the file system, and each would hang there too.
 */
const SILENCES_OF_ONE = 3;
const MOST_LEFT = 5;

/** The end, or an answer about who drives the study, may take this long. */
const USUAL_WITHIN_MS = 10_000;

/** So many commands in a row that ended without a word are worth one to people. */
const WORTH_TELLING = 3;

/**
 * Writes the study's own files on the host, for one driver of the study and for as long as nobody else drives it. It is one
 * long-lived command there, and another one whenever that has ended: what has no answer is sent again then, in order, so
 * that the journal may have things twice, but never in another order and never with something left out.
 */
export class RemoteWriter {
  readonly #host: Host;
  readonly #studyPath: string;
  readonly #fence: number;
  readonly #clock: Clock;
  readonly #listener: RemoteWriterListener;
  readonly #patience: number;
  readonly #watchesLocks: boolean;
  /** All that has no answer, in order. While there is a command it has been sent all of it. */
  #requests: Request[] = [];
  readonly #command: LongLivedCommand;
  /** How many commands there have been. */
  #count = 0;
  /** Whether the present command has said anything, and whether it has answered. */
  #hasBegun = false;
  #hasAnswered = false;
  /** How many commands in a row had a short life and never answered. */
  #silentLives = 0;
  readonly #trouble: Outage;
  /** How many commands were left since the last answer because they gave none. */
  #left = 0;
  /** The lock files that somebody is being told of. */
  readonly #taking = new Set<'cancel' | 'update'>();
  /** Whether another process has taken the study. */
  #hasLost = false;
  /** Why nothing is written any more. */
  #over: Error | undefined;
  #onIdle: (() => void)[] = [];

  private constructor(
    host: Host,
    studyPath: string,
    fence: number,
    clock: Clock,
    listener: RemoteWriterListener,
    options: RemoteWriterOptions,
  ) {
    this.#host = host;
    this.#studyPath = studyPath;
    this.#fence = fence;
    this.#clock = clock;
    this.#listener = listener;
    this.#patience = options.patience ?? USUAL_PATIENCE_MS;
    this.#watchesLocks = options.watchesLocks ?? true;
    this.#trouble = new Outage(clock, (words) => listener.onTrouble(words));
    this.#command = new LongLivedCommand({
      host,
      clock,
      begin: () => this.#begin(),
      onLine: (line) => this.#onLine(line),
      onEnd: (end) => this.#onEnd(end),
      onSilence: (times) => this.#onSilence(times),
    });
  }

  /** @param fence the fencing number by which we drive the study */
  static start(
    host: Host,
    studyPath: string,
    fence: number,
    clock: Clock,
    listener: RemoteWriterListener,
    options: RemoteWriterOptions = {},
  ): RemoteWriter {
    const writer = new RemoteWriter(host, studyPath, fence, clock, listener, options);
    writer.#command.start();
    return writer;
  }

  /**
   * Adds whole lines to the journal. Resolves when they are on the host's disk. After one that was given up nothing is
   * written any more, for the journal would have a gap.
   *
   * @throws LeaseLostError if another process has taken the study; HostError if it could not be written for a minute, or the host
   *   cannot be reached any more
   */
  append(text: string): Promise<void> {
    return this.#request('append', journalPath, appendRequest(text));
  }

  /**
   * Replaces a file's text: a reader finds the old one or the new one, never a part. It is tried once.
   *
   * @param text not empty
   * @throws LeaseLostError, HostError
   */
  replace(file: ReplacedFile, text: string): Promise<void> {
    return this.#request('replace', file, replaceRequest(file, text));
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
      await confirmLease(this.#host, this.#studyPath, this.#fence, this.#clock, within);
    } catch (error) {
      if (error instanceof LeaseLostError) this.#onLost(error);
      throw error;
    }
  }

  /** Ends after all that was asked for, or after so many milliseconds: then what is left of it rejects with HostError. */
  async end(within = USUAL_WITHIN_MS): Promise<void> {
    if (this.#requests.length > 0) {
      await new Promise<void>((resolve) => {
        const stop = this.#clock.after(within, () => this.giveUp(`no answer for ${within / 1000} s`));
        this.#onIdle.push(() => {
          stop();
          resolve();
        });
      });
    }
    this.#close(new HostError(`the study ${this.#studyPath} is not written any more`));
  }

  /** Ends at once: all that has no answer rejects with HostError, and may have been done, or be done yet, all the same. */
  giveUp(reason: string): void {
    this.#close(new HostError(`the study ${this.#studyPath} on ${this.#host.name} is not written any more: ${reason}`));
  }

  #request(kind: Request['kind'], file: string, bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#over !== undefined) return reject(this.#over);
      this.#requests.push({ kind, file, bytes, resolve, reject });
      this.#command.write(bytes);
      if (this.#requests.length === 1) this.#watch();
    });
  }

  // The command.

  /** What the next command is, and what it is sent: all that has no answer. */
  #begin() {
    this.#count += 1;
    this.#hasBegun = false;
    this.#hasAnswered = false;
    // That we live must not wait for what cannot be appended.
    const isBeat = ({ file }: Request) => file === '.conductor/lease';
    this.#requests = [...this.#requests.filter(isBeat), ...this.#requests.filter((request) => !isBeat(request))];
    return {
      text: remoteWriterText({
        studyPath: this.#studyPath,
        fence: this.#fence,
        number: this.#count,
        watchesLocks: this.#watchesLocks,
      }),
      input: Buffer.concat(this.#requests.map(({ bytes }) => bytes)),
    };
  }

  #onEnd({ error, isLost, words, shortLives }: CommandEnd): void {
    if (error !== undefined && !isLost) return this.#close(error);
    this.#silentLives = shortLives > 0 && !isLost && !this.#hasAnswered ? this.#silentLives + 1 : 0;
    if (this.#silentLives > 0 && this.#requests.length > 0) {
      this.#inTrouble(journalPath, words, this.#silentLives >= WORTH_TELLING);
      if (this.#over !== undefined) return;
    }
    this.#command.restart();
  }

  /** It ends with its input; what has no answer it need not read, for another one is sent that. */
  #leave(): void {
    this.#command.leave(this.#requests.length === 0);
  }

  /** Nothing is written after this. */
  #close(reason: Error): void {
    this.#over ??= reason;
    this.#leave();
    for (const { reject } of this.#requests.splice(0)) reject(this.#over);
    this.#tellIdle();
  }

  #tellIdle(): void {
    if (this.#requests.length === 0) for (const tell of this.#onIdle.splice(0)) tell();
  }

  /** From now on the command owes its next answer, if any. */
  #watch(): void {
    this.#command.expectAnswer(this.#requests.length > 0);
  }

  #onSilence(times: number): void {
    const [name, path] = [this.#host.name, this.#studyPath];
    // That may be the way to the host, or what `setup` does there. Another command would have to wait as well.
    if (!this.#hasBegun) {
      return this.#trouble.tell('silence', `the command that writes ${path} on ${name} has not been started yet`);
    }
    const words = `the command that writes ${path} on ${name} does not answer: is its file system hanging?`;
    this.#trouble.tell('silence', words);
    if (times < SILENCES_OF_ONE || this.#left === MOST_LEFT) return;
    this.#left += 1;
    this.#leave();
    this.#command.start();
  }

  // What it says.

  #onLine(line: string): void {
    const report = parseWriterReport(line);
    switch (report?.type) {
      case undefined:
        return;
      case 'ready':
        this.#hasBegun = true;
        return this.#watch();
      case 'ok':
        this.#hasAnswered = true;
        this.#left = 0;
        return this.#onDone();
      case 'failed':
        this.#hasAnswered = true;
        this.#left = 0;
        return this.#onFailed(report.words);
      case 'lost':
        return this.#onLost(new LeaseLostError(this.#studyPath, parseLease(report.lease, this.#fence + 1)));
      case 'cancel':
        return this.#take('cancel', '', () => this.#listener.onCancel());
      case 'update': {
        const text = Buffer.from(report.base64, 'base64').toString();
        return this.#take('update', report.base64, () => this.#listener.onUpdate(text));
      }
    }
  }

  /** Told by the command that writes, or by one that confirms, or by both. */
  #onLost(error: LeaseLostError): void {
    if (this.#hasLost) return;
    this.#hasLost = true;
    this.#close(error);
    this.#listener.onLost(error);
  }

  #onDone(): void {
    const request = this.#requests.shift();
    const isAppend = ({ kind }: Request) => kind === 'append';
    this.#trouble.answered(request !== undefined && (isAppend(request) || !this.#requests.some(isAppend)));
    request?.resolve();
    this.#watch();
    this.#tellIdle();
  }

  #onFailed(words: string): void {
    const [request] = this.#requests;
    if (request === undefined) return;
    if (request.kind !== 'append') {
      this.#requests.shift();
      this.#trouble.answered(false);
      request.reject(new HostError(this.#cannotWrite(request.file, words)));
      this.#watch();
      return this.#tellIdle();
    }
    // It ends; what it was sent after this it has not looked at.
    this.#leave();
    this.#inTrouble(request.file, words, true);
    if (this.#over === undefined) this.#command.startAfter(RETRY_MS);
  }

  #cannotWrite(file: string, words: string): string {
    return `cannot write ${this.#studyPath}/${file} on ${this.#host.name}: ${words}`;
  }

  #inTrouble(file: string, words: string, isWorthTelling: boolean): void {
    const message = this.#cannotWrite(file, words);
    const passed = this.#trouble.failed();
    if (passed >= this.#patience) {
      return this.#close(new HostError(`${message}, for ${Math.round(passed / 1000)} s`));
    }
    if (isWorthTelling) this.#trouble.tell('failure', message);
  }

  /** Tells of a lock file, and only then has it removed: what nobody heard of is still to be done. */
  #take(what: 'cancel' | 'update', base64: string, tell: () => void | Promise<void>): void {
    if (this.#taking.has(what)) return;
    this.#taking.add(what);
    const taken = async () => {
      try {
        await tell();
        await this.#request('forget', '', forgetRequest(what, base64));
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

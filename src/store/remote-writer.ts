import { type CommandEnd, LongLivedCommand } from '../hosts/long-lived-command.js';
import {
  appendRequest,
  endRequest,
  forgetRequest,
  parseWriterReport,
  remoteWriterText,
  replaceRequest,
} from './remote-writer-protocol.js';
import { RETRY_MS, StudyWriter, type StudyWriterContext, type WriteRequest } from './study-writer.js';

/**
 * A command that owes an answer is left for another one after so many long silences (a minute), for it may be the command
 * that hangs. More than so many in a row are not: then it is the file system, and each would hang there too.
 */
const SILENCES_OF_ONE = 3;
const MOST_LEFT = 5;

/** So many commands in a row that ended without a word are worth one to people. */
const WORTH_TELLING = 3;

/**
 * The writer of a study on another machine: one long-lived command there, and another one whenever that has ended. What has no
 * answer is sent again then.
 */
export class RemoteWriter extends StudyWriter {
  readonly #command: LongLivedCommand;
  /** How many commands there have been. */
  #count = 0;
  /** Whether the present command has said anything, and whether it has answered. */
  #hasBegun = false;
  #hasAnswered = false;
  /** How many commands in a row had a short life and never answered. */
  #silentLives = 0;
  /** How many commands were left since the last answer because they gave none. */
  #left = 0;

  private constructor(context: StudyWriterContext) {
    super(context);
    this.#command = new LongLivedCommand({
      host: this.host,
      clock: this.clock,
      begin: () => this.#begin(),
      onLine: (line) => this.#onLine(line),
      onEnd: (end) => this.#onEnd(end),
      onSilence: (times) => this.#onSilence(times),
    });
  }

  static start(context: StudyWriterContext): RemoteWriter {
    const writer = new RemoteWriter(context);
    writer.#command.start();
    return writer;
  }

  /** While there is a command it has been sent all that has no answer. */
  protected onRequest(request: WriteRequest): void {
    this.#command.write(bytesOf(request));
    if (this.requests.length === 1) this.onAnswer();
  }

  /** From now on the command owes its next answer, if any. */
  protected onAnswer(): void {
    this.#command.expectAnswer(this.requests.length > 0);
  }

  protected override onEnd(): void {
    this.#command.write(endRequest);
  }

  /** The command ends with its input; what has no answer it need not read, for another one is sent that. */
  protected onClose(): void {
    this.#command.leave(this.requests.length === 0);
  }

  // The command.

  /** What the next command is, and what it is sent: all that has no answer. */
  #begin() {
    this.#count += 1;
    this.#hasBegun = false;
    this.#hasAnswered = false;
    this.putBeatsFirst();
    const { studyPath, fence, watchesLocks } = this;
    return {
      text: remoteWriterText({ studyPath, fence, number: this.#count, watchesLocks }),
      input: Buffer.concat(this.requests.map(bytesOf)),
    };
  }

  #onEnd({ error, isLost, words, shortLives }: CommandEnd): void {
    if (error !== undefined && !isLost) return this.close(error);
    this.#silentLives = shortLives > 0 && !isLost && !this.#hasAnswered ? this.#silentLives + 1 : 0;
    if (this.#silentLives > 0 && this.requests.length > 0) {
      this.cannotAppend(words, this.#silentLives >= WORTH_TELLING);
      if (this.isOver) return;
    }
    this.#command.restart();
  }

  #onSilence(times: number): void {
    const what = `the command that writes ${this.studyPath} on ${this.host.name}`;
    // That may be the way to the host, or what `setup` does there. Another command would have to wait as well.
    if (!this.#hasBegun) return this.trouble.tell('silence', `${what} has not been started yet`);
    this.trouble.tell('silence', `${what} does not answer: is its file system hanging?`);
    if (times < SILENCES_OF_ONE || this.#left === MOST_LEFT) return;
    this.#left += 1;
    this.onClose();
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
        return this.onAnswer();
      case 'ok':
        this.#hasAnswered = true;
        this.#left = 0;
        return this.done();
      case 'failed':
        this.#hasAnswered = true;
        this.#left = 0;
        return this.#onFailed(report.words);
      case 'lost':
        return this.lost(report.lease);
      case 'cancel':
        return this.take('cancel', '');
      case 'update':
        return this.take('update', report.base64);
    }
  }

  #onFailed(words: string): void {
    const [request] = this.requests;
    if (request === undefined) return;
    if (request.kind === 'replace') return this.failed(request.file, words);
    // It ends; what it was sent after this it has not looked at.
    this.onClose();
    this.cannotAppend(words);
    if (!this.isOver) this.#command.startAfter(RETRY_MS);
  }
}

function bytesOf(request: WriteRequest): Buffer {
  switch (request.kind) {
    case 'append':
      return appendRequest(request.text, request.flush);
    case 'replace':
      return replaceRequest(request.file, request.text);
    case 'forget':
      return forgetRequest(request.what, request.base64);
  }
}

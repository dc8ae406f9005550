import { randomBytes } from 'node:crypto';
import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { systemWords } from '../util/errors.js';
import { sleep } from '../util/sleep.js';
import { unfinished } from '../util/unfinished.js';
import { Watchdog } from '../util/watchdog.js';
import {
  appendedText,
  journalPath,
  type LockFile,
  RETRY_MS,
  StudyWriter,
  type StudyWriterContext,
  type WriteRequest,
} from './study-writer.js';

/** Between two looks at Maestro's lock files, and at who drives the study; and between those of a study in which nothing happens. */
const LOOK_MS = 2_000;
const IDLE_LOOK_MS = 10_000;
const IDLE_AFTER_MS = 60_000;

/** A study directory that was missing for so long was removed: a file server that is away for a while comes back. */
const GONE_MS = 10 * 60_000;

/** A driver that has come may not have written the lease yet. */
const LEASE_LOOKS = 10;
const LEASE_LOOK_MS = 200;

/** No more of an update is read, as it is a line. */
const MOST_UPDATE_BYTES = 65_536;

const lockFiles: Readonly<Record<LockFile, string>> = { cancel: '.cancel.lock', update: '.study.update.lock' };

type Append = Extract<WriteRequest, { kind: 'append' }>;
type Replace = Extract<WriteRequest, { kind: 'replace' }>;
type Forget = Extract<WriteRequest, { kind: 'forget' }>;

/**
 * The writer of a study on this machine: this process writes. It does so as remote-writer.sh does, by the same rules, but that
 * appends which come while others are written and synced share the next sync.
 *
 * One operation is under way at a time, so a file system that hangs takes one of the four threads that Node has for files, and the
 * rest of the program goes on. Another try would hang there too, so there is none until that one is over.
 */
export class LocalWriter extends StudyWriter {
  readonly #watchdog: Watchdog;
  readonly #temporary: string;
  #isServing = false;
  /** Whether it waits until it may try again to append. */
  #isPaused = false;
  #isLookDue = true;
  #stopTimer: () => void = () => {};
  /** When something was appended last. */
  #appended: number;
  /** Since when the study directory has been missing. */
  #goneSince: number | undefined;
  /** The lock files that were told of. */
  #toldCancel = false;
  #toldUpdate = '';

  private constructor(context: StudyWriterContext) {
    super(context);
    this.#appended = this.clock.now();
    const token = randomBytes(8).toString('hex');
    // The next driver removes what has such a name.
    this.#temporary = this.#path(`.conductor/clerk-${this.fence}-${token}`);
    this.#watchdog = new Watchdog(this.clock, () => {
      this.trouble.tell('silence', `writing ${this.studyPath} takes long: is its file system hanging?`);
    });
  }

  static start(context: StudyWriterContext): LocalWriter {
    const writer = new LocalWriter(context);
    void writer.#serve();
    return writer;
  }

  protected onRequest(): void {
    if (this.requests.length === 1 && !this.#isPaused) this.onAnswer();
    void this.#serve();
  }

  protected onAnswer(): void {
    if (this.requests.length > 0) this.#watchdog.begin();
    else this.#watchdog.end();
  }

  protected onClose(): void {
    this.#watchdog.end();
    this.#stopTimer();
  }

  #path(name: string): string {
    return path.join(this.studyPath, name);
  }

  /** Does what there is to be done, unless that is under way. */
  async #serve(): Promise<void> {
    if (this.#isServing) return;
    this.#isServing = true;
    // A hanging operation must not keep the program from its end once it was given up.
    await unfinished(this.#serveAll());
  }

  async #serveAll(): Promise<void> {
    try {
      while (!this.isOver && !this.#isPaused) {
        if (this.#isLookDue) await this.#look();
        else if (this.requests.length > 0) await this.#next();
        else return;
      }
    } finally {
      // At once: a request that came later, and found this still set, would wait for the next one.
      this.#isServing = false;
    }
  }

  /** Looks who drives the study, and at Maestro's lock files. */
  async #look(): Promise<void> {
    if (await this.#isLost()) return;
    const { names, isMissing } = await list(this.studyPath);
    if (this.#isGone(isMissing)) return;
    if (this.watchesLocks) {
      const isThere = names.includes(lockFiles.cancel);
      const base64 = names.includes(lockFiles.update) ? await this.#updateText() : '';
      if (this.isOver) return;
      if (isThere && !this.#toldCancel) this.take('cancel', '');
      this.#toldCancel = isThere;
      if (base64 !== '' && base64 !== this.#toldUpdate) this.take('update', base64);
      this.#toldUpdate = base64;
    }
    if (this.isOver) return;
    this.#isLookDue = false;
    const isIdle = this.clock.now() - this.#appended > IDLE_AFTER_MS;
    this.#stopTimer = this.clock.after(isIdle ? IDLE_LOOK_MS : LOOK_MS, () => {
      this.#isLookDue = true;
      void this.#serve();
    });
  }

  /** Whether the study was removed, so that there is nothing to be written any more. @param isMissing whether its directory is */
  #isGone(isMissing: boolean): boolean {
    const now = this.clock.now();
    if (!isMissing) this.#goneSince = undefined;
    else this.#goneSince ??= now;
    if (this.#goneSince === undefined || now - this.#goneSince < GONE_MS) return false;
    this.gone();
    return true;
  }

  /** In base64; '' if there is none, or it is being written. */
  async #updateText(): Promise<string> {
    try {
      return (await readFile(this.#path(lockFiles.update))).subarray(0, MOST_UPDATE_BYTES).toString('base64');
    } catch {
      return '';
    }
  }

  async #next(): Promise<void> {
    if (await this.#isLost()) return;
    const [request] = this.requests;
    switch (request?.kind) {
      case undefined:
        return;
      case 'append':
        return this.#append();
      case 'replace':
        return this.#replace(request);
      case 'forget':
        return this.#forget(request);
    }
  }

  /** Appends the texts of all appends up to the next request of another kind. */
  async #append(): Promise<void> {
    const end = this.requests.findIndex(({ kind }) => kind !== 'append');
    const batch = this.requests.slice(0, end === -1 ? undefined : end) as Append[];
    this.#appended = this.clock.now();
    try {
      await appendDurably(this.#path(journalPath), Buffer.from(batch.map(({ text }) => appendedText(text)).join('')));
    } catch (error) {
      if (!this.isOver) this.#onFailed(systemWords(error));
      return;
    }
    // A driver that came meanwhile may have read the journal without it.
    if (await this.#isLost()) return;
    for (const _ of batch) this.done();
  }

  #onFailed(words: string): void {
    this.#stopTimer();
    this.#watchdog.end();
    this.cannotAppend(words);
    if (this.isOver) return;
    this.#isPaused = true;
    this.#stopTimer = this.clock.after(RETRY_MS, () => {
      this.#isPaused = false;
      this.#isLookDue = true;
      this.putBeatsFirst();
      this.onAnswer();
      void this.#serve();
    });
  }

  async #replace({ file, text }: Replace): Promise<void> {
    try {
      const handle = await open(this.#temporary, 'w');
      try {
        await handle.writeFile(text);
      } finally {
        await handle.close();
      }
      if (!this.isOver) await rename(this.#temporary, this.#path(file));
      else await rm(this.#temporary, { force: true });
    } catch (error) {
      await rm(this.#temporary, { force: true }).catch(() => {});
      if (!this.isOver) this.failed(file, systemWords(error));
      return;
    }
    if (!(await this.#isLost())) this.done();
  }

  async #forget({ what, base64 }: Forget): Promise<void> {
    const file = this.#path(lockFiles[what]);
    const isSame = what === 'cancel' || (await this.#updateText()) === base64;
    // One that could not be removed is not told of again, but by the next driver.
    const isGone = isSame && (await isRemoved(file));
    if (what === 'cancel') this.#toldCancel &&= !isGone;
    else if (isGone || !isSame) this.#toldUpdate = '';
    if (!this.isOver) this.done();
  }

  /** Whether nothing more may be written, because a later driver has come, or was said to before. */
  async #isLost(): Promise<boolean> {
    // On NFS a name that was not there may be missing for long; a directory that was just read is up to date.
    const { names } = await list(this.#path('.conductor/fences'));
    if (this.isOver || !names.includes(String(this.fence + 1))) return this.isOver;
    const isOurs = (line: string) => line === '' || line.includes(`"fence":${this.fence},`);
    let line = await this.#leaseLine();
    for (let looks = 1; looks < LEASE_LOOKS && isOurs(line) && !this.isOver; looks++) {
      await sleep(this.clock, LEASE_LOOK_MS);
      line = await this.#leaseLine();
    }
    this.lost(line);
    return true;
  }

  async #leaseLine(): Promise<string> {
    const text = await readFile(this.#path('.conductor/lease'), 'utf8').catch(() => '');
    return text.split('\n', 1)[0]!;
  }
}

/**
 * The file is opened each time: on NFS what others have appended counts then, and one that was moved or removed is not written
 * on unseen.
 */
async function appendDurably(file: string, bytes: Buffer): Promise<void> {
  const handle = await open(file, 'a');
  try {
    for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten;
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

/** What is in a directory, as far as that is known. @returns `isMissing` if it is known that there is none */
function list(directory: string): Promise<{ readonly names: readonly string[]; readonly isMissing: boolean }> {
  return readdir(directory).then(
    (names) => ({ names, isMissing: false }),
    (error: NodeJS.ErrnoException) => ({ names: [], isMissing: error.code === 'ENOENT' }),
  );
}

function isRemoved(file: string): Promise<boolean> {
  return rm(file, { force: true }).then(
    () => true,
    () => false,
  );
}

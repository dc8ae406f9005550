import { type Host, HostError } from '../hosts/host.js';
import type { Clock } from '../util/clock.js';
import type { Log } from '../util/log/log.js';
import { readJournal, type TakenStudy } from './directory.js';
import { Journal } from './journal/journal.js';
import type { JournalState, StudyEnd } from './journal/records.js';
import { acquireLease, Lease, type LeaseHolder, type LeaseLostError } from './lease.js';
import { LocalWriter } from './local-writer.js';
import { RemoteWriter } from './remote-writer.js';
import type { StudyWriter, StudyWriterListener } from './study-writer.js';
import { type Limits, readLimits } from './update-lock.js';

/** At the end of a run, a journal that cannot be written within this time is given up. */
const LAST_WRITE_TIMEOUT_MS = 10_000;

/** What taking a study needs. */
export interface SessionOptions {
  readonly host: Host;
  readonly studyPath: string;
  readonly holder: LeaseHolder;
  readonly clock: Clock;
  readonly log: Pick<Log, 'info' | 'warning'>;
  /** Ends the wait for a driver that may be gone. */
  readonly cancel?: AbortSignal;
  /** The last fencing number that the journal has, if it was read before. */
  readonly lastFence?: number;
  /** The study if it was taken when it was made. */
  readonly taken?: TakenStudy | undefined;
  /** Whether the lock files of `maestro cancel` and `maestro update` are for this driver; so they are by default. */
  readonly watchesLocks?: boolean;
  /** The limits as the inputs have them; undefined if there are no inputs. */
  readonly limits?: Required<Limits> | undefined;
  /** Takes secrets out of the reasons that the journal gets. */
  readonly redact?: ((text: string) => string) | undefined;
}

/**
 * A driver's session on a study: its lease, and everything that it writes. After the lease is lost nothing more is written.
 */
export class StudySession {
  /** The journal's state when this session began. */
  readonly state: JournalState;
  readonly journal: Journal;
  /** The fencing number of this driver. */
  readonly fence: number;
  readonly #clock: Clock;
  readonly #writer: StudyWriter;
  readonly #lease: Lease;
  readonly #cancelled: AbortController;
  readonly #lost: AbortController;
  readonly #remote: RemoteControl;

  private constructor(
    state: JournalState,
    fence: number,
    journal: Journal,
    writer: StudyWriter,
    lease: Lease,
    remote: RemoteControl,
    clock: Clock,
  ) {
    this.#clock = clock;
    this.state = state;
    this.fence = fence;
    this.journal = journal;
    this.#writer = writer;
    this.#lease = lease;
    this.#remote = remote;
    this.#cancelled = remote.cancelled;
    this.#lost = remote.lost;
  }

  /**
   * Takes the study, and notes in the journal who has it.
   *
   * @throws LeaseHeldError, HostError, JournalError
   */
  static async take(options: SessionOptions): Promise<StudySession> {
    const {
      host,
      studyPath,
      holder,
      clock,
      log,
      cancel,
      lastFence = 0,
      taken,
      limits,
      watchesLocks = true,
      redact,
    } = options;
    const acquiring = { cancel, least: lastFence + 1 };
    const tell = (line: string) => log.info(line);
    const { fence } = taken ?? (await acquireLease(host, studyPath, holder, clock, tell, acquiring));
    const remote = new RemoteControl(log, limits);
    const writing = { host, studyPath, fence, clock, listener: remote, watchesLocks };
    const tellsHost = host.runsAsThisProcess !== true;
    const writer = tellsHost ? RemoteWriter.start(writing) : LocalWriter.start(writing);
    const lease = Lease.start(writer, holder, fence, clock);
    try {
      const state = taken?.state ?? (await readJournal(host, studyPath));
      const append = (text: string, flush: number) => writer.append(text, flush);
      const journal = new Journal(append, { ...state, fence, tellsHost, redact }, clock);
      journal.write({ type: 'open', holder });
      remote.begin(journal);
      return new StudySession(state, fence, journal, writer, lease, remote, clock);
    } catch (error) {
      await lease.end({ released: true });
      await writer.end();
      throw error;
    }
  }

  /** Aborted, with a reason for people, by `maestro cancel` on the host. */
  get cancelled(): AbortSignal {
    return this.#cancelled.signal;
  }

  /** Aborted, with a reason for people, when another process has taken the study. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Reports the changes of `maestro update` on the host, also those since the session began. */
  onLimits(listener: (limits: Limits) => void): void {
    this.#remote.onLimits(listener);
  }

  /**
   * Makes sure, before an action that cannot be undone, that no other process has taken the study. If that cannot be found out
   * the action goes ahead.
   *
   * @throws LeaseLostError
   */
  async confirm(): Promise<void> {
    try {
      await this.#writer.confirm();
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
    }
  }

  /** Gives up what the journal cannot write soon. */
  hurry(): void {
    const stop = this.#clock.after(LAST_WRITE_TIMEOUT_MS, () => this.#writer.giveUp('it did not answer'));
    this.journal.durable().then(stop, stop);
  }

  writeStatus(text: string): Promise<void> {
    return this.#writer.replace('status.csv', text);
  }

  /** Writes what the journal still has, and gives the study back. */
  async release(end: StudyEnd | undefined): Promise<void> {
    if (end !== undefined) {
      const { status, interruption, failedMetrics } = end;
      this.journal.write({ type: 'end', status, interruption, failedMetrics });
    }
    this.hurry();
    await this.journal.durable().catch(() => {});
    await this.#lease.end({ released: true });
    await this.#writer.end();
  }
}

/** Handles the lock files of `maestro cancel` and `maestro update`, and what the writer reports. */
class RemoteControl implements StudyWriterListener {
  readonly cancelled = new AbortController();
  readonly lost = new AbortController();
  /** Lock files may be there before the journal has been read. */
  readonly #journal: Promise<Journal>;
  #begin: (journal: Journal) => void = () => {};
  readonly #log: SessionOptions['log'];
  readonly #inputs: SessionOptions['limits'];
  readonly #unreported: Limits[] = [];
  #listener: ((limits: Limits) => void) | undefined;

  /** @param inputs the limits as the inputs have them */
  constructor(log: SessionOptions['log'], inputs: SessionOptions['limits']) {
    this.#log = log;
    this.#inputs = inputs;
    this.#journal = new Promise((resolve) => {
      this.#begin = resolve;
    });
  }

  /** The journal has been read. */
  begin(journal: Journal): void {
    this.#begin(journal);
  }

  onLimits(listener: (limits: Limits) => void): void {
    this.#listener = listener;
    for (const limits of this.#unreported.splice(0)) listener(limits);
  }

  /** Resolves once the cancellation is in the journal: only then may the lock file be removed. */
  async onCancel(): Promise<void> {
    const reason = 'cancelled on the host';
    const journal = await this.#journal;
    // Even if the study has ended by now: a cancelled study stays cancelled.
    journal.write({ type: 'cancel', reason });
    this.cancelled.abort(reason);
    await journal.durable();
  }

  /** Resolves once the change is in the journal: only then may the lock file be removed. */
  async onUpdate(text: string): Promise<void> {
    const { limits, told } = readLimits(text);
    const journal = await this.#journal;
    this.#log.info(told);
    // The next run uses it too, even if this one ends before it does.
    if (Object.keys(limits).length > 0) {
      const inputs = this.#inputs === undefined ? {} : { inputs: this.#inputs };
      journal.write({ type: 'limits', ...limits, ...inputs });
    }
    if (this.#listener === undefined) this.#unreported.push(limits);
    else this.#listener(limits);
    await journal.durable();
  }

  onLost({ message }: LeaseLostError): void {
    this.lost.abort(message);
  }

  onTrouble(words: string | undefined): void {
    if (words === undefined) this.#log.info('The study directory can be written again');
    else this.#log.warning(`the study directory cannot be written, so nothing is submitted: ${words}`);
  }
}

import { type Host, HostError } from '../hosts/host.js';
import type { StudyStatus } from '../study/state.js';
import type { Clock } from '../util/clock.js';
import type { Log } from '../util/log/log.js';
import { readJournal } from './directory.js';
import { Journal } from './journal/journal.js';
import type { JournalState } from './journal/records.js';
import { acquireLease, Lease, type LeaseHolder, type LeaseLostError } from './lease.js';
import { RemoteWriter } from './remote-writer.js';
import { type Limits, readLimits } from './update-lock.js';

/** When a run is to end, a journal that cannot be written within so many milliseconds is given up. */
const longestHang = 10_000;

/** Who wants to drive a study, and what that takes. */
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
  /** The limits as the inputs have them; undefined if there are no inputs. */
  readonly limits?: Required<Limits> | undefined;
}

/**
 * One driver's hold on a study: the lease, and all writing that is done by it. Who has lost it writes nothing more.
 */
export class StudySession {
  /** What the journal said when the study became ours. */
  readonly state: JournalState;
  readonly journal: Journal;
  readonly #clock: Clock;
  readonly #writer: RemoteWriter;
  readonly #lease: Lease;
  readonly #cancelled: AbortController;
  readonly #lost: AbortController;
  readonly #remote: RemoteControl;

  private constructor(
    state: JournalState,
    journal: Journal,
    writer: RemoteWriter,
    lease: Lease,
    remote: RemoteControl,
    clock: Clock,
  ) {
    this.#clock = clock;
    this.state = state;
    this.journal = journal;
    this.#writer = writer;
    this.#lease = lease;
    this.#remote = remote;
    this.#cancelled = remote.cancelled;
    this.#lost = remote.lost;
  }

  /**
   * Takes the study, and writes down who has it.
   *
   * @throws LeaseHeldError, HostError, JournalError
   */
  static async take(options: SessionOptions): Promise<StudySession> {
    const { host, studyPath, holder, clock, log, cancel, lastFence = 0, limits } = options;
    const { fence } = await acquireLease(host, studyPath, holder, clock, (line) => log.info(line), {
      cancel,
      least: lastFence + 1,
    });
    const remote = new RemoteControl(log, limits);
    const writer = RemoteWriter.start(host, studyPath, fence, clock, remote);
    const lease = Lease.start(writer, holder, fence, clock);
    try {
      const state = await readJournal(host, studyPath);
      const journal = new Journal((text) => writer.append(text), { ...state, fence }, clock);
      journal.write({ type: 'open', holder });
      remote.begin(journal);
      return new StudySession(state, journal, writer, lease, remote, clock);
    } catch (error) {
      await lease.end({ released: true });
      await writer.end();
      throw error;
    }
  }

  /** Aborted, with a reason for people, when somebody cancels the study on the host (`maestro cancel`). */
  get cancelled(): AbortSignal {
    return this.#cancelled.signal;
  }

  /** Aborted, with a reason for people, when somebody else has the study. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Takes what somebody on the host (`maestro update`) changes from now on, and has changed since the hold began. */
  onLimits(listener: (limits: Limits) => void): void {
    this.#remote.onLimits(listener);
  }

  /**
   * Makes sure that nobody else drives the study by now, before something is done that cannot be undone. That it cannot be
   * known is no reason not to do it.
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

  /** There is no time to wait for a journal that hangs: what is not written soon is given up. */
  hurry(): void {
    const stop = this.#clock.after(longestHang, () => this.#writer.giveUp('it did not answer'));
    this.journal.durable().then(stop, stop);
  }

  writeStatus(text: string): Promise<void> {
    return this.#writer.replace('status.csv', text);
  }

  /** Lets go of the study. What the journal was told before is written first. */
  async release(status: StudyStatus | undefined): Promise<void> {
    if (status !== undefined) this.journal.write({ type: 'end', status });
    this.hurry();
    await this.journal.durable().catch(() => {});
    await this.#lease.end({ released: true });
    await this.#writer.end();
  }
}

/** What people on the host want of a driver. */
class RemoteControl {
  readonly cancelled = new AbortController();
  readonly lost = new AbortController();
  /** Lock files may be there before the journal has been read. */
  readonly #journal: Promise<Journal>;
  #begin: (journal: Journal) => void = () => {};
  readonly #log: SessionOptions['log'];
  readonly #inputs: SessionOptions['limits'];
  readonly #untold: Limits[] = [];
  #listener: ((limits: Limits) => void) | undefined;

  /** @param inputs the limits as the inputs have them */
  constructor(log: SessionOptions['log'], inputs: SessionOptions['limits']) {
    this.#log = log;
    this.#inputs = inputs;
    this.#journal = new Promise((resolve) => {
      this.#begin = resolve;
    });
  }

  /** From now on there is a journal. */
  begin(journal: Journal): void {
    this.#begin(journal);
  }

  onLimits(listener: (limits: Limits) => void): void {
    this.#listener = listener;
    for (const limits of this.#untold.splice(0)) listener(limits);
  }

  /** Resolves once it is written down what is wanted: only then may the wish be forgotten. */
  async onCancel(): Promise<void> {
    const reason = 'cancelled on the host (`maestro cancel`)';
    const journal = await this.#journal;
    // Whatever the study has come to by now: what is cancelled stays cancelled.
    journal.write({ type: 'cancel', reason });
    this.cancelled.abort(reason);
    await journal.durable();
  }

  /** The same. */
  async onUpdate(text: string): Promise<void> {
    const { limits, told } = readLimits(text);
    const journal = await this.#journal;
    this.#log.info(told);
    // The next run of the study has to know of it too, even if this one never comes to use it.
    if (Object.keys(limits).length > 0) {
      const inputs = this.#inputs === undefined ? {} : { inputs: this.#inputs };
      journal.write({ type: 'limits', ...limits, ...inputs });
    }
    if (this.#listener === undefined) this.#untold.push(limits);
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

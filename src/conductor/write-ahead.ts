import type { StudyJournal } from '../store/journal/journal.js';
import { LeaseLostError } from '../store/lease.js';
import type { Clock } from '../util/clock.js';
import { Fifo } from '../util/fifo.js';
import type { Command } from './events.js';

/** So many milliseconds the disk has before jobs are told to end that are not yet noted to be. */
const cancelPatience = 1000;

/** So many milliseconds until the journal is looked at if nothing waits for it. */
const leisure = 250;

type Cancel = Extract<Command, { type: 'cancel' }>;

/** What commands are carried out by. */
export interface CommandHandlers {
  act(command: Exclude<Command, Cancel>): void;
  /** @param commands all that came at once */
  cancel(commands: readonly Cancel[]): void;
  /** The journal cannot be written any more; nothing more will be carried out. */
  onLost(error: unknown): void;
  /** Something was thrown by the hands. */
  onFault(error: unknown): void;
}

/**
 * Has commands carried out, in their order, once all that was noted before them is on the disk: what a crash makes us
 * forget was not done either. Cancelling waits only a moment, unless what is to be cancelled waits itself: a disk that is
 * full, or hangs, must not keep jobs running that nobody wants. But if it works, whoever resumes the study is to know that
 * they ended because it was cancelled.
 *
 * One wait for the disk serves all that came before it began.
 */
export class WriteAheadQueue {
  readonly #journal: StudyJournal | undefined;
  readonly #handlers: CommandHandlers;
  readonly #clock: Clock;
  readonly #waiting = new Fifo<Command>();
  /** The steps whose job waits here to be submitted or taken over. */
  readonly #held = new Set<number>();
  /** Those of what waits that cancel. */
  readonly #cancels = new Set<Cancel>();
  /** Ends the wait of those. */
  #stopTimer: (() => void) | undefined;
  /** Ends the wait for a look at the journal. */
  #stopLooking: (() => void) | undefined;
  #isBusy = false;
  #isStopped = false;
  /** Whether something was noted since the wait that is going on began. */
  #isNoted = false;

  /** @param journal undefined if nothing is written down: then all is carried out at once */
  constructor(journal: StudyJournal | undefined, hands: CommandHandlers, clock: Clock) {
    this.#journal = journal;
    this.#handlers = hands;
    this.#clock = clock;
  }

  /** Takes the commands of one event, about which all is noted; that this gets to the disk is watched even if there are none. */
  take(commands: readonly Command[]): void {
    if (this.#isStopped) return;
    if (this.#journal === undefined) return this.#carryOut(commands);
    for (const command of commands) this.#hold(command);
    this.#isNoted = true;
    if (!this.#isBusy) this.#pumpSoon(this.#journal);
    this.#hurry();
  }

  /** At once if something waits for it; otherwise it is only looked whether the journal still works, which has time. */
  #pumpSoon(journal: StudyJournal): void {
    if (this.#waiting.length > 0) {
      void this.#pump(journal);
      return;
    }
    this.#stopLooking ??= this.#clock.after(leisure, () => {
      this.#stopLooking = undefined;
      if (!this.#isBusy && !this.#isStopped) void this.#pump(journal);
    });
  }

  /** Nothing more is carried out. */
  stop(): void {
    this.#isStopped = true;
    this.#stopLooking?.();
    this.#stopLooking = undefined;
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }

  #hold(command: Command): void {
    this.#waiting.push(command);
    for (const step of jobsOf(command)) this.#held.add(step);
    if (command.type === 'cancel') this.#cancels.add(command);
  }

  async #pump(journal: StudyJournal): Promise<void> {
    this.#isBusy = true;
    do {
      this.#isNoted = false;
      const due = this.#waiting.length;
      try {
        await journal.durable();
      } catch (error) {
        if (this.#isStopped) return;
        // Whoever drives the study now decides about its jobs.
        if (!(error instanceof LeaseLostError)) this.#cancelNow();
        this.stop();
        return this.#handlers.onLost(error);
      }
      try {
        this.#carryOut(Array.from({ length: due }, () => this.#waiting.shift()!));
      } catch (error) {
        return this.#handlers.onFault(error);
      }
      this.#hurry();
    } while (!this.#isStopped && this.#waiting.length > 0);
    this.#isBusy = false;
    if (this.#isNoted && !this.#isStopped) this.#pumpSoon(journal);
  }

  /** Sees to it that what can be cancelled is, soon. */
  #hurry(): void {
    if (this.#isStopped) return;
    if (this.#cancellable().length === 0) {
      this.#stopTimer?.();
      this.#stopTimer = undefined;
      return;
    }
    this.#stopTimer ??= this.#clock.after(cancelPatience, () => {
      this.#stopTimer = undefined;
      this.#cancelNow();
    });
  }

  /** What is to be cancelled, and does not wait itself. */
  #cancellable(): Cancel[] {
    return this.#cancels.size === 0 ? [] : [...this.#cancels].filter(({ step }) => !this.#held.has(step));
  }

  #cancelNow(): void {
    const cancels = this.#cancellable();
    if (cancels.length === 0) return;
    // In the queue they stay, and are passed over.
    for (const cancel of cancels) this.#cancels.delete(cancel);
    try {
      this.#handlers.cancel(cancels);
    } catch (error) {
      this.#handlers.onFault(error);
    }
  }

  /** What is reported meanwhile may stop us. */
  #carryOut(commands: readonly Command[]): void {
    if (commands.length === 0) return;
    const cancelled: Cancel[] = [];
    for (const command of commands) {
      if (this.#isStopped) return;
      if (command.type === 'cancel') {
        if (this.#journal === undefined || this.#cancels.delete(command)) cancelled.push(command);
        continue;
      }
      for (const step of jobsOf(command)) this.#held.delete(step);
      this.#handlers.act(command);
    }
    if (cancelled.length > 0 && !this.#isStopped) this.#handlers.cancel(cancelled);
  }
}

/** The steps whose jobs a command brings to their scheduler. */
function jobsOf(command: Command): readonly number[] {
  if (command.type === 'attach') return command.steps;
  return command.type === 'submit' ? [command.step] : [];
}

import type { StudyJournal } from '../store/journal/journal.js';
import { LeaseLostError } from '../store/lease.js';
import type { Clock } from '../util/clock.js';
import { Fifo } from '../util/fifo.js';
import type { Command } from './events.js';

/** How long a cancellation waits for its journal record to reach the disk. */
const CANCEL_DELAY_MS = 1000;

/** How long after a record the journal is checked for failure if no command waits for it. */
const CHECK_DELAY_MS = 250;

type Cancel = Extract<Command, { type: 'cancel' }>;
export type SubmitCommand = Extract<Command, { type: 'submit' }>;
/** A command that is carried out by itself. */
export type OtherCommand = Exclude<Command, Cancel | SubmitCommand>;

/** Carries out commands. */
export interface CommandHandlers {
  act(command: OtherCommand): void;
  /** @param commands submits in a row, with no other command between them */
  submit(commands: readonly SubmitCommand[]): void;
  /**
   * Submits those of the commands whose jobs can wait, where they run, until an append to the journal is on the disk.
   *
   * @param append as in `StudyJournal.pendingAppend`
   * @returns those that were submitted
   */
  submitAhead(commands: readonly SubmitCommand[], append: string): readonly SubmitCommand[];
  /** @param commands all cancellations of one moment */
  cancel(commands: readonly Cancel[]): void;
  /** The journal cannot be written any more, and no further command is carried out. */
  onLost(error: unknown): void;
  /** A handler threw an error. */
  onFault(error: unknown): void;
}

/**
 * Carries out commands in their order, each once the journal records written before it are on the disk, so that a crash never
 * forgets a command that was carried out. A cancellation waits at most a second for the disk, because a full or hanging disk
 * must not keep unwanted jobs running; it waits at all so that the next driver knows why they ended. A cancellation of a job
 * whose own submit still waits here waits with it.
 *
 * One wait for the disk serves all commands that came before it began. Submits with no other command before them go out while their
 * record is written, if their jobs wait for it where they run: to hear first that it is on the disk would take another round trip. Until
 * then they stay in the queue, for what comes behind them.
 */
export class WriteAheadQueue {
  readonly #journal: StudyJournal | undefined;
  readonly #handlers: CommandHandlers;
  readonly #clock: Clock;
  readonly #waiting = new Fifo<Command>();
  /** The steps whose jobs wait here to be submitted or taken over, and how many of each. */
  readonly #heldSteps = new Map<number, number>();
  /** The submits of the queue that have gone out. */
  readonly #ahead = new Set<Command>();
  /** The cancellations among the commands that wait. */
  readonly #cancels = new Set<Cancel>();
  /** Stops the timer of the cancellations. */
  #stopTimer: (() => void) | undefined;
  /** Stops the timer of the next check of the journal. */
  #stopCheck: (() => void) | undefined;
  #isBusy = false;
  #isStopped = false;
  /** Whether something was noted since the present wait for the disk began. */
  #isNoted = false;

  /** @param journal undefined if there is none: then every command is carried out at once */
  constructor(journal: StudyJournal | undefined, handlers: CommandHandlers, clock: Clock) {
    this.#journal = journal;
    this.#handlers = handlers;
    this.#clock = clock;
  }

  /** Takes the commands of one event, whose records were noted before. Without commands the disk is checked all the same. */
  take(commands: readonly Command[]): void {
    if (this.#isStopped) return;
    if (this.#journal === undefined) return this.#carryOut(commands);
    const isFirst = this.#waiting.length === this.#ahead.size;
    for (const command of commands) this.#hold(command);
    this.#isNoted = true;
    if (isFirst) this.#submitAhead(commands, this.#journal.pendingAppend);
    if (this.#isStopped) return;
    if (!this.#isBusy) this.#flushSoon(this.#journal);
    this.#watchCancels();
  }

  /** Waits for the disk at once if a command waits; otherwise soon, only to find out whether the journal still works. */
  #flushSoon(journal: StudyJournal): void {
    if (this.#waiting.length > 0) {
      void this.#flush(journal);
      return;
    }
    this.#stopCheck ??= this.#clock.after(CHECK_DELAY_MS, () => {
      this.#stopCheck = undefined;
      if (!this.#isBusy && !this.#isStopped) void this.#flush(journal);
    });
  }

  /** Nothing more is carried out. */
  stop(): void {
    this.#isStopped = true;
    this.#stopCheck?.();
    this.#stopCheck = undefined;
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }

  #hold(command: Command): void {
    this.#waiting.push(command);
    for (const step of jobsOf(command)) this.#heldSteps.set(step, (this.#heldSteps.get(step) ?? 0) + 1);
    if (command.type === 'cancel') this.#cancels.add(command);
  }

  /** Submits what may go out while its record is written. */
  #submitAhead(commands: readonly Command[], append: string | undefined): void {
    const end = commands.findIndex(({ type }) => type !== 'submit');
    const submits = commands.slice(0, end === -1 ? undefined : end) as SubmitCommand[];
    if (append === undefined || submits.length === 0) return;
    try {
      for (const command of this.#handlers.submitAhead(submits, append)) this.#ahead.add(command);
    } catch (error) {
      this.#handlers.onFault(error);
    }
  }

  async #flush(journal: StudyJournal): Promise<void> {
    this.#isBusy = true;
    do {
      this.#isNoted = false;
      const due = this.#waiting.length;
      try {
        await journal.durable();
      } catch (error) {
        if (this.#isStopped) return;
        // After a takeover the new driver decides about the jobs.
        if (!(error instanceof LeaseLostError)) this.#cancelNow();
        this.stop();
        return this.#handlers.onLost(error);
      }
      try {
        this.#carryOut(Array.from({ length: due }, () => this.#waiting.shift()!));
      } catch (error) {
        return this.#handlers.onFault(error);
      }
      this.#watchCancels();
    } while (!this.#isStopped && this.#waiting.length > 0);
    this.#isBusy = false;
    if (this.#isNoted && !this.#isStopped) this.#flushSoon(journal);
  }

  /** Starts the timer of the cancellations if there are any, and stops it if not. */
  #watchCancels(): void {
    if (this.#isStopped) return;
    if (this.#cancellable().length === 0) {
      this.#stopTimer?.();
      this.#stopTimer = undefined;
      return;
    }
    this.#stopTimer ??= this.#clock.after(CANCEL_DELAY_MS, () => {
      this.#stopTimer = undefined;
      this.#cancelNow();
    });
  }

  /** The cancellations of jobs that do not wait here themselves. */
  #cancellable(): Cancel[] {
    return this.#cancels.size === 0 ? [] : [...this.#cancels].filter(({ step }) => !this.#heldSteps.has(step));
  }

  #cancelNow(): void {
    const cancels = this.#cancellable();
    if (cancels.length === 0) return;
    // They stay in the queue, which skips them.
    for (const cancel of cancels) this.#cancels.delete(cancel);
    try {
      this.#handlers.cancel(cancels);
    } catch (error) {
      this.#handlers.onFault(error);
    }
  }

  #release(step: number): void {
    const others = (this.#heldSteps.get(step) ?? 1) - 1;
    if (others > 0) this.#heldSteps.set(step, others);
    else this.#heldSteps.delete(step);
  }

  /** Stops early if an event that a handler reports stops the queue. */
  #carryOut(commands: readonly Command[]): void {
    if (commands.length === 0) return;
    const cancelled: Cancel[] = [];
    let submits: SubmitCommand[] = [];
    const submit = () => {
      if (submits.length > 0 && !this.#isStopped) this.#handlers.submit(submits);
      submits = [];
    };
    for (const command of commands) {
      if (this.#isStopped) return;
      for (const step of jobsOf(command)) this.#release(step);
      if (this.#ahead.delete(command)) continue;
      if (command.type === 'cancel') {
        if (this.#journal === undefined || this.#cancels.delete(command)) cancelled.push(command);
      } else if (command.type === 'submit') submits.push(command);
      else {
        submit();
        this.#handlers.act(command);
      }
    }
    submit();
    if (cancelled.length > 0 && !this.#isStopped) this.#handlers.cancel(cancelled);
  }
}

/** The steps whose jobs a command brings to their scheduler. */
function jobsOf(command: Command): readonly number[] {
  if (command.type === 'attach') return command.steps;
  return command.type === 'submit' ? [command.step] : [];
}

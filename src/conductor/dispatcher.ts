import { Queue } from '../queue.js';
import type { Command } from './events.js';
import type { StudyJournal } from './journal/study-journal.js';

/** What commands are carried out by. */
export interface Hands {
  act(command: Exclude<Command, { type: 'cancel' }>): void;
  /** @param commands all that came at once */
  cancel(commands: readonly Extract<Command, { type: 'cancel' }>[]): void;
  /** The journal cannot be written any more; nothing more will be carried out. */
  onLost(error: unknown): void;
  /** Something was thrown by the hands. */
  onFault(error: unknown): void;
}

/**
 * Has commands carried out, in their order, once all that was noted before them is on the disk: what a crash makes us
 * forget was not done either. Only cancelling waits for nothing, unless what is to be cancelled waits itself.
 *
 * One wait for the disk serves all that came before it began.
 */
export class Dispatcher {
  readonly #journal: StudyJournal | undefined;
  readonly #hands: Hands;
  readonly #waiting = new Queue<Command>();
  /** The steps whose job waits here to be submitted or taken over. */
  readonly #held = new Set<number>();
  #isBusy = false;
  #isStopped = false;
  /** Whether something was noted since the wait that is going on began. */
  #isNoted = false;

  /** @param journal undefined if nothing is written down: then all is carried out at once */
  constructor(journal: StudyJournal | undefined, hands: Hands) {
    this.#journal = journal;
    this.#hands = hands;
  }

  /** Takes the commands of one event, about which all is noted; that this gets to the disk is watched even if there are none. */
  take(commands: readonly Command[]): void {
    if (this.#isStopped) return;
    if (this.#journal === undefined) return this.#carryOut(commands);
    const now: Command[] = [];
    for (const command of commands) {
      if (command.type === 'cancel' && !this.#held.has(command.step)) now.push(command);
      else this.#hold(command);
    }
    this.#isNoted = true;
    if (!this.#isBusy) void this.#pump(this.#journal);
    if (now.length > 0) this.#carryOut(now);
  }

  /** Whether the step's job is not submitted, or taken over, yet. */
  holds(step: number): boolean {
    return this.#held.has(step);
  }

  /** Nothing more is carried out. */
  stop(): void {
    this.#isStopped = true;
  }

  #hold(command: Command): void {
    this.#waiting.push(command);
    for (const step of jobsOf(command)) this.#held.add(step);
  }

  async #pump(journal: StudyJournal): Promise<void> {
    this.#isBusy = true;
    while (!this.#isStopped && this.#isNoted) {
      this.#isNoted = false;
      const due = this.#waiting.length;
      try {
        await journal.durable();
      } catch (error) {
        if (this.#isStopped) return;
        this.stop();
        return this.#hands.onLost(error);
      }
      try {
        this.#carryOut(Array.from({ length: due }, () => this.#waiting.shift()!));
      } catch (error) {
        return this.#hands.onFault(error);
      }
    }
    this.#isBusy = false;
  }

  /** What is reported meanwhile may stop us. */
  #carryOut(commands: readonly Command[]): void {
    if (commands.length === 0) return;
    const cancelled: Extract<Command, { type: 'cancel' }>[] = [];
    for (const command of commands) {
      if (this.#isStopped) return;
      if (command.type === 'cancel') {
        cancelled.push(command);
        continue;
      }
      for (const step of jobsOf(command)) this.#held.delete(step);
      this.#hands.act(command);
    }
    if (cancelled.length > 0 && !this.#isStopped) this.#hands.cancel(cancelled);
  }
}

/** The steps whose jobs a command brings to their scheduler. */
function jobsOf(command: Command): readonly number[] {
  if (command.type === 'attach') return command.steps;
  return command.type === 'submit' ? [command.step] : [];
}

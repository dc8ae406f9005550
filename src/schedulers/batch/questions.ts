import { programs } from '../../generated/programs.js';
import { type Host, HostError } from '../../hosts/host.js';
import { LongLivedCommand } from '../../hosts/long-lived-command.js';
import type { Clock } from '../../util/clock.js';
import { assignments } from '../../util/shell-quote.js';
import type { BatchSystem } from './batch-system.js';

export interface QuestionsOptions {
  readonly host: Host;
  readonly system: Pick<BatchSystem, 'program'>;
  readonly clock: Clock;
  /** Ids in one command. */
  readonly most: number;
}

/** What the queue says of the jobs that were asked about: its output, or why there is none. */
export interface QueueAnswer {
  readonly code: number;
  /** The same text as of the last answer if the queue says the same. */
  readonly text: string;
}

interface Question {
  readonly ids: string;
  readonly resolve: (answer: QueueAnswer) => void;
  readonly reject: (error: HostError) => void;
}

/**
 * Asks about the queue by one shell that stays. On this machine the start of a process for each question, which copies what this
 * program has in memory, would take most of the time that a long wait costs.
 */
export class Questions {
  readonly #command: LongLivedCommand;
  /** Those that are not answered; only the first one was sent. */
  readonly #questions: Question[] = [];
  /** What the present shell was asked last, and what it said. */
  #asked = '';
  #said = '';
  /** The lines of an answer that is not whole; undefined if none has begun. */
  #lines: string[] | undefined;

  constructor({ host, system, clock, most }: QuestionsOptions) {
    this.#command = new LongLivedCommand({
      host,
      clock,
      begin: () => {
        this.#asked = '';
        return {
          text: `${system.program}\n${assignments({ most })}${programs['schedulers/batch/questions.sh']}`,
          input: '',
        };
      },
      onLine: (line) => this.#onLine(line),
      onEnd: ({ error, words }) =>
        this.#onEnd(error ?? new HostError(`the shell that asks about the queue ended: ${words}`)),
      onSilence: () => {},
    });
  }

  /** @returns the answer about these jobs, one after another @throws HostError if the shell ends before it has answered */
  ask(ids: readonly string[]): Promise<QueueAnswer> {
    return new Promise((resolve, reject) => {
      this.#questions.push({ ids: ids.join(' '), resolve, reject });
      if (this.#questions.length === 1) this.#send();
    });
  }

  close(): void {
    this.#command.leave(true);
  }

  #send(): void {
    const [question] = this.#questions;
    if (question === undefined) return;
    if (!this.#command.isThere) this.#command.start();
    this.#command.write(question.ids === this.#asked ? '\n' : `${question.ids}\n`);
    this.#asked = question.ids;
  }

  #onLine(line: string): void {
    if (this.#lines === undefined && line === 'same') this.#answer({ code: 0, text: this.#said });
    else if (this.#lines === undefined) this.#lines = [line];
    else if (line !== '.') this.#lines.push(line);
    else {
      const [head = '', ...lines] = this.#lines;
      this.#lines = undefined;
      const text = lines.join('\n');
      const code = head === 'rows' ? 0 : Number(/^failed (\d+)$/.exec(head)?.[1] ?? 1);
      if (code === 0) this.#said = text;
      this.#answer({ code, text });
    }
  }

  #answer(answer: QueueAnswer): void {
    this.#questions.shift()?.resolve(answer);
    this.#send();
  }

  #onEnd(error: HostError): void {
    this.#lines = undefined;
    for (const { reject } of this.#questions.splice(0)) reject(error);
  }
}

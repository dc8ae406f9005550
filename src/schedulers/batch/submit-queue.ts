import { HostError, HostLostError } from '../../hosts/host.js';
import type { Clock } from '../../util/clock.js';
import { SubmitBackoff } from '../submit-backoff.js';
import type { BatchSystem } from './batch-system.js';
import { type BatchCommands, NotAnsweredError, type Submission, type SubmitAnswer } from './commands.js';
import type { QueuedJob } from './queued-job.js';

/** Jobs that one command submits. */
const MAX_BATCH = 25;

/** Commands that submit at the same time: one begins while the answers of the other are on their way. */
const MAX_BATCHES = 2;

/** How often in a row the host may fail to run a command before the scheduler gives up. */
const MAX_HOST_FAILURES = 5;

export interface SubmitQueueOptions {
  readonly commands: Pick<BatchCommands, 'submit' | 'find'>;
  readonly system: Pick<BatchSystem, 'classifyRefusal'>;
  readonly clock: Clock;
  /** Logs why submits are paused. */
  readonly log: (line: string) => void;
  readonly submissionOf: (queued: QueuedJob) => Submission;
  readonly onSent: (queued: QueuedJob, ids: readonly string[]) => void;
  /** The same submit would be refused again. */
  readonly onRefused: (queued: QueuedJob, words: string) => void;
  /** It was cancelled before it was accepted. */
  readonly onDropped: (queued: QueuedJob) => void;
  /** The host runs no commands any more. */
  readonly onFailure: (words: string) => void;
  /** Handles the failure of a background task. */
  readonly guard: (task: Promise<void>) => void;
}

/**
 * Submits jobs in order, many with one command. A job whose submit got no answer is looked for by its label, and
 * submitted again if it is not found; then its claim lets only one of the two run.
 */
export class SubmitQueue {
  readonly #options: SubmitQueueOptions;
  readonly #backoff: SubmitBackoff;
  #waiting: QueuedJob[] = [];
  /** How many commands are running. */
  #batches = 0;
  #isPumping = false;
  #hostFailures = 0;

  constructor(options: SubmitQueueOptions) {
    this.#options = options;
    this.#backoff = new SubmitBackoff(options.clock, options.log, () => this.#pump());
  }

  push(jobs: readonly QueuedJob[]): void {
    this.#waiting.push(...jobs);
    this.#pumpSoon();
  }

  /** Takes out jobs that are not to be submitted any more. @returns those that were waiting */
  remove(jobs: ReadonlySet<QueuedJob>): readonly QueuedJob[] {
    const removed = this.#waiting.filter((queued) => jobs.has(queued));
    this.#waiting = this.#waiting.filter((queued) => !jobs.has(queued));
    return removed;
  }

  /** Ends the pause of a limit, because a job of the study has ended. */
  onRoom(): void {
    this.#backoff.onRoom();
  }

  /** Steps that become ready at once are submitted by one command. */
  #pumpSoon(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    queueMicrotask(() => {
      this.#isPumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (!this.#backoff.isPaused && this.#batches < MAX_BATCHES && this.#waiting.length > 0) {
      this.#options.guard(this.#send(this.#waiting.splice(0, MAX_BATCH)));
    }
  }

  async #send(batch: readonly QueuedJob[]): Promise<void> {
    const { commands, submissionOf } = this.#options;
    this.#batches += 1;
    for (const queued of batch) queued.phase = 'sending';
    try {
      const answers = await commands.submit(batch.map(submissionOf));
      this.#hostFailures = 0;
      await this.#take(batch, answers);
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      await this.#afterHostFailure(batch, error);
    } finally {
      this.#batches -= 1;
    }
    this.#pump();
  }

  async #take(batch: readonly QueuedJob[], answers: ReadonlyMap<string, SubmitAnswer>): Promise<void> {
    const { system, onSent, onRefused } = this.#options;
    const again: QueuedJob[] = [];
    const unanswered: QueuedJob[] = [];
    let doubt = 'the command that submits ended early';
    for (const queued of batch) {
      const answer = answers.get(queued.label);
      if (answer === undefined) unanswered.push(queued);
      else if (answer.is === 'unsent') again.push(queued);
      else if (answer.is === 'sent') {
        this.#backoff.succeed();
        onSent(queued, [answer.id]);
      } else {
        const kind = system.classifyRefusal(answer.words, answer.exitCode);
        if (kind === 'never') onRefused(queued, answer.words);
        else if (kind === 'wait') {
          this.#backoff.pause('wait', answer.words);
          again.push(queued);
        } else {
          unanswered.push(queued);
          doubt = answer.words;
        }
      }
    }
    if (unanswered.length > 0) again.push(...(await this.#search(unanswered, doubt)));
    this.#putBack(batch.filter((queued) => again.includes(queued)));
  }

  /** Looks for jobs whose submit got no answer. @returns those that were not found */
  async #search(jobs: readonly QueuedJob[], words: string): Promise<readonly QueuedJob[]> {
    const { commands, onSent } = this.#options;
    this.#backoff.pause('doubt', words);
    for (const queued of jobs) queued.mayBeDuplicate = true;
    let found: ReadonlyMap<string, readonly string[]>;
    try {
      found = await commands.find(jobs.map(({ label }) => label));
    } catch (error) {
      // They are looked for again after the next submit that gets no answer; until then their claims tell them apart.
      if (!(error instanceof NotAnsweredError || error instanceof HostError)) throw error;
      return jobs;
    }
    return jobs.filter((queued) => {
      const ids = found.get(queued.label);
      if (ids !== undefined) onSent(queued, ids);
      return ids === undefined;
    });
  }

  async #afterHostFailure(batch: readonly QueuedJob[], error: HostError): Promise<void> {
    const isLost = error instanceof HostLostError;
    if (!isLost) {
      this.#hostFailures += 1;
      if (this.#hostFailures >= MAX_HOST_FAILURES) return this.#options.onFailure(error.message);
      this.#backoff.pause('retry', error.message);
      return this.#putBack(batch);
    }
    this.#putBack(await this.#search(batch, error.message));
  }

  /** Puts jobs in front of the others, unless they were cancelled meanwhile or their launcher has been heard of. */
  #putBack(jobs: readonly QueuedJob[]): void {
    const again: QueuedJob[] = [];
    for (const queued of jobs) {
      if (queued.isOver || queued.id !== '') continue;
      queued.phase = 'waiting';
      if (queued.isCancelled) this.#options.onDropped(queued);
      else again.push(queued);
    }
    this.#waiting = [...again, ...this.#waiting];
  }
}

import { FluxError, RequestTimeout } from '../../flux/errors.js';
import type { Handle } from '../../flux/handle.js';
import type { JobId } from '../../flux/job-id.js';
import { toJson } from '../../flux/json.js';
import { AnswerError } from '../../flux/requests.js';
import type { Clock } from '../../util/clock.js';
import { Fifo } from '../../util/fifo.js';
import { type PauseKind, SubmitBackoff } from '../submit-backoff.js';
import type { InstanceMonitor } from './instance-monitor.js';
import type { LifeEvent } from './job-life.js';
import { type StudyJobs, urgency } from './job-request.js';
import { lostNodes } from './lost-nodes.js';
import { isNoAnswer, isRefusal, isUnsubmittable, kindOfRefusal, type Refusal } from './submit-failure.js';
import { SubmitError, type Submitter } from './submitter.js';
import type { TrackedJob } from './tracked-job.js';

export interface SubmitQueueOptions {
  readonly study: StudyJobs;
  readonly submitter: Submitter;
  readonly instance: InstanceMonitor;
  readonly clock: Clock;
  /** Logs why submits are paused. */
  readonly log: (line: string) => void;
  readonly dispatch: (tracked: TrackedJob, event: LifeEvent) => void;
  /** Closes a connection on which the broker does not answer. */
  readonly drop: (reason: string) => void;
  /** Handles the failure of a background task. */
  readonly guard: (task: Promise<void>) => void;
}

/** Submits jobs in order while the instance runs and accepts them, with a limited number of unanswered submits. */
export class SubmitQueue {
  readonly #options: SubmitQueueOptions;
  readonly #waiting = new Fifo<TrackedJob>();
  readonly #backoff: SubmitBackoff;
  /** The number of unanswered submits. */
  #unanswered = 0;
  /** Undefined while there is no connection. */
  #handle: Handle | undefined;

  constructor(options: SubmitQueueOptions) {
    this.#options = options;
    this.#backoff = new SubmitBackoff(options.clock, options.log, () => this.pump());
  }

  /** Takes a new connection; nothing is sent before the instance is known to run, when `pump` is called. */
  onUp(handle: Handle): void {
    this.#handle = handle;
  }

  onDown(): void {
    this.#handle = undefined;
  }

  push(tracked: TrackedJob): void {
    this.#waiting.push(tracked);
    this.pump();
  }

  /** Pauses submits after a refusal. */
  holdBack(kind: PauseKind, words: string): void {
    this.#backoff.pause(kind, words);
  }

  /** Ends the pause of a limit, because a job of the study has ended. */
  onRoom(): void {
    this.#backoff.onRoom();
  }

  /** Sends the submits that are possible now. */
  pump(): void {
    const { instance, submitter, guard } = this.#options;
    while (this.#handle !== undefined && instance.state === 'run' && !this.#backoff.isPaused) {
      if (this.#unanswered >= submitter.window) return;
      const tracked = this.#waiting.shift();
      if (tracked === undefined) return;
      // It may have been cancelled since it was queued.
      if (tracked.life.phase === 'waiting') guard(this.#send(tracked, this.#handle));
    }
  }

  async #send(tracked: TrackedJob, handle: Handle): Promise<void> {
    const { dispatch } = this.#options;
    dispatch(tracked, { type: 'sent' });
    this.#unanswered += 1;
    const [answer] = await Promise.allSettled([this.#submit(tracked, handle)]);
    this.#unanswered -= 1;
    const isAccepted = answer.status === 'fulfilled';
    const event = isAccepted
      ? ({ type: 'accepted', id: answer.value } as const)
      : await this.#explain(tracked, handle, answer.reason);
    dispatch(tracked, event);
    this.pump();
  }

  async #submit(tracked: TrackedJob, handle: Handle): Promise<JobId> {
    const { study, submitter } = this.#options;
    const jobspec = toJson(tracked.makeJobspec(study));
    const id = await submitter.submit(handle, jobspec, Math.min(urgency(tracked.job.step), study.mostUrgent));
    this.#backoff.succeed();
    return id;
  }

  /** Interprets a failed submit. @throws the error if it is internal */
  async #explain(tracked: TrackedJob, handle: Handle, error: unknown): Promise<LifeEvent> {
    const { instance, drop } = this.#options;
    if (isUnsubmittable(error)) return { type: 'unsubmittable', words: error.message };
    const isAnswer = isRefusal(error, handle === this.#handle);
    // A refusal only counts if the instance runs: one that is shutting down refuses every job.
    if (isAnswer && (await instance.ask()) === 'run') return this.#refusal(tracked, handle, error);
    if (!isAnswer && !isNoAnswer(error) && !(error instanceof SubmitError)) throw error;
    if (error instanceof RequestTimeout || error instanceof AnswerError) drop(error.message);
    return { type: 'unanswered', mayBeHeard: !(error instanceof FluxError) };
  }

  async #refusal({ resources }: TrackedJob, handle: Handle, error: Refusal): Promise<LifeEvent> {
    const kind = kindOfRefusal(error);
    const loss = kind === 'unsatisfiable' ? await lostNodes(handle, resources) : undefined;
    const at = this.#options.clock.now();
    return { type: 'refused', kind, words: error.message, at, loss, lastAccepted: this.#backoff.lastSuccess };
  }
}

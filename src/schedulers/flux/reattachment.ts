import { FluxError, RequestTimeout } from '../../flux/errors.js';
import type { Handle } from '../../flux/handle.js';
import { AnswerError } from '../../flux/requests.js';
import type { Clock } from '../../util/clock.js';
import type { AttemptClaims } from '../claims/attempt-claims.js';
import type { Claim } from '../claims/claims.js';
import type { InheritedJob } from '../scheduler.js';
import { findInherited } from './find-inherited.js';
import type { LifeEvent } from './job-life.js';
import type { StudyJobs } from './job-request.js';
import { isNoAnswer } from './submit-failure.js';
import type { TrackedJob } from './tracked-job.js';

/** If the broker does not answer, the search for jobs of an earlier driver is repeated after this time. */
const RETRY_DELAY_MS = 10_000;

export interface ReattachmentOptions {
  readonly study: StudyJobs;
  readonly claims: AttemptClaims;
  readonly clock: Clock;
  /** The endpoint of the broker, if all inherited jobs there are in its instance; undefined otherwise. */
  readonly endpoint: string | undefined;
  readonly dispatch: (tracked: TrackedJob, event: LifeEvent) => void;
  /** Closes a connection on which the broker does not answer. */
  readonly drop: (reason: string) => void;
  /** Handles the failure of a background task. */
  readonly guard: (task: Promise<void>) => void;
}

/** A job of an earlier driver that has not been found yet. */
interface SoughtJob {
  readonly tracked: TrackedJob;
  readonly inherited: InheritedJob;
}

/** Finds the jobs of an earlier driver if the journal does not say for certain which job has an attempt. */
export class Reattachment {
  readonly #options: ReattachmentOptions;
  #sought: SoughtJob[] = [];
  #handle: Handle | undefined;
  #isFinding = false;

  constructor(options: ReattachmentOptions) {
    this.#options = options;
  }

  onUp(handle: Handle): void {
    this.#handle = handle;
    this.find();
  }

  onDown(): void {
    this.#handle = undefined;
  }

  add(tracked: TrackedJob, inherited: InheritedJob): void {
    this.#sought.push({ tracked, inherited });
  }

  /** Searches for all jobs that are not found yet. */
  find(): void {
    const handle = this.#handle;
    if (handle === undefined || this.#isFinding) return;
    this.#sought = this.#sought.filter(isSought);
    if (this.#sought.length > 0) this.#options.guard(this.#findAll(this.#sought, handle));
  }

  async #findAll(sought: readonly SoughtJob[], handle: Handle): Promise<void> {
    const { claims, clock } = this.#options;
    this.#isFinding = true;
    const found = await claims.read(sought.map(({ inherited }) => inherited));
    await Promise.all(sought.map((job, i) => this.#findOne(job, found[i], handle)));
    this.#isFinding = false;
    // Jobs that were added during the search, or that a new connection may find, are searched for now.
    if (handle !== this.#handle || !sought.some(isSought)) this.find();
    else clock.after(RETRY_DELAY_MS, () => this.find());
  }

  /** Searches for a job; without an answer of the broker it stays in the search. */
  async #findOne(job: SoughtJob, claim: Claim | undefined, handle: Handle): Promise<void> {
    const { study, endpoint, dispatch, drop } = this.#options;
    const { tracked, inherited } = job;
    if (!isSought(job)) return;
    try {
      const { tasks } = tracked;
      const found = await findInherited({ handle, endpoint, study, inherited, tasks, claim });
      dispatch(tracked, { type: 'found', found });
    } catch (error) {
      if (!isNoAnswer(error) && !(error instanceof FluxError)) throw error;
      if (error instanceof RequestTimeout || error instanceof AnswerError) drop(error.message);
    }
  }
}

const isSought = ({ tracked }: SoughtJob) => tracked.life.phase === 'inherited';

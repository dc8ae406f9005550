import { FluxError, RequestTimeout } from '../../flux/errors.js';
import type { Handle } from '../../flux/handle.js';
import { encodeJobId, type JobId } from '../../flux/job-id.js';
import { cancelJob } from '../../flux/requests.js';
import { LeaseLostError } from '../../store/lease.js';
import type { Clock } from '../../util/clock.js';
import { Semaphore } from '../../util/semaphore.js';
import { isDoneWithin } from '../../util/sleep.js';
import type { Job } from '../scheduler.js';

/** How many cancel requests may be unanswered at once. */
const MAX_CANCELS_AT_ONCE = 256;

/** After this time the lease counts as held, because a host that hangs must not prevent the cancellation of jobs. */
const CONFIRM_TIMEOUT_MS = 15_000;

export interface CancellerOptions {
  readonly clock: Clock;
  /** Logs jobs that could not be cancelled. */
  readonly log: (line: string) => void;
  /** Closes a connection on which the broker does not answer. */
  readonly drop: (reason: string) => void;
  /** Rejects with LeaseLostError if another driver has taken over the study. */
  readonly confirm?: (() => Promise<void>) | undefined;
}

/**
 * Cancels jobs. After a lost connection another driver may have taken over the study and its jobs; then no job is
 * cancelled.
 */
export class Canceller {
  readonly #options: CancellerOptions;
  readonly #running = new Semaphore(MAX_CANCELS_AT_ONCE);
  /** Undefined while there is no connection. */
  #handle: Handle | undefined;
  #wasDown = false;
  /** Whether jobs may be cancelled over the present connection; undefined until it is asked. */
  #mayCancel: Promise<boolean> | undefined;

  constructor(options: CancellerOptions) {
    this.#options = options;
  }

  onUp(handle: Handle): void {
    this.#handle = handle;
    this.#mayCancel = undefined;
  }

  onDown(): void {
    this.#handle = undefined;
    this.#wasDown = true;
  }

  /** Cancels a job. If the connection is lost, the caller has to cancel it again over the next one. */
  async cancel({ step }: Job, id: JobId): Promise<void> {
    const handle = this.#handle;
    try {
      await this.#running.run(async () => {
        if (handle === undefined || !(await this.mayCancel()) || handle !== this.#handle) return;
        await cancelJob(handle, id, 'the study was cancelled');
      });
    } catch (error) {
      if (error instanceof RequestTimeout) this.#options.drop(error.message);
      if (error instanceof FluxError) {
        this.#options.log(`cannot cancel job ${encodeJobId(id)} of ${step.name}: ${error.message}`);
      }
    }
  }

  /** Whether jobs may be cancelled over the present connection; the lease is checked once for each connection. */
  mayCancel(): Promise<boolean> {
    this.#mayCancel ??= this.#wasDown ? this.#confirm() : Promise.resolve(true);
    return this.#mayCancel;
  }

  async #confirm(): Promise<boolean> {
    const { clock, confirm } = this.#options;
    if (confirm === undefined) return true;
    try {
      await isDoneWithin(clock, CONFIRM_TIMEOUT_MS, confirm());
      return true;
    } catch (error) {
      return !(error instanceof LeaseLostError);
    }
  }
}

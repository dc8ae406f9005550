import { FluxError, RequestTimeout } from '../../flux/errors.js';
import type { Handle } from '../../flux/handle.js';
import { encodeJobId, type JobId } from '../../flux/job-id.js';
import { cancelJob } from '../../flux/requests.js';
import { LeaseLostError } from '../../store/lease.js';
import type { Clock } from '../../util/clock.js';
import { Semaphore } from '../../util/semaphore.js';
import { isDoneWithin } from '../../util/sleep.js';
import type { Job } from '../scheduler.js';

/** How many jobs are asked to end at once. */
const MAX_CANCELS_AT_ONCE = 256;

/** If it takes longer to find out whether the study is still ours, it is taken to be: a host that hangs must not keep jobs from being cancelled. */
const CONFIRM_TIMEOUT_MS = 15_000;

export interface CancellerOptions {
  readonly clock: Clock;
  /** Takes lines for people about jobs that could not be cancelled. */
  readonly log: (line: string) => void;
  /** Gives up a connection on which the broker does not answer. */
  readonly drop: (reason: string) => void;
  /** Rejects with LeaseLostError if another driver has the study by now. */
  readonly confirm?: (() => Promise<void>) | undefined;
}

/**
 * Asks for the end of jobs. After a connection was lost another driver may have the study, and the jobs with it: then none
 * is asked to end.
 */
export class Canceller {
  readonly #options: CancellerOptions;
  readonly #running = new Semaphore(MAX_CANCELS_AT_ONCE);
  /** Undefined while there is no connection. */
  #handle: Handle | undefined;
  #wasDown = false;
  /** Whether jobs may be cancelled by the present connection; undefined until that matters. */
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

  /** If the connection breaks meanwhile, nothing comes of it: it is to be asked again with the next one. */
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

  /** Whether jobs may be cancelled by the present connection, which is found out once. */
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

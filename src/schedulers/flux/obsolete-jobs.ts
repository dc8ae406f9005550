import { ConnectionError, FluxError } from '../../flux/errors.js';
import type { Handle } from '../../flux/handle.js';
import { decodeJobId, encodeJobId, type JobId } from '../../flux/job-id.js';
import { cancelJob } from '../../flux/requests.js';
import { type Host, HostError } from '../../hosts/host.js';
import type { ObsoleteJob } from '../../store/journal/records.js';
import { Semaphore } from '../../util/semaphore.js';
import { claimOrRead } from '../claims/claims.js';
import { isJobOf } from './find-inherited.js';
import type { StudyJobs } from './job-request.js';

/** How many claims are taken at once, because each needs a process on the host. */
const atOnce = 4;

interface Discard {
  readonly job: ObsoleteJob;
  /** The jobs that may run the attempt. */
  readonly ids: readonly JobId[];
  /** Called once the jobs are cancelled or cannot be. */
  readonly done: () => void;
}

/**
 * Cancels jobs of steps that the study no longer has. It takes their claims, so that a job that is submitted late does
 * not run, and cancels the jobs of this instance. A failure is only logged.
 */
export class ObsoleteJobs {
  readonly #host: Host;
  readonly #study: StudyJobs;
  readonly #tell: (line: string) => void;
  readonly #mayEndJobs: () => Promise<boolean>;
  readonly #pool = new Semaphore(atOnce);
  /** Jobs whose claims are taken and that are still to be cancelled. */
  readonly #waiting = new Set<Discard>();
  #handle: Handle | undefined;
  #isOver = false;

  /**
   * @param tell logs failures
   * @param mayEndJobs whether jobs may be cancelled over the present connection
   */
  constructor(host: Host, study: StudyJobs, tell: (line: string) => void, mayEndJobs: () => Promise<boolean>) {
    this.#host = host;
    this.#study = study;
    this.#tell = tell;
    this.#mayEndJobs = mayEndJobs;
  }

  /** Resolves when all of the jobs are cancelled or cannot be, or when this is closed. */
  async add(jobs: readonly ObsoleteJob[]): Promise<void> {
    const add = (job: ObsoleteJob) => new Promise<void>((done) => void this.#pool.run(() => this.#add(job, done)));
    await Promise.all(jobs.map(add));
  }

  onUp(handle: Handle): void {
    this.#handle = handle;
    for (const discard of this.#waiting) void this.#pool.run(() => this.#cancel(discard, handle));
  }

  onDown(): void {
    this.#handle = undefined;
  }

  close(): void {
    this.#isOver = true;
    for (const { done } of this.#waiting) done();
  }

  async #add(job: ObsoleteJob, done: () => void): Promise<void> {
    if (this.#isOver) return done();
    const ids = new Set([decodeJobId(job.id)]);
    try {
      const { owner } = await claimOrRead(this.#host, this.#study.studyPath, job.workspace, job.attempt);
      ids.add(decodeJobId(owner ?? ''));
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      this.#complain(job, error.message);
    }
    const discard = { job, ids: [...ids].filter((id) => id !== undefined), done };
    if (this.#isOver) return done();
    this.#waiting.add(discard);
    if (this.#handle !== undefined) await this.#cancel(discard, this.#handle);
  }

  async #cancel(discard: Discard, handle: Handle): Promise<void> {
    const { job, ids } = discard;
    const mayEnd = await this.#mayEndJobs();
    if (this.#isOver || !mayEnd || !this.#waiting.has(discard)) return;
    try {
      for (const id of ids) {
        if (!(await isJobOf(handle, id, this.#study, job))) continue;
        await cancelJob(handle, id, 'its step is no longer part of the study');
        this.#tell(`cancelled job ${encodeJobId(id)} of ${job.step}, which is no longer part of the study`);
      }
    } catch (error) {
      // It is tried again over the next connection.
      if (error instanceof ConnectionError) return;
      this.#complain(job, (error as Error).message);
      if (!(error instanceof FluxError)) return;
    }
    this.#waiting.delete(discard);
    discard.done();
  }

  #complain({ step, id }: ObsoleteJob, reason: string): void {
    if (this.#isOver) return;
    this.#tell(`cannot end job ${id || 'without an id'} of ${step}, which is no longer part of the study: ${reason}`);
  }
}

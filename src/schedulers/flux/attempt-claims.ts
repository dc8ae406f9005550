import { decodeJobId, type JobId } from '../../flux/job-id.js';
import { type Host, HostError } from '../../hosts/host.js';
import type { Clock } from '../../util/clock.js';
import { retry } from '../../util/retry.js';
import { Semaphore } from '../../util/semaphore.js';
import { type Claim, claimOrRead, readClaims } from '../claims/claims.js';
import type { Job } from '../scheduler.js';

/** The waits before a study directory that cannot be read or written is tried again. */
const RETRY_DELAYS_MS = [1000, 2000, 4000, 8000, 15_000];

/** How many claims are settled at once: each takes a process on the host. */
const MAX_SETTLED_AT_ONCE = 4;

/** The claims of a study's attempts, in a study directory that may be out of reach for moments. */
export class AttemptClaims {
  readonly #host: Host;
  readonly #studyPath: string;
  readonly #clock: Clock;
  readonly #settling = new Semaphore(MAX_SETTLED_AT_ONCE);

  constructor(host: Host, studyPath: string, clock: Clock) {
    this.#host = host;
    this.#studyPath = studyPath;
    this.#clock = clock;
  }

  /**
   * Reads claims as they are.
   *
   * @returns in the order of `jobs`; undefined where no job has the attempt
   * @throws HostError
   */
  read(jobs: readonly Job[]): Promise<(Claim | undefined)[]> {
    return this.#patiently(() => this.readOnce(jobs));
  }

  /** The same without another attempt. @throws HostError */
  readOnce(jobs: readonly Job[]): Promise<(Claim | undefined)[]> {
    const attempts = jobs.map(({ step, attempt }) => ({ workspace: step.workspace, attempt }));
    return readClaims(this.#host, this.#studyPath, attempts);
  }

  /** Takes the claim of an attempt, unless a job has it. No other job will have it after that. @throws HostError */
  settle(job: Job): Promise<Claim> {
    return this.#patiently(() => this.#settling.run(() => this.settleOnce(job)));
  }

  /** The same without another attempt. @throws HostError */
  settleOnce({ step, attempt }: Job): Promise<Claim> {
    return claimOrRead(this.#host, this.#studyPath, step.workspace, attempt);
  }

  /**
   * Makes sure that no job will run an attempt whose submit may have been heard.
   *
   * @returns the job that has it nevertheless
   * @throws HostError
   */
  async fence(job: Job): Promise<JobId | undefined> {
    return ownerOf(await this.settle(job));
  }

  /** The job that has an attempt by now; undefined also if the claim cannot be read. */
  async owner(job: Job): Promise<JobId | undefined> {
    try {
      const [claim] = await this.read([job]);
      return ownerOf(claim);
    } catch (error) {
      if (error instanceof HostError) return undefined;
      throw error;
    }
  }

  #patiently<T>(task: () => Promise<T>): Promise<T> {
    return retry(task, {
      clock: this.#clock,
      delays: RETRY_DELAYS_MS,
      shouldRetry: (error) => error instanceof HostError,
    });
  }
}

/** The job of Flux that has an attempt; undefined if none has, or if the claim is not that of a job of Flux. */
export function ownerOf(claim: Claim | undefined): JobId | undefined {
  return decodeJobId(claim?.owner ?? '');
}

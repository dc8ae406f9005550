import { type Host, HostError } from '../../hosts/host.js';
import type { Clock } from '../../util/clock.js';
import { retry } from '../../util/retry.js';
import { Semaphore } from '../../util/semaphore.js';
import type { Job } from '../scheduler.js';
import { type Claim, claimOrRead, readClaims } from './claims.js';

/** The delays between attempts to access a study directory that cannot be read or written. */
const RETRY_DELAYS_MS = [1000, 2000, 4000, 8000, 15_000];

/** How many claims are taken at once, because each needs a process on the host. */
const MAX_SETTLED_AT_ONCE = 4;

/** An attempt of a step, which the study need not have any more. */
export interface Attempt extends Pick<Job, 'attempt'> {
  readonly step: { readonly workspace: string };
}

/**
 * Reads and takes the claims of a study's attempts, with retries because the study directory may be unreachable for
 * moments.
 */
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
   * Reads claims, and creates none.
   *
   * @returns in the order of `jobs`; undefined for an attempt without a claim
   * @throws HostError
   */
  read(jobs: readonly Job[]): Promise<(Claim | undefined)[]> {
    return this.#patiently(() => this.readOnce(jobs));
  }

  /** Like `read`, without retries. @throws HostError */
  readOnce(jobs: readonly Job[]): Promise<(Claim | undefined)[]> {
    const attempts = jobs.map(({ step, attempt }) => ({ workspace: step.workspace, attempt }));
    return readClaims(this.#host, this.#studyPath, attempts);
  }

  /**
   * Reads the claim of an attempt, or takes it if no job has it; after that the owner never changes. @throws HostError
   */
  settle(job: Attempt): Promise<Claim> {
    return this.#patiently(() => this.#settling.run(() => this.settleOnce(job)));
  }

  /** Like `settle`, without retries. @throws HostError */
  settleOnce({ step, attempt }: Attempt): Promise<Claim> {
    return claimOrRead(this.#host, this.#studyPath, step.workspace, attempt);
  }

  /** Reads a claim; undefined also if it cannot be read. */
  async readIfPossible(job: Job): Promise<Claim | undefined> {
    try {
      const [claim] = await this.read([job]);
      return claim;
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

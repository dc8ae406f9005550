import { HostError } from '../../hosts/host.js';
import type { ObsoleteJob } from '../../store/journal/records.js';
import { LeaseLostError } from '../../store/lease.js';
import type { Clock } from '../../util/clock.js';
import { isDoneWithin } from '../../util/sleep.js';
import type { AttemptClaims } from '../claims/attempt-claims.js';
import { type BatchCommands, NotAnsweredError } from './commands.js';

/** After this time the lease counts as held, because a host that hangs must not prevent the cancellation of jobs. */
const CONFIRM_TIMEOUT_MS = 15_000;

/** The growing delays before jobs are cancelled again, if that failed; the last one repeats. */
const RETRY_DELAYS_MS = [2_000, 4_000, 8_000, 15_000, 30_000] as const;

export interface CancellerOptions {
  readonly commands: Pick<BatchCommands, 'end' | 'find'>;
  readonly clock: Clock;
  readonly log: (line: string) => void;
  /** Rejects with LeaseLostError if another driver has taken over the study. */
  readonly confirm: () => Promise<void>;
  /** The batch system's name, for messages. */
  readonly systemName: string;
  /** Handles the failure of a background task. */
  readonly guard: (task: Promise<void>) => void;
}

/** What is needed to find the jobs of steps that the study no longer has. */
export interface ObsoleteOptions {
  readonly claims: Pick<AttemptClaims, 'settle'>;
  readonly labelOf: (job: ObsoleteJob) => string;
  readonly idOfOwner: (owner: string) => string;
}

/** Cancels jobs, many with one command, and again until the batch system has been told. */
export class Canceller {
  readonly #options: CancellerOptions;
  readonly #ids = new Set<string>();
  #isFlushing = false;
  #failures = 0;

  constructor(options: CancellerOptions) {
    this.#options = options;
  }

  /** Cancels the jobs with these ids; one that has ended is no problem. */
  cancel(ids: readonly string[]): void {
    for (const id of ids) this.#ids.add(id);
    if (this.#ids.size === 0 || this.#isFlushing) return;
    this.#isFlushing = true;
    this.#options.guard(this.#flush());
  }

  /** Cancels other jobs of an attempt whose submit was repeated. A failure is ignored: their claims keep them from running. */
  async endTwins({ id, label }: { readonly id: string; readonly label: string }): Promise<void> {
    const { commands } = this.#options;
    try {
      const found = (await commands.find([label])).get(label) ?? [];
      const twins = found.filter((twin) => twin !== id);
      if (twins.length > 0 && (await this.#mayCancel())) await commands.end(twins);
    } catch (error) {
      if (!isOfCommand(error)) throw error;
    }
  }

  /**
   * Cancels jobs of steps that the study no longer has, and takes their claims, so that none runs later. A failure is
   * only logged.
   */
  async cancelObsolete(jobs: readonly ObsoleteJob[], options: ObsoleteOptions): Promise<void> {
    if (jobs.length === 0) return;
    const { commands, log } = this.#options;
    const { claims, labelOf, idOfOwner } = options;
    try {
      const settle = ({ workspace, attempt }: ObsoleteJob) => claims.settle({ step: { workspace }, attempt });
      const owners = (await Promise.all(jobs.map(settle))).map(({ owner }) => owner);
      const found = await commands.find(jobs.map(labelOf));
      const idsOf = (job: ObsoleteJob, i: number) => {
        const owner = owners[i];
        const known = [job.id, typeof owner === 'string' ? idOfOwner(owner) : ''].filter((id) => id !== '');
        // The batch system's own answer has the cluster too.
        return found.get(labelOf(job)) ?? known;
      };
      const ids = jobs.flatMap(idsOf);
      if (ids.length === 0 || !(await this.#mayCancel())) return;
      await commands.end(ids);
      for (const [i, job] of jobs.entries()) {
        for (const id of idsOf(job, i)) log(`cancelled job ${id} of ${job.step}, which is no longer part of the study`);
      }
    } catch (error) {
      if (!isOfCommand(error)) throw error;
      const names = jobs.map(({ step, id }) => `${id || 'a job'} of ${step}`).join(', ');
      log(`cannot cancel jobs that are no longer part of the study (${names}): ${error.message}`);
    }
  }

  async #flush(): Promise<void> {
    const { commands, clock, log, systemName } = this.#options;
    // Jobs that are cancelled at the same time are cancelled by one command.
    await Promise.resolve();
    while (this.#ids.size > 0 && (await this.#mayCancel())) {
      const ids = [...this.#ids];
      this.#ids.clear();
      try {
        await commands.end(ids);
        this.#failures = 0;
      } catch (error) {
        if (!isOfCommand(error)) throw error;
        for (const id of ids) this.#ids.add(id);
        this.#failures += 1;
        if (this.#failures === 1) log(`${systemName} did not cancel jobs, and is asked again: ${error.message}`);
        const delay = RETRY_DELAYS_MS[Math.min(this.#failures, RETRY_DELAYS_MS.length) - 1]!;
        await new Promise<void>((resolve) => void clock.after(delay, resolve));
      }
    }
    this.#isFlushing = false;
  }

  /** Whether this driver still has the study, and so its jobs. */
  async #mayCancel(): Promise<boolean> {
    const { clock, confirm } = this.#options;
    try {
      await isDoneWithin(clock, CONFIRM_TIMEOUT_MS, confirm());
      return true;
    } catch (error) {
      return !(error instanceof LeaseLostError);
    }
  }
}

function isOfCommand(error: unknown): error is Error {
  return error instanceof NotAnsweredError || error instanceof HostError;
}

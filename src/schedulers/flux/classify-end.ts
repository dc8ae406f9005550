import { classifyRefusal } from '../../flux/classify-refusal.js';
import { decodeJobId, encodeJobId, type JobId } from '../../flux/job-id.js';
import { type Host, HostError } from '../../hosts/host.js';
import { outputsOf } from '../../scripts/outputs.js';
import type { Clock } from '../../util/clock.js';
import { Semaphore } from '../../util/semaphore.js';
import { type Claim, claimOrRead, readClaims } from '../claims/claims.js';
import { lastWords } from '../claims/last-words.js';
import { couldNotClaim, givenUp, notClaimed } from '../claims/launcher.js';
import { outcomeFromClaim } from '../claims/outcome.js';
import { isOfDisk } from '../disk.js';
import type { JobOutcome } from '../scheduler.js';
import { signalOf } from '../signals.js';
import type { InstanceMonitor } from './instance-monitor.js';
import { endedByRestart, isEarlyTimeout, mayBeOfRestart, outcomeOf } from './outcome.js';
import type { TrackedJob } from './tracked-job.js';

/** What the end of a job means for its step. */
export type Verdict =
  | { readonly is: 'end'; readonly outcome: JobOutcome }
  /** Another job has the attempt: it is the one to be watched. */
  | { readonly is: 'other'; readonly id: JobId }
  /** Nothing of it ran, nor can in this instance, as it is by now. */
  | { readonly is: 'deferred'; readonly reason: string }
  /** Its instance may be ending, or cannot be asked: to be judged again once more is known. */
  | { readonly is: 'open' };

/** A timeout before its time is looked at again after so many milliseconds: a whole instance may be ending. */
const settleTime = 10_000;

/**
 * A script that was killed is looked at again after so many: what ends an allocation kills all that is in it, in any order,
 * and the broker may be the last.
 */
const deathTime = 3_000;

/** A study directory that cannot be read is tried again after so many milliseconds each. */
const claimDelays = [1000, 2000, 4000, 8000, 15_000];

/** As many claims are settled at once: each takes a process on the host. */
const claimsAtOnce = 4;

export interface JudgeOptions {
  readonly host: Host;
  readonly studyPath: string;
  readonly clock: Clock;
  readonly instance: InstanceMonitor;
  /** Says why the instance has no resources for a job any more; undefined if it never had, or has. */
  readonly explainLoss: (tracked: TrackedJob) => Promise<string | undefined>;
  /** Seconds since the epoch at which the instance ends; 0: never, or not known. */
  readonly expiration: number;
}

/** A job's time limit may be written down so many seconds before the end of the instance that it is cut short by. */
const EXPIRATION_SLACK_S = 2;

const open: Verdict = { is: 'open' };
const end = (outcome: JobOutcome): Verdict => ({ is: 'end', outcome });

/**
 * Says what the end of a job means for its step. Three things are never taken for what they look like: a job that ended
 * well need not be the one that ran the step, if a submit of it got no answer; one that ended badly while its instance was
 * ending did not do so by itself; and a job that the broker does not know may have done its work.
 */
export class Judge {
  readonly #host: Host;
  readonly #studyPath: string;
  readonly #clock: Clock;
  readonly #instance: InstanceMonitor;
  readonly #explainLoss: JudgeOptions['explainLoss'];
  readonly #expiration: number;
  readonly #claims = new Semaphore(claimsAtOnce);

  constructor({ host, studyPath, clock, instance, explainLoss, expiration }: JudgeOptions) {
    this.#host = host;
    this.#studyPath = studyPath;
    this.#clock = clock;
    this.#instance = instance;
    this.#explainLoss = explainLoss;
    this.#expiration = expiration;
  }

  /**
   * Of a job whose eventlog is complete.
   *
   * @throws HostError if who ran the step has to be known and cannot be
   */
  async judge(tracked: TrackedJob): Promise<Verdict> {
    const outcome = outcomeOf(tracked.view, tracked.duration);
    if (tracked.isDoubtful) {
      const claim = await this.#settle(tracked);
      const other = otherOwner(claim, tracked);
      if (other !== undefined) return { is: 'other', id: other };
      tracked.isDoubtful = false;
      // It ended well and did not run the step: nor will any other job.
      if (decodeJobId(claim.owner ?? '') === undefined && outcome.result === 'completed')
        return end(
          lost(claim.owner === null ? givenUp : "the script was not run: the attempt is another job's", outcome),
        );
    }
    if (outcome.result === 'completed') return end(outcome);
    if (tracked.isCancelled) {
      const { result } = await this.#withReason(outcome, tracked);
      return end(result === 'not-run' ? notRun('', 'cancelled') : asCancelled(outcome, tracked));
    }
    if (!(await this.#isItsOwn(tracked, outcome))) return open;
    if (this.#isCutShort(tracked)) return end(lost('the time of its Flux instance was over', outcome));
    const isOfRestart = await this.#isOfRestart(tracked);
    if (isOfRestart === undefined) return open;
    if (tracked.endedWithInstance || isOfRestart) return end(lost('it was ended with its Flux instance', outcome));
    const loss = await this.#lossOf(tracked);
    if (loss !== undefined) return { is: 'deferred', reason: `${loss} (${outcome.note})` };
    return end(await this.#withReason(outcome, tracked));
  }

  /**
   * Of a job that the broker does not know: what the launcher wrote down decides.
   *
   * @throws HostError
   */
  async judgeForgotten(tracked: TrackedJob): Promise<Verdict> {
    const claim = await this.#settle(tracked);
    const other = otherOwner(claim, tracked);
    if (other !== undefined) return { is: 'other', id: other };
    const note = `the broker does not know its job ${encodeJobId(tracked.id!)} any more`;
    return end(outcomeFromClaim(claim, tracked, note)!);
  }

  /**
   * The claims of attempts as they are.
   *
   * @throws HostError
   */
  claims(submissions: readonly TrackedJob[]): Promise<(Claim | undefined)[]> {
    const attempts = submissions.map(({ job }) => ({ workspace: job.step.workspace, attempt: job.attempt }));
    return this.#patiently(() => readClaims(this.#host, this.#studyPath, attempts));
  }

  /**
   * Makes sure that no job runs the attempt of a submission that may have been heard.
   *
   * @returns the job that has it nevertheless
   * @throws HostError
   */
  async fence(tracked: TrackedJob): Promise<JobId | undefined> {
    return otherOwner(await this.#settle(tracked), tracked);
  }

  /**
   * A job that failed before any of its script ran did so for the machine's fault: its launcher, its broker, the job shell or a prolog. A file system
   * that is full is not the step's fault either. All else is, and the reason says what is known of it.
   */
  async #withReason(outcome: JobOutcome, tracked: TrackedJob): Promise<JobOutcome> {
    const { job, view, id } = tracked;
    // Before it has resources it is what it asks for that is refused.
    if (outcome.result !== 'failed' || view.allocated === null) return outcome;
    const lostClaim = view.exception === null && outcome.exitCode === couldNotClaim;
    let claim: Claim | undefined;
    try {
      [claim] = await readClaims(this.#host, this.#studyPath, [
        { workspace: job.step.workspace, attempt: job.attempt },
      ]);
      if (claim === undefined && lostClaim) return notRun(notClaimed);
      // Only who takes it knows that nobody has it, where a file server shows late what other machines have made.
      claim ??= await claimOrRead(this.#host, this.#studyPath, job.step.workspace, job.attempt);
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      return isOfDisk(error.message) && claim === undefined && outcome.note !== '' ? notRun(outcome.note) : outcome;
    }
    if (claim.owner === null && lostClaim) return notRun(givenUp);
    // Of several tasks some ran it.
    if (lostClaim && !claim.exits.includes(couldNotClaim)) return lost(notClaimed, outcome);
    const words = () => lastWords(this.#host, `${this.#studyPath}/${outputsOf(job.step, encodeJobId(id!)).stderr}`);
    const kind = kindOfFailure(claim);
    if (kind === 'script') return outcome;
    if (kind === 'not-executable') return { ...outcome, note: outcome.note || (await words()) };
    const why = outcome.note || (await words()) || `exit ${outcome.exitCode}`;
    const note = `the script was not run: ${why}`;
    return claim.owner === null && isOfDisk(outcome.note) ? notRun(note) : lost(note, outcome);
  }

  async #isItsOwn({ view, duration }: TrackedJob, { signal }: JobOutcome): Promise<boolean> {
    if ((await this.#instance.ask()) !== 'run') return false;
    const isDoubtful = isEarlyTimeout(view, duration);
    if (!isDoubtful && signal !== 'SIGTERM' && signal !== 'SIGKILL') return true;
    await this.#pause(isDoubtful ? settleTime : deathTime);
    return (await this.#instance.ask()) === 'run';
  }

  /** Whether a job's time ran out with that of its instance, and before its own. */
  #isCutShort({ view, duration }: TrackedJob): boolean {
    const { exception } = view;
    if (this.#expiration === 0 || exception === null || !isEarlyTimeout(view, duration)) return false;
    return exception.timestamp >= this.#expiration - EXPIRATION_SLACK_S;
  }

  /** Why the scheduler gave a job no resources, if it would have before. */
  async #lossOf(tracked: TrackedJob): Promise<string | undefined> {
    const { exception, started } = tracked.view;
    if (exception?.type !== 'alloc' || started !== null) return undefined;
    const isUnsatisfiable = classifyRefusal({ words: exception.note }) === 'unsatisfiable';
    return isUnsatisfiable ? this.#explainLoss(tracked) : undefined;
  }

  /** Undefined if it cannot be known now. */
  async #isOfRestart({ view, duration }: TrackedJob): Promise<boolean | undefined> {
    if (!mayBeOfRestart(view, duration)) return false;
    const identity = await this.#instance.identity();
    return identity && endedByRestart(view, duration, identity);
  }

  #settle({ job }: TrackedJob): Promise<Claim> {
    const settle = () => claimOrRead(this.#host, this.#studyPath, job.step.workspace, job.attempt);
    return this.#patiently(() => this.#claims.run(settle));
  }

  async #patiently<T>(call: () => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await call();
      } catch (error) {
        if (!(error instanceof HostError) || attempt >= claimDelays.length) throw error;
        await this.#pause(claimDelays[attempt]!);
      }
    }
  }

  #pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => this.#clock.after(milliseconds, resolve));
  }
}

/** Why it was cancelled the study knows better than the broker; and a time that was not its own is no reason of its own. */
function asCancelled(outcome: JobOutcome, { view, duration }: TrackedJob): JobOutcome {
  const isOurs = outcome.result === 'cancelled' || isEarlyTimeout(view, duration);
  return isOurs ? { ...outcome, result: 'cancelled', note: '' } : outcome;
}

/** What a job failed for, as its launchers wrote it down. */
function kindOfFailure({
  owner,
  exits,
  hasNeverBegun,
  isNotExecutable,
}: Claim): 'machine' | 'not-executable' | 'script' {
  if (owner === null) return 'machine';
  // If some tasks could not begin, others may have been killed for that; a status that one chose itself is its own.
  const isOwn = exits.some((status) => status !== 0 && signalOf(status) === null);
  if (hasNeverBegun === true && !isOwn) return 'machine';
  return isNotExecutable === true ? 'not-executable' : 'script';
}

/** The job that has the attempt, if it is another than the one that we know of. */
function otherOwner({ owner }: Claim, { id }: TrackedJob): JobId | undefined {
  const job = decodeJobId(owner ?? '');
  return job === id ? undefined : job;
}

/** Nothing of it ran, nor will. */
function notRun(note: string, result: 'not-run' | 'cancelled' = 'not-run'): JobOutcome {
  return { result, exitCode: null, signal: null, note };
}

/** The job is no more, and its step did not run to its end: it is to run again. */
function lost(note: string, { exitCode, signal }: JobOutcome): JobOutcome {
  return { result: 'node-failure', exitCode, signal, note };
}

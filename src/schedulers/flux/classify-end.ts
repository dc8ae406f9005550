import { classifyRefusal } from '../../flux/classify-refusal.js';
import type { JobView } from '../../flux/eventlog.js';
import { encodeJobId } from '../../flux/job-id.js';
import { type Host, HostError } from '../../hosts/host.js';
import { outputsOf } from '../../scripts/outputs.js';
import type { Clock } from '../../util/clock.js';
import { sleep } from '../../util/sleep.js';
import type { Claim } from '../claims/claims.js';
import { lastWords } from '../claims/last-words.js';
import { couldNotClaim, givenUp, notClaimed } from '../claims/launcher.js';
import { outcomeFromClaim } from '../claims/outcome.js';
import { isOfDisk } from '../disk.js';
import type { JobOutcome } from '../scheduler.js';
import { signalOf } from '../signals.js';
import { type AttemptClaims, ownerOf } from './attempt-claims.js';
import type { InstanceMonitor } from './instance-monitor.js';
import type { JobEnd } from './job-life.js';
import { endedByRestart, isEarlyTimeout, mayBeOfRestart, outcomeOf } from './outcome.js';
import type { TrackedJob } from './tracked-job.js';

/** A timeout before its time is asked about again after this time: a whole instance may be ending. */
const EARLY_TIMEOUT_DELAY_MS = 10_000;

/**
 * A script that was killed is asked about again after this time: what ends an allocation kills all that is in it, in any
 * order, and the broker may be the last.
 */
const KILLED_DELAY_MS = 3_000;

/** A job that is cut short by the end of its instance may have its timeout written down this long before that. */
const EXPIRATION_SLACK_S = 2;

export interface EndClassifierOptions {
  readonly host: Host;
  readonly studyPath: string;
  readonly claims: AttemptClaims;
  readonly clock: Clock;
  readonly instance: InstanceMonitor;
  /** Says why the instance has no resources for a job any more; undefined if it never had, or has. */
  readonly explainLoss: (tracked: TrackedJob) => Promise<string | undefined>;
  /** Seconds since the epoch at which the instance ends; 0: never, or not known. */
  readonly expiration: number;
}

/**
 * Says what the end of a job means for its step. Three things are never taken for what they look like: a job that ended
 * well need not be the one that ran the step, if a submit of it got no answer; one that ended badly while its instance was
 * ending did not do so by itself; and a job that the broker does not know may have done its work.
 */
export class EndClassifier {
  readonly #options: EndClassifierOptions;

  constructor(options: EndClassifierOptions) {
    this.#options = options;
  }

  /**
   * Of a job whose eventlog is complete.
   *
   * @throws HostError if the job that ran the step has to be known and cannot be
   */
  async classifyEnd(tracked: TrackedJob): Promise<JobEnd> {
    const { mayBeDuplicate, view, endedWithInstance } = tracked.life;
    const outcome = outcomeOf(view, tracked.duration);
    if (mayBeDuplicate) {
      const claim = await this.#options.claims.settle(tracked.job);
      const owner = ownerOf(claim);
      if (owner !== undefined && owner !== tracked.life.id) return { is: 'other-job', id: owner };
      // It ended well and did not run the step: nor will any other job.
      if (owner === undefined && outcome.result === 'completed')
        return ended(
          lost(claim.owner === null ? givenUp : "the script was not run: the attempt is another job's", outcome),
        );
    }
    if (outcome.result === 'completed') return ended(outcome);
    if (tracked.life.isCancelled) {
      const { result } = await this.#withReason(outcome, view, tracked);
      return ended(result === 'not-run' ? notRun('', 'cancelled') : asCancelled(outcome, view, tracked));
    }
    if (!(await this.#isItsOwn(view, tracked, outcome))) return this.#undetermined();
    if (this.#isCutShort(view, tracked)) return ended(lost('the time of its Flux instance was over', outcome));
    const isOfRestart = await this.#isOfRestart(view, tracked);
    if (isOfRestart === undefined) return this.#undetermined();
    if (endedWithInstance || isOfRestart) return ended(lost('it was ended with its Flux instance', outcome));
    const loss = await this.#lossOf(view, tracked);
    if (loss !== undefined) return { is: 'deferred', reason: `${loss} (${outcome.note})` };
    return ended(await this.#withReason(outcome, view, tracked));
  }

  /**
   * Of a job that the broker does not know: what the launcher wrote down decides.
   *
   * @throws HostError
   */
  async classifyForgotten(tracked: TrackedJob): Promise<JobEnd> {
    const { id } = tracked.life;
    const claim = await this.#options.claims.settle(tracked.job);
    const owner = ownerOf(claim);
    if (owner !== undefined && owner !== id) return { is: 'other-job', id: owner };
    const note = `the broker does not know its job ${encodeJobId(id!)} any more`;
    return ended(outcomeFromClaim(claim, tracked.tasks, note));
  }

  #undetermined(): JobEnd {
    return { is: 'undetermined', isInstanceEnding: this.#options.instance.state === 'ending' };
  }

  /**
   * A job that failed before any of its script ran did so through the machine's fault: its launcher, its broker, the job
   * shell or a prolog. A full file system is not the step's fault either. Everything else is, and the reason says what is
   * known of it.
   */
  async #withReason(outcome: JobOutcome, view: JobView, { job, life }: TrackedJob): Promise<JobOutcome> {
    const { host, studyPath, claims } = this.#options;
    // Before it has resources it is what it asks for that is refused.
    if (outcome.result !== 'failed' || view.allocated === null) return outcome;
    const lostClaim = view.exception === null && outcome.exitCode === couldNotClaim;
    let claim: Claim | undefined;
    try {
      [claim] = await claims.readOnce([job]);
      if (claim === undefined && lostClaim) return notRun(notClaimed);
      // A file server may be late to show what other machines have made: only a claim of our own proves that there was none.
      claim ??= await claims.settleOnce(job);
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      return isOfDisk(error.message) && claim === undefined && outcome.note !== '' ? notRun(outcome.note) : outcome;
    }
    if (claim.owner === null && lostClaim) return notRun(givenUp);
    // Of several tasks some ran it.
    if (lostClaim && !claim.exits.includes(couldNotClaim)) return lost(notClaimed, outcome);
    const words = () => lastWords(host, `${studyPath}/${outputsOf(job.step, encodeJobId(life.id!)).stderr}`);
    const kind = kindOfFailure(claim);
    if (kind === 'script') return outcome;
    if (kind === 'not-executable') return { ...outcome, note: outcome.note || (await words()) };
    const why = outcome.note || (await words()) || `exit ${outcome.exitCode}`;
    const note = `the script was not run: ${why}`;
    return claim.owner === null && isOfDisk(outcome.note) ? notRun(note) : lost(note, outcome);
  }

  async #isItsOwn(view: JobView, { duration }: TrackedJob, { signal }: JobOutcome): Promise<boolean> {
    const { instance, clock } = this.#options;
    if ((await instance.ask()) !== 'run') return false;
    const isEarly = isEarlyTimeout(view, duration);
    if (!isEarly && signal !== 'SIGTERM' && signal !== 'SIGKILL') return true;
    await sleep(clock, isEarly ? EARLY_TIMEOUT_DELAY_MS : KILLED_DELAY_MS);
    return (await instance.ask()) === 'run';
  }

  /** Whether a job's time ran out with that of its instance, and before its own. */
  #isCutShort(view: JobView, { duration }: TrackedJob): boolean {
    const { expiration } = this.#options;
    const { exception } = view;
    if (expiration === 0 || exception === null || !isEarlyTimeout(view, duration)) return false;
    return exception.timestamp >= expiration - EXPIRATION_SLACK_S;
  }

  /** Why the scheduler gave a job no resources, if it would have before. */
  async #lossOf({ exception, started }: JobView, tracked: TrackedJob): Promise<string | undefined> {
    if (exception?.type !== 'alloc' || started !== null) return undefined;
    const isUnsatisfiable = classifyRefusal({ words: exception.note }) === 'unsatisfiable';
    return isUnsatisfiable ? this.#options.explainLoss(tracked) : undefined;
  }

  /** Undefined if it cannot be known now. */
  async #isOfRestart(view: JobView, { duration }: TrackedJob): Promise<boolean | undefined> {
    if (!mayBeOfRestart(view, duration)) return false;
    const identity = await this.#options.instance.identity();
    return identity && endedByRestart(view, duration, identity);
  }
}

const ended = (outcome: JobOutcome): JobEnd => ({ is: 'ended', outcome });

/** Why it was cancelled the study knows better than the broker; and a time that was not its own is no reason of its own. */
function asCancelled(outcome: JobOutcome, view: JobView, { duration }: TrackedJob): JobOutcome {
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

/** Nothing of it ran, nor will. */
function notRun(note: string, result: 'not-run' | 'cancelled' = 'not-run'): JobOutcome {
  return { result, exitCode: null, signal: null, note };
}

/** The job is no more, and its step did not run to its end: it is to run again. */
function lost(note: string, { exitCode, signal }: JobOutcome): JobOutcome {
  return { result: 'node-failure', exitCode, signal, note };
}

import { type Blame, blame, isInfrastructure } from '../../causes/cause.js';
import { blameOfStart } from '../../causes/words.js';
import { classifyRefusal } from '../../flux/classify-refusal.js';
import type { JobView } from '../../flux/eventlog.js';
import { encodeJobId } from '../../flux/job-id.js';
import { type Host, HostError } from '../../hosts/host.js';
import { outputsOf } from '../../scripts/outputs.js';
import type { Clock } from '../../util/clock.js';
import { sleep } from '../../util/sleep.js';
import type { AttemptClaims } from '../claims/attempt-claims.js';
import type { Claim } from '../claims/claims.js';
import { lastWords } from '../claims/last-words.js';
import { couldNotClaim, givenUp, notClaimed } from '../claims/launcher.js';
import { outcomeFromClaim } from '../claims/outcome.js';
import { isOfDisk } from '../disk.js';
import type { JobOutcome } from '../scheduler.js';
import { signalOf } from '../signals.js';
import { ownerOf } from './find-inherited.js';
import type { InstanceMonitor } from './instance-monitor.js';
import type { JobEnd } from './job-life.js';
import { endedByRestart, isEarlyTimeout, mayBeOfRestart, outcomeOf } from './outcome.js';
import type { TrackedJob } from './tracked-job.js';

/** After an early timeout the instance is asked again after this time, because it may be ending. */
const EARLY_TIMEOUT_DELAY_MS = 10_000;

/**
 * After a script was killed the instance is asked again after this time: the end of an allocation kills its processes
 * in any order, and the broker may be the last.
 */
const KILLED_DELAY_MS = 3_000;

/** The timeout of a job may be recorded this long before the expiration of the instance that caused it. */
const EXPIRATION_SLACK_S = 2;

export interface EndClassifierOptions {
  readonly host: Host;
  readonly studyPath: string;
  readonly claims: AttemptClaims;
  readonly clock: Clock;
  readonly instance: InstanceMonitor;
  /** Explains why the instance no longer has resources for a job; undefined if it has them, or never had them. */
  readonly explainLoss: (tracked: TrackedJob) => Promise<string | undefined>;
  /** When the instance ends, in seconds since the epoch; 0: never, or not known. */
  readonly expiration: number;
}

/**
 * Decides what the end of a job means for its step. Three ends need more than the eventlog: a job that succeeded may
 * not be the one that ran the step, if a submit got no answer; a job that failed while its instance was ending did not
 * fail by itself; and a job that the broker does not know may have completed.
 */
export class EndClassifier {
  readonly #options: EndClassifierOptions;

  constructor(options: EndClassifierOptions) {
    this.#options = options;
  }

  /**
   * Classifies the end of a job whose eventlog is complete.
   *
   * @throws HostError if the claim of the attempt is needed and cannot be read
   */
  async classifyEnd(tracked: TrackedJob): Promise<JobEnd> {
    const { mayBeDuplicate, view, endedWithInstance } = tracked.life;
    const outcome = outcomeOf(view, tracked.duration);
    if (mayBeDuplicate) {
      const claim = await this.#options.claims.settle(tracked.job);
      const owner = ownerOf(claim);
      if (owner !== undefined && owner !== tracked.life.id) return { is: 'other-job', id: owner };
      // The job succeeded without running the step, and no other job will run it.
      if (owner === undefined && outcome.result === 'completed')
        return ended(
          notStarted(claim.owner === null ? givenUp : "the script was not run: the attempt is another job's", outcome),
        );
    }
    if (outcome.result === 'completed') return ended(outcome);
    if (tracked.life.isCancelled) {
      const { result } = await this.#withReason(outcome, view, tracked);
      return ended(result === 'not-run' ? notRun('', 'cancelled') : asCancelled(outcome, view, tracked));
    }
    if (!(await this.#isItsOwn(view, tracked, outcome))) return this.#undetermined();
    if (this.#isCutShort(view, tracked))
      return ended(lost('the time of its Flux instance was over', outcome, blame('allocation')));
    const isOfRestart = await this.#isOfRestart(view, tracked);
    if (isOfRestart === undefined) return this.#undetermined();
    if (endedWithInstance || isOfRestart)
      return ended(lost('it was ended with its Flux instance', outcome, blame('allocation')));
    const loss = await this.#lossOf(view, tracked);
    if (loss !== undefined) return { is: 'deferred', reason: `${loss} (${outcome.note})` };
    return ended(await this.#withReason(outcome, view, tracked));
  }

  /**
   * Classifies the end of a job that the broker does not know, by what the launcher recorded.
   *
   * @throws HostError
   */
  async classifyForgotten(tracked: TrackedJob): Promise<JobEnd> {
    const { id } = tracked.life;
    const claim = await this.#options.claims.settle(tracked.job);
    const owner = ownerOf(claim);
    if (owner !== undefined && owner !== id) return { is: 'other-job', id: owner };
    const note = `the broker does not know its job ${encodeJobId(id!)} any more`;
    return ended(outcomeFromClaim(claim, tracked.tasks, { note, loss: blame('allocation') }));
  }

  #undetermined(): JobEnd {
    return { is: 'undetermined', isInstanceEnding: this.#options.instance.state === 'ending' };
  }

  /**
   * Separates failures of the machine from failures of the step. If the script did not start, the cause is the
   * launcher, the broker, the job shell, a prolog or a full file system. Any other failure is the step's, and the note
   * gives the reason.
   */
  async #withReason(outcome: JobOutcome, view: JobView, { job, life }: TrackedJob): Promise<JobOutcome> {
    const { host, studyPath, claims } = this.#options;
    // A job that fails before it gets resources was refused for what it asks for.
    if (outcome.result !== 'failed' || view.allocated === null) return outcome;
    const lostClaim = view.exception === null && outcome.exitCode === couldNotClaim;
    let claim: Claim | undefined;
    try {
      [claim] = await claims.readOnce([job]);
      if (claim === undefined && lostClaim) return notRun(notClaimed);
      // A file server may be late to show new files of other machines, so only a successful claim proves that there was
      // none.
      claim ??= await claims.settleOnce(job);
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      return isOfDisk(error.message) && claim === undefined && outcome.note !== '' ? notRun(outcome.note) : outcome;
    }
    if (claim.owner === null && lostClaim) return notRun(givenUp);
    // Some of the tasks ran the script.
    if (lostClaim && !claim.exits.includes(couldNotClaim)) return notStarted(notClaimed, outcome);
    const words = () => lastWords(host, `${studyPath}/${outputsOf(job.step, encodeJobId(life.id!)).stderr}`);
    const kind = kindOfFailure(claim);
    if (kind === 'script') return outcome;
    if (kind === 'not-executable') return { ...outcome, note: outcome.note || (await words()) };
    const why = outcome.note || (await words()) || `exit ${outcome.exitCode}`;
    const note = `the script was not run: ${why}`;
    return claim.owner === null && isOfDisk(outcome.note) ? notRun(note) : notStarted(note, outcome);
  }

  async #isItsOwn(view: JobView, { duration }: TrackedJob, { signal }: JobOutcome): Promise<boolean> {
    const { instance, clock } = this.#options;
    if ((await instance.ask()) !== 'run') return false;
    const isEarly = isEarlyTimeout(view, duration);
    if (!isEarly && signal !== 'SIGTERM' && signal !== 'SIGKILL') return true;
    await sleep(clock, isEarly ? EARLY_TIMEOUT_DELAY_MS : KILLED_DELAY_MS);
    return (await instance.ask()) === 'run';
  }

  /** Whether the expiration of the instance ended the job before its own time limit. */
  #isCutShort(view: JobView, { duration }: TrackedJob): boolean {
    const { expiration } = this.#options;
    const { exception } = view;
    if (expiration === 0 || exception === null || !isEarlyTimeout(view, duration)) return false;
    return exception.timestamp >= expiration - EXPIRATION_SLACK_S;
  }

  /** Explains why the scheduler can no longer give a job resources that the instance once had. */
  async #lossOf({ exception, started }: JobView, tracked: TrackedJob): Promise<string | undefined> {
    if (exception?.type !== 'alloc' || started !== null) return undefined;
    const isUnsatisfiable = classifyRefusal({ words: exception.note }) === 'unsatisfiable';
    return isUnsatisfiable ? this.#options.explainLoss(tracked) : undefined;
  }

  /** Whether a restart of the instance ended the job; undefined if the broker cannot be asked now. */
  async #isOfRestart(view: JobView, { duration }: TrackedJob): Promise<boolean | undefined> {
    if (!mayBeOfRestart(view, duration)) return false;
    const identity = await this.#options.instance.identity();
    return identity && endedByRestart(view, duration, identity);
  }
}

const ended = (outcome: JobOutcome): JobEnd => ({ is: 'ended', outcome });

/**
 * The outcome of a job that the study cancelled. The broker's note is dropped because the study knows the reason
 * better; an early timeout also counts as cancelled.
 */
function asCancelled(outcome: JobOutcome, view: JobView, { duration }: TrackedJob): JobOutcome {
  const isOurs = outcome.result === 'cancelled' || isEarlyTimeout(view, duration);
  return isOurs ? { ...outcome, result: 'cancelled', note: '', blame: blame('cancelled') } : outcome;
}

/** What the records of the launcher say about why a job failed. */
function kindOfFailure({
  owner,
  exits,
  hasNeverBegun,
  isNotExecutable,
}: Claim): 'machine' | 'not-executable' | 'script' {
  if (owner === null) return 'machine';
  // Tasks may have been killed because others could not start; only an exit status without a signal is from the script.
  const isOwn = exits.some((status) => status !== 0 && signalOf(status) === null);
  if (hasNeverBegun === true && !isOwn) return 'machine';
  return isNotExecutable === true ? 'not-executable' : 'script';
}

/** The job's script did not run, and will not. */
function notRun(note: string, result: 'not-run' | 'cancelled' = 'not-run'): JobOutcome {
  const why = result === 'cancelled' ? blame('cancelled') : blameOfStart(note);
  return { result, exitCode: null, signal: null, note, blame: why };
}

/** The job is gone and its step did not complete, so the step runs again. */
function lost(note: string, { exitCode, signal }: JobOutcome, why: Blame): JobOutcome {
  return { result: 'node-failure', exitCode, signal, note, blame: why };
}

/** A job whose script did not run, so that the code is not to blame whatever the job shell said. */
function notStarted(note: string, outcome: JobOutcome): JobOutcome {
  const isKnown = outcome.blame !== undefined && isInfrastructure(outcome.blame);
  return lost(note, outcome, isKnown ? outcome.blame : blameOfStart(note));
}

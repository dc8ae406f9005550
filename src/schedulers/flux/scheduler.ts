import { BrokerLink, type LinkListener, type LinkOptions } from '../../broker/link.js';
import type { Clock } from '../../clock.js';
import { ConnectionError, FluxError, RequestTimeout } from '../../flux/errors.js';
import { applyEvent, type FluxEvent, newJob } from '../../flux/eventlog.js';
import type { Handle } from '../../flux/handle.js';
import { decodeJobId, encodeJobId, type JobId } from '../../flux/job-id.js';
import { durationOf, jobspecOf } from '../../flux/jobspec.js';
import { toJson } from '../../flux/json.js';
import { cancelJob, watchEventlog } from '../../flux/requests.js';
import { type Host, HostError } from '../../hosts/host.js';
import { Queue } from '../../queue.js';
import type { StepInstance } from '../../study/graph.js';
import { type Claim, readClaim } from '../claims.js';
import { outputsOf } from '../outputs.js';
import type { Job, JobOutcome, Outputs, Scheduler, SchedulerListener } from '../scheduler.js';
import { signalOf } from '../signals.js';
import { InstanceWatch } from './instance-watch.js';
import { isEarlyTimeout, outcomeOf } from './outcome.js';
import { jobRequest, type StudyJobs, tasksOf, urgency } from './request.js';
import { Submission } from './submission.js';
import { SubmitError, type Submitter } from './submitter.js';

export interface FluxSchedulerOptions {
  /** Where the study is. */
  readonly host: Host;
  readonly study: StudyJobs;
  readonly submitter: Submitter;
  readonly link: LinkOptions;
  /** What messages call the broker. */
  readonly uri: string;
  /** Whether it may come back after its end: the machine's own instance does, one in an allocation does not. */
  readonly comesBack: boolean;
  /** Whether the instance is ours: then it tells us when it ends. */
  readonly isOwner: boolean;
  readonly clock: Clock;
  /** Takes lines about the connection, for people. */
  readonly tell: (line: string) => void;
}

/** A timeout before its time is held so long, in milliseconds, to see whether the whole instance ends. */
const settleTime = 10_000;

/** An instance that is ending may finish jobs on its way; it has so long, in milliseconds. */
const endingTime = 60_000;

/** A job that the broker does not know is looked for so often, so many milliseconds apart. */
const lookups = { most: 5, apart: 500 };

/**
 * Runs scheduled steps as jobs of a Flux instance: submits as they come, watches each job's eventlog, and reports what that
 * says. Connections may break: after each all logs are watched again, from their first entry, and what was reported is not
 * reported again.
 *
 * Three things are never taken for what they look like. A submit without an answer may have been heard: it is repeated, and
 * the launcher's claim tells which job has the step. A job that ended badly while its instance was ending did not end by
 * itself. And a step is not failed because we cannot see it.
 */
export class FluxScheduler implements Scheduler, LinkListener {
  readonly #options: FluxSchedulerOptions;
  readonly #listener: SchedulerListener;
  readonly #link: BrokerLink;
  readonly #instance: InstanceWatch;
  /** By the index of the step: of each step one attempt at most. */
  readonly #submissions = new Map<number, Submission>();
  readonly #waiting = new Queue<Submission>();
  /** How many submits have no answer yet. */
  #onTheWay = 0;
  #handle: Handle | undefined;
  readonly #timers = new Set<() => void>();
  #wasDown = false;
  #isOver = false;

  constructor(options: FluxSchedulerOptions, listener: SchedulerListener) {
    this.#options = options;
    this.#listener = listener;
    this.#link = new BrokerLink(options.link, this);
    this.#instance = new InstanceWatch(options.isOwner, () => this.#onEnding());
  }

  /** Begins with a connection that is there already. */
  start(handle: Handle): void {
    this.#link.start(handle);
  }

  /** Lets the broker go. Nothing is reported after that; jobs are left as they are. */
  close(): void {
    this.#isOver = true;
    for (const stop of this.#timers) stop();
    this.#link.close();
  }

  /** Lets the broker go and reports that what becomes of its jobs will not be seen. */
  interrupt(reason: string): void {
    if (this.#isOver) return;
    this.close();
    this.#listener({ type: 'interrupt', at: this.#options.clock.now(), reason });
  }

  submit(job: Job): void {
    const submission = new Submission(job);
    this.#submissions.set(job.step.index, submission);
    this.#waiting.push(submission);
    this.#pump();
  }

  cancel(jobs: readonly Job[]): void {
    for (const { step } of jobs) {
      const submission = this.#submissions.get(step.index);
      if (submission === undefined || submission.isCancelled) continue;
      submission.isCancelled = true;
      if (submission.id !== undefined) this.#raise(submission, submission.id);
      else if (submission.isWaiting && !submission.isDoubtful) this.#refuse(submission, 'it was cancelled before');
    }
  }

  outputs(step: StepInstance, id: string): Outputs {
    return outputsOf(step, id);
  }

  // The connection.

  onUp(handle: Handle): void {
    this.#handle = handle;
    this.#instance.onUp(handle);
    if (this.#wasDown) this.#options.tell(`connected to the Flux broker ${this.#options.uri} again`);
    for (const submission of this.#submissions.values()) {
      if (submission.id === undefined) continue;
      this.#watch(submission, submission.id);
      if (submission.isCancelled) this.#raise(submission, submission.id);
    }
    this.#pump();
  }

  onDown(reason: string): void {
    this.#handle = undefined;
    this.#wasDown = true;
    if (this.#instance.isEnding && !this.#options.comesBack) this.onGone(reason);
    else if (!this.#instance.isEnding)
      this.#options.tell(`lost the Flux broker ${this.#options.uri}: ${reason}; looking for it`);
  }

  onGone(reason: string): void {
    const { uri } = this.#options;
    this.interrupt(
      this.#instance.isEnding
        ? `the Flux instance ${uri} ended before the study did`
        : `the Flux broker ${uri} is lost: ${reason}`,
    );
  }

  /** Whoever ends the instance ends its jobs. Those that are done nevertheless are waited for, but not for ever. */
  #onEnding(): void {
    const { tell, uri } = this.#options;
    if (this.#isOver) return;
    tell(`the Flux instance ${uri} is ending: nothing more is submitted to it`);
    this.#after(endingTime, () => {
      if (this.#instance.isEnding) this.interrupt(`the Flux instance ${uri} is ending`);
    });
  }

  // From a step to a job.

  #pump(): void {
    while (this.#handle !== undefined && !this.#instance.isEnding && this.#onTheWay < this.#options.submitter.window) {
      const submission = this.#waiting.shift();
      if (submission === undefined) return;
      if (this.#isCurrent(submission)) void this.#send(submission, this.#handle);
    }
  }

  async #send(submission: Submission, handle: Handle): Promise<void> {
    const { study, submitter } = this.#options;
    submission.isWaiting = false;
    this.#onTheWay += 1;
    try {
      const request = jobRequest(submission.job, study);
      const jobspec = jobspecOf(request);
      submission.duration = durationOf(jobspec);
      submission.tasks = tasksOf(request);
      const id = await submitter.submit(
        handle,
        toJson(jobspec),
        Math.min(urgency(submission.job.step), study.mostUrgent),
      );
      this.#onTheWay -= 1;
      this.#accept(submission, id);
    } catch (error) {
      this.#onTheWay -= 1;
      await this.#handleRefusal(submission, error);
    }
    this.#pump();
  }

  #accept(submission: Submission, id: JobId): void {
    if (this.#isOver) return;
    submission.id = id;
    this.#listener({ ...this.#base(submission), type: 'submitted', id: encodeJobId(id) });
    this.#watch(submission, id);
    if (submission.isCancelled) this.#raise(submission, id);
  }

  async #handleRefusal(submission: Submission, error: unknown): Promise<void> {
    if (error instanceof HostError) return this.#refuse(submission, error.message);
    const isRefusal = error instanceof FluxError || error instanceof SubmitError;
    if (isRefusal && (await this.#instance.lives(this.#handle))) return this.#refuse(submission, error.message);
    if (!isRefusal && !isLost(error)) throw error;
    // It may have been heard, so it is asked for again; if two jobs come of it, the launcher lets one run.
    submission.isDoubtful = true;
    submission.isWaiting = true;
    this.#waiting.push(submission);
    if (error instanceof RequestTimeout) this.#link.drop(error.message);
  }

  #refuse(submission: Submission, reason: string): void {
    if (!this.#forget(submission)) return;
    this.#listener({ ...this.#base(submission), type: 'not-submitted', reason });
  }

  #raise(submission: Submission, id: JobId): void {
    if (this.#handle === undefined) return;
    cancelJob(this.#handle, id, 'the study was cancelled').catch((error: unknown) => {
      // If the connection is lost it is asked for again with the next one.
      if (error instanceof RequestTimeout) this.#link.drop(error.message);
      if (error instanceof FluxError && this.#isCurrent(submission))
        this.#options.tell(`cannot cancel job ${encodeJobId(id)} of ${submission.job.step.name}: ${error.message}`);
    });
  }

  // From a job's eventlog to events of its step.

  #watch(submission: Submission, id: JobId): void {
    if (this.#handle === undefined || this.#isOver) return;
    submission.stopWatching();
    submission.view = newJob;
    submission.isConcluded = false;
    submission.stopWatching = watchEventlog(this.#handle, id, {
      onEvents: (events) => this.#onEvents(submission, events),
      onEnd: (error) => void this.#onLogEnd(submission, error),
    });
  }

  #onEvents(submission: Submission, events: readonly FluxEvent[]): void {
    for (const event of events) {
      submission.view = applyEvent(submission.view, event);
      if (this.#isOver || !this.#isCurrent(submission)) return;
      this.#tellProgress(submission, event);
      if (submission.view.state === 'INACTIVE') void this.#conclude(submission);
    }
  }

  #tellProgress(submission: Submission, { timestamp }: FluxEvent): void {
    const { state, started } = submission.view;
    const at = milliseconds(timestamp);
    const base = { ...this.#base(submission), at };
    if (state === 'SCHED' && submission.hasNotSaid('queued')) this.#listener({ ...base, type: 'queued' });
    if (started !== null && submission.hasNotSaid('started')) this.#listener({ ...base, type: 'started' });
    if (started !== null && state === 'CLEANUP' && submission.hasNotSaid('finishing')) {
      this.#listener({ ...base, type: 'finishing' });
    }
  }

  async #onLogEnd(submission: Submission, error: Error | undefined): Promise<void> {
    if (submission.isConcluded || !this.#isCurrent(submission) || error instanceof ConnectionError) return;
    if (error !== undefined && !(error instanceof FluxError)) {
      this.#link.drop(error.message);
      return;
    }
    // While an instance ends it does not know its own jobs any more.
    if (!(await this.#instance.lives(this.#handle))) return;
    submission.lookups += 1;
    if (submission.lookups > lookups.most) return this.#giveUpLooking(submission);
    this.#after(lookups.apart, () => {
      if (this.#isCurrent(submission) && submission.id !== undefined) this.#watch(submission, submission.id);
    });
  }

  /** The broker has lost the job: what the launcher wrote down decides. */
  async #giveUpLooking(submission: Submission): Promise<void> {
    const { exits } = (await this.#readClaim(submission)) ?? { exits: [] };
    if (!this.#isCurrent(submission)) return;
    const exitCode = Math.max(0, ...exits);
    const hasEnded = exitCode > 0 || exits.length >= submission.tasks;
    const note = `the broker does not know its job ${encodeJobId(submission.id!)} any more`;
    const outcome: JobOutcome = hasEnded
      ? { result: exitCode === 0 ? 'completed' : 'failed', exitCode, signal: signalOf(exitCode), note }
      : { result: 'node-failure', exitCode: null, signal: null, note };
    this.#end(submission, outcome, this.#options.clock.now());
  }

  /** The job is over. What that means for its step may have to be found out first. */
  async #conclude(submission: Submission): Promise<void> {
    const { view } = submission;
    submission.isConcluded = true;
    if (submission.isDoubtful && (await this.#isOtherJobs(submission))) return;
    const outcome = outcomeOf(view, submission.duration);
    if (outcome.result !== 'completed' && !submission.isCancelled && !(await this.#isItsOwn(submission))) return;
    if (!this.#isCurrent(submission) || submission.view !== view) return;
    const at = milliseconds(view.finished ?? view.exception?.timestamp ?? view.cleaned ?? 0);
    this.#end(submission, this.#asTold(submission, outcome), at);
  }

  /** What the study is to make of an end that is known for what it is. */
  #asTold({ isCancelled, isHeld }: Submission, outcome: JobOutcome): JobOutcome {
    // Why we cancelled it the study knows better than the broker.
    if (isCancelled) return outcome.result === 'cancelled' ? { ...outcome, note: '' } : outcome;
    return isHeld ? lostWithInstance(outcome) : outcome;
  }

  /** Whether a bad end is the job's own, not its instance's; if not it is held until the instance is back or gone. */
  async #isItsOwn(submission: Submission): Promise<boolean> {
    const lives = () => this.#instance.lives(this.#handle);
    if (await lives()) {
      if (!isEarlyTimeout(submission.view, submission.duration)) return true;
      await new Promise<void>((resolve) => this.#after(settleTime, resolve));
      if (await lives()) return true;
    }
    submission.isHeld ||= this.#instance.isEnding;
    return false;
  }

  /** Of two jobs for one attempt, the one that has the claim is the step's: if it is not this, it is watched instead. */
  async #isOtherJobs(submission: Submission): Promise<boolean> {
    const owner = decodeJobId((await this.#readClaim(submission))?.owner ?? '');
    if (this.#isOver || !this.#isCurrent(submission)) return true;
    submission.isDoubtful = false;
    if (owner === undefined || owner === submission.id) return false;
    this.#accept(submission, owner);
    return true;
  }

  async #readClaim({ job }: Submission): Promise<Claim | undefined> {
    const { host, study } = this.#options;
    try {
      return await readClaim(host, study.studyPath, job.step.workspace, job.attempt);
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      // Without it nobody can say what became of the step.
      this.interrupt(error.message);
      return undefined;
    }
  }

  #end(submission: Submission, outcome: JobOutcome, at: number): void {
    if (!this.#forget(submission)) return;
    this.#listener({ ...this.#base(submission), type: 'ended', at, outcome });
  }

  /** Before an end is reported, because that may be answered with the step's next attempt. Returns whether it was current. */
  #forget(submission: Submission): boolean {
    if (this.#isOver || !this.#isCurrent(submission)) return false;
    submission.stopWatching();
    return this.#submissions.delete(submission.job.step.index);
  }

  #isCurrent(submission: Submission): boolean {
    return this.#submissions.get(submission.job.step.index) === submission;
  }

  #after(milliseconds: number, call: () => void): void {
    const stop = this.#options.clock.after(milliseconds, () => {
      this.#timers.delete(stop);
      call();
    });
    this.#timers.add(stop);
  }

  #base({ job }: Submission): { step: number; attempt: number; at: number } {
    return { step: job.step.index, attempt: job.attempt, at: this.#options.clock.now() };
  }
}

const isLost = (error: unknown) => error instanceof ConnectionError || error instanceof RequestTimeout;
const milliseconds = (seconds: number) => Math.round(seconds * 1000);

/** The instance came back, but the job had been ended with it: the step is to run again. */
function lostWithInstance({ exitCode, signal }: JobOutcome): JobOutcome {
  return { result: 'node-failure', exitCode, signal, note: 'it was ended with its Flux instance' };
}

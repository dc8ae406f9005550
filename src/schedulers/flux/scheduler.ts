import { classifyRefusal, type RefusalKind } from '../../flux/classify-refusal.js';
import { BrokerLink, type LinkOptions } from '../../flux/connect/reconnecting.js';
import { ConnectionError, errno, FluxError, RequestTimeout } from '../../flux/errors.js';
import { applyEvent, type FluxEvent, newJob } from '../../flux/eventlog.js';
import type { Handle } from '../../flux/handle.js';
import { decodeJobId, encodeJobId, type JobId } from '../../flux/job-id.js';
import { durationOf, jobspecOf } from '../../flux/jobspec.js';
import { toJson } from '../../flux/json.js';
import { AnswerError, cancelJob, watchEventlog } from '../../flux/requests.js';
import { type Host, HostError, HostLostError } from '../../hosts/host.js';
import type { Outputs } from '../../scripts/outputs.js';
import { outputsOf } from '../../scripts/outputs.js';
import type { ObsoleteJob } from '../../store/journal/records.js';
import { LeaseLostError } from '../../store/lease.js';
import type { StepInstance } from '../../study/graph.js';
import type { Clock } from '../../util/clock.js';
import { Fifo } from '../../util/fifo.js';
import { Semaphore } from '../../util/semaphore.js';
import { type Claim, readClaims } from '../claims/claims.js';
import { outcomeFromClaim, tasksOfStep } from '../claims/outcome.js';
import type {
  BatchScheduler,
  InheritedJob,
  InterruptEvent,
  Job,
  JobEvent,
  JobOutcome,
  SchedulerListener,
} from '../scheduler.js';
import { Judge, type Verdict } from './classify-end.js';
import { InstanceMonitor } from './instance-monitor.js';
import { jobRequest, type StudyJobs, urgency } from './job-request.js';
import { type Found, findLeft } from './left.js';
import { lostNodes } from './lost-nodes.js';
import { ObsoleteJobs } from './obsolete-jobs.js';
import { SubmitBackoff, TROUBLE_LIMIT_MS } from './submit-backoff.js';
import { SubmitError, type Submitter } from './submitter.js';
import { TrackedJob } from './tracked-job.js';

export interface FluxSchedulerOptions {
  /** Where the study is. */
  readonly host: Host;
  readonly study: StudyJobs;
  readonly submitter: Submitter;
  readonly link: LinkOptions;
  /** What messages call the broker. */
  readonly uri: string;
  /** What the journal calls where its jobs are, as it is seen from elsewhere too; the URI unless given. */
  readonly place?: string;
  /** Whether a job that was left at `place` is in this instance; unless told it is. Otherwise it is looked for. */
  readonly isFamiliar?: boolean;
  /** Whether it may come back after its end: the machine's own instance does, one in an allocation does not. */
  readonly comesBack: boolean;
  /** Whether the instance is ours: then it tells us when it ends. */
  readonly isOwner: boolean;
  /** Seconds since the epoch at which the instance ends; 0, or not given: never. */
  readonly expiration?: number;
  readonly clock: Clock;
  /** Takes lines about the connection, for people. */
  readonly tell: (line: string) => void;
  /**
   * Makes sure that the study is still ours before jobs are told to end by another connection than the first: who was away for
   * long may have a successor, whose jobs they are. Nothing is told to end if it rejects with OvertakenError; any other
   * failure forbids nothing.
   */
  readonly confirm?: () => Promise<void>;
}

/** An instance that is ending may finish jobs on its way; it has so long, in milliseconds. */
const endingTime = 60_000;

/** A job that the broker does not know is looked for so often. */
const mostLookups = 5;

/** Jobs that an earlier driver left, and that the broker did not tell of, are looked for again after so many milliseconds. */
const findTime = 10_000;

/** A job that begins, and may not be the one that runs the step, has the claim after so many milliseconds if it is. */
const claimTime = 2_000;

/** That the study is still ours is waited for so many milliseconds, and then believed. */
const confirmTime = 15_000;

/** How many jobs are told to end at once. */
const raisesAtOnce = 256;

/**
 * Runs scheduled steps as jobs of a Flux instance: submits as they come, watches each job's eventlog, and reports what that
 * says. Connections may break: after each all logs are watched again, from their first entry, and what was reported is not
 * reported again. A submit without an answer may have been heard: it is repeated, and the launcher's claim tells which job
 * has the step. What the end of a job means is for the judge to say.
 */
export class FluxScheduler implements BatchScheduler {
  readonly #options: FluxSchedulerOptions;
  readonly #listener: SchedulerListener;
  readonly #link: BrokerLink;
  readonly #instance: InstanceMonitor;
  readonly #ends: Judge;
  readonly #discards: ObsoleteJobs;
  readonly #backoff: SubmitBackoff;
  /** By the index of the step: of each step one attempt at most. */
  readonly #jobs = new Map<number, TrackedJob>();
  readonly #waiting = new Fifo<TrackedJob>();
  readonly #raises = new Semaphore(raisesAtOnce);
  readonly #timers = new Set<() => void>();
  #stopEndingTimer: () => void = () => {};
  /** How many submits have no answer yet. */
  #onTheWay = 0;
  /** Undefined while there is no connection. */
  #handle: Handle | undefined;
  #wasDown = false;
  /** Whether jobs may be told to end by the present connection; undefined until that matters. */
  #mayEnd: Promise<boolean> | undefined;
  #isFinding = false;
  #isOver = false;

  constructor(options: FluxSchedulerOptions, listener: SchedulerListener) {
    const { host, study, isOwner, clock, link } = options;
    // What is set up here is stopped when the scheduler is.
    const ownClock: Clock = {
      now: () => clock.now(),
      random: () => clock.random(),
      after: (wait, call) => this.#after(wait, call),
    };
    this.#options = options;
    this.#listener = listener;
    this.#link = new BrokerLink(link, {
      onUp: (handle) => this.#onUp(handle),
      onDown: (reason) => this.#onDown(reason),
      onGone: (reason) => this.#onGone(reason),
    });
    this.#instance = new InstanceMonitor(isOwner, ownClock, {
      onRun: () => this.#onRun(),
      onEnding: () => this.#onEnding(),
      onTrouble: (reason) => this.#link.drop(reason),
    });
    this.#ends = new Judge({
      host,
      studyPath: study.studyPath,
      clock: ownClock,
      instance: this.#instance,
      explainLoss: (tracked) => this.#explainLoss(tracked),
      expiration: options.expiration ?? 0,
    });
    this.#backoff = new SubmitBackoff(ownClock, options.tell, () => this.#pump());
    this.#discards = new ObsoleteJobs(host, study, options.tell, () => this.#mayEndJobs());
  }

  /** Begins with a connection that is there already. */
  start(handle: Handle): void {
    this.#link.start(handle);
  }

  /** Whether the instance is ending, or cannot be asked. */
  async isEnding(): Promise<boolean> {
    return (await this.#instance.ask()) !== 'run';
  }

  /** Lets the broker go. Nothing is reported after that; jobs are left as they are. */
  close(): void {
    this.#isOver = true;
    this.#handle = undefined;
    for (const stop of this.#timers) stop();
    this.#timers.clear();
    this.#discards.close();
    this.#link.close();
  }

  /**
   * Lets the broker go, and reports that what becomes of its jobs will not be seen; but those that ended well before that
   * have written it down.
   */
  interrupt(reason: string): Promise<void> {
    return this.#interrupt({ reason });
  }

  async #interrupt(why: Pick<InterruptEvent, 'reason' | 'alsoLocal'>): Promise<void> {
    if (this.#isOver) return;
    const inFlight = [...this.#jobs.values()].filter(({ id }) => id !== undefined);
    this.close();
    const at = this.#options.clock.now();
    const ended = await this.#finished(inFlight).catch(() => []);
    const isPlaceOver = this.#instance.state === 'ending' && !this.#options.comesBack;
    this.#listener({ type: 'interrupt', at, ...why, ended, ...(isPlaceOver ? { isPlaceOver } : {}) });
  }

  /** The ends of those whose tasks have all exited with 0. */
  async #finished(submissions: readonly TrackedJob[]): Promise<Extract<JobEvent, { type: 'ended' }>[]> {
    const { host, study, clock } = this.#options;
    const attempts = submissions.map(({ job }) => ({ workspace: job.step.workspace, attempt: job.attempt }));
    const claims = await readClaims(host, study.studyPath, attempts);
    return submissions.flatMap((tracked, i) => {
      const { job } = tracked;
      const outcome = outcomeFromClaim(claims[i], tracked, '');
      if (outcome?.result !== 'completed') return [];
      return [{ type: 'ended', step: job.step.index, attempt: job.attempt, at: clock.now(), outcome }];
    });
  }

  submit(job: Job): void {
    const tracked = new TrackedJob(job);
    this.#jobs.set(job.step.index, tracked);
    this.#waiting.push(tracked);
    this.#pump();
  }

  reattach(jobs: readonly InheritedJob[]): void {
    const { uri, place = uri, isFamiliar = true, study } = this.#options;
    for (const job of jobs) {
      const tracked = new TrackedJob(job, job);
      const isHere = isFamiliar && job.place === place && job.id !== '';
      tracked.id = isHere ? decodeJobId(job.id) : undefined;
      tracked.isDoubtful = job.isDoubtful || tracked.id === undefined;
      tracked.phase = tracked.isDoubtful ? 'left' : 'watched';
      const jobspec = jobspecOf(jobRequest(job, study));
      tracked.duration = durationOf(jobspec);
      tracked.resources = jobspec.resources;
      Object.assign(tracked, tasksOfStep(job, study));
      this.#jobs.set(job.step.index, tracked);
      if (!tracked.isDoubtful) this.#watch(tracked, tracked.id!);
    }
    this.#findLeft();
  }

  cancelObsolete(jobs: readonly ObsoleteJob[]): Promise<void> {
    return this.#discards.add(jobs);
  }

  cancel(jobs: readonly Job[]): void {
    for (const { step } of jobs) {
      const tracked = this.#jobs.get(step.index);
      if (tracked === undefined || tracked.isCancelled) continue;
      tracked.isCancelled = true;
      if (tracked.id !== undefined) this.#raise(tracked, tracked.id);
      const hasNoJob = tracked.phase === 'left' && tracked.id === undefined;
      if (tracked.phase === 'waiting' || hasNoJob) this.#withdraw(tracked, cancelledBefore);
      if (tracked.phase === 'held') this.#conclude(tracked);
    }
  }

  outputs(step: StepInstance, id: string): Outputs {
    return outputsOf(step, id);
  }

  // The connection, and the instance.

  #onUp(handle: Handle): void {
    this.#handle = handle;
    this.#mayEnd = undefined;
    if (this.#wasDown) this.#options.tell(`connected to the Flux broker ${this.#options.uri} again`);
    this.#instance.onUp(handle);
    for (const tracked of this.#jobs.values()) {
      if (tracked.id === undefined) continue;
      if (tracked.phase !== 'left') this.#watch(tracked, tracked.id);
      if (tracked.isCancelled) this.#raise(tracked, tracked.id);
    }
    this.#discards.onUp(handle);
    this.#findLeft();
  }

  #onDown(reason: string): void {
    const { uri, comesBack, tell } = this.#options;
    const wasEnding = this.#instance.state === 'ending';
    this.#handle = undefined;
    this.#wasDown = true;
    this.#instance.onDown();
    this.#discards.onDown();
    if (wasEnding && !comesBack) this.#onGone(reason);
    else tell(`lost the Flux broker ${uri}: ${reason}; looking for it`);
  }

  #onGone(reason: string): void {
    const { uri } = this.#options;
    const hasEnded = this.#instance.state === 'ending';
    void this.interrupt(
      hasEnded ? `the Flux instance ${uri} ended before the study did` : `the Flux broker ${uri} is lost: ${reason}`,
    );
  }

  #onRun(): void {
    this.#stopEndingTimer();
    for (const tracked of this.#jobs.values()) if (tracked.phase === 'held') this.#conclude(tracked);
    this.#pump();
  }

  /** Whoever ends the instance ends its jobs. Those that are done nevertheless are waited for, but not for ever. */
  #onEnding(): void {
    const { tell, uri, comesBack, link } = this.#options;
    if (this.#isOver) return;
    tell(`the Flux instance ${uri} is ending: nothing more is submitted to it`);
    const wait = comesBack ? link.patience : endingTime;
    this.#stopEndingTimer = this.#after(wait, () => void this.interrupt(`the Flux instance ${uri} is ending`));
  }

  // What an earlier driver left.

  /** Finds out where all is of which that is not known. */
  #findLeft(): void {
    const handle = this.#handle;
    const left = [...this.#jobs.values()].filter(({ phase }) => phase === 'left');
    if (handle === undefined || this.#isFinding || left.length === 0) return;
    this.#isFinding = true;
    const find = async () => {
      const claims = await this.#ends.claims(left);
      await Promise.all(left.map((tracked, i) => this.#findOne(tracked, claims[i], handle)));
      this.#isFinding = false;
      const isUnknown = (tracked: TrackedJob) => this.#isCurrent(tracked) && tracked.phase === 'left';
      // With another connection, or later with this one: so also what came meanwhile.
      if (handle !== this.#handle || !left.some(isUnknown)) this.#findLeft();
      else this.#after(findTime, () => this.#findLeft());
    };
    this.#guard(find());
  }

  /** It is still left afterwards if the broker did not say. */
  async #findOne(tracked: TrackedJob, claim: Claim | undefined, handle: Handle): Promise<void> {
    const { uri, place = uri, isFamiliar = true, study } = this.#options;
    const isOpen = () => !this.#isOver && this.#isCurrent(tracked) && tracked.phase === 'left';
    if (!isOpen()) return;
    try {
      const found = await findLeft(handle, isFamiliar ? place : undefined, study, tracked.left!, tracked, claim);
      if (isOpen()) this.#take(tracked, found, claim);
    } catch (error) {
      if (!isNoAnswer(error) && !(error instanceof FluxError)) throw error;
      if (error instanceof RequestTimeout || error instanceof AnswerError) this.#link.drop(error.message);
    }
  }

  #take(tracked: TrackedJob, found: Found, claim: Claim | undefined): void {
    const { uri, place: here = uri } = this.#options;
    const { id, place, isDoubtful } = tracked.left!;
    switch (found.is) {
      case 'job': {
        tracked.isDoubtful = found.isDoubtful;
        const isNew = found.id !== decodeJobId(id) || place !== here || found.isDoubtful !== isDoubtful;
        if (isNew) return this.#accept(tracked, found.id);
        return this.#watch(tracked, found.id);
      }
      case 'end': {
        // Its outputs are called by its id.
        const owner = decodeJobId(claim?.owner ?? '');
        if (owner !== undefined && owner !== decodeJobId(id)) {
          this.#tellSubmitted(tracked, encodeJobId(owner), place);
        }
        const { outcome } = found;
        const isLost = outcome.result === 'node-failure' || outcome.result === 'not-run';
        const isCancelled = tracked.isCancelled && isLost;
        return this.#end(tracked, isCancelled ? { ...outcome, result: 'cancelled', note: '' } : outcome);
      }
      case 'nobody':
        tracked.isDoubtful = true;
        if (tracked.isCancelled) return this.#withdraw(tracked, cancelledBefore);
        tracked.phase = 'waiting';
        this.#waiting.push(tracked);
        this.#pump();
    }
  }

  // From a step to a job.

  #pump(): void {
    while (this.#handle !== undefined && this.#instance.state === 'run' && !this.#backoff.isPaused) {
      if (this.#onTheWay >= this.#options.submitter.window) return;
      const tracked = this.#waiting.shift();
      if (tracked === undefined) return;
      if (this.#isCurrent(tracked) && tracked.phase === 'waiting') {
        this.#guard(this.#send(tracked, this.#handle));
      }
    }
  }

  async #send(tracked: TrackedJob, handle: Handle): Promise<void> {
    const { study, submitter } = this.#options;
    const { step } = tracked.job;
    const request = jobRequest(tracked.job, study);
    const jobspec = jobspecOf(request);
    tracked.phase = 'sent';
    tracked.duration = durationOf(jobspec);
    tracked.resources = jobspec.resources;
    Object.assign(tracked, tasksOfStep(tracked.job, study));
    this.#onTheWay += 1;
    const [answer] = await Promise.allSettled([
      submitter.submit(handle, toJson(jobspec), Math.min(urgency(step), study.mostUrgent)),
    ]);
    this.#onTheWay -= 1;
    if (this.#isOver) return;
    if (answer.status === 'fulfilled') {
      this.#backoff.succeed();
      this.#accept(tracked, answer.value);
    } else await this.#handleNoJob(tracked, handle, answer.reason);
    this.#pump();
  }

  #accept(tracked: TrackedJob, id: JobId): void {
    tracked.id = id;
    this.#tellSubmitted(tracked, encodeJobId(id), this.#options.place ?? this.#options.uri);
    this.#watch(tracked, id);
    if (tracked.isCancelled) this.#raise(tracked, id);
  }

  #tellSubmitted(tracked: TrackedJob, id: string, place: string): void {
    const { isDoubtful } = tracked;
    this.#listener({ ...this.#base(tracked), type: 'submitted', id, place, isDoubtful });
  }

  /** Another job than the one that we know of has the attempt, for good. */
  #adopt(tracked: TrackedJob, id: JobId): void {
    tracked.isDoubtful = false;
    this.#accept(tracked, id);
  }

  /** A submit brought no job, as far as we know. */
  async #handleNoJob(tracked: TrackedJob, handle: Handle, error: unknown): Promise<void> {
    const isHosts = error instanceof HostError && !(error instanceof HostLostError);
    if (isHosts && !isShortOfProcesses(error)) {
      if (tracked.isCancelled) return this.#withdraw(tracked, cancelledBefore);
      // Nor can any other be: that says nothing about the step.
      return this.#interrupt({ reason: `no job can be submitted any more: ${error.message}`, alsoLocal: true });
    }
    const isAnswer = error instanceof FluxError || (error instanceof SubmitError && handle === this.#handle) || isHosts;
    if (isAnswer && (await this.#instance.ask()) === 'run') return this.#handleRefusal(tracked, handle, error);
    if (this.#isOver) return;
    // It may have been heard, so it is sent again; if two jobs come of it, the launcher lets one run.
    if (!(error instanceof FluxError)) tracked.isDoubtful = true;
    if (!isAnswer && !isNoAnswer(error) && !(error instanceof SubmitError)) throw error;
    if (error instanceof RequestTimeout || error instanceof AnswerError) this.#link.drop(error.message);
    this.#sendAgain(tracked);
  }

  async #handleRefusal(tracked: TrackedJob, handle: Handle, error: FluxError | SubmitError | HostError): Promise<void> {
    if (this.#isOver || !this.#isCurrent(tracked)) return;
    const words = error.message;
    const kind = kindOf(error);
    switch (kind) {
      case 'never':
        return this.#withdraw(tracked, words);
      case 'instance-time':
        return this.#defer(tracked, words);
      case 'unsatisfiable': {
        const loss = await lostNodes(handle, tracked.resources);
        if (this.#isOver || !this.#isCurrent(tracked)) return;
        return loss === undefined ? this.#withdraw(tracked, words) : this.#defer(tracked, `${loss} (${words})`);
      }
      case 'wait':
        tracked.troubleSince = undefined;
        break;
      case 'doubt':
        tracked.isDoubtful = true;
        if (this.#isTroubledTooLong(tracked)) return this.#giveUpSubmitting(tracked, words);
        break;
      case 'retry':
        if (this.#isTroubledTooLong(tracked)) return this.#giveUpSubmitting(tracked, words);
    }
    this.#backoff.pause(kind, words);
    if (tracked.isDoubtful && (await this.#adoptOwner(tracked))) return;
    this.#sendAgain(tracked);
  }

  /** The job of an earlier submit may be what the limit counts. Returns whether there is nothing to be sent again. */
  async #adoptOwner(tracked: TrackedJob): Promise<boolean> {
    const [claim] = await this.#ends.claims([tracked]).catch((error: unknown) => {
      if (error instanceof HostError) return [];
      throw error;
    });
    if (this.#isOver || !this.#isCurrent(tracked)) return true;
    const owner = decodeJobId(claim?.owner ?? '');
    if (owner === undefined) return false;
    this.#adopt(tracked, owner);
    return true;
  }

  #sendAgain(tracked: TrackedJob): void {
    tracked.phase = 'waiting';
    if (tracked.isCancelled) this.#withdraw(tracked, cancelledBefore);
    else this.#waiting.push(tracked);
  }

  #isTroubledTooLong(tracked: TrackedJob): boolean {
    const now = this.#options.clock.now();
    tracked.troubleSince ??= now;
    return now - tracked.troubleSince > TROUBLE_LIMIT_MS;
  }

  /** If other jobs were accepted meanwhile, it is the job that cannot be. */
  #giveUpSubmitting(tracked: TrackedJob, words: string): void {
    if (this.#backoff.lastSuccess > tracked.troubleSince!) return this.#withdraw(tracked, words);
    const minutes = TROUBLE_LIMIT_MS / 60_000;
    void this.#interrupt({ reason: `no job can be submitted any more, for ${minutes} minutes now: ${words}` });
  }

  async #explainLoss({ resources }: TrackedJob): Promise<string | undefined> {
    return this.#handle === undefined ? undefined : lostNodes(this.#handle, resources);
  }

  /** Nothing of it ran, nor can here. */
  #defer(tracked: TrackedJob, reason: string): void {
    if (tracked.isCancelled) return this.#withdraw(tracked, cancelledBefore);
    this.#withdraw(tracked, reason, () => {
      if (!this.#forget(tracked)) return;
      this.#listener({ ...this.#base(tracked), type: 'deferred', reason, mayRenew: false });
    });
  }

  #refuse(tracked: TrackedJob, reason: string): void {
    if (!this.#forget(tracked)) return;
    this.#listener({ ...this.#base(tracked), type: 'not-submitted', reason });
  }

  /**
   * Gives up an attempt that has no job that we know of: it is refused, unless there is a job all the same.
   *
   * @param tell reports that, in place of a refusal
   */
  #withdraw(tracked: TrackedJob, reason: string, tell = () => this.#refuse(tracked, reason)): void {
    if (!tracked.isDoubtful) return tell();
    tracked.phase = 'judged';
    const withdraw = async () => {
      const owner = await this.#ends.fence(tracked);
      if (this.#isOver || !this.#isCurrent(tracked)) return;
      if (owner === undefined) tell();
      else this.#adopt(tracked, owner);
    };
    this.#guard(withdraw());
  }

  /** If the connection breaks before that is done, it is done with the next one. */
  #raise({ job }: TrackedJob, id: JobId): void {
    const handle = this.#handle;
    const raise = async () => {
      if (handle === undefined || !(await this.#mayEndJobs()) || handle !== this.#handle) return;
      await cancelJob(handle, id, 'the study was cancelled');
    };
    this.#raises.run(raise).catch((error: unknown) => {
      if (error instanceof RequestTimeout) this.#link.drop(error.message);
      if (error instanceof FluxError) {
        this.#options.tell(`cannot cancel job ${encodeJobId(id)} of ${job.step.name}: ${error.message}`);
      }
    });
  }

  /** Asked once of each connection. */
  #mayEndJobs(): Promise<boolean> {
    this.#mayEnd ??= this.#wasDown ? this.#confirm() : Promise.resolve(true);
    return this.#mayEnd;
  }

  #confirm(): Promise<boolean> {
    const { confirm } = this.#options;
    if (confirm === undefined) return Promise.resolve(true);
    return new Promise((resolve) => {
      // Whoever hangs must not keep a study from being cancelled.
      const stop = this.#after(confirmTime, () => resolve(true));
      const answer = (mayEnd: boolean) => {
        stop();
        resolve(mayEnd);
      };
      confirm().then(
        () => answer(true),
        (error: unknown) => answer(!(error instanceof LeaseLostError)),
      );
    });
  }

  // From a job's eventlog to events of its step.

  #watch(tracked: TrackedJob, id: JobId): void {
    if (this.#handle === undefined) return;
    tracked.stopWatching();
    tracked.phase = 'watched';
    tracked.view = newJob;
    tracked.stopWatching = watchEventlog(this.#handle, id, {
      onEvents: (events) => this.#onEvents(tracked, events),
      onEnd: (error) => this.#guard(this.#onLogEnd(tracked, id, error)),
    });
  }

  #onEvents(tracked: TrackedJob, events: readonly FluxEvent[]): void {
    tracked.failures = 0;
    for (const event of events) {
      if (this.#isOver || !this.#isCurrent(tracked) || tracked.phase !== 'watched') return;
      tracked.view = applyEvent(tracked.view, event);
      this.#tellProgress(tracked, event);
      if (tracked.view.state === 'INACTIVE') this.#conclude(tracked);
    }
  }

  #tellProgress(tracked: TrackedJob, { timestamp }: FluxEvent): void {
    if (tracked.view.state === 'SCHED' && tracked.hasNotSaid('queued')) {
      this.#listener({ ...this.#base(tracked), type: 'queued', at: milliseconds(timestamp) });
    }
    // If there may be another job, it may be that one which runs the step.
    if (!tracked.isDoubtful) this.#tellRun(tracked);
    else if (tracked.view.started !== null) this.#lookIntoDoubt(tracked);
  }

  /** Its end will tell, but that may be hours away. */
  #lookIntoDoubt(tracked: TrackedJob): void {
    const { id, isDoubtLookedInto } = tracked;
    if (isDoubtLookedInto) return;
    tracked.isDoubtLookedInto = true;
    const look = async () => {
      // What cannot be read now is known in the end.
      const [claim] = await this.#ends.claims([tracked]).catch((error: unknown) => {
        if (error instanceof HostError) return [];
        throw error;
      });
      if (!this.#isCurrent(tracked) || tracked.phase !== 'watched' || tracked.id !== id) return;
      const owner = decodeJobId(claim?.owner ?? '');
      if (owner === undefined || this.#isOver) return;
      if (owner !== id) return this.#adopt(tracked, owner);
      tracked.isDoubtful = false;
      this.#tellRun(tracked);
    };
    this.#after(claimTime, () => this.#guard(look()));
  }

  #tellRun(tracked: TrackedJob): void {
    const { started, finished } = tracked.view;
    const base = this.#base(tracked);
    if (started !== null && tracked.hasNotSaid('started')) {
      this.#listener({ ...base, type: 'started', at: milliseconds(started) });
    }
    if (started !== null && finished !== null && tracked.hasNotSaid('finishing')) {
      this.#listener({ ...base, type: 'finishing', at: milliseconds(finished) });
    }
  }

  /** The log ended, or could not be had, before the job was over. */
  async #onLogEnd(tracked: TrackedJob, id: JobId, error: Error | undefined): Promise<void> {
    const isOpen = () => !this.#isOver && this.#isCurrent(tracked) && tracked.phase === 'watched';
    if (!isOpen() || error instanceof ConnectionError) return;
    if (error !== undefined && !(error instanceof FluxError)) return this.#link.drop(error.message);
    // While an instance ends it does not know its own jobs any more.
    if ((await this.#instance.ask()) === 'ending' || !isOpen()) return;
    tracked.failures += 1;
    if (error?.errno === errno.ENOENT && tracked.failures > mostLookups) {
      tracked.phase = 'judged';
      return this.#apply(tracked, await this.#ends.judgeForgotten(tracked));
    }
    // Any other trouble is the broker's, not the job's: it is waited for as long as there is a connection.
    this.#after(Math.min(30_000, 250 * 2 ** tracked.failures), () => {
      if (isOpen()) this.#watch(tracked, id);
    });
  }

  #conclude(tracked: TrackedJob): void {
    const { view } = tracked;
    tracked.phase = 'judged';
    const conclude = async () => {
      const verdict = await this.#ends.judge(tracked);
      // After a lost connection the log is read, and its end judged, again.
      if (tracked.view === view && tracked.phase === 'judged') this.#apply(tracked, verdict);
    };
    this.#guard(conclude());
  }

  #apply(tracked: TrackedJob, verdict: Verdict): void {
    if (this.#isOver || !this.#isCurrent(tracked)) return;
    switch (verdict.is) {
      case 'end':
        return this.#end(tracked, verdict.outcome);
      case 'other':
        return this.#adopt(tracked, verdict.id);
      case 'deferred':
        return this.#defer(tracked, verdict.reason);
      case 'open':
        tracked.endedWithInstance ||= this.#instance.state === 'ending';
        tracked.phase = 'held';
    }
  }

  #end(tracked: TrackedJob, outcome: JobOutcome): void {
    this.#tellRun(tracked);
    const { finished, exception, cleaned } = tracked.view;
    const seconds = finished ?? exception?.timestamp ?? cleaned;
    const base = this.#base(tracked);
    if (!this.#forget(tracked)) return;
    const at = seconds === null ? (outcome.endedAt ?? base.at) : milliseconds(seconds);
    this.#listener({ ...base, type: 'ended', at, outcome });
    this.#backoff.onRoom();
  }

  /** Before an end is reported, because that may be answered with the step's next attempt. Returns whether it was current. */
  #forget(tracked: TrackedJob): boolean {
    if (this.#isOver || !this.#isCurrent(tracked)) return false;
    tracked.stopWatching();
    return this.#jobs.delete(tracked.job.step.index);
  }

  #isCurrent(tracked: TrackedJob): boolean {
    return this.#jobs.get(tracked.job.step.index) === tracked;
  }

  /** What goes wrong where nobody waits for it ends the driving of the study, not this program. */
  #guard(task: Promise<void>): void {
    task.catch((error: unknown) => void this.interrupt(error instanceof Error ? error.message : String(error)));
  }

  #after(wait: number, call: () => void): () => void {
    if (this.#isOver) return () => {};
    const stop = this.#options.clock.after(wait, () => {
      this.#timers.delete(stop);
      call();
    });
    this.#timers.add(stop);
    return () => {
      this.#timers.delete(stop);
      stop();
    };
  }

  #base({ job }: TrackedJob): { step: number; attempt: number; at: number } {
    return { step: job.step.index, attempt: job.attempt, at: this.#options.clock.now() };
  }
}

const isNoAnswer = (error: unknown) =>
  error instanceof ConnectionError ||
  error instanceof RequestTimeout ||
  error instanceof AnswerError ||
  error instanceof HostLostError;
/** This machine starts no process for the moment. */
const isShortOfProcesses = ({ message }: HostError) => /\b(EAGAIN|ENOMEM|EMFILE|ENFILE|ETXTBSY)\b/.test(message);

function kindOf(error: FluxError | SubmitError | HostError): RefusalKind {
  const words = error.message;
  if (error instanceof FluxError) return classifyRefusal({ words, errnum: error.errno });
  if (error instanceof HostError) return 'retry';
  return classifyRefusal({ words, ...(error.exitCode === undefined ? {} : { exitCode: error.exitCode }) });
}
const milliseconds = (seconds: number) => Math.round(seconds * 1000);
const cancelledBefore = 'it was cancelled before';

import type { Interruption } from '../../causes/interruption.js';
import { BrokerLink, type LinkOptions } from '../../flux/connect/broker-link.js';
import type { Handle } from '../../flux/handle.js';
import type { Host } from '../../hosts/host.js';
import { type Outputs, outputsOf } from '../../scripts/outputs.js';
import type { ObsoleteJob } from '../../store/journal/records.js';
import type { Clock } from '../../util/clock.js';
import { ScopedClock } from '../../util/scoped-clock.js';
import { AttemptClaims } from '../claims/attempt-claims.js';
import { outcomeFromClaim } from '../claims/outcome.js';
import type {
  BatchScheduler,
  InheritedJob,
  InterruptEvent,
  Job,
  JobEvent,
  JobRef,
  SchedulerListener,
} from '../scheduler.js';
import { Canceller } from './canceller.js';
import { EndClassifier } from './classify-end.js';
import { ownerOf } from './find-inherited.js';
import { InstanceMonitor } from './instance-monitor.js';
import { type LifeAction, type LifeEvent, newLife, type Report } from './job-life.js';
import { inheritedLife, reduce } from './job-life-reducer.js';
import type { StudyJobs } from './job-request.js';
import { JobWatch } from './job-watch.js';
import { lostNodes } from './lost-nodes.js';
import { ObsoleteJobs } from './obsolete-jobs.js';
import { Reattachment } from './reattachment.js';
import { SubmitQueue } from './submit-queue.js';
import type { Submitter } from './submitter.js';
import { TrackedJob } from './tracked-job.js';

export interface FluxSchedulerOptions {
  /** The host of the study directory. */
  readonly host: Host;
  readonly study: StudyJobs;
  readonly submitter: Submitter;
  readonly link: LinkOptions;
  /** The URI of the broker, for messages. */
  readonly uri: string;
  /** The broker's address in the journal, which is valid on other machines too; by default the URI. */
  readonly endpoint?: string;
  /** Whether all inherited jobs at `endpoint` are in this instance (the default); if not, they are searched for. */
  readonly isFamiliar?: boolean;
  /** Whether the instance may be restarted: the system instance of a cluster may, one in an allocation may not. */
  readonly comesBack: boolean;
  /** Whether the user owns the instance: then the broker reports when it ends. */
  readonly isOwner: boolean;
  /** When the instance ends, in seconds since the epoch; 0 or undefined: never. */
  readonly expiration?: number;
  readonly clock: Clock;
  /** Logs lines about the connection. */
  readonly log: (line: string) => void;
  /**
   * Checks that this run still holds the lease, before jobs are cancelled over a later connection than the first:
   * another driver may have taken over the study and its jobs. After a LeaseLostError nothing is cancelled; other
   * errors are ignored.
   */
  readonly confirm?: () => Promise<void>;
}

/** How long jobs of an instance that is shutting down may take to finish. */
const ENDING_TIMEOUT_MS = 60_000;

/**
 * Runs scheduled steps as jobs of a Flux instance. The pure function `reduce` decides what each attempt does next. This
 * class connects the parts that produce its events (submit queue, job watch, reattachment, end classifier) and carries
 * out its actions.
 */
export class FluxScheduler implements BatchScheduler {
  readonly #options: FluxSchedulerOptions;
  readonly #listener: SchedulerListener;
  /** Stops the timers of all parts when the scheduler is closed. */
  readonly #clock: ScopedClock;
  readonly #link: BrokerLink;
  readonly #instance: InstanceMonitor;
  readonly #claims: AttemptClaims;
  readonly #ends: EndClassifier;
  readonly #canceller: Canceller;
  readonly #queue: SubmitQueue;
  readonly #watch: JobWatch;
  readonly #reattachment: Reattachment;
  readonly #obsolete: ObsoleteJobs;
  /** By the index of the step; each step has at most one attempt in flight. */
  readonly #jobs = new Map<number, TrackedJob>();
  readonly #endpoint: string;
  #stopEndingTimer: () => void = () => {};
  /** Undefined while there is no connection. */
  #handle: Handle | undefined;
  #wasDown = false;
  #isOver = false;

  constructor(options: FluxSchedulerOptions, listener: SchedulerListener) {
    const { host, study, submitter, isOwner, link, log, confirm, uri, endpoint = uri, isFamiliar = true } = options;
    const clock = new ScopedClock(options.clock);
    this.#options = options;
    this.#listener = listener;
    this.#clock = clock;
    this.#endpoint = endpoint;
    this.#link = new BrokerLink(link, {
      onUp: (handle) => this.#onUp(handle),
      onDown: (reason) => this.#onDown(reason),
      onGone: (reason) => this.#onGone(reason),
    });
    const drop = (reason: string) => this.#link.drop(reason);
    const dispatch = (tracked: TrackedJob, event: LifeEvent) => this.#dispatch(tracked, event);
    const guard = (task: Promise<void>) => this.#guard(task);
    this.#instance = new InstanceMonitor(isOwner, clock, {
      onRun: () => this.#onRun(),
      onEnding: () => this.#onEnding(),
      onTrouble: drop,
    });
    const { studyPath } = study;
    const instance = this.#instance;
    const claims = new AttemptClaims(host, studyPath, clock);
    this.#claims = claims;
    this.#ends = new EndClassifier({
      host,
      studyPath,
      claims,
      clock,
      instance,
      explainLoss: async ({ resources }) => this.#handle && lostNodes(this.#handle, resources),
      expiration: options.expiration ?? 0,
    });
    this.#canceller = new Canceller({ clock, log, drop, confirm });
    this.#queue = new SubmitQueue({ study, submitter, instance, clock, log, dispatch, drop, guard });
    this.#watch = new JobWatch({ instance, isOwner, dispatch, drop, guard });
    const familiar = isFamiliar ? endpoint : undefined;
    this.#reattachment = new Reattachment({ study, claims, clock, endpoint: familiar, dispatch, drop, guard });
    this.#obsolete = new ObsoleteJobs(host, study, log, () => this.#canceller.mayCancel());
  }

  /** Starts with an open connection. */
  start(handle: Handle): void {
    this.#link.start(handle);
  }

  /** Whether the instance is shutting down, or does not answer. */
  async isEnding(): Promise<boolean> {
    return (await this.#instance.ask()) !== 'run';
  }

  /** Closes the connection. Reports nothing after that, and leaves jobs running. */
  close(): void {
    this.#isOver = true;
    this.#disconnect();
    this.#clock.close();
    this.#obsolete.close();
    this.#link.close();
  }

  /** Closes the connection, and reports an interruption with the jobs whose claims show that they have completed. */
  suspend(reason: string, kind: Interruption): Promise<void> {
    return this.#interrupt({ reason, kind });
  }

  submit(jobs: readonly Job[]): void {
    for (const job of jobs) {
      const tracked = new TrackedJob(job, newLife(this.#endpoint));
      this.#jobs.set(job.step.index, tracked);
      this.#queue.push(tracked);
    }
  }

  reattach(jobs: readonly InheritedJob[]): void {
    const { study, isFamiliar = true } = this.#options;
    for (const job of jobs) {
      const { life, actions } = inheritedLife(this.#endpoint, job, isFamiliar);
      const tracked = new TrackedJob(job, life);
      tracked.makeJobspec(study);
      this.#jobs.set(job.step.index, tracked);
      if (life.phase === 'inherited') this.#reattachment.add(tracked, job);
      this.#perform(tracked, actions);
    }
    this.#reattachment.find();
  }

  cancelObsolete(jobs: readonly ObsoleteJob[]): Promise<void> {
    return this.#obsolete.add(jobs);
  }

  cancel(jobs: readonly Job[]): void {
    for (const { step } of jobs) {
      const tracked = this.#jobs.get(step.index);
      if (tracked !== undefined) this.#dispatch(tracked, { type: 'cancel' });
    }
  }

  outputs({ step, id }: JobRef): Outputs {
    return outputsOf(step, id);
  }

  // The life of an attempt.

  #dispatch(tracked: TrackedJob, event: LifeEvent): void {
    if (this.#isOver) return;
    const { life, actions } = reduce(tracked.life, event);
    tracked.life = life;
    this.#perform(tracked, actions);
  }

  #perform(tracked: TrackedJob, actions: readonly LifeAction[]): void {
    for (const action of actions) {
      // The listener may have closed the scheduler during a report.
      if (this.#isOver) return;
      this.#act(tracked, action);
    }
  }

  #act(tracked: TrackedJob, action: LifeAction): void {
    switch (action.type) {
      case 'report':
        return this.#report(tracked, action.report);
      case 'enqueue':
        return this.#queue.push(tracked);
      case 'hold-back':
        return this.#queue.holdBack(action.kind, action.words);
      case 'read-log':
        return this.#watch.read(tracked, action.id);
      case 'read-log-later': {
        const { reading } = tracked.life;
        this.#clock.after(action.delayMs, () => this.#dispatch(tracked, { type: 'read-again', reading }));
        return;
      }
      case 'cancel':
        return void this.#canceller.cancel(tracked.job, action.id);
      case 'classify':
        return this.#guard(this.#classify(tracked, action.isForgotten));
      case 'read-claim':
        if (action.delayMs === 0) return this.#guard(this.#readClaim(tracked));
        this.#clock.after(action.delayMs, () => this.#guard(this.#readClaim(tracked)));
        return;
      case 'fence':
        return this.#guard(this.#fence(tracked));
      case 'forget':
        tracked.stopReading();
        this.#jobs.delete(tracked.job.step.index);
        return;
      case 'interrupt': {
        const { reason, kind, alsoLocal } = action;
        return void this.#interrupt({ reason, kind, ...(alsoLocal ? { alsoLocal } : {}) });
      }
    }
  }

  #report({ job }: TrackedJob, report: Report): void {
    const event = { step: job.step.index, attempt: job.attempt, at: this.#clock.now(), ...report };
    this.#listener(event);
    if (report.type === 'ended') this.#queue.onRoom();
  }

  async #classify(tracked: TrackedJob, isForgotten: boolean): Promise<void> {
    const { reading } = tracked.life;
    const end = await (isForgotten ? this.#ends.classifyForgotten(tracked) : this.#ends.classifyEnd(tracked));
    this.#dispatch(tracked, { type: 'classified', reading, end });
  }

  async #readClaim(tracked: TrackedJob): Promise<void> {
    const { id: asked } = tracked.life;
    const owner = ownerOf(await this.#claims.readIfPossible(tracked.job));
    this.#dispatch(tracked, { type: 'owner', owner, asked });
  }

  async #fence(tracked: TrackedJob): Promise<void> {
    const owner = ownerOf(await this.#claims.settle(tracked.job));
    this.#dispatch(tracked, { type: 'fenced', owner });
  }

  // The connection, and the instance.

  #onUp(handle: Handle): void {
    this.#handle = handle;
    this.#canceller.onUp(handle);
    this.#queue.onUp(handle);
    this.#watch.onUp(handle);
    if (this.#wasDown) this.#options.log(`connected to the Flux broker ${this.#options.uri} again`);
    this.#instance.onUp(handle);
    for (const tracked of this.#jobs.values()) this.#dispatch(tracked, { type: 'connected' });
    this.#obsolete.onUp(handle);
    this.#reattachment.onUp(handle);
  }

  #onDown(reason: string): void {
    const { uri, comesBack, log } = this.#options;
    const wasEnding = this.#instance.state === 'ending';
    this.#wasDown = true;
    this.#disconnect();
    this.#instance.onDown();
    this.#obsolete.onDown();
    if (wasEnding && !comesBack) this.#onGone(reason);
    else log(`lost the Flux broker ${uri}: ${reason}; looking for it`);
  }

  #disconnect(): void {
    this.#handle = undefined;
    this.#canceller.onDown();
    this.#queue.onDown();
    this.#watch.onDown();
    this.#reattachment.onDown();
  }

  #onGone(reason: string): void {
    const { uri } = this.#options;
    const hasEnded = this.#instance.state === 'ending';
    void this.suspend(
      hasEnded ? `the Flux instance ${uri} ended before the study did` : `the Flux broker ${uri} is lost: ${reason}`,
      hasEnded ? 'allocation-over' : 'scheduler-lost',
    );
  }

  #onRun(): void {
    this.#stopEndingTimer();
    for (const tracked of this.#jobs.values()) this.#dispatch(tracked, { type: 'instance-runs' });
    this.#queue.pump();
  }

  /** An instance that shuts down ends its jobs. Jobs that complete before that are waited for, up to a limit. */
  #onEnding(): void {
    const { log, uri, comesBack, link } = this.#options;
    if (this.#isOver) return;
    log(`the Flux instance ${uri} is ending: nothing more is submitted to it`);
    const wait = comesBack ? link.patience : ENDING_TIMEOUT_MS;
    const suspend = () => void this.suspend(`the Flux instance ${uri} is ending`, 'allocation-over');
    this.#stopEndingTimer = this.#clock.after(wait, suspend);
  }

  // The end of this scheduler while jobs are in flight.

  async #interrupt(why: Pick<InterruptEvent, 'reason' | 'kind' | 'alsoLocal'>): Promise<void> {
    if (this.#isOver) return;
    const inFlight = [...this.#jobs.values()].filter(({ life }) => life.id !== undefined);
    this.close();
    const at = this.#clock.now();
    const ended = await this.#readCompleted(inFlight).catch(() => []);
    const hasBackendEnded = this.#instance.state === 'ending' && !this.#options.comesBack;
    this.#listener({ type: 'interrupt', at, ...why, ended, ...(hasBackendEnded ? { hasBackendEnded } : {}) });
  }

  /** The ends of jobs whose tasks have all exited with 0. */
  async #readCompleted(jobs: readonly TrackedJob[]): Promise<Extract<JobEvent, { type: 'ended' }>[]> {
    const claims = await this.#claims.readOnce(jobs.map(({ job }) => job));
    return jobs.flatMap(({ job, tasks }, i) => {
      const claim = claims[i];
      const outcome = claim && outcomeFromClaim(claim, tasks, { note: '' });
      if (outcome?.result !== 'completed') return [];
      return [{ type: 'ended', step: job.step.index, attempt: job.attempt, at: this.#clock.now(), outcome }];
    });
  }

  /** Suspends the scheduler if a background task fails, so that no rejection is unhandled. */
  #guard(task: Promise<void>): void {
    const words = (error: unknown) => (error instanceof Error ? error.message : String(error));
    task.catch((error: unknown) => void this.suspend(words(error), 'scheduler-lost'));
  }
}

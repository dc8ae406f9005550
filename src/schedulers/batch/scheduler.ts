import { type Blame, blame } from '../../causes/cause.js';
import type { Interruption } from '../../causes/interruption.js';
import { blameOfRefusal } from '../../causes/refusals.js';
import { type Host, HostLostError } from '../../hosts/host.js';
import type { Outputs } from '../../scripts/outputs.js';
import type { ObsoleteJob } from '../../store/journal/records.js';
import type { Clock } from '../../util/clock.js';
import { retry } from '../../util/retry.js';
import { ScopedClock } from '../../util/scoped-clock.js';
import { AttemptClaims } from '../claims/attempt-claims.js';
import type {
  BatchScheduler,
  InheritedJob,
  Job,
  JobNews,
  JobOutcome,
  JobRef,
  SchedulerListener,
} from '../scheduler.js';
import type { BatchSystem, QueueRow } from './batch-system.js';
import { type Bell, Bells } from './bells.js';
import { Canceller } from './canceller.js';
import { BatchCommands, NotAnsweredError, type Submission } from './commands.js';
import { JobEnds } from './job-ends.js';
import { jobFile } from './job-file.js';
import { labelOf } from './labels.js';
import { QueueWatch } from './queue-watch.js';
import { QueuedJob } from './queued-job.js';
import { findInherited } from './reattach.js';
import { SubmitQueue } from './submit-queue.js';
import { WaitingJobs } from './waiting-jobs.js';

/** The longest delay before jobs of an earlier driver are looked for again. */
const MAX_FIND_DELAY_MS = 30_000;

export interface QueueSchedulerOptions {
  readonly host: Host;
  readonly system: BatchSystem;
  readonly clock: Clock;
  readonly studyPath: string;
  readonly studyName: string;
  /** The shell line and the directives of a job's script, and what is submitted besides. */
  readonly headerOf: (job: Job) => string;
  readonly wordsOf: (job: Job, label: string, shown: string) => readonly string[];
  /** Variables for the environment of every job, besides the host's. */
  readonly env: ReadonlyMap<string, string>;
  /** The batch system's installation, in the records of jobs. */
  readonly endpoint: string;
  /** The fencing number of this driver. */
  readonly fence: number;
  readonly log: (line: string) => void;
  /** Rejects with LeaseLostError if another driver has taken over the study. */
  readonly confirm: () => Promise<void>;
}

/**
 * Runs each scheduled step as a job of its own in a batch system. Launchers announce the start and the end of each job
 * with small files; the batch system is asked about jobs only to learn what the launcher cannot know.
 */
export class QueueScheduler implements BatchScheduler {
  readonly #options: QueueSchedulerOptions;
  readonly #clock: ScopedClock;
  readonly #listener: SchedulerListener;
  readonly #commands: BatchCommands;
  readonly #claims: AttemptClaims;
  readonly #submits: SubmitQueue;
  readonly #watch: QueueWatch;
  readonly #bells: Bells;
  readonly #canceller: Canceller;
  readonly #ends: JobEnds;
  /** By label. */
  readonly #jobs = new Map<string, QueuedJob>();
  readonly #waits: WaitingJobs;
  #isClosed = false;

  constructor(options: QueueSchedulerOptions, listener: SchedulerListener) {
    const { host, system, studyPath, env, fence, log, confirm } = options;
    this.#options = options;
    this.#listener = listener;
    this.#clock = new ScopedClock(options.clock);
    const clock = this.#clock;
    const commands = new BatchCommands({ host, system, studyPath, env, clock });
    this.#commands = commands;
    this.#claims = new AttemptClaims(host, studyPath, clock);
    const guard = (task: Promise<void>) => this.#guard(task);
    const onFailure = (words: string) => this.#interrupt(`the jobs of ${system.name} are out of sight: ${words}`);
    this.#canceller = new Canceller({ commands, clock, log, confirm, systemName: system.name, guard });
    this.#submits = new SubmitQueue({
      ...{ commands, system, clock, log, onFailure, guard },
      submissionOf: (queued) => this.#submissionOf(queued),
      onSent: (queued, ids) => this.#onSent(queued, ids),
      onRefused: (queued, reason) => this.#endUnsubmitted(queued, reason, blameOfRefusal(reason)),
      onDropped: (queued) => guard(this.#drop(queued)),
    });
    this.#watch = new QueueWatch({
      ...{ commands, clock, log, onFailure, guard },
      systemName: system.name,
      jobs: () => [...this.#jobs.values()].filter(({ id }) => id !== ''),
      onRows: (jobs, rows) => this.#onRows(jobs, rows),
      onExplained: (jobs, rows) => this.#ends.onExplained(jobs, rows),
    });
    this.#waits = new WaitingJobs({
      ...{ system, clock, log },
      onReason: (queued, reason) => this.#report(queued, { type: 'queued', reason }),
      onStuck: (queued, reason) => guard(this.#withdraw(queued, reason)),
    });
    this.#ends = new JobEnds({
      ...{ host, studyPath, system, clock, claims: this.#claims, canceller: this.#canceller, watch: this.#watch },
      onEnd: (queued, outcome, at) => this.#end(queued, outcome, at),
      onOtherJob: (queued, id) => this.#setId(queued, id),
      onBegun: (queued) => this.#start(queued, queued.row?.startedAt ?? null),
      onFinishing: (queued) => this.#report(queued, { type: 'finishing' }),
    });
    this.#bells = new Bells({
      ...{ host, studyPath, fence, clock, onFailure },
      onBell: (bell) => this.#onBell(bell),
      // A claim may have been made, or an exit status recorded, without a bell that was heard.
      onMissed: () => this.#watch.explain([...this.#jobs.values()].filter(({ id }) => id !== '')),
    });
  }

  submit(jobs: readonly Job[]): void {
    const queued = jobs.map((job) => this.#track(job));
    if (queued.length > 0) this.#bells.expect();
    this.#submits.push(queued);
  }

  reattach(jobs: readonly InheritedJob[]): void {
    if (jobs.length === 0) return;
    this.#bells.expect();
    const inherited = jobs.map((job) => ({ job, queued: this.#trackInherited(job) }));
    this.#guard(this.#reattach(inherited));
  }

  cancel(jobs: readonly Job[]): void {
    const tracked = jobs.map((job) => this.#jobs.get(this.#labelOf(job))).filter((queued) => queued !== undefined);
    for (const queued of tracked) queued.isCancelled = true;
    for (const queued of this.#submits.remove(new Set(tracked))) this.#guard(this.#drop(queued));
    // One that is looked for is cancelled with the others then: it would begin in the place of one that is cancelled before.
    this.#cancelJobs(tracked.filter(({ id, isOver, phase }) => id !== '' && !isOver && phase !== 'sought'));
  }

  async cancelObsolete(jobs: readonly ObsoleteJob[]): Promise<void> {
    await this.#canceller.cancelObsolete(jobs, {
      claims: this.#claims,
      labelOf: ({ step, workspace, attempt }) =>
        labelOf(this.#options.studyPath, { step: { name: step, workspace }, attempt }),
      idOfOwner: this.#options.system.idOfOwner,
    });
  }

  outputs({ step, id }: JobRef): Outputs {
    return this.#options.system.outputs(step, id);
  }

  async suspend(reason: string, kind: Interruption): Promise<void> {
    this.#interrupt(reason, kind);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#clock.close();
    this.#watch.close();
    this.#bells.close();
    this.#commands.close();
    this.#jobs.clear();
  }

  // Submitting.

  #track(job: Job): QueuedJob {
    const queued = new QueuedJob(job, this.#labelOf(job));
    this.#jobs.set(queued.label, queued);
    return queued;
  }

  /** An attempt of an earlier driver. A launcher of it may be heard of before its job is found. */
  #trackInherited(job: InheritedJob): QueuedJob {
    const queued = this.#track(job);
    queued.phase = 'sought';
    queued.mayBeDuplicate = job.mayBeDuplicate || job.id === '';
    // The same id is another job elsewhere.
    if (['', this.#options.endpoint].includes(job.endpoint)) queued.id = job.id;
    return queued;
  }

  #labelOf(job: Job): string {
    return labelOf(this.#options.studyPath, job);
  }

  #submissionOf({ job, label }: QueuedJob): Submission {
    const { system, studyPath, studyName, headerOf, wordsOf } = this.#options;
    const { step, attempt } = job;
    return {
      label,
      workspace: step.workspace,
      text: jobFile(system, { studyPath, job, label, header: headerOf(job) }),
      words: wordsOf(job, label, `${studyName}/${step.name}, attempt ${attempt}`),
    };
  }

  #onSent(queued: QueuedJob, ids: readonly string[]): void {
    queued.phase = 'accepted';
    queued.acceptedAt = this.#clock.now();
    for (const id of ids) {
      if (queued.id === '') this.#setId(queued, id);
      else if (queued.id !== id) queued.twins.add(id);
    }
    if (queued.isOver) return;
    this.#cancelTwins(queued);
    this.#report(queued, { type: 'queued' });
    if (queued.isCancelled) this.#cancelJobs([queued]);
    this.#watch.onChange();
  }

  /** Sets the id of the job that has the attempt, or will have it. */
  #setId(queued: QueuedJob, id: string): void {
    if (queued.isOver || queued.id === id) return;
    if (queued.id !== '') {
      queued.twins.add(queued.id);
      this.#canceller.cancel([queued.id]);
    }
    queued.twins.delete(id);
    queued.id = id;
    const { endpoint } = this.#options;
    this.#report(queued, { type: 'submitted', id, endpoint, mayBeDuplicate: queued.mayBeDuplicate });
  }

  /** Cancels the other jobs of an attempt once it is known which one has it: until then any of them may. */
  #cancelTwins({ owner, twins }: QueuedJob): void {
    if (typeof owner === 'string') this.#canceller.cancel([...twins].filter((twin) => twin !== owner));
  }

  #endUnsubmitted(queued: QueuedJob, reason: string, why: Blame): void {
    this.#forget(queued);
    this.#report(queued, { type: 'not-submitted', reason, blame: why });
  }

  /** Ends a job that was cancelled before it was accepted, as far as that is known. */
  async #drop(queued: QueuedJob): Promise<void> {
    if (queued.mayBeDuplicate) {
      this.#ends.takeClaim(queued, await this.#claims.settle(queued.job));
      if (typeof queued.owner === 'string') {
        this.#setId(queued, queued.owner);
        return this.#cancelJobs([queued]);
      }
      await this.#canceller.endTwins(queued);
    }
    if (!queued.isOver) this.#endUnsubmitted(queued, 'it was cancelled before', blame('cancelled'));
  }

  /** The conductor submits another job in place of one that may wait for ever. */
  async #withdraw(queued: QueuedJob, reason: string): Promise<void> {
    if (await this.#ends.withdraw(queued)) this.#endUnsubmitted(queued, reason, blame('queue'));
  }

  #cancelJobs(jobs: readonly QueuedJob[]): void {
    this.#canceller.cancel(jobs.flatMap(({ id, twins }) => [id, ...twins]));
    for (const queued of jobs) queued.endExpectedSince ??= this.#clock.now();
    this.#watch.explain(jobs);
  }

  async #reattach(inherited: readonly { readonly job: InheritedJob; readonly queued: QueuedJob }[]): Promise<void> {
    const { system, endpoint, log } = this.#options;
    const options = { commands: this.#commands, claims: this.#claims, system, endpoint };
    const find = () => findInherited(inherited, options);
    const found = await retry(find, {
      clock: this.#clock,
      delays: (failures) => Math.min(MAX_FIND_DELAY_MS, 1000 * 2 ** failures),
      shouldRetry: (error) => error instanceof NotAnsweredError || error instanceof HostLostError,
      onRetry: (error, failures) => {
        if (failures === 1) log(`cannot look for the jobs of the last run; trying again: ${(error as Error).message}`);
      },
    });
    if (this.#isClosed) return;
    // Launchers may have been heard of meanwhile, and jobs may have ended.
    const open = found.filter(({ queued }) => !queued.isOver);
    for (const { queued, id, knownId, facts, twins, mayBeDuplicate } of open) {
      for (const twin of twins) queued.twins.add(twin);
      queued.mayBeDuplicate = mayBeDuplicate;
      queued.exit ??= facts.exit;
      if (queued.owner === undefined) {
        queued.owner = facts.owner;
        // The journal has this id already.
        if (id === knownId) queued.id = id;
        else if (id !== '') this.#setId(queued, id);
      }
      queued.phase = queued.id === '' ? 'waiting' : 'accepted';
      this.#cancelTwins(queued);
    }
    const accepted: QueuedJob[] = [];
    for (const { queued, isElsewhere } of open) {
      if (isElsewhere && queued.owner !== undefined) await this.#ends.concludeElsewhere(queued);
      // The conductor has the attempt: no job runs it.
      else if (queued.owner === null && queued.id === '') await this.#ends.conclude(queued);
      else if (queued.phase === 'accepted') accepted.push(queued);
      else if (queued.isCancelled) await this.#drop(queued);
      else this.#submits.push([queued]);
    }
    for (const queued of accepted) {
      if (queued.owner === undefined && !queued.isOver) this.#report(queued, { type: 'queued' });
    }
    this.#cancelJobs(accepted.filter(({ isCancelled }) => isCancelled));
    this.#watch.explain(accepted);
  }

  // What launchers and the batch system say.

  #onBell(bell: Bell): void {
    const queued = this.#jobs.get(bell.label);
    if (queued === undefined) return;
    this.#watch.onChange();
    queued.owner = this.#ends.idOfOwner(queued, bell.owner);
    // The submit may never be answered.
    const isLate = queued.isCancelled && queued.id === '' && bell.type === 'start';
    this.#setId(queued, queued.owner);
    this.#cancelTwins(queued);
    if (isLate) this.#cancelJobs([queued]);
    if (bell.type === 'start') {
      const nodes = this.#options.system.parseNodes(bell.nodes);
      if (nodes.length > 0) queued.nodes = nodes;
      return this.#start(queued, bell.at);
    }
    this.#start(queued, bell.exit.at);
    this.#guard(this.#ends.onExit(queued, bell.exit));
  }

  #onRows(jobs: readonly QueuedJob[], rows: ReadonlyMap<string, QueueRow>): void {
    const toExplain: QueuedJob[] = [];
    for (const queued of jobs) {
      if (queued.isOver) continue;
      const row = rows.get(queued.id);
      const before = queued.row;
      this.#ends.takeRow(queued, row);
      if (before?.state !== row?.state) this.#watch.onChange();
      const { meaning } = queued;
      const isRequeued = meaning?.phase === 'waiting' && queued.hasStarted;
      if (meaning === undefined || meaning.phase === 'ended' || isRequeued) toExplain.push(queued);
      else if (meaning.phase === 'waiting') this.#waits.take(queued, row!, row !== before);
      else this.#start(queued, row!.startedAt);
    }
    this.#watch.explain(toExplain);
  }

  #start(queued: QueuedJob, at: number | null): void {
    if (queued.hasStarted || queued.isOver) return;
    queued.hasStarted = true;
    this.#report(queued, { type: 'started', ...nodesOf(queued) }, at ?? undefined);
  }

  // Ends, and reports.

  async #end(queued: QueuedJob, outcome: JobOutcome, at: number | null): Promise<void> {
    if (outcome.exitCode !== null) this.#start(queued, queued.row?.startedAt ?? at);
    this.#forget(queued);
    if (queued.mayBeDuplicate) await this.#canceller.endTwins(queued);
    this.#report(queued, { type: 'ended', outcome, ...nodesOf(queued) }, at ?? undefined);
    this.#watch.onChange();
    this.#submits.onRoom();
  }

  #forget(queued: QueuedJob): void {
    queued.isOver = true;
    this.#jobs.delete(queued.label);
    this.#watch.forget(queued);
  }

  #report({ job }: QueuedJob, event: JobNews, at = this.#clock.now()): void {
    if (this.#isClosed) return;
    this.#listener({ step: job.step.index, attempt: job.attempt, at, ...event });
  }

  #interrupt(reason: string, kind: Interruption = 'scheduler-lost'): void {
    if (this.#isClosed) return;
    this.close();
    this.#listener({ type: 'interrupt', at: this.#options.clock.now(), reason, kind });
  }

  /** A failure of a background task ends the run rather than to be lost. */
  #guard(task: Promise<void>): void {
    task.catch((error: unknown) => {
      if (!this.#isClosed)
        this.#interrupt(`the jobs of ${this.#options.system.name} are out of sight: ${String(error)}`);
    });
  }
}

const nodesOf = ({ nodes }: QueuedJob) => (nodes === undefined ? {} : { nodes });

import type { JobEvent, JobOutcome } from '../schedulers/scheduler.js';
import type { Limits } from '../store/update-lock.js';
import type { StepGraph } from '../study/graph.js';
import { isOver, type JobRecord, openJob, type Rerun, type StepRecord, type StepState } from '../study/state.js';
import { DependencyTracker } from './dependency-tracker.js';
import type { Command, StudyEvent, Transition } from './events.js';
import { describeFailure, ofJob, putOff, runsAgain } from './messages.js';
import { nodeFailureLimit, notRunLimit, type Policy } from './policy.js';
import { type EndState, StepTable } from './step-table.js';
import { Deferrals, ReadyQueue } from './waiting-steps.js';

/** Why a step runs again whose job was ended for that, or by an earlier driver. */
const rerunReasons: Readonly<Record<Rerun, string>> = {
  changed: 'its script changed',
  cancelled: 'it was cancelled with the study before',
};

/**
 * The study as a state machine: an event in, commands out; no clock, no I/O, no chance, so the same events always give the
 * same state. The work of an event is proportional to the edges of the graph that it touches.
 *
 * Events that do not fit (of a job that is over, of an attempt that was given up, a second time) change nothing: whoever
 * reports them may repeat himself.
 */
export class StudyMachine {
  readonly steps: readonly StepRecord[];
  readonly #graph: StepGraph;
  readonly #policy: Policy;
  readonly #table: StepTable;
  readonly #dependents: DependencyTracker;
  readonly #pools: { readonly local: ReadyQueue; readonly scheduled: ReadyQueue };
  #restartLimit: number;
  /** Steps that wait for the end of a back-off. */
  readonly #backingOff = new Set<number>();
  readonly #deferrals = new Deferrals();
  #hasBegun = false;
  #cancelReason: string | undefined;
  #interruption: string | undefined;
  /** Whether local steps are waited for after an interruption. */
  #awaitsLocal = true;
  #isLeft = false;
  #commands: Command[] = [];

  /** @param records of the steps, which the machine takes over; undefined if nothing of the study ever ran */
  constructor(graph: StepGraph, policy: Policy, records?: readonly StepRecord[]) {
    this.#graph = graph;
    this.#policy = policy;
    this.#restartLimit = policy.restartLimit;
    this.#pools = { local: new ReadyQueue(policy.localJobs), scheduled: new ReadyQueue(noneIfZero(policy.throttle)) };
    this.#table = new StepTable(graph.steps.length, records);
    this.steps = this.#table.steps;
    this.#dependents = new DependencyTracker(graph, policy.allowsFailure, this.#table, (index) => this.#enqueue(index));
    for (const index of this.#inFlight()) this.#poolOf(index).inFlight += 1;
  }

  /** Whether nothing more will happen: every step is in its final state, or what is not cannot get there any more. */
  get isOver(): boolean {
    if (this.remaining === 0 || this.#isLeft) return true;
    return this.#interruption !== undefined && (!this.#awaitsLocal || this.#pools.local.inFlight === 0);
  }

  /** Why the study stops before its end; undefined if it does not. */
  get interruption(): string | undefined {
    return this.#interruption;
  }

  /** Whether that is so because it was left: its jobs go on, to be taken over. */
  get isLeft(): boolean {
    return this.#isLeft;
  }

  /** Why the study was cancelled; undefined if it was not. */
  get cancellation(): string | undefined {
    return this.#cancelReason;
  }

  /** How many steps are not in their final state. */
  get remaining(): number {
    return this.#table.unfinished;
  }

  /** How many steps are in each state. */
  get counts(): ReadonlyMap<StepState, number> {
    return this.#table.counts;
  }

  handle(event: StudyEvent): Transition {
    this.#commands = [];
    if (!this.#isLeft) {
      this.#take(event);
      this.#submitReady(event.at);
      if (this.#deferrals.size > 0) this.#goOnElsewhere(event.at);
    }
    const { changed, touched } = this.#table.takeChanges();
    return { commands: this.#commands, changed, touched };
  }

  #take(event: StudyEvent): void {
    switch (event.type) {
      case 'begin':
        return this.#begin(event.at);
      case 'wake':
        if (this.#backingOff.delete(event.step)) this.#enqueue(event.step);
        return;
      case 'cancel':
        return this.#cancel(event.reason, event.at);
      case 'limits':
        return this.#limit(event);
      case 'interrupt':
        for (const ended of event.ended ?? []) this.#handleJob(ended);
        if (this.#isLeft) return;
        for (const job of event.notBegun ?? []) this.#withdraw(job, event.reason, event.at);
        return this.#interrupt(event.reason, event.alsoLocal === true);
      case 'leave':
        return this.#leave(event.reason);
      default:
        return this.#handleJob(event);
    }
  }

  #begin(at: number): void {
    if (this.#hasBegun || this.#interruption !== undefined) return;
    this.#dependents.heal(at);
    this.#hasBegun = true;
    const inFlight = this.#inFlight();
    if (inFlight.length > 0) this.#commands.push({ type: 'attach', steps: inFlight });
    for (const index of inFlight) {
      const { rerun } = this.steps[index]!;
      if (rerun !== null) this.#table.touch(index);
      if (rerun === 'changed' || this.#cancelReason !== undefined) this.#cancelJob(index);
    }
    for (const { index } of this.#graph.steps) {
      if (this.#dependents.isReady(index) && this.#table.isIdle(index)) this.#enqueue(index);
    }
  }

  #handleJob(event: JobEvent): void {
    const record = this.steps[event.step];
    const job = record && openJob(record);
    if (record === undefined || job === undefined || job.attempt !== event.attempt) return;
    if (this.#interruption !== undefined && !(this.#isLocal(event.step) && this.#awaitsLocal)) return;
    switch (event.type) {
      case 'submitted': {
        const { id, endpoint, mayBeDuplicate } = event;
        if (job.id === id && job.place === endpoint && job.isDoubtful === mayBeDuplicate) return;
        job.id = id;
        job.place = endpoint;
        job.isDoubtful = mayBeDuplicate;
        return this.#table.touch(event.step);
      }
      case 'queued':
        if (isBefore(record.state) && job.started === null) this.#table.setState(event.step, 'QUEUED', '');
        return;
      case 'finishing':
        if (record.state === 'RUNNING') this.#table.setState(event.step, 'FINISHING', '');
        return;
      case 'started':
        // Of a job that was taken over it may be known.
        if (job.started !== null && !isBefore(record.state) && record.state !== 'QUEUED') return;
        job.started ??= event.at;
        record.started ??= event.at;
        return this.#table.setState(event.step, 'RUNNING', '');
      case 'not-submitted':
        this.#endJob(event.step, job, 'not submitted', event.at);
        record.exitCode = null;
        record.signal = null;
        if (this.#runsAnew(event.step, job, event.at)) return;
        return this.#retryOrFail(event.step, `could not be submitted: ${event.reason}`, event.at);
      case 'deferred':
        this.#endJob(event.step, job, 'not submitted', event.at);
        if (this.#runsAnew(event.step, job, event.at)) return;
        return this.#defer(event);
      case 'ended':
        this.#endJob(event.step, job, event.outcome.result, event.at);
        if (this.#runsAnew(event.step, job, event.at)) return;
        return this.#handleOutcome(event.step, job, event.outcome, event.at);
    }
  }

  /** Whether the end of its job is not the end of the step, which begins again as if it had never run. */
  #runsAnew(index: number, { result }: JobRecord, at: number): boolean {
    const record = this.steps[index]!;
    const { rerun } = record;
    record.rerun = null;
    if (rerun === null) return false;
    if (rerun === 'cancelled') {
      // Whoever is told to end may do so in any way. One whose time ran out all the same goes on with its restart.
      const isOwnEnd = result === 'completed' || (result === 'timeout' && this.#hasRestart(index));
      if (isOwnEnd || this.#cancelReason !== undefined) return false;
    }
    Object.assign(record, { exitCode: null, signal: null, submitted: null, started: null });
    Object.assign(record, { restarts: 0, restartsBefore: 0, failedAttempts: 0, nodeFailures: 0, notRun: 0 });
    if (this.#cancelReason !== undefined) this.#end(index, 'CANCELLED', this.#cancelReason, at);
    else if (!this.#dependents.isGivenUp(index, at)) {
      const isReady = this.#dependents.isReady(index);
      this.#table.setState(index, isReady ? 'PENDING' : 'INITIALIZED', rerunReasons[rerun]);
      if (isReady) this.#enqueue(index);
    }
    return true;
  }

  #handleOutcome(index: number, job: JobRecord, outcome: JobOutcome, at: number): void {
    const record = this.steps[index]!;
    record.exitCode = outcome.exitCode;
    record.signal = outcome.signal;
    if (outcome.result !== 'not-run') record.notRun = 0;
    switch (outcome.result) {
      case 'completed':
        return this.#end(index, 'FINISHED', '', at);
      case 'cancelled':
        return this.#end(index, 'CANCELLED', outcome.note || this.#cancelReason || 'its job was cancelled', at);
      case 'timeout':
        return this.#handleTimeout(index, job, outcome.note || 'its time ran out', at);
      case 'node-failure':
        return this.#handleNodeFailure(index, job, outcome.note || 'a node failed', at);
      case 'not-run':
        return this.#handleNotRun(index, outcome.note || 'the script was not run', at);
      case 'failed':
        // An attempt at a local step is a run of it (Maestro 1.1); a scheduled job that ran and failed has failed.
        if (this.#isLocal(index)) return this.#retryOrFail(index, describeFailure(outcome), at);
        return this.#end(index, 'FAILED', describeFailure(outcome), at);
    }
  }

  /** It is no failure of the step: in another place it runs. */
  #defer({ step, reason, mayRenew, at }: Extract<JobEvent, { type: 'deferred' }>): void {
    if (this.#cancelReason !== undefined) return this.#end(step, 'CANCELLED', this.#cancelReason, at);
    const when = mayRenew ? this.#when : 'later';
    this.#table.setState(step, 'PENDING', runsAgain(reason, 'defer', when));
    if (this.#interruption === undefined) this.#deferrals.add(step, { reason, mayRenew });
  }

  /** Once nothing more runs where jobs run now: in the next place, or not in our time. */
  #goOnElsewhere(at: number): void {
    const isUsed = (pool: ReadyQueue, isLocal: boolean) =>
      pool.inFlight > 0 || [...this.#backingOff].some((index) => this.#isLocal(index) === isLocal);
    const { local, scheduled } = this.#pools;
    if (this.#interruption !== undefined || isUsed(scheduled, false)) return;
    const reason = this.#deferrals.describe((index) => this.#graph.steps[index]!.name);
    if (this.#deferrals.mayRenew) {
      this.#commands.push({ type: 'renew', reason });
      for (const index of this.#deferrals.take()) this.#enqueue(index);
      this.#submitReady(at);
    } else if (!isUsed(local, true)) this.#stop(reason);
  }

  /** Maestro 1.1: restarted while the limit allows, then FAILED; a step that cannot be restarted is TIMEDOUT. */
  #handleTimeout(index: number, job: JobRecord, note: string, at: number): void {
    const record = this.steps[index]!;
    if (!this.#hasRestart(index)) return this.#end(index, 'TIMEDOUT', note, at);
    if (this.#cancelReason !== undefined) return this.#end(index, 'CANCELLED', this.#cancelReason, at);
    const { restarts, restartsBefore } = record;
    if (this.#restartLimit > 0 && restarts - restartsBefore >= this.#restartLimit) {
      return this.#end(index, 'FAILED', `${note}, after ${restarts} restart${restarts === 1 ? '' : 's'}`, at);
    }
    record.restarts += 1;
    // A restart has as many attempts as the first start had (Maestro 1.1).
    record.failedAttempts = 0;
    this.#table.setState(index, 'TIMEDOUT', runsAgain(ofJob(note, job), 'restart', this.#when));
    this.#enqueue(index);
  }

  #handleNodeFailure(index: number, job: JobRecord, note: string, at: number): void {
    const failures = ++this.steps[index]!.nodeFailures;
    if (this.#cancelReason !== undefined) return this.#end(index, 'CANCELLED', this.#cancelReason, at);
    if (failures > nodeFailureLimit) return this.#end(index, 'HWFAILURE', `${note}, ${failures} times`, at);
    this.#table.setState(index, 'HWFAILURE', runsAgain(ofJob(note, job), 'resubmit', this.#when));
    this.#backOff(index, failures);
  }

  /** It is no failure of the step, however often: with room on the disk it runs. Until then there is no use in going on. */
  #handleNotRun(index: number, note: string, at: number): void {
    const count = ++this.steps[index]!.notRun;
    if (this.#cancelReason !== undefined) return this.#end(index, 'CANCELLED', this.#cancelReason, at);
    this.#table.setState(index, 'PENDING', runsAgain(note, 'retry', this.#when));
    // The first wait is of 2 s, so that all of them are about a minute.
    if (count < notRunLimit || this.#interruption !== undefined) return this.#backOff(index, count + 1);
    const { name } = this.#graph.steps[index]!;
    this.#leave(`the study directory cannot be written: ${name} was not run, ${count} times in a row: ${note}`);
  }

  #retryOrFail(index: number, reason: string, at: number): void {
    const failures = ++this.steps[index]!.failedAttempts;
    if (this.#cancelReason !== undefined) return this.#end(index, 'CANCELLED', this.#cancelReason, at);
    if (failures >= this.#policy.submissionAttempts) {
      return this.#end(index, 'FAILED', failures === 1 ? reason : `${reason} (${failures} attempts)`, at);
    }
    this.#table.setState(index, 'PENDING', runsAgain(reason, 'retry', this.#when));
    this.#backOff(index, failures);
  }

  #backOff(index: number, failures: number): void {
    this.#backingOff.add(index);
    this.#commands.push({ type: 'wait', step: index, failures });
  }

  /** When what is to run again does: not any more in our time, once the study is interrupted. */
  get #when(): 'now' | 'later' {
    return this.#interruption === undefined ? 'now' : 'later';
  }

  #end(index: number, state: EndState, reason: string, at: number): void {
    this.#dependents.end(index, state, reason, at);
  }

  #cancel(reason: string, at: number): void {
    if (this.#cancelReason !== undefined) return;
    this.#cancelReason = reason;
    this.#backingOff.clear();
    this.#deferrals.clear();
    for (const { index } of this.#graph.steps) {
      if (this.#table.isIdle(index)) this.#table.settle(index, 'CANCELLED', reason, at, false);
      // What is not taken over yet cannot be told to end yet.
      else if (this.#hasBegun && !isOver(this.steps[index]!)) this.#cancelJob(index);
    }
  }

  #cancelJob(index: number): void {
    this.#commands.push({ type: 'cancel', step: index, attempt: this.steps[index]!.jobs.at(-1)!.attempt });
  }

  #limit({ throttle, restartLimit }: Limits): void {
    if (throttle !== undefined) this.#pools.scheduled.limit = noneIfZero(throttle);
    if (restartLimit !== undefined) this.#restartLimit = restartLimit;
  }

  /** A job that never began is none, and nothing to be counted. */
  #withdraw({ step, attempt }: { readonly step: number; readonly attempt: number }, reason: string, at: number): void {
    const record = this.steps[step];
    const job = record && openJob(record);
    if (job?.attempt !== attempt) return;
    this.#endJob(step, job, 'not-run', at);
    if (this.#runsAnew(step, job, at)) return;
    if (this.#cancelReason !== undefined) return this.#end(step, 'CANCELLED', this.#cancelReason, at);
    this.#table.setState(step, 'PENDING', runsAgain(reason, 'resubmit', 'later'));
  }

  /** Steps whose jobs are out of sight are in no state that we know. What else is not over stays as it is. */
  #interrupt(reason: string, alsoLocal: boolean): void {
    if (alsoLocal) this.#awaitsLocal = false;
    this.#stop(reason);
    for (const index of this.#inFlight()) {
      if (this.steps[index]!.state === 'UNKNOWN') continue;
      if (alsoLocal || !this.#isLocal(index)) this.#table.setState(index, 'UNKNOWN', reason);
    }
  }

  /** What runs goes on, to be taken over. */
  #leave(reason: string): void {
    this.#isLeft = true;
    this.#stop(reason);
  }

  /** From now on nothing is submitted: what was to run again does not do so for now, and must not say that it does. */
  #stop(reason: string): void {
    this.#interruption ??= reason;
    this.#backingOff.clear();
    this.#deferrals.clear();
    this.#commands = [];
    this.steps.forEach((record, index) => {
      const later = this.#table.isIdle(index) ? putOff(record.reason) : record.reason;
      if (later !== record.reason) this.#table.setState(index, record.state, later);
    });
  }

  #enqueue(index: number): void {
    // What is ready when the study begins is looked for then.
    if (this.#hasBegun) this.#poolOf(index).add(index);
  }

  #submitReady(at: number): void {
    if (this.#interruption !== undefined) return;
    this.#submitFrom(this.#pools.scheduled, at);
    this.#submitFrom(this.#pools.local, at);
  }

  #submitFrom(pool: ReadyQueue, at: number): void {
    for (let index = pool.next(); index !== undefined; index = pool.next()) {
      if (!this.#table.isIdle(index)) continue;
      const record = this.steps[index]!;
      const attempt = (record.jobs.at(-1)?.attempt ?? 0) + 1;
      const script = record.restarts > 0 && this.#hasRestart(index) ? 'restart' : 'main';
      const job = { attempt, script, id: '', place: '', isDoubtful: false } as const;
      record.jobs.push({ ...job, submitted: at, started: null, ended: null, result: null });
      record.submitted ??= at;
      pool.inFlight += 1;
      // Of a step that runs again it stays said why.
      this.#table.setState(index, 'PENDING', record.reason);
      this.#commands.push({ type: 'submit', step: index, attempt, script });
    }
  }

  #endJob(index: number, job: JobRecord, result: NonNullable<JobRecord['result']>, at: number): void {
    job.ended = at;
    job.result = result;
    this.#poolOf(index).inFlight -= 1;
    this.#table.touch(index);
  }

  /** The steps that have a job. */
  #inFlight(): number[] {
    return this.steps.flatMap((record, index) => (openJob(record) === undefined ? [] : [index]));
  }

  #hasRestart(index: number): boolean {
    return this.#graph.steps[index]!.run.get('restart') !== '';
  }

  #isLocal(index: number): boolean {
    return !this.#graph.steps[index]!.scheduled;
  }

  #poolOf(index: number): ReadyQueue {
    return this.#isLocal(index) ? this.#pools.local : this.#pools.scheduled;
  }
}

/** Whether a job in that state may yet be found to wait, as far as its scheduler has told us. */
const isBefore = (state: StepState) => state === 'PENDING' || state === 'UNKNOWN';

/** A limit as the user gives it, where 0 is none. */
const noneIfZero = (limit: number) => (limit === 0 ? Number.POSITIVE_INFINITY : limit);

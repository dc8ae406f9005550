import { type Blame, blame } from '../causes/cause.js';
import { type Interruption, interruptions } from '../causes/interruption.js';
import { blameOfResult } from '../causes/of-result.js';
import type { InterruptEvent, JobEvent } from '../schedulers/scheduler.js';
import type { Limits } from '../store/update-lock.js';
import type { StepGraph } from '../study/graph.js';
import { isOver, type JobRecord, openJob, type StepRecord, type StepState } from '../study/state.js';
import { afterJob, afterRefusal, type Decision, type Rules } from './after-job.js';
import { beginAnew, isBefore, learnNodes, learnPlace, newJob } from './attempts.js';
import { DependencyTracker } from './dependency-tracker.js';
import type { Command, StudyEvent, StudyStop, Transition } from './events.js';
import { putOff, rerunReasons, runsAgain } from './messages.js';
import type { Policy } from './policy.js';
import { type EndState, StepTable } from './step-table.js';
import { Deferrals, noneIfZero, ReadyQueue } from './waiting-steps.js';

/**
 * The study as a state machine: an event in, commands out. It has no clock, does no I/O and uses no randomness, so the same
 * events always give the same state. The work of an event is proportional to the edges of the graph that it touches.
 *
 * An event that does not fit (its job is over, its attempt was given up, it was reported before) changes nothing, so a
 * scheduler may report an event twice.
 */
export class StudyMachine {
  readonly steps: readonly StepRecord[];
  readonly #graph: StepGraph;
  readonly #policy: Policy;
  readonly #table: StepTable;
  readonly #dependents: DependencyTracker;
  readonly #queues: { readonly local: ReadyQueue; readonly scheduled: ReadyQueue };
  #restartLimit: number;
  /** Steps that wait for the end of a back-off. */
  readonly #backingOff = new Set<number>();
  readonly #deferrals = new Deferrals();
  #hasBegun = false;
  #cancelReason: string | undefined;
  #interruption: StudyStop | undefined;
  /** Why the jobs in the queue are being cancelled, after which the study stops. */
  #waitedTooLong: string | undefined;
  /** Whether local steps are waited for after an interruption. */
  #awaitsLocal = true;
  #isLeft = false;
  #commands: Command[] = [];

  /** @param records of the steps, which the machine takes over; undefined if no step ever ran */
  constructor(graph: StepGraph, policy: Policy, records?: readonly StepRecord[]) {
    this.#graph = graph;
    this.#policy = policy;
    this.#restartLimit = policy.restartLimit;
    this.#queues = { local: new ReadyQueue(policy.localJobs), scheduled: new ReadyQueue(noneIfZero(policy.throttle)) };
    this.#table = new StepTable(graph.steps.length, records);
    this.steps = this.#table.steps;
    this.#dependents = new DependencyTracker(graph, policy.allowsFailure, this.#table, (index) => this.#enqueue(index));
    for (const index of this.#inFlight()) this.#queueOf(index).inFlight += 1;
  }

  /** Whether nothing more will happen: every step is over, or the study was left or interrupted. */
  get isOver(): boolean {
    if (this.remaining === 0 || this.#isLeft) return true;
    return this.#interruption !== undefined && (!this.#awaitsLocal || this.#queues.local.inFlight === 0);
  }

  /** Why the study stops before its end; undefined if it does not. */
  get interruption(): string | undefined {
    return this.#interruption?.text;
  }

  get interruptionKind(): Interruption | undefined {
    return this.#interruption?.kind;
  }

  /** Whether the study was left: its jobs go on, and the next driver takes them over. */
  get isLeft(): boolean {
    return this.#isLeft;
  }

  /** Why the study was cancelled; undefined if it was not. */
  get cancellation(): string | undefined {
    return this.#cancelReason;
  }

  /** Whether a batch system has a job of the study, or is about to. */
  get hasJobs(): boolean {
    return this.#queues.scheduled.inFlight > 0;
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
      if (this.#waitedTooLong !== undefined && this.#interruption === undefined && !this.hasJobs)
        this.#stop(this.#waitedTooLong, 'waited-too-long');
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
      case 'waited-too-long':
        return this.#emptyQueue(event.reason);
      case 'interrupt':
        for (const ended of event.ended ?? []) this.#handleJob(ended);
        if (this.#isLeft) return;
        for (const { step, attempt } of event.notBegun ?? []) this.#withdraw(step, attempt, event);
        return this.#interrupt(event);
      case 'leave':
        return this.#stop(event.reason, event.kind, true);
      default:
        return this.#handleJob(event);
    }
  }

  #begin(at: number): void {
    if (this.#hasBegun || this.#interruption !== undefined) return;
    this.#dependents.endDependentsOfFailed(at);
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
      case 'submitted':
        if (learnPlace(job, event)) this.#table.touch(event.step);
        return;
      case 'queued':
        return this.#queued(event.step, job, event.reason ?? '');
      case 'finishing':
        if (record.state === 'RUNNING') this.#table.setState(event.step, 'FINISHING', '');
        return;
      case 'started':
        if (learnNodes(job, event.nodes)) this.#table.touch(event.step);
        // The start of a job that was taken over may be known already.
        if (job.started !== null && !isBefore(record.state) && record.state !== 'QUEUED') return;
        job.started ??= event.at;
        record.started ??= event.at;
        return this.#table.setState(event.step, 'RUNNING', '');
      case 'not-submitted':
        this.#endJob(event.step, job, 'not submitted', event);
        if (this.#rerunStep(event.step, job, event.at)) return;
        return this.#apply(event.step, afterRefusal(record, job, event.reason, this.#rulesOf(event.step)), event.at);
      case 'deferred':
        this.#endJob(event.step, job, 'not submitted', { at: event.at, blame: blame('allocation') });
        if (this.#rerunStep(event.step, job, event.at)) return;
        return this.#defer(event);
      case 'ended':
        learnNodes(job, event.nodes);
        this.#endJob(event.step, job, event.outcome.result, { at: event.at, blame: event.outcome.blame });
        if (this.#rerunStep(event.step, job, event.at)) return;
        return this.#apply(event.step, afterJob(record, job, event.outcome, this.#rulesOf(event.step)), event.at);
    }
  }

  #queued(index: number, job: JobRecord, reason: string): void {
    const { state, reason: before } = this.steps[index]!;
    const isNew = isBefore(state) && job.started === null;
    if (isNew || (state === 'QUEUED' && reason !== '' && reason !== before)) {
      this.#table.setState(index, 'QUEUED', reason);
    }
  }

  /**
   * Begins a step again whose job from an earlier driver is over, or was taken out of the queue.
   *
   * @returns false if the end of that job is the end of the step
   */
  #rerunStep(index: number, { result, started }: JobRecord, at: number): boolean {
    const record = this.steps[index]!;
    const { rerun } = record;
    record.rerun = null;
    if (rerun === null) return false;
    if (rerun === 'cancelled') {
      // A job that completed before the cancellation reached it counts, and a timeout goes on with the restart.
      const isOwnEnd = result === 'completed' || (result === 'timeout' && this.#hasRestart(index));
      if (isOwnEnd || this.#cancelReason !== undefined) return false;
    }
    // A job that was only taken out of the queue leaves the step where it was: its restart is still to come.
    const isWithdrawn = rerun === 'cancelled' && (started === null || this.#waitedTooLong !== undefined);
    if (!isWithdrawn) beginAnew(record);
    if (this.#cancelReason !== undefined) this.#end(index, 'CANCELLED', this.#cancelReason, at);
    else if (!this.#dependents.giveUpIfDependencyFailed(index, at)) {
      const isReady = this.#dependents.isReady(index);
      const later = this.#waitedTooLong === undefined ? undefined : runsAgain(this.#waitedTooLong, 'resubmit', 'later');
      this.#table.setState(index, isReady ? 'PENDING' : 'INITIALIZED', later ?? rerunReasons[rerun]);
      if (isReady) this.#enqueue(index);
    }
    return true;
  }

  #rulesOf(index: number): Rules {
    return {
      name: this.#graph.steps[index]!.name,
      isLocal: this.#isLocal(index),
      hasRestart: this.#hasRestart(index),
      submissionAttempts: this.#policy.submissionAttempts,
      resubmitOn: this.#policy.resubmitOn,
      restartLimit: this.#restartLimit,
      cancelReason: this.#cancelReason,
      isInterrupted: this.#interruption !== undefined,
    };
  }

  #apply(index: number, decision: Decision, at: number): void {
    if (decision.type === 'end') return this.#end(index, decision.state, decision.reason, at);
    this.#table.setState(index, decision.state, decision.reason);
    if (decision.type === 'leave') return this.#stop(decision.why, 'disk-full', true);
    if (decision.failures === 0) return this.#enqueue(index);
    this.#backingOff.add(index);
    this.#commands.push({ type: 'back-off', step: index, failures: decision.failures });
  }

  /** The step has not failed: it runs in another allocation. */
  #defer({ step, reason, mayRenew, at }: Extract<JobEvent, { type: 'deferred' }>): void {
    if (this.#cancelReason !== undefined) return this.#end(step, 'CANCELLED', this.#cancelReason, at);
    const isSoon = mayRenew && this.#interruption === undefined;
    this.#table.setState(step, 'PENDING', runsAgain(reason, 'defer', isSoon ? 'now' : 'later'));
    if (this.#interruption === undefined) this.#deferrals.add(step, { reason, mayRenew });
  }

  /** Once the last job of the present allocation has ended, deferred steps run in the next one, or the study stops. */
  #goOnElsewhere(at: number): void {
    const isUsed = (queue: ReadyQueue, isLocal: boolean) =>
      queue.inFlight > 0 || [...this.#backingOff].some((index) => this.#isLocal(index) === isLocal);
    const { local, scheduled } = this.#queues;
    if (this.#interruption !== undefined || isUsed(scheduled, false)) return;
    const reason = this.#deferrals.describe((index) => this.#graph.steps[index]!.name);
    if (this.#deferrals.mayRenew) {
      this.#commands.push({ type: 'renew', reason });
      for (const index of this.#deferrals.take()) this.#enqueue(index);
      this.#submitReady(at);
    } else if (!isUsed(local, true)) this.#stop(reason, 'allocation-over');
  }

  #end(index: number, state: EndState, reason: string, at: number): void {
    this.#dependents.end(index, state, reason, at);
  }

  #cancel(reason: string, at: number): void {
    if (this.#cancelReason !== undefined) return;
    this.#cancelReason = reason;
    // A study that is cancelled ends, and does not stop for the next run.
    this.#waitedTooLong = undefined;
    this.#backingOff.clear();
    this.#deferrals.clear();
    for (const { index } of this.#graph.steps) {
      if (this.#table.isIdle(index)) this.#table.end(index, { state: 'CANCELLED', reason, at, tolerated: false });
      // Before `begin` no job has been taken over, so none can be cancelled.
      else if (this.#hasBegun && !isOver(this.steps[index]!)) this.#cancelJob(index);
    }
  }

  /** The next driver knows from `rerun` that a step runs again whose job this one has cancelled. */
  #emptyQueue(reason: string): void {
    if (this.#interruption !== undefined || this.#cancelReason !== undefined || !this.hasJobs) return;
    this.#waitedTooLong ??= reason;
    for (const index of this.#inFlight().filter((index) => !this.#isLocal(index))) {
      this.steps[index]!.rerun ??= 'cancelled';
      this.#table.touch(index);
      this.#cancelJob(index);
    }
  }

  #cancelJob(index: number): void {
    this.#commands.push({ type: 'cancel', step: index, attempt: this.steps[index]!.jobs.at(-1)!.attempt });
  }

  #limit({ throttle, restartLimit }: Limits): void {
    if (throttle !== undefined) this.#queues.scheduled.limit = noneIfZero(throttle);
    if (restartLimit !== undefined) this.#restartLimit = restartLimit;
  }

  /** Takes back a job that never began: it does not count as an attempt. */
  #withdraw(step: number, attempt: number, { reason, kind = 'allocation-over', at }: InterruptEvent): void {
    const record = this.steps[step];
    const job = record && openJob(record);
    if (job?.attempt !== attempt) return;
    this.#endJob(step, job, 'not-run', { at, blame: interruptions[kind] });
    if (this.#rerunStep(step, job, at)) return;
    if (this.#cancelReason !== undefined) return this.#end(step, 'CANCELLED', this.#cancelReason, at);
    this.#table.setState(step, 'PENDING', runsAgain(reason, 'resubmit', 'later'));
  }

  /** Steps whose jobs are out of sight become UNKNOWN; the others stay as they are. */
  #interrupt({ reason, kind = 'scheduler-lost', alsoLocal = false }: InterruptEvent): void {
    if (alsoLocal) this.#awaitsLocal = false;
    this.#stop(reason, kind);
    for (const index of this.#inFlight()) {
      if (this.steps[index]!.state === 'UNKNOWN') continue;
      if (alsoLocal || !this.#isLocal(index)) this.#table.setState(index, 'UNKNOWN', reason);
    }
  }

  /**
   * From now on nothing is submitted, and the reasons of steps that were to run again say so.
   *
   * @param isLeft whether jobs go on, and the next driver takes them over
   */
  #stop(text: string, kind: Interruption, isLeft = false): void {
    this.#isLeft ||= isLeft;
    this.#interruption ??= { text, kind };
    this.#backingOff.clear();
    this.#deferrals.clear();
    this.#commands = [];
    this.steps.forEach((record, index) => {
      const later = this.#table.isIdle(index) ? putOff(record.reason) : record.reason;
      if (later !== record.reason) this.#table.setState(index, record.state, later);
    });
  }

  #enqueue(index: number): void {
    // `begin` looks for all steps that are ready by then.
    if (this.#hasBegun) this.#queueOf(index).add(index);
  }

  #submitReady(at: number): void {
    if (this.#interruption !== undefined || this.#waitedTooLong !== undefined) return;
    this.#submitFrom(this.#queues.scheduled, at);
    this.#submitFrom(this.#queues.local, at);
  }

  #submitFrom(queue: ReadyQueue, at: number): void {
    for (let index = queue.next(); index !== undefined; index = queue.next()) {
      if (!this.#table.isIdle(index)) continue;
      const record = this.steps[index]!;
      const attempt = (record.jobs.at(-1)?.attempt ?? 0) + 1;
      const script = record.restarts > 0 && this.#hasRestart(index) ? 'restart' : 'main';
      record.jobs.push(newJob(record, { attempt, script, at, isLocal: this.#isLocal(index) }));
      record.submitted ??= at;
      queue.inFlight += 1;
      // The reason why a step runs again stays.
      this.#table.setState(index, 'PENDING', record.reason);
      this.#commands.push({ type: 'submit', step: index, attempt, script });
    }
  }

  #endJob(
    index: number,
    job: JobRecord,
    result: NonNullable<JobRecord['result']>,
    end: { readonly at: number; readonly blame?: Blame | undefined },
  ): void {
    job.ended = end.at;
    job.result = result;
    job.blame = result === 'completed' ? null : (end.blame ?? blameOfResult(result));
    this.#queueOf(index).inFlight -= 1;
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

  #queueOf(index: number): ReadyQueue {
    return this.#isLocal(index) ? this.#queues.local : this.#queues.scheduled;
  }
}

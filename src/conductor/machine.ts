import { Queue } from '../queue.js';
import type { JobEvent, JobOutcome } from '../schedulers/scheduler.js';
import { dependentsOf, type StepGraph } from '../study/graph.js';
import type { Command, StudyEvent } from './events.js';
import { nodeFailureLimit, type Policy } from './policy.js';
import { isOver, type JobRecord, newRecord, type StepRecord, type StepState } from './state.js';

export interface Transition {
  /** What to do about the event, in this order. */
  readonly commands: readonly Command[];
  /** The steps whose state changed, by index; one twice if it changed twice. */
  readonly changed: readonly number[];
}

type EndState = 'FINISHED' | 'FAILED' | 'TIMEDOUT' | 'HWFAILURE' | 'CANCELLED';

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
  readonly #dependents: readonly (readonly number[])[];
  /** How many dependencies of each step are not FINISHED yet. */
  readonly #missing: number[];
  readonly #failedAttempts: number[];
  readonly #nodeFailures: number[];
  readonly #ready = { local: new Queue<number>(), scheduled: new Queue<number>() };
  readonly #inFlight = { local: 0, scheduled: 0 };
  /** Steps that wait for the end of a back-off. */
  readonly #backingOff = new Set<number>();
  readonly #counts = new Map<StepState, number>();
  #unfinished: number;
  #hasBegun = false;
  #cancelReason: string | undefined;
  #interruption: string | undefined;
  /** Whether local steps are waited for after an interruption. */
  #awaitsLocal = true;
  #commands: Command[] = [];
  #changed: number[] = [];

  constructor(graph: StepGraph, policy: Policy) {
    const { steps } = graph;
    this.#graph = graph;
    this.#policy = policy;
    this.#dependents = dependentsOf(graph);
    this.#missing = steps.map((step) => step.dependsOn.length);
    this.#failedAttempts = steps.map(() => 0);
    this.#nodeFailures = steps.map(() => 0);
    this.#unfinished = steps.length;
    this.#counts.set('INITIALIZED', steps.length);
    this.steps = steps.map(() => newRecord());
  }

  /** Whether nothing more will happen: every step is in its final state, or what is not cannot get there any more. */
  get isOver(): boolean {
    return this.#unfinished === 0 || (this.#interruption !== undefined && this.#awaited() === 0);
  }

  /** Why the study stops before its end; undefined if it does not. */
  get interruption(): string | undefined {
    return this.#interruption;
  }

  /** How many steps are not in their final state. */
  get remaining(): number {
    return this.#unfinished;
  }

  /** How many steps are in each state. */
  get counts(): ReadonlyMap<StepState, number> {
    return this.#counts;
  }

  handle(event: StudyEvent): Transition {
    this.#commands = [];
    this.#changed = [];
    switch (event.type) {
      case 'begin':
        if (this.#hasBegun) break;
        this.#hasBegun = true;
        for (const { index } of this.#graph.steps) {
          if (this.#missing[index] === 0 && !isOver(this.steps[index]!)) this.#enqueue(index);
        }
        break;
      case 'wake':
        if (this.#backingOff.delete(event.step)) this.#enqueue(event.step);
        break;
      case 'cancel':
        this.#cancel(event.reason, event.at);
        break;
      case 'interrupt':
        for (const ended of event.ended ?? []) this.#handleJob(ended);
        this.#interrupt(event.reason, event.alsoLocal === true);
        break;
      default:
        this.#handleJob(event);
    }
    this.#submitReady(event.at);
    return { commands: this.#commands, changed: this.#changed };
  }

  #handleJob(event: JobEvent): void {
    const record = this.steps[event.step];
    const job = record?.jobs.at(-1);
    if (record === undefined || job === undefined || job.attempt !== event.attempt || job.ended !== null) return;
    if (this.#interruption !== undefined && !(this.#isLocal(event.step) && this.#awaitsLocal)) return;
    switch (event.type) {
      case 'submitted':
        job.id = event.id;
        return;
      case 'queued':
        if (record.state === 'PENDING') this.#setState(event.step, 'QUEUED', '');
        return;
      case 'finishing':
        if (record.state === 'RUNNING') this.#setState(event.step, 'FINISHING', '');
        return;
      case 'started':
        if (job.started !== null) return;
        job.started = event.at;
        record.started ??= event.at;
        this.#setState(event.step, 'RUNNING', '');
        return;
      case 'not-submitted':
        this.#endJob(event.step, job, 'not submitted', event.at);
        record.exitCode = null;
        record.signal = null;
        this.#retryOrFail(event.step, `could not be submitted: ${event.reason}`, event.at);
        return;
      case 'ended':
        this.#endJob(event.step, job, event.outcome.result, event.at);
        this.#handleOutcome(event.step, job, event.outcome, event.at);
    }
  }

  #handleOutcome(index: number, job: JobRecord, outcome: JobOutcome, at: number): void {
    const record = this.steps[index]!;
    record.exitCode = outcome.exitCode;
    record.signal = outcome.signal;
    switch (outcome.result) {
      case 'completed':
        return this.#finish(index, at);
      case 'cancelled':
        return this.#end(index, 'CANCELLED', outcome.note || this.#cancelReason || 'its job was cancelled', at);
      case 'timeout':
        return this.#handleTimeout(index, job, outcome.note || 'its time ran out', at);
      case 'node-failure':
        return this.#handleNodeFailure(index, job, outcome.note || 'a node failed', at);
      case 'failed':
        // An attempt at a local step is a run of it (Maestro 1.1); a scheduled job that ran and failed has failed.
        if (this.#isLocal(index)) return this.#retryOrFail(index, describeFailure(outcome), at);
        return this.#end(index, 'FAILED', describeFailure(outcome), at);
    }
  }

  /** Maestro 1.1: restarted while the limit allows, then FAILED; a step that cannot be restarted is TIMEDOUT. */
  #handleTimeout(index: number, job: JobRecord, note: string, at: number): void {
    const record = this.steps[index]!;
    const { restartLimit } = this.#policy;
    if (this.#graph.steps[index]!.run.get('restart') === '') return this.#end(index, 'TIMEDOUT', note, at);
    if (this.#cancelReason !== undefined) return this.#end(index, 'CANCELLED', this.#cancelReason, at);
    if (restartLimit > 0 && record.restarts >= restartLimit) {
      return this.#end(
        index,
        'FAILED',
        `${note}, after ${record.restarts} restart${record.restarts === 1 ? '' : 's'}`,
        at,
      );
    }
    record.restarts += 1;
    // A restart has as many attempts as the first start had (Maestro 1.1).
    this.#failedAttempts[index] = 0;
    this.#setState(index, 'TIMEDOUT', `${note} (job ${job.id}); restarting`);
    this.#enqueue(index);
  }

  #handleNodeFailure(index: number, job: JobRecord, note: string, at: number): void {
    const failures = ++this.#nodeFailures[index]!;
    if (this.#cancelReason !== undefined) return this.#end(index, 'CANCELLED', this.#cancelReason, at);
    if (failures > nodeFailureLimit) return this.#end(index, 'HWFAILURE', `${note}, ${failures} times`, at);
    this.#setState(index, 'HWFAILURE', `${note} (job ${job.id}); submitting again`);
    this.#backOff(index, failures);
  }

  #retryOrFail(index: number, reason: string, at: number): void {
    const failures = ++this.#failedAttempts[index]!;
    if (this.#cancelReason !== undefined) return this.#end(index, 'CANCELLED', this.#cancelReason, at);
    if (failures >= this.#policy.submissionAttempts) {
      return this.#end(index, 'FAILED', failures === 1 ? reason : `${reason} (${failures} attempts)`, at);
    }
    this.#setState(index, 'PENDING', `${reason}; trying again`);
    this.#backOff(index, failures);
  }

  #backOff(index: number, failures: number): void {
    this.#backingOff.add(index);
    this.#commands.push({ type: 'wait', step: index, failures });
  }

  #finish(index: number, at: number): void {
    this.#end(index, 'FINISHED', '', at);
    for (const dependent of this.#dependents[index]!) this.#satisfy(dependent);
  }

  /** One of the step's dependencies is as it must be. */
  #satisfy(index: number): void {
    this.#missing[index]! -= 1;
    if (this.#missing[index] === 0 && !isOver(this.steps[index]!)) this.#enqueue(index);
  }

  #end(index: number, state: EndState, reason: string, at: number): void {
    const step = this.#graph.steps[index]!;
    this.#settle(index, state, reason, at, isFailureState(state) && this.#policy.allowsFailure(step));
    if (state !== 'FINISHED') this.#giveUpDescendants(index, state, at);
  }

  /**
   * What waits for a step that did not finish never runs: it ends too, for the same reason. A step that only waits for
   * others to be over runs all the same, but not after a cancellation (MEP-004). Does not recurse.
   */
  #giveUpDescendants(cause: number, causeState: EndState, at: number): void {
    const { name } = this.#graph.steps[cause]!;
    const [state, reason]: [EndState, string] =
      causeState === 'CANCELLED'
        ? ['CANCELLED', `dependency ${name} was cancelled`]
        : ['FAILED', `dependency ${name} failed`];
    const ended = [cause];
    for (let next = 0; next < ended.length; next++) {
      for (const dependent of this.#dependents[ended[next]!]!) {
        const record = this.steps[dependent]!;
        if (state === 'FAILED' && this.#graph.steps[dependent]!.condition === 'all-completed') this.#satisfy(dependent);
        else if (isOver(record)) this.#blame(dependent, ended[next]!);
        else {
          this.#settle(dependent, state, reason, at, state === 'FAILED' && this.#excuses(ended[next]!, dependent));
          ended.push(dependent);
        }
      }
    }
  }

  /** Whether the study bears with a step that did not run because of `cause`. */
  #excuses(cause: number, step: number): boolean {
    return this.steps[cause]!.tolerated || this.#policy.allowsFailure(this.#graph.steps[step]!);
  }

  /** A step was given up for failures that the study bears with; now one that it does not stands against it as well. */
  #blame(step: number, cause: number): void {
    const blamed: [step: number, cause: number][] = [[step, cause]];
    for (let next = 0; next < blamed.length; next++) {
      const [index, because] = blamed[next]!;
      const record = this.steps[index]!;
      if (!record.tolerated || record.jobs.length > 0 || this.#excuses(because, index)) continue;
      record.tolerated = false;
      for (const dependent of this.#dependents[index]!) blamed.push([dependent, index]);
    }
  }

  #settle(index: number, state: EndState, reason: string, at: number, tolerated: boolean): void {
    const record = this.steps[index]!;
    record.ended = at;
    record.tolerated = tolerated;
    this.#setState(index, state, reason);
    this.#unfinished -= 1;
  }

  #cancel(reason: string, at: number): void {
    if (this.#cancelReason !== undefined) return;
    this.#cancelReason = reason;
    this.#backingOff.clear();
    for (const { index } of this.#graph.steps) {
      const record = this.steps[index]!;
      const job = record.jobs.at(-1);
      if (isOver(record)) continue;
      if (job !== undefined && job.ended === null)
        this.#commands.push({ type: 'cancel', step: index, attempt: job.attempt });
      else this.#settle(index, 'CANCELLED', reason, at, false);
    }
  }

  /** Steps whose jobs are out of sight are in no state that we know. What else is not over stays as it is. */
  #interrupt(reason: string, alsoLocal: boolean): void {
    if (alsoLocal) this.#awaitsLocal = false;
    this.#interruption ??= reason;
    for (const { index, scheduled } of this.#graph.steps) {
      const job = this.steps[index]!.jobs.at(-1);
      if (job === undefined || job.ended !== null || this.steps[index]!.state === 'UNKNOWN') continue;
      if (scheduled || alsoLocal) this.#setState(index, 'UNKNOWN', reason);
    }
  }

  /** How many jobs an interruption waits for. */
  #awaited(): number {
    return this.#awaitsLocal ? this.#inFlight.local : 0;
  }

  #enqueue(index: number): void {
    (this.#isLocal(index) ? this.#ready.local : this.#ready.scheduled).push(index);
  }

  #submitReady(at: number): void {
    if (this.#interruption !== undefined) return;
    const { throttle, localJobs } = this.#policy;
    this.#submitFrom('scheduled', throttle === 0 ? Number.POSITIVE_INFINITY : throttle, at);
    this.#submitFrom('local', localJobs, at);
  }

  #submitFrom(pool: 'local' | 'scheduled', limit: number, at: number): void {
    while (this.#inFlight[pool] < limit) {
      const index = this.#ready[pool].shift();
      if (index === undefined) return;
      const record = this.steps[index]!;
      if (isOver(record)) continue;
      const attempt = record.jobs.length + 1;
      const script = record.restarts > 0 ? 'restart' : 'main';
      record.jobs.push({ attempt, script, id: '', submitted: at, started: null, ended: null, result: null });
      record.submitted ??= at;
      this.#inFlight[pool] += 1;
      // Of a step that runs again it stays said why.
      this.#setState(index, 'PENDING', attempt > 1 ? record.reason : '');
      this.#commands.push({ type: 'submit', step: index, attempt, script });
    }
  }

  #endJob(index: number, job: JobRecord, result: NonNullable<JobRecord['result']>, at: number): void {
    job.ended = at;
    job.result = result;
    this.#inFlight[this.#isLocal(index) ? 'local' : 'scheduled'] -= 1;
  }

  #isLocal(index: number): boolean {
    return !this.#graph.steps[index]!.scheduled;
  }

  #setState(index: number, state: StepState, reason: string): void {
    const record = this.steps[index]!;
    this.#counts.set(record.state, this.#counts.get(record.state)! - 1);
    this.#counts.set(state, (this.#counts.get(state) ?? 0) + 1);
    record.state = state;
    record.reason = reason;
    this.#changed.push(index);
  }
}

const isFailureState = (state: EndState) => state !== 'FINISHED' && state !== 'CANCELLED';

/** `exit 3`, `killed by SIGKILL`, or what the scheduler says. */
function describeFailure({ exitCode, signal, note }: JobOutcome): string {
  const status = signal !== null ? `killed by ${signal}` : exitCode !== null ? `exit ${exitCode}` : '';
  return [status, note].filter((text) => text !== '').join(': ') || 'failed';
}

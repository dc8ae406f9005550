import { type Interruption, kindOf } from '../causes/interruption.js';
import { HostLostError } from '../hosts/host.js';
import type { BatchScheduler, InheritedJob, Job, Scheduler, SchedulerListener } from '../schedulers/scheduler.js';
import type { StepScripts } from '../scripts/render.js';
import type { StudyJournal } from '../store/journal/journal.js';
import { LeaseLostError } from '../store/lease.js';
import type { Limits } from '../store/update-lock.js';
import type { StepGraph } from '../study/graph.js';
import { openJob, type StepRecord } from '../study/state.js';
import type { Clock } from '../util/clock.js';
import { Fifo } from '../util/fifo.js';
import type { StudyEvent } from './events.js';
import { backOff, type Policy } from './policy.js';
import { beganIn, QueueDeadline } from './queue-deadline.js';
import { StudyMachine } from './state-machine.js';
import { type CommandHandlers, type OtherCommand, type SubmitCommand, WriteAheadQueue } from './write-ahead.js';

export interface ConductorOptions {
  readonly graph: StepGraph;
  readonly scripts: readonly StepScripts[];
  readonly policy: Policy;
  readonly clock: Clock;
  /** The records of earlier runs; undefined for a new study. */
  readonly records?: readonly StepRecord[] | undefined;
  /**
   * The journal, to which every decision is written before it is carried out; undefined for none. If it can no longer
   * be written, the study is interrupted with the error's message.
   */
  readonly journal?: StudyJournal | undefined;
}

/** The schedulers of a study, and the signals that stop or change it. */
export interface ConductorHooks {
  readonly local: Scheduler;
  /** Undefined in a study without scheduled steps. */
  readonly batch: BatchScheduler | undefined;
  /** Cancels the study when aborted; the reason, a text, goes into the records of the steps. */
  readonly cancel?: AbortSignal;
  /** Stops driving the study when aborted, with that reason; jobs are left running, and their steps become UNKNOWN. */
  readonly interrupt?: AbortSignal;
  /** Like `interrupt`, but another driver will follow, so the steps keep their states. */
  readonly leave?: AbortSignal | undefined;
  /**
   * Receives a function that changes the study's limits; the caller has journaled the change. It has no effect after
   * the study's end.
   */
  readonly onLimits?: ((change: (limits: Limits) => void) => void) | undefined;
  /**
   * Called after each event that changed a step's state, with the records of all steps and the indices of those that
   * changed.
   */
  readonly onChange?: (records: readonly StepRecord[], changed: readonly number[]) => void;
}

/** A study after the conductor has ended. */
export type ConductedStudy = Pick<
  StudyMachine,
  'steps' | 'counts' | 'remaining' | 'isOver' | 'isLeft' | 'interruption' | 'interruptionKind' | 'cancellation'
>;

/**
 * Runs a study to its end: passes the events of schedulers and timers to the state machine, and carries out its
 * commands. It is created before the schedulers, because they need its listener when they are created.
 */
export class Conductor {
  readonly #options: ConductorOptions;
  readonly #machine: StudyMachine;
  readonly #queue: WriteAheadQueue;
  readonly #deadline: QueueDeadline;
  readonly #timers = new Set<() => void>();
  #events = new Fifo<StudyEvent>();
  /** Undefined until `run`. */
  #hooks: ConductorHooks | undefined;
  #resolve: (study: ConductedStudy) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #isBusy = false;
  #isDone = false;

  constructor(options: ConductorOptions) {
    this.#options = options;
    this.#machine = new StudyMachine(options.graph, options.policy, options.records);
    const handlers: CommandHandlers = {
      act: (command) => this.#act(command),
      submit: (commands) => this.#submit(commands),
      submitAhead: (commands, append) => this.#submitAhead(commands, append),
      cancel: (commands) => this.#cancel(commands),
      onLost: (error) => this.#leave(error instanceof Error ? error.message : String(error), kindOfLoss(error)),
      onFault: (error) => this.#giveUp(error),
    };
    const { journal, policy, clock } = options;
    this.#queue = new WriteAheadQueue(journal, handlers, clock);
    this.#deadline = new QueueDeadline({
      clock,
      limitMs: policy.maxWaitMs,
      onOver: (reason) => this.#post({ type: 'waited-too-long', at: clock.now(), reason }),
    });
  }

  /** Receives the events of schedulers; events that come before `run` are handled right after its start. */
  readonly listener: SchedulerListener = (event) => this.#post(event);

  /**
   * Drives the study until all of its steps are over, or until it is interrupted. The journal is durable before this
   * resolves, unless it cannot be written.
   */
  run(hooks: ConductorHooks): Promise<ConductedStudy> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#begin(hooks);
    });
  }

  #begin(hooks: ConductorHooks): void {
    const early = this.#events;
    this.#events = new Fifo();
    this.#hooks = hooks;
    const { clock } = this.#options;
    for (const [signal, listener] of this.#signals(hooks)) {
      if (signal?.aborted) listener();
      else signal?.addEventListener('abort', listener, { once: true });
    }
    hooks.onLimits?.((changed) => this.#post({ type: 'limits', at: clock.now(), ...changed }));
    this.#post({ type: 'begin', at: clock.now() });
    for (let event = early.shift(); event !== undefined; event = early.shift()) this.#post(event);
  }

  #signals({ leave, interrupt, cancel }: ConductorHooks) {
    return [
      [leave, this.#onLeave],
      [interrupt, this.#onInterrupt],
      [cancel, this.#onCancel],
    ] as const;
  }

  readonly #onCancel = () => {
    this.#post({ type: 'cancel', at: this.#options.clock.now(), reason: String(this.#hooks!.cancel!.reason) });
  };

  readonly #onInterrupt = () => {
    const { reason } = this.#hooks!.interrupt!;
    const why = { reason: String(reason), kind: kindOf(reason) };
    this.#post({ type: 'interrupt', at: this.#options.clock.now(), ...why, alsoLocal: true });
  };

  readonly #onLeave = () => {
    const { reason } = this.#hooks!.leave!;
    this.#leave(String(reason), kindOf(reason));
  };

  #leave(reason: string, kind: Interruption): void {
    this.#post({ type: 'leave', at: this.#options.clock.now(), reason, kind });
  }

  /** Queues an event and handles the queue, unless that is under way: a scheduler may report from within `submit`. */
  #post(event: StudyEvent): void {
    this.#events.push(event);
    if (this.#hooks === undefined || this.#isBusy || this.#isDone) return;
    this.#isBusy = true;
    try {
      // Events after the end of the study are dropped.
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        this.#handle(next);
        if (this.#machine.isOver) break;
      }
    } catch (error) {
      return this.#giveUp(error);
    } finally {
      this.#isBusy = false;
    }
    if (this.#machine.isOver) this.#finish();
  }

  /** Ends the driving of the study: later events and pending commands are dropped. */
  #finish(): void {
    if (this.#isDone) return;
    this.#stop();
    const { journal } = this.#options;
    const resolve = () => this.#resolve(this.#machine);
    if (journal === undefined) resolve();
    else journal.durable().then(resolve, resolve);
  }

  #stop(): void {
    this.#isDone = true;
    this.#queue.stop();
    this.#deadline.queueEmpty();
    for (const stop of this.#timers) stop();
    for (const [signal, listener] of this.#signals(this.#hooks!)) signal?.removeEventListener('abort', listener);
  }

  /**
   * Stops after an internal error: nothing more is submitted or handled. Without a journal the running jobs are
   * cancelled, because no other driver could take them over.
   */
  #giveUp(error: unknown): void {
    if (this.#isDone) return;
    this.#stop();
    if (this.#options.journal === undefined) this.#endAll();
    this.#reject(error);
  }

  #endAll(): void {
    const running = this.#machine.steps.flatMap((record, step) => {
      const job = openJob(record);
      return job === undefined ? [] : [{ step, attempt: job.attempt }];
    });
    this.#cancel(running);
  }

  #handle(event: StudyEvent): void {
    const { journal } = this.#options;
    const began = beganIn(event);
    if (began !== undefined && this.#options.graph.steps[began]!.scheduled) this.#deadline.jobBegan();
    const { commands, changed, touched } = this.#machine.handle(event);
    if (journal !== undefined) {
      if (event.type === 'cancel') journal.write({ type: 'cancel', reason: event.reason });
      if (touched.length > 0) journal.note(touched, this.#machine.steps);
    }
    if (!this.#machine.hasJobs) this.#deadline.queueEmpty();
    this.#queue.take(commands);
    if (changed.length > 0) this.#hooks!.onChange?.(this.#machine.steps, changed);
  }

  #act(command: OtherCommand): void {
    const { clock } = this.#options;
    switch (command.type) {
      case 'attach':
        return this.#attach(command.steps);
      case 'renew':
        if (this.#machine.interruption === undefined) this.#hooks!.batch?.renew?.(command.reason);
        return;
      case 'back-off': {
        const stop = clock.after(backOff(command.failures, clock.random()), () => {
          this.#timers.delete(stop);
          this.#post({ type: 'wake', step: command.step, at: clock.now() });
        });
        this.#timers.add(stop);
      }
    }
  }

  #submit(commands: readonly SubmitCommand[]): void {
    const jobs = commands.flatMap(({ step, attempt }) => this.#job(step, attempt) ?? []);
    const [scheduled, local] = split(jobs);
    // An interruption may have come while the journal was written.
    if (scheduled.length > 0 && this.#machine.interruption === undefined) {
      this.#deadline.jobQueued();
      this.#hooks!.batch!.submit(scheduled);
    }
    // An event from the call above may have ended the study.
    if (local.length > 0 && !this.#isDone) this.#hooks!.local.submit(local);
  }

  /** Only the scheduler of local steps can have them wait. */
  #submitAhead(commands: readonly SubmitCommand[], append: string): readonly SubmitCommand[] {
    const ahead = commands.filter(({ step }) => !this.#options.graph.steps[step]!.scheduled);
    const jobs = ahead.flatMap(({ step, attempt }) => this.#job(step, attempt) ?? []);
    if (jobs.length > 0) this.#hooks!.local.submit(jobs, append);
    return ahead;
  }

  #attach(steps: readonly number[]): void {
    const jobs = steps.flatMap((step): InheritedJob[] => {
      const record = openJob(this.#machine.steps[step]!);
      if (record === undefined) return [];
      const { id, place, isDoubtful } = record;
      return [{ ...this.#job(step, record.attempt)!, id, endpoint: place, mayBeDuplicate: isDoubtful }];
    });
    const [scheduled, local] = split(jobs);
    if (local.length > 0) this.#hooks!.local.reattach(local);
    if (scheduled.length === 0 || this.#machine.interruption !== undefined) return;
    const hasBegun = scheduled.some(({ step }) => this.#machine.steps[step.index]!.jobs.at(-1)!.started !== null);
    if (hasBegun) this.#deadline.jobBegan();
    else this.#deadline.jobQueued();
    this.#hooks!.batch!.reattach(scheduled);
  }

  #cancel(commands: readonly { readonly step: number; readonly attempt: number }[]): void {
    const [scheduled, local] = split(commands.flatMap(({ step, attempt }) => this.#job(step, attempt) ?? []));
    if (local.length > 0) this.#hooks!.local.cancel(local);
    if (scheduled.length > 0) this.#hooks!.batch!.cancel(scheduled);
  }

  /** The job of an attempt, as schedulers take it; undefined if the attempt has ended. */
  #job(step: number, attempt: number): Job | undefined {
    const { graph, scripts } = this.#options;
    const job = openJob(this.#machine.steps[step]!);
    if (job?.attempt !== attempt) return undefined;
    const { main, restart } = scripts[step]!;
    // A step that had a restart when the job was submitted may have none now.
    const script = (job.script === 'restart' ? (restart ?? main) : main).path;
    const { excluded } = job;
    return { step: graph.steps[step]!, attempt, script, ...(excluded === undefined ? {} : { excluded }) };
  }
}

/** Why the journal cannot be written. */
function kindOfLoss(error: unknown): Interruption {
  if (error instanceof LeaseLostError) return 'left';
  return error instanceof HostLostError ? 'host-lost' : 'disk-full';
}

function split<J extends Job>(jobs: readonly J[]): [scheduled: J[], local: J[]] {
  return [jobs.filter(({ step }) => step.scheduled), jobs.filter(({ step }) => !step.scheduled)];
}

import type { BatchScheduler, InheritedJob, Job, Scheduler, SchedulerListener } from '../schedulers/scheduler.js';
import type { StepScripts } from '../scripts/render.js';
import type { StudyJournal } from '../store/journal/journal.js';
import type { Limits } from '../store/update-lock.js';
import type { StepGraph } from '../study/graph.js';
import { openJob, type StepRecord } from '../study/state.js';
import type { Clock } from '../util/clock.js';
import { Fifo } from '../util/fifo.js';
import type { StudyEvent } from './events.js';
import { backOff, type Policy } from './policy.js';
import { StudyMachine } from './state-machine.js';
import { type CommandHandlers, type OtherCommand, type SubmitCommand, WriteAheadQueue } from './write-ahead.js';

export interface ConductorOptions {
  readonly graph: StepGraph;
  readonly scripts: readonly StepScripts[];
  readonly policy: Policy;
  readonly clock: Clock;
  /** What is known of the steps; undefined if none of them ever ran. */
  readonly records?: readonly StepRecord[] | undefined;
  /**
   * Where all is noted before it is acted on; undefined if nothing is. If it cannot be written any more the study is left as
   * it is, its interruption being the error's message.
   */
  readonly journal?: StudyJournal | undefined;
}

/** What a conductor works with, and what may change, or end, its work. */
export interface ConductorHooks {
  readonly local: Scheduler;
  /** Undefined in a study without scheduled steps. */
  readonly batch: BatchScheduler | undefined;
  /** Cancels the study when aborted; the reason, a text, is what the steps' records say. */
  readonly cancel?: AbortSignal;
  /** Stops driving the study when aborted, for that reason: all jobs are left as they are, UNKNOWN. */
  readonly interrupt?: AbortSignal;
  /** The same, if another driver will follow: the steps stay in the states that they are in. */
  readonly leave?: AbortSignal | undefined;
  /** Is given what changes the study's limits; that they change is in the journal by then. Calling it after the study's end does nothing. */
  readonly onLimits?: ((change: (limits: Limits) => void) => void) | undefined;
  /** Called after each event that changed a step's state, with the records of all steps and the indices of those that changed. */
  readonly onChange?: (records: readonly StepRecord[], changed: readonly number[]) => void;
}

/** A study as its conductor left it. */
export type ConductedStudy = Pick<
  StudyMachine,
  'steps' | 'counts' | 'remaining' | 'isOver' | 'isLeft' | 'interruption' | 'cancellation'
>;

/**
 * Runs a study to its end: gives the machine the events of its schedulers and timers, and carries out its commands. It is
 * there before its schedulers are, so that they have their listener when they are made.
 */
export class Conductor {
  readonly #options: ConductorOptions;
  readonly #machine: StudyMachine;
  readonly #queue: WriteAheadQueue;
  readonly #timers = new Set<() => void>();
  #events = new Fifo<StudyEvent>();
  /** Undefined until the study has begun. */
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
      cancel: (commands) => this.#cancel(commands),
      onLost: (error) => this.#leave(error instanceof Error ? error.message : String(error)),
      onFault: (error) => this.#giveUp(error),
    };
    this.#queue = new WriteAheadQueue(options.journal, handlers, options.clock);
  }

  /** Takes what schedulers report. An event that comes before the study has begun takes effect right after that. */
  readonly listener: SchedulerListener = (event) => this.#post(event);

  /**
   * Drives the study until all of its steps are over, or until it is interrupted. All that was noted is written by then, if it
   * can be.
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
    const reason = String(this.#hooks!.interrupt!.reason);
    this.#post({ type: 'interrupt', at: this.#options.clock.now(), reason, alsoLocal: true });
  };

  readonly #onLeave = () => this.#leave(String(this.#hooks!.leave!.reason));

  #leave(reason: string): void {
    this.#post({ type: 'leave', at: this.#options.clock.now(), reason });
  }

  /** Takes an event. A scheduler may report from within `submit`, so events queue up rather than nest. */
  #post(event: StudyEvent): void {
    this.#events.push(event);
    if (this.#hooks === undefined || this.#isBusy || this.#isDone) return;
    this.#isBusy = true;
    try {
      // After the end nothing is heard any more.
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

  /** The study is over, for us: what is still reported is not heard, what is still to be done is not done. */
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
    for (const stop of this.#timers) stop();
    for (const [signal, listener] of this.#signals(this.#hooks!)) signal?.removeEventListener('abort', listener);
  }

  /**
   * A fault of ours: nothing more is submitted, no event is looked at. What runs is ended, unless another driver can take it
   * over.
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
    const { commands, changed, touched } = this.#machine.handle(event);
    if (journal !== undefined) {
      if (event.type === 'cancel') journal.write({ type: 'cancel', reason: event.reason });
      if (touched.length > 0) journal.note(touched, this.#machine.steps);
    }
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
      case 'wait': {
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
    // An interruption may have come before the disk.
    if (scheduled.length > 0 && this.#machine.interruption === undefined) this.#hooks!.batch!.submit(scheduled);
    // What was reported meanwhile may have been the end.
    if (local.length > 0 && !this.#isDone) this.#hooks!.local.submit(local);
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
    if (scheduled.length > 0 && this.#machine.interruption === undefined) this.#hooks!.batch!.reattach(scheduled);
  }

  #cancel(commands: readonly { readonly step: number; readonly attempt: number }[]): void {
    const [scheduled, local] = split(commands.flatMap(({ step, attempt }) => this.#job(step, attempt) ?? []));
    if (local.length > 0) this.#hooks!.local.cancel(local);
    if (scheduled.length > 0) this.#hooks!.batch!.cancel(scheduled);
  }

  /** A step's present job, as its scheduler knows it; undefined if that is over by now. */
  #job(step: number, attempt: number): Job | undefined {
    const { graph, scripts } = this.#options;
    const job = openJob(this.#machine.steps[step]!);
    if (job?.attempt !== attempt) return undefined;
    const { main, restart } = scripts[step]!;
    // A step that had a restart when the job was submitted may have none now.
    return { step: graph.steps[step]!, attempt, script: (job.script === 'restart' ? (restart ?? main) : main).path };
  }
}

function split<J extends Job>(jobs: readonly J[]): [scheduled: J[], local: J[]] {
  return [jobs.filter(({ step }) => step.scheduled), jobs.filter(({ step }) => !step.scheduled)];
}

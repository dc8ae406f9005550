import type { InheritedJob, Job, Scheduler, SchedulerListener } from '../schedulers/scheduler.js';
import type { StepScripts } from '../scripts/render.js';
import type { StudyJournal } from '../store/journal/journal.js';
import type { Limits } from '../store/update-lock.js';
import type { StepGraph } from '../study/graph.js';
import { openJob, type StepRecord } from '../study/state.js';
import type { Clock } from '../util/clock.js';
import { Fifo } from '../util/fifo.js';
import type { Command, StudyEvent } from './events.js';
import { backOff, type Policy } from './policy.js';
import { StudyMachine } from './state-machine.js';
import { WriteAheadQueue } from './write-ahead.js';

export interface ConductorOptions {
  readonly graph: StepGraph;
  readonly scripts: readonly StepScripts[];
  readonly policy: Policy;
  readonly clock: Clock;
  /** Makes the scheduler of each kind of step; events go to the listener. `batch` is undefined in a study without one. */
  readonly schedulers: (listener: SchedulerListener) => {
    readonly local: Scheduler;
    readonly batch: Scheduler | undefined;
  };
  /** What is known of the steps; undefined if none of them ever ran. */
  readonly records?: readonly StepRecord[] | undefined;
  /**
   * Where all is noted before it is acted on; undefined if nothing is. If it cannot be written any more the study is left as
   * it is, its interruption being the error's message.
   */
  readonly journal?: StudyJournal | undefined;
  /** Cancels the study when aborted; the reason, a text, is what the steps' records say. */
  readonly cancel?: AbortSignal;
  /** Stops driving the study when aborted, for that reason: all jobs are left as they are, UNKNOWN. */
  readonly interrupt?: AbortSignal;
  /** The same, for one who will be followed by another driver: the steps stay in the states that they are in. */
  readonly leave?: AbortSignal | undefined;
  /** Is given, before the study begins, what changes its limits; that they change is in the journal by then. To call that later than the study's end does nothing. */
  readonly onLimits?: ((change: (limits: Limits) => void) => void) | undefined;
  /** Called after each event that changed a step's state. */
  readonly onChange?: (machine: StudyMachine, changed: readonly number[]) => void;
}

/**
 * Runs a study to its end: gives the machine the events of its schedulers and timers, and carries out its commands.
 * The result is the machine, all of whose steps are over, but for an interruption. All that was noted is written by then,
 * if it can be.
 */
export function conduct(options: ConductorOptions): Promise<StudyMachine> {
  return new Promise((resolve, reject) => new Conductor(options, resolve, reject).begin());
}

class Conductor {
  readonly #options: ConductorOptions;
  readonly #machine: StudyMachine;
  readonly #schedulers: { readonly local: Scheduler; readonly batch: Scheduler | undefined };
  readonly #queue: WriteAheadQueue;
  readonly #timers = new Set<() => void>();
  readonly #events = new Fifo<StudyEvent>();
  readonly #resolve: (machine: StudyMachine) => void;
  readonly #reject: (error: unknown) => void;
  #isBusy = false;
  #isDone = false;

  constructor(options: ConductorOptions, resolve: (machine: StudyMachine) => void, reject: (error: unknown) => void) {
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#machine = new StudyMachine(options.graph, options.policy, options.records);
    const hands = {
      act: (command: Exclude<Command, { type: 'cancel' }>) => this.#act(command),
      cancel: (commands: readonly Extract<Command, { type: 'cancel' }>[]) => this.#cancel(commands),
      onLost: (error: unknown) => this.#leave(error instanceof Error ? error.message : String(error)),
      onFault: (error: unknown) => this.#giveUp(error),
    };
    this.#queue = new WriteAheadQueue(options.journal, hands, options.clock);
    this.#schedulers = options.schedulers((event) => this.#post(event));
  }

  readonly #onCancel = () => {
    const { cancel, clock } = this.#options;
    this.#post({ type: 'cancel', at: clock.now(), reason: String(cancel!.reason) });
  };

  readonly #onInterrupt = () => {
    const { interrupt, clock } = this.#options;
    this.#post({ type: 'interrupt', at: clock.now(), reason: String(interrupt!.reason), alsoLocal: true });
  };

  readonly #onLeave = () => this.#leave(String(this.#options.leave!.reason));

  begin(): void {
    const { leave, interrupt, cancel, onLimits, clock } = this.#options;
    for (const [signal, listener] of [
      [leave, this.#onLeave],
      [interrupt, this.#onInterrupt],
      [cancel, this.#onCancel],
    ] as const) {
      if (signal?.aborted) listener();
      else signal?.addEventListener('abort', listener, { once: true });
    }
    onLimits?.((changed) => this.#post({ type: 'limits', at: clock.now(), ...changed }));
    this.#post({ type: 'begin', at: clock.now() });
  }

  #leave(reason: string): void {
    this.#post({ type: 'leave', at: this.#options.clock.now(), reason });
  }

  /** Takes an event. A scheduler may report from within `submit`, so events queue up rather than nest. */
  #post(event: StudyEvent): void {
    this.#events.push(event);
    if (this.#isBusy || this.#isDone) return;
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
    if (this.#machine.isOver) this.#end();
  }

  /** The study is over, for us: what is still reported is not heard, what is still to be done is not done. */
  #end(): void {
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
    this.#options.leave?.removeEventListener('abort', this.#onLeave);
    this.#options.interrupt?.removeEventListener('abort', this.#onInterrupt);
    this.#options.cancel?.removeEventListener('abort', this.#onCancel);
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
    const { journal, onChange } = this.#options;
    const { commands, changed, touched } = this.#machine.handle(event);
    if (journal !== undefined) {
      if (event.type === 'cancel') journal.write({ type: 'cancel', reason: event.reason });
      if (touched.length > 0) journal.note(touched, this.#machine.steps);
    }
    this.#queue.take(commands);
    if (changed.length > 0) onChange?.(this.#machine, changed);
  }

  #act(command: Exclude<Command, { type: 'cancel' }>): void {
    const { clock } = this.#options;
    switch (command.type) {
      case 'attach':
        return this.#attach(command.steps);
      case 'submit': {
        const job = this.#job(command.step, command.attempt);
        // An interruption may have come before the disk.
        if (job === undefined || (job.step.scheduled && this.#machine.interruption !== undefined)) return;
        return (job.step.scheduled ? this.#schedulers.batch! : this.#schedulers.local).submit(job);
      }
      case 'renew':
        if (this.#machine.interruption === undefined) this.#schedulers.batch?.renew?.(command.reason);
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

  #attach(steps: readonly number[]): void {
    const jobs = steps.flatMap((step): InheritedJob[] => {
      const record = openJob(this.#machine.steps[step]!);
      if (record === undefined) return [];
      const { id, place, isDoubtful } = record;
      return [{ ...this.#job(step, record.attempt)!, id, endpoint: place, mayBeDuplicate: isDoubtful }];
    });
    const [scheduled, local] = split(jobs);
    if (local.length > 0) this.#schedulers.local.reattach(local);
    if (scheduled.length > 0 && this.#machine.interruption === undefined) this.#schedulers.batch!.reattach(scheduled);
  }

  #cancel(commands: readonly { readonly step: number; readonly attempt: number }[]): void {
    const [scheduled, local] = split(commands.flatMap(({ step, attempt }) => this.#job(step, attempt) ?? []));
    if (local.length > 0) this.#schedulers.local.cancel(local);
    if (scheduled.length > 0) this.#schedulers.batch!.cancel(scheduled);
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

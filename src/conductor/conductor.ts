import type { Clock } from '../clock.js';
import { Queue } from '../queue.js';
import type { Job, Scheduler, SchedulerListener } from '../schedulers/scheduler.js';
import type { StepScripts } from '../scripts/render.js';
import type { StepGraph } from '../study/graph.js';
import type { Command, StudyEvent } from './events.js';
import { StudyMachine, type Transition } from './machine.js';
import { backOff, type Policy } from './policy.js';

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
  /** Cancels the study when aborted; the reason, a text, is what the steps' records say. */
  readonly cancel?: AbortSignal;
  /** Stops driving the study when aborted, for that reason: all jobs are left as they are. */
  readonly interrupt?: AbortSignal;
  /** Called after each event that changed a step's state. */
  readonly onChange?: (machine: StudyMachine, changed: readonly number[]) => void;
}

/**
 * Runs a study to its end: gives the machine the events of its schedulers and timers, and carries out its commands.
 * The result is the machine, all of whose steps are over, but for an interruption.
 */
export function conduct(options: ConductorOptions): Promise<StudyMachine> {
  return new Promise((resolve, reject) => new Conductor(options, resolve).begin(reject));
}

class Conductor {
  readonly #options: ConductorOptions;
  readonly #machine: StudyMachine;
  readonly #schedulers: { readonly local: Scheduler; readonly batch: Scheduler | undefined };
  readonly #timers = new Set<() => void>();
  readonly #events = new Queue<StudyEvent>();
  readonly #resolve: (machine: StudyMachine) => void;
  #reject: (error: unknown) => void = () => {};
  #busy = false;

  constructor(options: ConductorOptions, resolve: (machine: StudyMachine) => void) {
    this.#options = options;
    this.#resolve = resolve;
    this.#machine = new StudyMachine(options.graph, options.policy);
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

  begin(reject: (error: unknown) => void): void {
    this.#reject = reject;
    const { cancel, interrupt, clock } = this.#options;
    if (interrupt?.aborted) this.#onInterrupt();
    else interrupt?.addEventListener('abort', this.#onInterrupt, { once: true });
    if (cancel?.aborted) this.#onCancel();
    else cancel?.addEventListener('abort', this.#onCancel, { once: true });
    this.#post({ type: 'begin', at: clock.now() });
  }

  /** Takes an event. A scheduler may report from within `submit`, so events queue up rather than nest. */
  #post(event: StudyEvent): void {
    this.#events.push(event);
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) this.#handle(next);
    } catch (error) {
      this.#giveUp(error);
      return;
    }
    this.#busy = false;
    if (this.#machine.isOver) {
      this.#stop();
      this.#resolve(this.#machine);
    }
  }

  #stop(): void {
    for (const stop of this.#timers) stop();
    this.#options.cancel?.removeEventListener('abort', this.#onCancel);
    this.#options.interrupt?.removeEventListener('abort', this.#onInterrupt);
  }

  /** A fault of ours: nothing more is submitted (it stays busy, so that events are not looked at), what runs is ended. */
  #giveUp(error: unknown): void {
    this.#stop();
    const running = this.#options.graph.steps.filter(
      ({ index }) => this.#machine.steps[index]!.jobs.at(-1)?.ended === null,
    );
    this.#cancel(running.map(({ index }) => index));
    this.#reject(error);
  }

  #handle(event: StudyEvent): void {
    const transition: Transition = this.#machine.handle(event);
    const cancelled: number[] = [];
    for (const command of transition.commands) {
      if (command.type === 'cancel') cancelled.push(command.step);
      else this.#carryOut(command);
    }
    if (cancelled.length > 0) this.#cancel(cancelled);
    if (transition.changed.length > 0) this.#options.onChange?.(this.#machine, transition.changed);
  }

  #carryOut(command: Exclude<Command, { type: 'cancel' }>): void {
    const { clock } = this.#options;
    switch (command.type) {
      case 'submit':
        this.#schedulerOf(command.step).submit(this.#job(command.step));
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

  #cancel(steps: readonly number[]): void {
    const jobs = steps.map((step) => this.#job(step));
    const [scheduled, local] = [jobs.filter((job) => job.step.scheduled), jobs.filter((job) => !job.step.scheduled)];
    if (local.length > 0) this.#schedulers.local.cancel(local);
    if (scheduled.length > 0) this.#schedulers.batch!.cancel(scheduled);
  }

  /** A step's present job, as its scheduler knows it. */
  #job(step: number): Job {
    const { graph, scripts } = this.#options;
    const { attempt, script } = this.#machine.steps[step]!.jobs.at(-1)!;
    return { step: graph.steps[step]!, attempt, script: scripts[step]![script]!.path };
  }

  #schedulerOf(step: number): Scheduler {
    return this.#options.graph.steps[step]!.scheduled ? this.#schedulers.batch! : this.#schedulers.local;
  }
}

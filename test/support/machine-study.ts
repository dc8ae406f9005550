import type { StudyEvent, Transition } from '../../src/conductor/events.js';
import type { Policy } from '../../src/conductor/policy.js';
import { StudyMachine } from '../../src/conductor/state-machine.js';
import type { InterruptEvent, JobOutcome } from '../../src/schedulers/scheduler.js';
import { type StepRecord, studyStatus } from '../../src/study/state.js';
import { graphOf, policyOf, type Shape } from './graphs.js';

/** A step, and what is known of it if the machine takes the study over. */
export interface MachineStep extends Shape {
  readonly record?: StepRecord;
}

/** What an event of a job says beside what the step has. */
interface JobDetails {
  /** The attempt that it is of; the latest unless given. */
  readonly attempt?: number;
}

/** A state machine that is spoken to, and answers, in the names of the steps. Each event comes a millisecond after the last. */
export class MachineStudy {
  readonly machine: StudyMachine;
  /** What came of the last event. */
  last!: Transition;
  readonly #names: readonly string[];
  #now: number;

  /** @param options.now when the event before the first one came, in milliseconds */
  constructor(steps: readonly MachineStep[], policy: Partial<Policy> = {}, options: { readonly now?: number } = {}) {
    this.#now = options.now ?? 0;
    this.#names = steps.map(({ name }) => name);
    const records = steps.flatMap(({ record }) => (record === undefined ? [] : [record]));
    this.machine = new StudyMachine(graphOf(steps), policyOf(policy), records.length === 0 ? undefined : records);
  }

  /** @returns the commands that answer: `submit run 1 main`, `cancel run 1`, `back-off run 2`, `attach a b`, `renew REASON` */
  tell(event: StudyEvent): string[] {
    this.last = this.machine.handle(event);
    return this.last.commands.map((command) => {
      if (command.type === 'renew') return `renew ${command.reason}`;
      if (command.type === 'attach') return `attach ${command.steps.map((step) => this.#names[step]).join(' ')}`;
      const name = this.#names[command.step];
      if (command.type === 'submit') return `submit ${name} ${command.attempt} ${command.script}`;
      return command.type === 'cancel' ? `cancel ${name} ${command.attempt}` : `back-off ${name} ${command.failures}`;
    });
  }

  begin(): string[] {
    return this.tell({ type: 'begin', at: ++this.#now });
  }

  submitted(
    name: string,
    { id = `id-${name}`, endpoint = 'local:///x', mayBeDuplicate = false, ...job }: Submitted = {},
  ) {
    return this.tell({ ...this.#job(name, job), type: 'submitted', id, endpoint, mayBeDuplicate });
  }

  refused(name: string, reason = 'no such queue'): string[] {
    return this.tell({ ...this.#job(name), type: 'not-submitted', reason });
  }

  queued(name: string, job: JobDetails = {}): string[] {
    return this.tell({ ...this.#job(name, job), type: 'queued' });
  }

  started(name: string, job: JobDetails = {}): string[] {
    return this.tell({ ...this.#job(name, job), type: 'started' });
  }

  finishing(name: string, job: JobDetails = {}): string[] {
    return this.tell({ ...this.#job(name, job), type: 'finishing' });
  }

  ended(name: string, result: JobOutcome['result'] = 'completed', { attempt, ...outcome }: Ended = {}): string[] {
    const exitCode = result === 'completed' ? 0 : result === 'failed' ? 1 : null;
    return this.tell({
      ...this.#job(name, attempt === undefined ? {} : { attempt }),
      type: 'ended',
      outcome: { result, exitCode, signal: null, note: '', ...outcome },
    });
  }

  deferred(name: string, mayRenew: boolean): string[] {
    return this.tell({ ...this.#job(name), type: 'deferred', reason: 'too short', mayRenew });
  }

  /** The time is up that a command `back-off` was for. */
  wake(name: string): string[] {
    return this.tell({ type: 'wake', step: this.#index(name), at: ++this.#now });
  }

  cancel(reason = 'cancelled by SIGINT'): string[] {
    return this.tell({ type: 'cancel', at: ++this.#now, reason });
  }

  leave(): string[] {
    return this.tell({ type: 'leave', at: ++this.#now, reason: 'time is up', kind: 'left' });
  }

  interrupt(reason: string, more: Pick<InterruptEvent, 'alsoLocal' | 'kind'> = {}): string[] {
    return this.tell({ type: 'interrupt', at: ++this.#now, reason, ...more });
  }

  limits(limits: { readonly throttle?: number; readonly restartLimit?: number }): string[] {
    return this.tell({ type: 'limits', at: ++this.#now, ...limits });
  }

  step(name: string): StepRecord {
    return this.machine.steps[this.#index(name)]!;
  }

  /** `FINISHED`, `FAILED (exit 1)` */
  outcome(name: string): string {
    const { state, reason } = this.step(name);
    return reason === '' ? state : `${state} (${reason})`;
  }

  /** Of each step. */
  get outcomes(): string[] {
    return this.#names.map((name) => this.outcome(name));
  }

  get outcomesByName(): Record<string, string> {
    return Object.fromEntries(this.#names.map((name) => [name, this.outcome(name)]));
  }

  /** Of each step, without reasons. */
  get states(): string[] {
    return this.machine.steps.map(({ state }) => state);
  }

  get status(): string {
    return studyStatus(this.machine.steps);
  }

  /** The names of the steps that the last event has changed. */
  get touched(): (string | undefined)[] {
    return this.last.touched.map((index) => this.#names[index]);
  }

  #job(name: string, { attempt = this.step(name).jobs.at(-1)?.attempt ?? 1 }: JobDetails = {}) {
    return { step: this.#index(name), attempt, at: ++this.#now };
  }

  #index(name: string): number {
    return this.#names.indexOf(name);
  }
}

interface Submitted extends JobDetails {
  readonly id?: string;
  readonly endpoint?: string;
  readonly mayBeDuplicate?: boolean;
}

type Ended = JobDetails & Partial<JobOutcome>;

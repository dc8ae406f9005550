import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StudyEvent, Transition } from '../../src/conductor/events.js';
import { NODE_FAILURE_LIMIT, type Policy } from '../../src/conductor/policy.js';
import { StudyMachine } from '../../src/conductor/state-machine.js';
import { applyPatch, cloneRecord, diffRecord } from '../../src/store/journal/patch.js';
import type { Limits } from '../../src/store/update-lock.js';
import type { StepGraph } from '../../src/study/graph.js';
import {
  isFailure,
  isOver,
  type JobResult,
  newRecord,
  type StepRecord,
  type StepState,
} from '../../src/study/state.js';
import { graphOf, policyOf, type Shape } from '../support/graphs.js';

const finalStates: readonly StepState[] = ['FINISHED', 'FAILED', 'TIMEDOUT', 'HWFAILURE', 'CANCELLED'];

const shapes = fc
  .array(
    fc.record({
      scheduled: fc.boolean(),
      restart: fc.boolean(),
      mayFail: fc.boolean(),
      afterAll: fc.integer({ min: 0, max: 4 }).map((roll) => roll === 0),
      /** For each earlier step, counted back, whether this one waits for it. */
      after: fc.array(fc.integer({ min: 0, max: 3 }).map((roll) => roll === 0)),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((steps) =>
    steps.map((step, index): Shape & { mayFail: boolean } => ({
      ...step,
      name: `s${index}`,
      after: step.after.slice(0, index).flatMap((waits, back) => (waits ? [`s${index - 1 - back}`] : [])),
    })),
  );

const limits = fc.record({
  throttle: fc.integer({ min: 0, max: 3 }),
  localJobs: fc.integer({ min: 1, max: 3 }),
  submissionAttempts: fc.integer({ min: 1, max: 3 }),
  restartLimit: fc.integer({ min: 0, max: 2 }),
});

/** What happens next, chosen from what can: by number, whatever there is to choose from. */
const choices = fc.array(
  fc.record({ pick: fc.nat(), how: fc.nat(), stale: fc.nat({ max: 3 }), outside: fc.nat({ max: 24 }) }),
  { maxLength: 80 },
);

/** A job as a scheduler knows it. */
interface Job {
  readonly step: number;
  readonly attempt: number;
  stage: 'asked' | 'submitted' | 'started';
}

/**
 * The world around a machine, which does only what a scheduler, the conductor's timers and its user can do; and what
 * must be true of the machine whatever they do.
 */
class World {
  readonly events: StudyEvent[] = [];
  /** All that happened, for another machine to go through: a resumption is one of its own, from a copy of these records. */
  readonly history: (
    | StudyEvent
    | { readonly type: 'resume'; readonly policy: Policy; readonly records: StepRecord[] }
  )[] = [];
  readonly transitions: Transition[] = [];
  machine: StudyMachine;
  /** The records as a journal would have them, told of nothing but what the transitions say that they touched. */
  readonly #journaled: StepRecord[];
  readonly #graph: StepGraph;
  readonly #policy: Policy;
  readonly #jobs: Job[] = [];
  readonly #waiting = new Set<number>();
  /** The steps that wait for another place. */
  readonly #setAside = new Set<number>();
  readonly #attempts = new Map<number, number>();
  readonly #limits: { throttle: number; restartLimit: number };
  /** The highest that there was; 0: none. */
  #mostRestarts: number;
  #cancelled = false;
  /** How often jobs have waited for too long, and whether they have since this driver came. */
  #waits = 0;
  #hasWaited = false;
  #now = 0;

  constructor(graph: StepGraph, policy: Policy) {
    this.#graph = graph;
    this.#policy = policy;
    this.#limits = { throttle: policy.throttle, restartLimit: policy.restartLimit };
    this.#mostRestarts = policy.restartLimit || Number.POSITIVE_INFINITY;
    this.machine = new StudyMachine(graph, policy);
    this.#journaled = graph.steps.map(() => newRecord());
    this.tell({ type: 'begin', at: 0 });
  }

  /** Somebody changes the limits. */
  limit(limits: Limits): void {
    Object.assign(this.#limits, limits);
    if (limits.restartLimit !== undefined) {
      this.#mostRestarts = Math.max(this.#mostRestarts, limits.restartLimit || Number.POSITIVE_INFINITY);
    }
    this.#now += 1;
    this.tell({ type: 'limits', at: this.#now, ...limits });
  }

  /** The study is left by its driver. */
  leave(): void {
    this.#now += 1;
    const before = this.machine.steps.map(({ reason: _, ...record }) => structuredClone(record));
    const why = this.machine.interruption ?? 'time is up';
    this.tell({ type: 'leave', at: this.#now, reason: 'time is up', kind: 'left' });
    expect(this.machine.steps.map(({ reason: _, ...record }) => record)).toEqual(before);
    expect(this.transitions.at(-1)!.commands).toEqual([]);
    expect([this.machine.isOver, this.machine.isLeft, this.machine.interruption]).toEqual([true, true, why]);
    for (const event of this.events.slice(-5)) {
      expect(this.machine.handle(event)).toEqual({ commands: [], changed: [], touched: [] });
    }
  }

  /** No job has begun in time. A driver that has stopped for it is followed by another one. */
  wait(): void {
    if (this.#cancelled || this.#inFlight(true) === 0) return;
    this.#now += 1;
    this.#waits += 1;
    this.#hasWaited = true;
    this.tell({ type: 'waited-too-long', at: this.#now, reason: 'too long' });
    const told = this.transitions.at(-1)!.commands.map((command) => 'step' in command && command.step);
    expect(told.toSorted()).toEqual(this.#scheduledJobs().toSorted());
  }

  /** The driver is gone, and another one goes on with what the journal says. What it has not heard is told again, or not. */
  resume(tellsAgain: boolean): void {
    this.#waiting.clear();
    this.#setAside.clear();
    this.#hasWaited = false;
    const records = this.#journaled.map(cloneRecord);
    const policy = { ...this.#policy, ...this.#limits };
    this.machine = new StudyMachine(this.#graph, policy, records);
    this.history.push({ type: 'resume', policy, records: this.#journaled.map(cloneRecord) });
    this.#now += 1;
    if (this.#cancelled) this.tell({ type: 'cancel', at: this.#now, reason: 'enough' });
    this.tell({ type: 'begin', at: this.#now });
    for (const job of tellsAgain ? this.#jobs : []) {
      const base = { step: job.step, attempt: job.attempt, at: this.#now };
      if (job.stage !== 'asked') {
        this.tell({
          ...base,
          type: 'submitted',
          id: `${job.step}.${job.attempt}`,
          endpoint: '',
          mayBeDuplicate: false,
        });
      }
      if (job.stage === 'started') this.tell({ ...base, type: 'started' });
    }
  }

  /** One legal thing happens. Without a choice everything goes well, so that the study ends. */
  step(pick = 0, how = 0): void {
    this.#now += 1;
    const at = this.#now;
    const waiting = [...this.#waiting];
    // Who is told that the queue is too long is likelier to give up.
    const odds = this.#hasWaited ? 4 : 29;
    const chosen = pick % (this.#jobs.length + waiting.length + (pick % odds === odds - 1 ? 1 : 0));
    if (chosen === this.#jobs.length + waiting.length) {
      const isFirst = !this.#cancelled;
      this.#cancelled = true;
      this.tell({ type: 'cancel', at, reason: 'enough' });
      if (isFirst) this.#checkAllCancelled();
    } else if (chosen >= this.#jobs.length) {
      const step = waiting[chosen - this.#jobs.length]!;
      this.#waiting.delete(step);
      this.tell({ type: 'wake', step, at });
    } else this.#advance(this.#jobs[chosen]!, at, how);
  }

  /** Somebody repeats himself, or is late. */
  stale(pick: number): void {
    const event = this.events[pick % this.events.length]!;
    if (event.type === 'begin' || event.type === 'not-submitted') return;
    if (event.type === 'wake' && this.#waiting.has(event.step)) return;
    if (event.type === 'submitted' || event.type === 'started' || event.type === 'ended' || event.type === 'wake') {
      const before = structuredClone(this.machine.steps);
      expect(this.machine.handle(event)).toEqual({ commands: [], changed: [], touched: [] });
      expect(this.machine.steps).toEqual(before);
    }
  }

  tell(event: StudyEvent): void {
    const before = this.machine.steps.map(({ state }) => state);
    const transition = this.machine.handle(event);
    this.events.push(event);
    this.history.push(event);
    this.transitions.push(transition);
    this.#journal(transition);
    for (const command of transition.commands) {
      if (command.type === 'renew') this.#checkRenewed();
      else if (command.type === 'submit') this.#onSubmit(command.step, command.attempt, command.script);
      else if (command.type === 'back-off') this.#waiting.add(command.step);
      else if (command.type === 'attach') this.#checkAttached(transition, command.steps);
      else expect(this.#jobs).toContainEqual(expect.objectContaining({ step: command.step, attempt: command.attempt }));
    }
    if (this.#cancelled) this.#waiting.clear();
    this.#checkChanged(before, transition);
    this.#checkCounts();
    this.#checkNothingIsForgotten();
  }

  /** What must be true at the end. */
  checkEnd(): void {
    const { steps } = this.machine;
    expect(steps.map(({ state }) => state).filter((state) => !finalStates.includes(state))).toEqual([]);
    for (const step of this.#graph.steps) {
      const record = steps[step.index]!;
      const dependencies = step.dependsOn.map((index) => steps[index]!);
      const last = record.jobs.at(-1);
      expect(record.state === 'FINISHED', `${step.name} is FINISHED`).toBe(last?.result === 'completed');
      const could =
        step.condition === 'all-completed'
          ? (state: StepState) => state !== 'CANCELLED'
          : (state: StepState) => state === 'FINISHED';
      if (!dependencies.every(({ state }) => could(state))) {
        expect(record.jobs, `${step.name} could not run`).toEqual([]);
        expect(['FAILED', 'CANCELLED'], step.name).toContain(record.state);
      }
      if (record.state === 'FAILED' && last === undefined) {
        expect(
          dependencies.some(({ state }) => isFailure(state)),
          `${step.name} had a failed dependency`,
        ).toBe(true);
      }
      // What is tolerated can be read from the end alone: the order in which things failed makes no difference. Only of a
      // step that both a failure and a cancellation kept from running nothing is said.
      const failed = dependencies.filter(({ state }) => isFailure(state));
      const named = this.#policy.allowsFailure(step);
      if (named || dependencies.every(({ state }) => state !== 'CANCELLED')) {
        const excused =
          named || (last === undefined && failed.length > 0 && failed.every(({ tolerated }) => tolerated));
        expect([step.name, record.tolerated]).toEqual([step.name, isFailure(record.state) && excused]);
      }
      expect(record.restarts).toBeLessThanOrEqual(this.#mostRestarts);
      // A step begins anew whose job was taken out of the queue too late.
      expect(record.jobs.filter(({ result }) => result === 'node-failure').length).toBeLessThanOrEqual(
        (NODE_FAILURE_LIMIT + 1) * (this.#waits + 1),
      );
    }
  }

  #advance(job: Job, at: number, how: number): void {
    const base = { step: job.step, attempt: job.attempt, at };
    const { scheduled } = this.#graph.steps[job.step]!;
    if (job.stage !== 'started' && scheduled && how % 11 === 10) {
      this.#jobs.splice(this.#jobs.indexOf(job), 1);
      this.#setAside.add(job.step);
      this.tell({ ...base, type: 'deferred', reason: 'no room', mayRenew: true });
    } else if (job.stage === 'asked') {
      if (how % 4 === 3) {
        this.#jobs.splice(this.#jobs.indexOf(job), 1);
        this.tell({ ...base, type: 'not-submitted', reason: 'no' });
      } else {
        job.stage = 'submitted';
        this.tell({
          ...base,
          type: 'submitted',
          id: `${job.step}.${job.attempt}`,
          endpoint: '',
          mayBeDuplicate: false,
        });
      }
    } else if (job.stage === 'submitted' && how % 5 !== 4) {
      job.stage = 'started';
      this.tell({ ...base, type: 'started' });
    } else {
      this.#jobs.splice(this.#jobs.indexOf(job), 1);
      const results: readonly JobResult[] = [
        'completed',
        'failed',
        'timeout',
        'node-failure',
        'completed',
        'cancelled',
        'not-run',
      ];
      const result = results[how % results.length]!;
      const exitCode = result === 'completed' ? 0 : result === 'failed' ? 1 : null;
      this.tell({ ...base, type: 'ended', outcome: { result, exitCode, signal: null, note: '' } });
    }
  }

  #onSubmit(step: number, attempt: number, script: 'main' | 'restart'): void {
    const { dependsOn, run } = this.#graph.steps[step]!;
    const missing = dependsOn.filter((index) => !this.#satisfies(index, step));
    expect(missing, `step ${step} is submitted when its dependencies are as they must be`).toEqual([]);
    expect(
      this.#jobs.map((job) => job.step),
      'one job of a step at a time',
    ).not.toContain(step);
    expect(this.#waiting, 'no submission before the wait is over').not.toContain(step);
    expect(this.#cancelled, 'nothing is submitted after a cancellation').toBe(false);
    expect(this.#hasWaited, 'nothing is submitted after too long a wait').toBe(false);
    expect(attempt).toBe((this.#attempts.get(step) ?? 0) + 1);
    if (script === 'restart') expect(run.get('restart')).not.toBe('');
    this.#attempts.set(step, attempt);
    this.#jobs.push({ step, attempt, stage: 'asked' });
    const { scheduled } = this.#graph.steps[step]!;
    expect(this.#inFlight(scheduled), 'there is room').toBeLessThanOrEqual(this.#limit(scheduled));
  }

  /** Another place is wanted once nothing runs in the present one, for those that wait for it. */
  #checkRenewed(): void {
    expect(this.#inFlight(true)).toBe(0);
    expect(this.#setAside.size).toBeGreaterThan(0);
    this.#setAside.clear();
  }

  /** Whatever came before, a cancellation reaches each job. */
  #checkAllCancelled(): void {
    const { commands } = this.transitions.at(-1)!;
    expect(commands.map((command) => command.type === 'cancel' && command.step).toSorted()).toEqual(
      this.#jobs.map(({ step }) => step).toSorted(),
    );
  }

  /** What is to be taken over comes before all else, and is what there is. */
  #checkAttached({ commands }: Transition, steps: readonly number[]): void {
    expect(commands[0]).toEqual({ type: 'attach', steps });
    const before = this.#jobs.map(({ step }) => step);
    expect(steps).toEqual(before.sort((a, b) => a - b));
  }

  /** Whoever reads no more than what is noted knows all. */
  #journal({ touched }: Transition): void {
    expect(touched).toEqual([...new Set(touched)]);
    for (const index of touched) {
      const patch = diffRecord(this.#journaled[index]!, this.machine.steps[index]!);
      if (patch !== undefined) applyPatch(this.#journaled[index]!, JSON.parse(JSON.stringify(patch)));
    }
    expect(this.#journaled).toEqual(this.machine.steps);
  }

  #checkChanged(before: readonly StepState[], { changed }: Transition): void {
    const different = before.flatMap((state, index) => (state === this.machine.steps[index]!.state ? [] : [index]));
    expect(changed).toEqual(expect.arrayContaining(different));
  }

  #checkCounts(): void {
    const counts: Partial<Record<StepState, number>> = {};
    for (const { state } of this.machine.steps) counts[state] = (counts[state] ?? 0) + 1;
    expect(Object.fromEntries([...this.machine.counts].filter(([, count]) => count !== 0))).toEqual(counts);
    expect(this.machine.remaining).toBe(this.machine.steps.filter((record) => !isOver(record)).length);
    const hasStopped = this.machine.interruptionKind === 'waited-too-long' && this.#jobs.length === 0;
    expect(this.machine.isOver).toBe(this.machine.remaining === 0 || this.machine.isLeft || hasStopped);
    if (this.#hasWaited && !this.#cancelled && this.#inFlight(true) === 0)
      expect(this.machine.interruption).toBe('too long');
  }

  #limit(scheduled: boolean): number {
    return scheduled ? this.#limits.throttle || Number.POSITIVE_INFINITY : this.#policy.localJobs;
  }

  /** While there is room nothing that could run is left lying. */
  #checkNothingIsForgotten(): void {
    if (this.#cancelled || this.#hasWaited || this.machine.isLeft) return;
    for (const { index, dependsOn, scheduled } of this.#graph.steps) {
      if (isOver(this.machine.steps[index]!) || this.#waiting.has(index) || this.#setAside.has(index)) continue;
      if (this.#jobs.some(({ step }) => step === index)) continue;
      if (dependsOn.some((dependency) => !this.#satisfies(dependency, index))) continue;
      const inFlight = this.#inFlight(scheduled);
      expect(inFlight, `step ${index} waits although there is room`).toBeGreaterThanOrEqual(this.#limit(scheduled));
    }
  }

  /** Whether a dependency is as the step that waits for it needs it. */
  #satisfies(dependency: number, step: number): boolean {
    const record = this.machine.steps[dependency]!;
    if (this.#graph.steps[step]!.condition === 'all-succeeded') return record.state === 'FINISHED';
    return isOver(record) && record.state !== 'CANCELLED';
  }

  #scheduledJobs(): number[] {
    return this.#jobs.flatMap(({ step }) => (this.#graph.steps[step]!.scheduled ? [step] : []));
  }

  #inFlight(scheduled: boolean): number {
    return this.#jobs.filter(({ step }) => this.#graph.steps[step]!.scheduled === scheduled).length;
  }
}

describe('any study, whatever happens', () => {
  it('keeps its order and its limits, is known from its journal, ends, and does so in the same way again', () => {
    fc.assert(
      fc.property(shapes, limits, choices, (steps, chosen, happenings) => {
        const graph = graphOf(steps);
        const policy = policyOf({ ...chosen, allowsFailure: ({ name }) => steps[Number(name.slice(1))]!.mayFail });
        const world = new World(graph, policy);
        for (const { pick, how, stale, outside } of happenings) {
          if (world.machine.isOver) break;
          if (outside === 0) world.resume(how % 2 === 0);
          else if (outside === 1) {
            world.leave();
            world.resume(how % 2 === 0);
          } else if (outside === 2) world.limit(how % 2 === 0 ? { throttle: pick % 4 } : { restartLimit: pick % 3 });
          else if (outside === 3) world.wait();
          if (world.machine.isOver) break;
          world.step(pick, how);
          // As it is when its directory cannot be written for long, or its jobs have waited too long.
          if (world.machine.isOver && world.machine.remaining > 0) world.resume(how % 2 === 0);
          if (stale === 0) world.stale(pick);
        }
        // Each step takes at most two events for each of its waits and jobs once all goes well.
        for (let left = 8 * steps.length; left > 0 && !world.machine.isOver; left--) {
          world.step();
          if (world.machine.isOver && world.machine.remaining > 0) world.resume(true);
        }
        expect(world.machine.isOver).toBe(true);
        world.checkEnd();

        let again = new StudyMachine(graph, policy);
        const transitions: Transition[] = [];
        for (const event of world.history) {
          if (event.type !== 'resume') transitions.push(again.handle(event));
          else again = new StudyMachine(graph, event.policy, event.records);
        }
        expect(transitions).toEqual(world.transitions);
        expect(again.steps).toEqual(world.machine.steps);
      }),
      { numRuns: 600 },
    );
  });
});

describe('a study of 100,000 steps', () => {
  const many = 100_000;
  const chain = () =>
    graphOf(Array.from({ length: many }, (_, i): Shape => ({ name: `${i}`, after: i === 0 ? [] : [`${i - 1}`] })));
  const fan = () =>
    graphOf([
      { name: 'first' },
      ...Array.from({ length: many }, (_, i): Shape => ({ name: `${i}`, after: ['first'], scheduled: i % 2 === 0 })),
      { name: 'last', after: Array.from({ length: many }, (_, i) => `${i}`) },
    ]);

  /** Runs it, every job completing at once; returns the number of events that took. */
  function runThrough(machine: StudyMachine): number {
    const todo = [...machine.handle({ type: 'begin', at: 0 }).commands];
    let events = 1;
    for (let command = todo.pop(); command !== undefined; command = todo.pop()) {
      if (command.type !== 'submit') throw new Error(`unexpected ${command.type}`);
      const outcome = { result: 'completed', exitCode: 0, signal: null, note: '' } as const;
      const { step, attempt } = command;
      for (const next of machine.handle({ type: 'ended', step, attempt, at: events, outcome }).commands)
        todo.push(next);
      events += 1;
    }
    return events;
  }

  it('in a chain finishes', () => {
    const machine = new StudyMachine(chain(), policyOf());
    expect(runThrough(machine)).toBe(many + 1);
    expect(machine.counts.get('FINISHED')).toBe(many);
  });

  it('in a fan finishes', () => {
    const machine = new StudyMachine(fan(), policyOf({ throttle: 100 }));
    expect(runThrough(machine)).toBe(many + 3);
    expect(machine.counts.get('FINISHED')).toBe(many + 2);
  });

  for (const [what, graph] of [
    ['chain', chain],
    ['fan', fan],
  ] as const) {
    it(`in a ${what} fails as a whole when its first step does`, () => {
      const machine = new StudyMachine(graph(), policyOf());
      machine.handle({ type: 'begin', at: 0 });
      const outcome = { result: 'failed', exitCode: 1, signal: null, note: '' } as const;
      const { changed } = machine.handle({ type: 'ended', step: 0, attempt: 1, at: 1, outcome });
      expect(changed.length).toBe(machine.steps.length);
      expect(machine.counts.get('FAILED')).toBe(machine.steps.length);
    });

    it(`in a ${what} is cancelled`, () => {
      const machine = new StudyMachine(graph(), policyOf());
      machine.handle({ type: 'begin', at: 0 });
      machine.handle({ type: 'cancel', at: 1, reason: 'enough' });
      expect(machine.remaining).toBe(1);
    });
  }
});

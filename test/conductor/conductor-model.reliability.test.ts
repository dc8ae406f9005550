import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConductedStudy } from '../../src/conductor/conductor.js';
import type { Policy } from '../../src/conductor/policy.js';
import type { Job, SchedulerListener } from '../../src/schedulers/scheduler.js';
import { Journal } from '../../src/store/journal/journal.js';
import { replay, serialize } from '../../src/store/journal/replay.js';
import type { Limits } from '../../src/store/update-lock.js';
import type { StepGraph } from '../../src/study/graph.js';
import { isOver } from '../../src/study/state.js';
import { conduct } from '../support/conduct.js';
import { graphOf, policyOf, type Shape, scriptsOf } from '../support/graphs.js';
import { type Course, SimulatedCluster, SimulatedScheduler } from '../support/simulated-scheduler.js';
import { VirtualClock } from '../support/virtual-clock.js';

const shapes = fc
  .array(
    fc.record({
      scheduled: fc.boolean(),
      restart: fc.boolean(),
      afterAll: fc.integer({ min: 0, max: 4 }).map((roll) => roll === 0),
      after: fc.array(fc.integer({ min: 0, max: 3 }).map((roll) => roll === 0)),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((steps) =>
    steps.map(
      (step, index): Shape => ({
        ...step,
        name: `s${index}`,
        after: step.after.slice(0, index).flatMap((waits, back) => (waits ? [`s${index - 1 - back}`] : [])),
      }),
    ),
  );

const choices = fc.record({
  throttle: fc.integer({ min: 0, max: 3 }),
  localJobs: fc.integer({ min: 1, max: 3 }),
  submissionAttempts: fc.integer({ min: 1, max: 3 }),
  restartLimit: fc.integer({ min: 1, max: 2 }),
});

/** How each attempt of each step goes, whenever and however often it is brought to the cluster: a table to pick from. */
const courses = fc.array(
  fc.record({
    roll: fc.nat({ max: 11 }),
    travels: fc.integer({ min: 0, max: 3 }).map((steps) => steps * 100),
    waits: fc.integer({ min: 0, max: 8 }).map((steps) => steps * 100),
    runs: fc.integer({ min: 0, max: 8 }).map((steps) => steps * 100),
  }),
  { minLength: 7, maxLength: 7 },
);

const endings = fc.array(
  fc.record({
    /** So many ticks after its beginning a driver ends. */
    after: fc.integer({ min: 0, max: 40 }),
    how: fc.constantFrom('crash', 'crash', 'leave', 'lost'),
    /** Of the text that is on its way to the disk, so many hundredths get there in a crash. */
    part: fc.nat({ max: 100 }),
  }),
  { maxLength: 5 },
);

interface Case {
  readonly graph: StepGraph;
  readonly policy: Policy;
  readonly courseOf: (job: Job) => Course;
  /** Ticks that the disk takes. */
  readonly disk: number;
  readonly repeats: boolean;
}

const tick = 50;

/** The world in which drivers follow each other: the clock, the cluster and the disk stay. */
class World {
  readonly clock = new VirtualClock(1000);
  readonly cluster = new SimulatedCluster(this.clock);
  readonly #case: Case;
  #disk: string;
  #fence = 0;

  constructor(given: Case) {
    this.#case = given;
    const base = { fence: 0, at: 0 };
    const steps = given.graph.steps.map(({ name, workspace, scheduled }) => {
      return { name, workspace, scheduled, script: '', dependencies: '', record: {} };
    });
    this.#disk =
      serialize({ ...base, seq: 1 }, { type: 'study', version: 1, key: 'k', name: 'study' }) +
      serialize({ ...base, seq: 2 }, { type: 'plan', flux: '', steps });
  }

  /** One driver; returns the machine if it brought the study to its end. */
  async drive(ending?: {
    after: number;
    how: 'crash' | 'leave' | 'lost';
    part: number;
  }): Promise<ConductedStudy | undefined> {
    const { graph, policy, disk, repeats } = this.#case;
    const state = replay(this.#disk);
    this.#fence += 1;
    let isAlive = true;
    let isLost = false;
    let onItsWay = '';
    const append = (text: string) =>
      new Promise<void>((resolve, reject) => {
        onItsWay = text;
        this.clock.after(disk * tick, () => {
          if (!isAlive) return;
          if (isLost) return reject(new Error('somebody else drives the study'));
          onItsWay = '';
          this.#disk += text;
          resolve();
        });
      });
    const journal = new Journal(append, { ...state, fence: this.#fence }, this.clock);
    const leave = new AbortController();
    const schedulers: SimulatedScheduler[] = [];
    let machine: ConductedStudy | undefined = undefined as ConductedStudy | undefined;
    let change: (limits: Limits) => void = () => {};
    void conduct({
      graph,
      scripts: scriptsOf(graph),
      policy,
      clock: this.clock,
      journal,
      records: state.records,
      leave: leave.signal,
      onLimits: (given) => {
        change = given;
      },
      schedulers: (listener) => {
        const tell: SchedulerListener = (event) => {
          for (let times = repeats ? 2 : 1; times > 0; times--) listener(event);
        };
        const make = () => new SimulatedScheduler(this.clock, tell, (job) => this.#begin(job), false, this.cluster);
        schedulers.push(make(), make());
        return { local: schedulers[0]!, batch: schedulers[1]! };
      },
    }).then((ended) => {
      machine = ended;
    });
    const asked = () => schedulers.flatMap((each) => each.asked).length;
    for (let ticks = 0; machine === undefined && ticks !== ending?.after; ticks++) {
      // No study takes as long as this.
      if (ticks > 20_000) throw new Error('the study does not end');
      await settled();
      this.clock.advance(tick);
      this.#checkLimits(schedulers);
    }
    await settled();
    if (machine !== undefined || ending === undefined) return machine;
    const before = asked();
    if (ending.how === 'leave') {
      leave.abort('time is up');
      change({ throttle: 0 });
      for (let ticks = 0; ticks <= 3 * disk + 3; ticks++) {
        await settled();
        this.clock.advance(tick);
      }
      expect(asked()).toBe(before);
      // It was over already, and only the disk was waited for.
      if (!machine!.isLeft) return machine;
      expect(machine!.interruption).toBe('time is up');
    } else if (ending.how === 'lost') {
      isLost = true;
      for (let ticks = 0; ticks <= 3 * disk + 3; ticks++) {
        await settled();
        this.clock.advance(tick);
      }
    } else this.#disk += onItsWay.slice(0, Math.floor((onItsWay.length * ending.part) / 100));
    isAlive = false;
    for (const scheduler of schedulers) scheduler.crash();
    return undefined;
  }

  /** A job is brought to the cluster: what must be true then. */
  #begin(job: Job): Course {
    const { graph, courseOf } = this.#case;
    const { dependsOn, condition, name } = job.step;
    for (const dependency of dependsOn) {
      const outcomes = this.outcomes(graph.steps[dependency]!.name);
      if (condition === 'all-succeeded') expect(outcomes.at(-1), `what ${name} waits for`).toBe('completed');
    }
    const before = this.outcomes(name);
    expect(before, `${name} runs once to its end`).not.toContain('completed');
    expect(before.slice(0, job.attempt - 1), `${name} runs again only if it ended`).not.toContain(undefined);
    return courseOf(job);
  }

  /** How the attempts of a step ended that came to the cluster; undefined: not yet. */
  outcomes(name: string): (string | undefined)[] {
    const outcomes: (string | undefined)[] = [];
    for (let attempt = 1; attempt <= 30; attempt++) {
      const job = this.cluster.find(`${name} ${attempt}`);
      if (job !== undefined) outcomes.push(job.outcome?.result);
    }
    return outcomes;
  }

  #checkLimits([local, batch]: readonly SimulatedScheduler[]): void {
    const { throttle, localJobs } = this.#case.policy;
    expect(local!.mostInFlight).toBeLessThanOrEqual(localJobs);
    expect(batch!.mostInFlight).toBeLessThanOrEqual(throttle || Number.POSITIVE_INFINITY);
  }
}

/** All promises that can go on have. */
const settled = async () => {
  for (let turns = 0; turns < 20; turns++) await Promise.resolve();
};

function courseOf(table: readonly { roll: number; travels: number; waits: number; runs: number }[]) {
  return ({ step, attempt }: Job): Course => {
    const { roll, travels, waits, runs } = table[(step.index * 3 + attempt * 5) % table.length]!;
    const course = { travels, waits, runs };
    if (roll === 0) return { refused: 'no such queue' };
    if (roll === 1) return { ...course, result: 'failed' };
    if (roll === 2) return { ...course, result: 'timeout' };
    if (roll === 3) return { ...course, result: 'node-failure' };
    return course;
  };
}

describe('a study whose drivers crash, leave or are replaced', () => {
  it('ends as it would have ended with one, each job having run once', async () => {
    await fc.assert(
      fc.asyncProperty(
        shapes,
        choices,
        courses,
        endings,
        fc.record({ disk: fc.integer({ min: 0, max: 4 }), repeats: fc.boolean() }),
        async (steps, chosen, table, ends, more) => {
          const given: Case = { graph: graphOf(steps), policy: policyOf(chosen), courseOf: courseOf(table), ...more };
          const alone = new World(given);
          const wanted = (await alone.drive())!;
          const world = new World(given);
          let machine: ConductedStudy | undefined;
          for (const ending of ends) machine ??= await world.drive(ending);
          machine ??= await world.drive();

          expect(machine!.steps.every(isOver)).toBe(true);
          const summary = ({ steps: records }: ConductedStudy) =>
            records.map(({ state, reason, restarts, exitCode, tolerated, jobs }) => {
              // Ids are given in the order of arrival.
              const attempts = jobs.map(({ attempt, script, result }) => ({ attempt, script, result }));
              return { state, reason: reason.replace(/\(job \d+\)/, ''), restarts, exitCode, tolerated, attempts };
            });
          const reasonless = (machine_: ConductedStudy) =>
            summary(machine_).map(({ reason, ...rest }) =>
              reason.startsWith('dependency ') ? rest : { reason, ...rest },
            );
          expect(reasonless(machine!)).toEqual(reasonless(wanted));
          expect(world.cluster.runs.toSorted()).toEqual(alone.cluster.runs.toSorted());
        },
      ),
      { numRuns: 200 },
    );
  });
});

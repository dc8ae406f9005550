import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blame } from '../../../src/causes/cause.js';
import { outcomeFromClaim, tasksOfStep } from '../../../src/schedulers/claims/outcome.js';
import type { StepInstance } from '../../../src/study/graph.js';
import { graphOf } from '../../support/graphs.js';

const at = { file: 'study.yaml', line: 1, column: 1 };
const batch = { type: 'flux', values: new Map(), at, placeOf: () => at } as const;
const plain = (tasks = 1) => ({ tasks, isNested: false });
const nested = (tasks = 1) => ({ tasks, isNested: true });
const lost = { result: 'node-failure', exitCode: null, signal: null, note: 'gone', blame: blame('node') };
const of = (exits: readonly number[], tasks = plain(), owner: string | null = 'ƒ1') =>
  outcomeFromClaim({ owner, exits }, tasks, { note: 'gone' });

describe('what a job that is no more has left', () => {
  it('is a good end, if all of its tasks wrote that down', () => {
    const completed = { result: 'completed', exitCode: 0, signal: null, note: '' };
    expect(of([0])).toEqual(completed);
    expect(of([0, 0, 0], plain(3))).toEqual(completed);
    expect(of([0], nested())).toEqual(completed);
    expect(of([0, 0], plain(3))).toEqual(lost);
  });

  it("is a script's failure, if a task wrote that down", () => {
    expect(of([3])).toEqual({
      ...{ result: 'failed', exitCode: 3, signal: null, note: 'gone' },
      blame: blame('code'),
    });
    expect(of([0, 4, 2], plain(5))).toMatchObject({ result: 'failed', exitCode: 4 });
  });

  it('is no failure, if a signal may have come from whatever ended the instance, or a broker was between', () => {
    expect(of([143])).toEqual(lost);
    expect(of([3, 137], plain(2))).toEqual(lost);
    expect(of([1], nested())).toEqual(lost);
  });

  it('is lost, if nothing was written down, or the attempt was given up', () => {
    expect(of([])).toEqual(lost);
    expect(of([], plain(), null)).toEqual(lost);
  });

  it('is completed only if every exit is 0, and there is one for each task', () => {
    const exits = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 255 })), { maxLength: 5 });
    fc.assert(
      fc.property(exits, fc.integer({ min: 1, max: 5 }), fc.boolean(), (all, tasks, isNested) => {
        const outcome = outcomeFromClaim({ owner: 'ƒ1', exits: all }, { tasks, isNested }, { note: 'gone' })!;
        const isGood = all.length >= tasks && all.every((exit) => exit === 0);
        expect(outcome.result === 'completed').toBe(isGood);
        if (outcome.result === 'failed') expect(all).toContain(outcome.exitCode);
      }),
    );
  });
});

describe('how many tasks run the launcher', () => {
  const step = (run: Readonly<Record<string, string | number | boolean>>): { step: StepInstance } => {
    const [shape] = graphOf([{ name: 'run', scheduled: true }]).steps;
    return { step: { ...shape!, run: new Map([...shape!.run, ...Object.entries(run)]) } };
  };

  it.each([
    [{ nested: false, procs: 4 }, 4, false],
    [{ nested: false, procs: 4, nodes: 2 }, 4, false],
    [{ nested: false, nodes: 2, exclusive: true, procs: 8 }, 2, false],
    [{ procs: 4, nodes: 2 }, 2, true],
    [{ procs: 4 }, 1, true],
  ])('of %j is %i', (run, tasks, isNested) => {
    expect(tasksOfStep(step(run), { batch })).toEqual({ tasks, isNested });
  });
});

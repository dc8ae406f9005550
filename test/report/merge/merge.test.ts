import { describe, expect, it } from 'vitest';
import { legsText, merge, mergedExitCodes, mergedWarnings, rowRank } from '../../../src/report/merge/merge.js';
import type { StudyStatus } from '../../../src/study/state.js';
import { ran, resultsOf, type Told } from '../../support/results.js';

const study = (status: StudyStatus, ...steps: Told[]) => resultsOf(steps, { status });
const merged = (legs: Readonly<Record<string, StudyStatus>>, expected: readonly string[] = []) =>
  merge(new Map(Object.entries(legs).map(([name, status]) => [name, study(status)])), expected);

describe('the status of several machines', () => {
  it.each([
    [{ a: 'FINISHED' }, [], 'FINISHED', 0],
    [{ a: 'FINISHED', b: 'FAILURE' }, [], 'FAILURE', 2],
    [{ a: 'CANCELLED', b: 'FAILURE' }, [], 'FAILURE', 2],
    [{ a: 'FINISHED', b: 'CANCELLED', c: 'INTERRUPTED' }, [], 'CANCELLED', 3],
    [{ a: 'FINISHED', b: 'INTERRUPTED' }, [], 'INTERRUPTED', 4],
    [{ a: 'FINISHED' }, ['a', 'b'], 'FINISHED', 0],
    [{ a: 'FAILURE' }, ['a', 'b'], 'FAILURE', 2],
    [{ a: 'FINISHED', b: 'DRYRUN' }, [], 'FINISHED', 0],
    [{ a: 'DRYRUN' }, ['a', 'b'], 'DRYRUN', 1],
    [{}, ['a', 'b'], 'NOTRUN', 1],
    [{}, [], 'NOTRUN', 1],
  ] as [Record<string, StudyStatus>, string[], keyof typeof mergedExitCodes, number][])(
    'of %j, where %j are expected, is %s, with exit status %d',
    (legs, expected, status, exitCode) => {
      expect(merged(legs, expected).status).toBe(status);
      expect(mergedExitCodes[status]).toBe(exitCode);
    },
  );

  it('is told with how many there are of each, the worst first', () => {
    expect(legsText(merged({ a: 'FINISHED', b: 'FAILURE', c: 'FINISHED' }, ['d']))).toBe(
      '4 machines: 1 FAILURE, 2 FINISHED, 1 not run',
    );
    expect(legsText(merged({ a: 'FINISHED' }))).toBe('1 machine: 1 FINISHED');
  });

  it('has a warning for each machine that ran nothing', () => {
    expect(mergedWarnings(merged({ a: 'FINISHED', b: 'DRYRUN' }, ['c', 'a']))).toEqual([
      'c was not run: there is no report of it',
      'b was a dry run only',
    ]);
  });
});

describe('the steps of several machines', () => {
  it('are rows of their instances in the order of the spec, with an empty cell where a machine does not have one', () => {
    const failed = { name: 'run_SIZE.20', step: 'run', params: { SIZE: '20' }, record: ran(2, { state: 'FAILED' }) };
    const { rows, legs } = merge(
      new Map([
        [
          'alpha',
          study('FINISHED', { name: 'make', record: ran(1) }, { name: 'run_SIZE.10', step: 'run' }, { name: 'post' }),
        ],
        ['beta', study('FAILURE', { name: 'make', record: ran(3) }, failed as Told)],
      ]),
      ['gamma', 'beta'],
    );
    expect(legs.map(({ name }) => name)).toEqual(['gamma', 'beta', 'alpha']);
    expect(rows.map(({ name, cells }) => [name, cells.map((cell) => cell?.record.state)])).toEqual([
      ['make', [undefined, 'FINISHED', 'FINISHED']],
      ['run_SIZE.20', [undefined, 'FAILED', undefined]],
      ['run_SIZE.10', [undefined, undefined, 'INITIALIZED']],
      ['post', [undefined, undefined, 'INITIALIZED']],
    ]);
    expect(rows[1]).toMatchObject({ step: 'run', params: { SIZE: '20' } });
    expect(rowRank(rows[1]!)).toBeLessThan(rowRank(rows[0]!));
  });

  it('may be called as members that objects have anyway', () => {
    const { rows } = merge(new Map([['__proto__', study('FINISHED', { name: 'constructor', record: ran(1) })]]), []);
    expect(rows.map(({ name }) => name)).toEqual(['constructor']);
  });
});

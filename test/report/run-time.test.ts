import { expect, it } from 'vitest';
import { runTime, runTimeOf, runTimeText } from '../../src/report/run-time.js';
import { newRecord } from '../../src/study/state.js';
import { ran, recordOf } from '../support/results.js';

it.each([
  ['of a job that is over', { started: 10, ended: 40 }, undefined, 30],
  ['of one whose clock was set back', { started: 40, ended: 10 }, undefined, 0],
  ['of one that did not begin', { started: null, ended: 40 }, 50, null],
  ['of one that runs is not known', { started: 10, ended: null }, undefined, null],
  ['of one that runs, if it counts as over', { started: 10, ended: null }, 50, 40],
  ['of none', undefined, 50, null],
])('the run time %s', (_, job, until, time) => expect(runTimeOf(job, until)).toBe(time));

it('of a step is that of its last job', () => {
  const record = recordOf(ran(90_000));
  expect([runTime({ record }), runTimeText({ record })]).toEqual([90_000, '1m 30s']);
  expect([runTime({ record: newRecord() }), runTimeText({ record: newRecord() })]).toEqual([null, '']);
});

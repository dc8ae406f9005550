import { afterAll, expect, it } from 'vitest';
import { storm } from '../support/attempts/storm.js';
import { type Row, tableOf } from '../support/crash/table.js';
import { temporaryDirectory } from '../support/temporary.js';

const rows: Row[] = [];
afterAll(() => console.log(tableOf(rows)));

const storms = [
  ['two drivers take each attempt at once', { rounds: 5000, drivers: 2 }],
  ['three drivers take each attempt at once', { rounds: 1000, drivers: 3 }],
  ['two drivers, and their processes are killed and stopped', { rounds: 2000, drivers: 2, oneIn: 12, atOnce: 40 }],
] as const;

it.each(storms)('no attempt at a local step runs twice, or is lost: %s', async (what, options) => {
  const begin = Date.now();
  const { problems, differing, faults } = await storm(temporaryDirectory(), options);
  const ranTwice = problems.filter((problem) => / ran \d+ times|although/.test(problem)).length;
  const lost = problems.length - ranTwice;
  const seconds = (Date.now() - begin) / 1000;
  rows.push({ what, studies: 1, steps: options.rounds, faults: { fault: faults }, ranTwice, lost, seconds });
  expect(problems).toEqual([]);
  if (!('oneIn' in options)) expect(differing).toBe(0);
});

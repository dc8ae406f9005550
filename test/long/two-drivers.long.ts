import { expect, it } from 'vitest';
import { race } from '../support/crash/race.js';
import { tableOf } from '../support/crash/table.js';

it('of two conductors that are started at once one drives the study, a hundred times', async () => {
  const { row, problems } = await race(100);
  console.log(tableOf([row]));
  expect(problems).toEqual([]);
});

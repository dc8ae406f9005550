import { expect, it } from 'vitest';
import { race } from '../support/crash/race.js';
import { tableOf } from '../support/crash/table.js';

it('a study that two conductors are started for at once is driven by one of them, and the other says by whom', async () => {
  const { row, problems } = await race(10);
  console.log(tableOf([row]));
  expect(problems).toEqual([]);
}, 300_000);

import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { CountingHost } from '../support/counting-host.js';
import { chainOf, runFarStudy } from '../support/far-study.js';
import { temporaryDirectory } from '../support/temporary.js';

/** Runs a study of local steps, one after the other, on a machine far away. Returns the trips with which they were started. */
async function chain(studyPath: string, { count = 1, isStaged = false } = {}) {
  const started: number[] = [];
  const host = new CountingHost((text, trip) => {
    for (const _ of text.matchAll(/^started /gm)) started.push(trip);
  });
  const steps = chainOf(count, () => 'echo ran > ran');
  const { status } = await runFarStudy({ host, studyPath, steps, isStaged });
  expect(status).toBe('FINISHED');
  for (const { name } of steps) expect(existsSync(path.join(studyPath, name, 'ran'))).toBe(true);
  return started;
}

it('the first step of a new study starts with the fifth trip to its machine', async () => {
  // Look at the place; make and take the study; the plan, on disk; its files; that the step is submitted, and the step, which waits for it.
  expect(await chain(path.join(temporaryDirectory(), 'study'))).toEqual([5]);
});

it('a directory that is copied to the machine of a new study takes one trip more', async () => {
  expect(await chain(path.join(temporaryDirectory(), 'study'), { isStaged: true })).toEqual([6]);
});

it('each step of a chain starts with the trip after that of the step before', async () => {
  const count = 20;
  const started = await chain(path.join(temporaryDirectory(), 'study'), { count });
  expect(started).toHaveLength(count);
  // Now and then status.csv, which nothing waits for, is answered before a step has ended, and counts.
  expect((started.at(-1)! - started[0]!) / (count - 1)).toBeLessThanOrEqual(1.2);
});

import { expect, it } from 'vitest';
import { chanceOf, newSeed } from '../support/crash/chance.js';
import { CrashHarness } from '../support/crash/harness.js';
import { chanceCrashes, repeatedCrash, singleCrashes, spread } from '../support/crash/histories.js';
import { mixedStudy } from '../support/crash/mixed-study.js';
import { tableOf } from '../support/crash/table.js';
import { RealBroker } from '../support/flux/real-broker.js';

it('real', async () => {
  const seed = newSeed(); const chance = chanceOf(seed);
  const broker = await RealBroker.start();
  const h = await CrashHarness.start('real', mixedStudy('jobs'), { args: ['--flux', broker.uri] });
  const { row, problems } = await h.run([
    ...singleCrashes(spread(h.records, 12)), repeatedCrash(h.records, 8), chanceCrashes(chance, 3), chanceCrashes(chance, 3), chanceCrashes(chance, 3)]);
  console.log(tableOf([{...row, seed}]));
  await broker.stop();
  expect(problems.slice(0, 3)).toEqual([]);
});

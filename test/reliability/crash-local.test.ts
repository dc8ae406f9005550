import { afterAll, describe, expect, it } from 'vitest';
import { chanceOf, newSeed } from '../support/crash/chance.js';
import { CrashHarness } from '../support/crash/harness.js';
import { chanceCrashes, machineCrashes, repeatedCrash, singleCrashes, spread } from '../support/crash/histories.js';
import { mixedStudy } from '../support/crash/mixed-study.js';
import { type Row, tableOf } from '../support/crash/table.js';

const rows: Row[] = [];
afterAll(() => console.log(tableOf(rows)));

describe('a study of local steps whose conductor is killed', () => {
  it('goes on as if nothing had happened, at whatever record of the journal that was, and whenever', async () => {
    const harness = await CrashHarness.start('kill -9, local steps', mixedStudy('local'));
    const seed = newSeed();
    const chance = chanceOf(seed);
    const { row, problems } = await harness.run([
      ...singleCrashes(spread(harness.records, 6)),
      repeatedCrash(harness.records, 4),
      chanceCrashes(chance, 2, 1000),
      // What ran on the machine runs again, and nothing else does.
      machineCrashes(chance, 1),
    ]);
    rows.push({ ...row, seed });
    expect(problems, `seed ${seed}`).toEqual([]);
  }, 300_000);
});

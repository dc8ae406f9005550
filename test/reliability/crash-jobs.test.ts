import { afterAll, describe, expect, it } from 'vitest';
import { chanceOf, newSeed } from '../support/crash/chance.js';
import { CrashHarness } from '../support/crash/harness.js';
import { chanceCrashes, repeatedCrash, singleCrashes, spread } from '../support/crash/histories.js';
import { mixedStudy } from '../support/crash/mixed-study.js';
import { type Row, tableOf } from '../support/crash/table.js';
import { startBroker } from '../support/flux/study-run.js';

const rows: Row[] = [];
afterAll(() => console.log(tableOf(rows)));

describe('a study of jobs whose conductor is killed', () => {
  it('goes on as if nothing had happened, at whatever record of the journal that was, and whenever', async () => {
    const broker = await startBroker({ cores: 2 });
    const place = { args: ['--flux', broker.uri] };
    const harness = await CrashHarness.start('kill -9, jobs', mixedStudy('jobs'), place);
    const seed = newSeed();
    const chance = chanceOf(seed);
    const { row, problems } = await harness.run([
      ...singleCrashes(spread(harness.records, 5)),
      // The first jobs are submitted, and wait in the queue; nobody has written down their ids.
      [{ moment: 'before', record: 6 }],
      repeatedCrash(harness.records, 4),
      chanceCrashes(chance, 2, 1000),
    ]);
    rows.push({ ...row, seed });
    expect(problems, `seed ${seed}`).toEqual([]);
  }, 300_000);
});

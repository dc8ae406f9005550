import { afterAll, describe, expect, it } from 'vitest';
import { chanceOf, newSeed } from '../support/crash/chance.js';
import { CrashHarness } from '../support/crash/harness.js';
import { chanceCrashes, repeatedCrash } from '../support/crash/histories.js';
import { type Kind, mixedStudy } from '../support/crash/mixed-study.js';
import { type Row, tableOf } from '../support/crash/table.js';
import { Lsf } from '../support/lsf.js';
import { installedSlurm, Slurm } from '../support/slurm.js';

const rows: Row[] = [];
afterAll(() => console.log(tableOf(rows)));

/** Where the jobs run, until the test ends. */
type Start = () => Promise<{ readonly environment: Readonly<Record<string, string>> }>;

const places: readonly [what: string, kind: Kind, isInstalled: true | string, start: Start][] = [
  ['Slurm', 'slurm', installedSlurm(), () => Slurm.forTest({ cpus: 8 })],
  ['the stand-in for LSF', 'lsf', true, () => Lsf.forTest({ slots: 8, minuteMs: 1000, terminateIntervalMs: 300 })],
];

describe.each(places)('a study of jobs of %s whose conductor is killed', (what, kind, isInstalled, start) => {
  if (isInstalled !== true) it.skip(`NOT TESTED: ${isInstalled}`, () => {});

  it.runIf(isInstalled === true)(
    'goes on as if nothing had happened, at whatever record of the journal that was, and whenever',
    async () => {
      const { environment } = await start();
      const harness = await CrashHarness.start(`kill -9, jobs of ${what}`, mixedStudy(kind), { args: [], environment });
      const seed = newSeed();
      const chance = chanceOf(seed);
      const histories = [
        // The first jobs are submitted, and wait in the queue; nobody has written down their ids.
        [{ moment: 'before', record: 6 } as const, ...repeatedCrash(harness.records, 5)],
        chanceCrashes(chance, 4, 1000),
      ];
      const { row, problems } = await harness.run(histories);
      rows.push({ ...row, seed });
      expect(problems, `seed ${seed}`).toEqual([]);
    },
    300_000,
  );
});

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

const possible = places.filter(([, , isInstalled]) => isInstalled === true);

for (const [what, , isInstalled] of places) {
  if (isInstalled !== true) it.skip(`NOT TESTED: jobs of ${what} whose conductor is killed: ${isInstalled}`, () => {});
}

/** Crashes studies of one system. @returns what was wrong */
async function crash([what, kind, , start]: (typeof places)[number], seed: number): Promise<readonly string[]> {
  const { environment } = await start();
  const harness = await CrashHarness.start(`kill -9, jobs of ${what}`, mixedStudy(kind), { args: [], environment });
  const { row, problems } = await harness.run([
    // The first jobs are submitted, and wait in the queue; nobody has written down their ids.
    [{ moment: 'before', record: 6 }, ...repeatedCrash(harness.records, 5)],
    chanceCrashes(chanceOf(seed), 4, 1000),
  ]);
  rows.push({ ...row, seed });
  return problems;
}

describe('a study of jobs of Slurm or LSF whose conductor is killed', () => {
  // All systems at the same time, for each of them has pauses.
  it('goes on as if nothing had happened, at whatever record of the journal that was, and whenever', async () => {
    const seed = newSeed();
    const problems = await Promise.all(possible.map((place) => crash(place, seed)));
    expect(problems.flat(), `seed ${seed}`).toEqual([]);
  }, 300_000);
});

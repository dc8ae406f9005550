import { afterAll, describe, expect, it } from 'vitest';
import { CrashedStudy, type Place } from '../support/crash/crashed-study.js';
import { elsewhereName, freeze, isElsewherePossible } from '../support/crash/elsewhere.js';
import { examine } from '../support/crash/examine.js';
import { type Kind, plainStudy } from '../support/crash/mixed-study.js';
import { race } from '../support/crash/race.js';
import { type Row, tableOf } from '../support/crash/table.js';
import { startBroker } from '../support/flux/study-run.js';
import { Lsf } from '../support/lsf.js';
import { installedSlurm, Slurm } from '../support/slurm.js';
import { until } from '../support/wait.js';

const rows: Row[] = [];
afterAll(() => console.log(tableOf(rows)));

it('of two conductors that are started at once one drives the study, a hundred times', async () => {
  const { row, problems } = await race(100);
  rows.push(row);
  expect(problems).toEqual([]);
});

const isPossible = isElsewherePossible();
if (!isPossible) it.skip('NOT TESTED: conductors on different machines: `unshare` is not allowed here', () => {});

const slurm = installedSlurm();
if (slurm !== true) it.skip(`NOT TESTED with Slurm: ${slurm}`, () => {});

/** Where the jobs run, until the test ends. */
const places: readonly [what: string, kind: Kind, start: () => Promise<Place>][] = [
  ['the simulated broker', 'jobs', async () => ({ args: ['--flux', (await startBroker({ cores: 2 })).uri] })],
  ...(slurm === true
    ? [
        [
          'Slurm',
          'slurm',
          async () => ({ args: [], environment: (await Slurm.forTest({ cpus: 2 })).environment }),
        ] as (typeof places)[number],
      ]
    : []),
  [
    'the stand-in for LSF',
    'lsf',
    async () => ({ args: [], environment: (await Lsf.forTest({ slots: 2 })).environment }),
  ],
];

describe.skipIf(!isPossible).each(places)(
  'a study of jobs of %s whose conductor is on another machine',
  (what, kind, start) => {
    /** A study of jobs, some of which have run. */
    const begun = async () => {
      const study = new CrashedStudy(plainStudy(50, kind, 'sleep 0.5'), await start(), 300_000);
      const driver = study.start({ isElsewhere: true });
      await until('some steps have run', () => study.records > 20, 60_000);
      return { study, driver };
    };
    const note = (how: string, study: CrashedStudy, begin: number) => {
      const { ranTwice, lost, problems } = examine(study);
      const seconds = (Date.now() - begin) / 1000;
      rows.push({ what: `${what}: ${how}`, studies: 1, steps: 50, faults: {}, ranTwice, lost, seconds });
      expect(problems, study.story).toEqual([]);
    };

    it('is not taken away from it while it lives', async () => {
      const begin = Date.now();
      const { study, driver } = await begun();
      const refused = await study.start().ended;
      expect(refused.code, study.story).toBe(1);
      expect(refused.stderr).toContain(` on ${elsewhereName} `);
      expect((await driver.ended).code, study.story).toBe(0);
      note('a second conductor elsewhere', study, begin);
    });

    it('is taken over after a minute of silence if that has died', async () => {
      const begin = Date.now();
      const { study, driver } = await begun();
      expect(await study.kill(driver)).toBe(null);
      expect((await study.finish()).code, study.story).toBe(0);
      note('the machine elsewhere dies', study, begin);
    });

    it('is lost to it if it slept for too long, and it does not get in the way of who drives it then', async () => {
      const begin = Date.now();
      const { study, driver } = await begun();
      const { thaw } = freeze(driver.pid);
      const other = study.start();
      const before = study.records;
      await until('somebody else drives it', () => study.records > before + 20, 120_000);
      thaw();
      const { code, stdout, stderr } = await driver.ended;
      expect([code, stdout + stderr]).toEqual([4, expect.stringContaining('drive')]);
      expect((await other.ended).code, study.story).toBe(0);
      note('the machine elsewhere sleeps', study, begin);
    });
  },
);

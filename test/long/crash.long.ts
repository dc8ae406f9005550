import { afterAll, describe, expect, it } from 'vitest';
import { chanceOf, newSeed } from '../support/crash/chance.js';
import { here, type Place } from '../support/crash/crashed-study.js';
import { CrashHarness } from '../support/crash/harness.js';
import {
  chanceCrashes,
  earlyCrashes,
  everyCrash,
  type History,
  machineCrashes,
  repeatedCrash,
} from '../support/crash/histories.js';
import { type Kind, type MixedStudy, mixedStudy, slowStudy } from '../support/crash/mixed-study.js';
import { type Row, tableOf } from '../support/crash/table.js';
import { installedFlux, RealBroker } from '../support/flux/real-broker.js';
import { SimulatedBroker } from '../support/flux/simulated-broker.js';
import { Lsf } from '../support/lsf.js';
import { installedSlurm, Slurm } from '../support/slurm.js';

const rows: Row[] = [];
afterAll(() => console.log(tableOf(rows)));

const realFlux = installedFlux();
if (realFlux === undefined) {
  console.warn('There is no flux on PATH: crashes are NOT TESTED with the real Flux');
  it.skip('NOT TESTED with the real Flux: there is none on PATH', () => {});
}

const slurm = installedSlurm();
if (slurm !== true) {
  console.warn(`${slurm}: crashes are NOT TESTED with Slurm`);
  it.skip(`NOT TESTED with Slurm: ${slurm}`, () => {});
}

/** Where the jobs of a study run, and what ends that. */
interface Site {
  /** The URI of a Flux broker. */
  readonly uri?: string;
  readonly environment?: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Of what takes long, so that it can be run piece by piece. */
const parts = [1, 2, 3, 4, 5, 6, 7, 8];

type PlaceRow = readonly [what: string, kind: Kind, start: () => Promise<Site | undefined>];

const places: readonly PlaceRow[] = [
  ['local steps', 'local', async () => undefined],
  ['jobs of the simulated broker', 'jobs', () => SimulatedBroker.start({ cores: 2 })],
  ...(realFlux === undefined
    ? []
    : [[`jobs of Flux ${realFlux}`, 'jobs', () => RealBroker.start()] satisfies PlaceRow]),
  ...(slurm === true ? [['jobs of Slurm', 'slurm', () => Slurm.start({ cpus: 4 })] satisfies PlaceRow] : []),
  ['jobs of the stand-in for LSF', 'lsf', () => Lsf.start({ slots: 4, minuteMs: 1000, terminateIntervalMs: 300 })],
];

describe.each(places)('a study of %s goes on as if nothing had happened', (what, kind, start) => {
  const inPlace = async (
    name: string,
    histories: (records: number) => readonly History[],
    { seed, study = mixedStudy(kind) }: { seed?: number; study?: MixedStudy } = {},
  ) => {
    const site = await start();
    try {
      const { uri, environment = {} } = site ?? {};
      const place: Place = site === undefined ? here : { args: uri === undefined ? [] : ['--flux', uri], environment };
      const harness = await CrashHarness.start(`${what}: ${name}`, study, place);
      const { row, problems } = await harness.run(histories(harness.records));
      rows.push(seed === undefined ? row : { ...row, seed });
      // The first ones say enough.
      expect(problems.slice(0, 5), `${problems.length} studies`).toEqual([]);
    } finally {
      await site?.stop();
    }
  };

  it.each(parts)('when its conductor is killed at any record of the journal, part %i of 8', async (part) => {
    const ofPart = (_: History, i: number) => i % parts.length === part - 1;
    await inPlace(`every record, part ${part} of 8`, (records) => everyCrash(records).filter(ofPart));
  });

  it('when its conductor is killed many times in a row', async () => {
    await inPlace('in a row', (records) => [2, 3, 5, 8, 13, 21].map((times) => repeatedCrash(records, times)));
  });

  it('when its conductor is killed whenever', async () => {
    const seed = newSeed();
    const chance = chanceOf(seed);
    const histories = Array.from({ length: 60 }, (_, i) => chanceCrashes(chance, 1 + (i % 4), 2000 / (1 + (i % 4))));
    await inPlace('at random instants', () => histories, { seed });
  });

  it('when it hardly ever gets to its work', async () => {
    const seed = newSeed();
    const chance = chanceOf(seed);
    const histories = Array.from({ length: 30 }, (_, i) => earlyCrashes(chance, 1 + i, kind === 'local'));
    await inPlace('early', () => histories, { seed });
  });

  // Its time limits are minutes.
  it.runIf(kind === 'slurm')('when its conductor is killed while jobs run out of time', async () => {
    const seed = newSeed();
    const chance = chanceOf(seed);
    const histories = Array.from({ length: 8 }, (_, i) => chanceCrashes(chance, 2 + i, 160_000 / (2 + i)));
    await inPlace('time limits', () => histories, { seed, study: slowStudy(4, kind) });
  });

  it.runIf(kind === 'local')('when its whole machine ends, once or twice', async () => {
    const seed = newSeed();
    const chance = chanceOf(seed);
    const histories = Array.from({ length: 40 }, (_, i) => machineCrashes(chance, 1 + (i % 2)));
    await inPlace('its machine ends', () => histories, { seed });
  });
});

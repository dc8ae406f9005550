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
import { type Kind, mixedStudy } from '../support/crash/mixed-study.js';
import { type Row, tableOf } from '../support/crash/table.js';
import { installedFlux, RealBroker } from '../support/flux/real-broker.js';
import { SimulatedBroker } from '../support/flux/simulated-broker.js';

const rows: Row[] = [];
afterAll(() => console.log(tableOf(rows)));

const realFlux = installedFlux();
if (realFlux === undefined) {
  console.warn('There is no flux on PATH: crashes are NOT TESTED with the real Flux');
  it.skip('NOT TESTED with the real Flux: there is none on PATH', () => {});
}

/** Where the jobs of a study run, and what ends that. */
interface Broker {
  readonly uri: string;
  stop(): Promise<void>;
}

const places: readonly [what: string, kind: Kind, start: () => Promise<Broker | undefined>][] = [
  ['local steps', 'local', async () => undefined],
  ['jobs of the simulated broker', 'jobs', () => SimulatedBroker.start({ cores: 2 })],
  ...(realFlux === undefined
    ? []
    : [[`jobs of Flux ${realFlux}`, 'jobs', () => RealBroker.start()] as [string, Kind, () => Promise<Broker>]]),
];

describe.each(places)('a study of %s goes on as if nothing had happened', (what, kind, start) => {
  const inPlace = async (name: string, histories: (records: number) => readonly History[], seed?: number) => {
    const broker = await start();
    try {
      const place: Place = broker === undefined ? here : { args: ['--flux', broker.uri] };
      const harness = await CrashHarness.start(`${what}: ${name}`, mixedStudy(kind), place);
      const { row, problems } = await harness.run(histories(harness.records));
      rows.push(seed === undefined ? row : { ...row, seed });
      // The first ones say enough.
      expect(problems.slice(0, 5), `${problems.length} studies`).toEqual([]);
    } finally {
      await broker?.stop();
    }
  };

  it('when its conductor is killed at any record of the journal', async () => {
    await inPlace('every record', everyCrash);
  });

  it('when its conductor is killed many times in a row', async () => {
    await inPlace('in a row', (records) => [2, 3, 5, 8, 13, 21].map((times) => repeatedCrash(records, times)));
  });

  it('when its conductor is killed whenever', async () => {
    const seed = newSeed();
    const chance = chanceOf(seed);
    const histories = Array.from({ length: 60 }, (_, i) => chanceCrashes(chance, 1 + (i % 4), 2000 / (1 + (i % 4))));
    await inPlace('at random instants', () => histories, seed);
  });

  it('when it hardly ever gets to its work', async () => {
    const seed = newSeed();
    const chance = chanceOf(seed);
    const histories = Array.from({ length: 30 }, (_, i) => earlyCrashes(chance, 1 + i, kind === 'local'));
    await inPlace('early', () => histories, seed);
  });

  it.runIf(kind === 'local')('when its whole machine ends, once or twice', async () => {
    const seed = newSeed();
    const chance = chanceOf(seed);
    const histories = Array.from({ length: 40 }, (_, i) => machineCrashes(chance, 1 + (i % 2)));
    await inPlace('its machine ends', () => histories, seed);
  });
});

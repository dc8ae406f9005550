import { afterAll, describe, expect, it } from 'vitest';
import { badLineTo } from '../support/crash/bridge.js';
import { newSeed } from '../support/crash/chance.js';
import { plainStudy } from '../support/crash/mixed-study.js';
import { soak } from '../support/crash/soak.js';
import { type Row, tableOf } from '../support/crash/table.js';
import { startBroker } from '../support/flux/study-run.js';

const rows: Row[] = [];
afterAll(() => console.log(tableOf(rows)));

const common = {
  memory: 400 * 1024 * 1024,
  isFlat: true,
  // The second half belongs to one conductor, whose memory is looked at.
  killsUntil: 0.5,
  limit: 1_800_000,
  pause: [2000, 6000],
  lasting: [500, 4000],
} as const;

describe('a study of ten thousand steps that a fault happens to every few seconds', () => {
  it('loses nothing, with local steps', async () => {
    const { row, problems } = await soak({
      ...common,
      what: 'soak, local steps',
      study: plainStudy(10_000, 'local'),
      seed: newSeed(),
      faults: ['kill', 'kill a command', 'stop'],
    });
    rows.push(row);
    expect(problems).toEqual([]);
  });

  it('loses nothing, with jobs over a bad line', async () => {
    const broker = await startBroker({ cores: 8 });
    const line = await badLineTo(broker.uri);
    const { row, problems } = await soak({
      ...common,
      what: 'soak, jobs',
      study: plainStudy(10_000, 'jobs'),
      place: { args: ['--flux', line.uri] },
      proxy: line.proxy,
      seed: newSeed(),
      faults: ['kill', 'kill a command', 'stop', 'cut', 'stall', 'trickle'],
    });
    rows.push(row);
    expect(problems).toEqual([]);
  });
});

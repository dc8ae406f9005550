import { afterAll, describe, expect, it } from 'vitest';
import { badLineTo } from '../support/crash/bridge.js';
import { newSeed } from '../support/crash/chance.js';
import { plainStudy } from '../support/crash/mixed-study.js';
import { soak } from '../support/crash/soak.js';
import { type Row, tableOf } from '../support/crash/table.js';
import { startBroker } from '../support/flux/study-run.js';

const rows: Row[] = [];
afterAll(() => console.log(tableOf(rows)));

const common = { memory: 400 * 1024 * 1024, limit: 180_000, mostFaults: 6, lasting: [100, 500] } as const;

describe('a study of hundreds of steps that one fault after the other happens to', () => {
  it('loses nothing, with local steps', async () => {
    const { row, problems } = await soak({
      ...common,
      what: 'soak, local steps',
      study: plainStudy(300, 'local'),
      seed: newSeed(),
      faults: ['kill', 'kill a command', 'stop'],
      pause: [200, 400],
    });
    rows.push(row);
    expect(problems).toEqual([]);
  }, 300_000);

  it('loses nothing, with jobs over a bad line', async () => {
    const broker = await startBroker({ cores: 8 });
    const line = await badLineTo(broker.uri);
    const { row, problems } = await soak({
      ...common,
      what: 'soak, jobs',
      study: plainStudy(300, 'jobs'),
      place: { args: ['--flux', line.uri] },
      proxy: line.proxy,
      seed: newSeed(),
      faults: ['kill', 'kill a command', 'stop', 'cut', 'stall', 'trickle'],
      pause: [200, 400],
    });
    rows.push(row);
    expect(problems).toEqual([]);
  }, 300_000);
});

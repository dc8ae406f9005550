import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { replaceFile } from '../../src/hosts/files.js';
import { StatusFile } from '../../src/store/status-file.js';
import { newRecord, type StepState } from '../../src/study/state.js';
import { graphOf, type Shape } from '../support/graphs.js';
import { plainHost, WatchedHost } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { until } from '../support/wait.js';

function study(steps: number, host = new WatchedHost(), directory = temporaryDirectory()) {
  const clock = new VirtualClock(1_000_000);
  const shapes = Array.from({ length: steps }, (_, i): Shape => ({ name: `s${i}` }));
  const name = path.join(directory, 'status.csv');
  const file = new StatusFile((text) => replaceFile(host, name, text), graphOf(shapes), clock);
  const records = shapes.map(() => newRecord());
  const change = (state: StepState) => {
    records[0]!.state = state;
    file.changed(records);
  };
  const shown = () => readFileSync(name, 'utf8').split('\n')[1]!.split(',')[3];
  /** Waits until the file says so and its writer has done. */
  const written = async (state: StepState) => {
    await until(`status.csv says ${state}`, () => readdirSync(directory).includes('status.csv') && shown() === state);
    await until('its writer has done', () => host.running === 0);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, directory, file, host, change, shown, written };
}

describe('the file status.csv', () => {
  it('is written at the first change', async () => {
    const { clock, change, written, directory } = study(2);
    change('PENDING');
    clock.advance(0);
    await written('PENDING');
    expect(readdirSync(directory)).toEqual(['status.csv']);
  });

  it('is written at most once a second, with what is so by then', async () => {
    const { clock, change, written, host, file } = study(2);
    change('PENDING');
    clock.advance(0);
    await written('PENDING');
    change('RUNNING');
    change('FINISHING');
    clock.advance(999);
    expect(host.commands).toHaveLength(1);
    change('FINISHED');
    clock.advance(1);
    await written('FINISHED');
    clock.advance(10_000);
    expect(host.commands).toHaveLength(2);
    await file.end();
  });

  it('is written at most once a millisecond for each step of a big study', async () => {
    const { clock, change, written, host } = study(5000);
    change('PENDING');
    clock.advance(0);
    await written('PENDING');
    change('RUNNING');
    clock.advance(4999);
    expect(host.commands).toHaveLength(1);
    clock.advance(1);
    await written('RUNNING');
  });

  it('has the last state when the study ends, at once', async () => {
    const { clock, change, shown, file } = study(2);
    change('PENDING');
    clock.advance(0);
    change('FINISHED');
    await file.end();
    expect(shown()).toBe('FINISHED');
    expect(clock.pending).toBe(0);
  });

  it('is not written if nothing ever changed', async () => {
    const { directory, file } = study(2);
    await file.end();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('does not make writes pile up where they take longer than the time between them', async () => {
    const { clock, change, host, file, shown } = study(2, new WatchedHost(plainHost('sleep 0.2')));
    for (let second = 0; second < 10; second++) {
      change('RUNNING');
      clock.advance(1000);
    }
    change('FINISHED');
    await file.end();
    expect(shown()).toBe('FINISHED');
    expect(host.commands.length).toBeLessThanOrEqual(3);
  });

  it('says why it could not be written, and is none the worse when it can be again', async () => {
    const directory = path.join(temporaryDirectory(), 'not yet there');
    const { clock, change, file } = study(1, new WatchedHost(), directory);
    change('PENDING');
    clock.advance(0);
    await until('it has failed', () => file.failure !== undefined);
    expect(file.failure).toMatch(/^cannot write .*status\.csv: .*No such file or directory/);
    mkdirSync(directory);
    change('FINISHED');
    await file.end();
    expect(file.failure).toBeUndefined();
    expect(readdirSync(directory)).toEqual(['status.csv']);
  });

  it('is there whole whenever it is read', async () => {
    const { clock, change, directory, file } = study(2000);
    change('PENDING');
    clock.advance(0);
    const seen = new Set<number>();
    const look = () => {
      if (!readdirSync(directory).includes('status.csv')) return;
      seen.add(readFileSync(path.join(directory, 'status.csv'), 'utf8').split('\n').length);
    };
    for (let i = 0; i < 20; i++) {
      change(i % 2 === 0 ? 'RUNNING' : 'PENDING');
      clock.advance(2000);
      look();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await file.end();
    look();
    expect([...seen]).toEqual([2001]);
  });
});

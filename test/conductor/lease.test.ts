import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Lease } from '../../src/conductor/lease.js';
import type { Host, HostProcess } from '../../src/hosts/host.js';
import { plainHost, WatchedHost } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { until } from '../support/wait.js';

const holder = { machine: 'runner1', pid: 42, runUrl: 'https://github.example/runs/1' };

function study(): { readonly studyPath: string; readonly beat: () => number | undefined } {
  const studyPath = temporaryDirectory();
  mkdirSync(path.join(studyPath, '.conductor'));
  const beat = () => {
    try {
      return JSON.parse(readFileSync(path.join(studyPath, '.conductor/lease'), 'utf8')).beat as number;
    } catch {
      return undefined;
    }
  };
  return { studyPath, beat };
}

describe('a lease', () => {
  it('says who holds it, at once, in a line', async () => {
    const { studyPath, beat } = study();
    const lease = Lease.start(plainHost(), studyPath, holder, new VirtualClock(0));
    await until('it is there', () => beat());
    const text = readFileSync(path.join(studyPath, '.conductor/lease'), 'utf8');
    expect(text).toMatch(/^[^\n]+\n$/);
    expect(JSON.parse(text)).toEqual({ ...holder, since: '1970-01-01T00:00:00.000Z', beat: 1 });
    await lease.end();
  });

  it('changes every ten seconds, and not after its end', async () => {
    const { studyPath, beat } = study();
    const clock = new VirtualClock();
    const lease = Lease.start(plainHost(), studyPath, holder, clock);
    for (const expected of [1, 2, 3]) {
      await until(`beat ${expected}`, () => beat() === expected);
      clock.advance(9_999);
      expect(beat()).toBe(expected);
      await new Promise((resolve) => setTimeout(resolve, 50));
      clock.advance(1);
    }
    await lease.end();
    expect(clock.pending).toBe(0);
    expect(beat()).toBe(4);
  });

  it('is written by one command at a time, however long it takes', async () => {
    const { studyPath } = study();
    const watched = new WatchedHost(plainHost('sleep 0.3'));
    const clock = new VirtualClock();
    const lease = Lease.start(watched, studyPath, holder, clock);
    clock.advance(50_000);
    expect(watched.running).toBe(1);
    await lease.end();
    expect(watched.commands).toHaveLength(1);
  });

  it('counts what fails, and goes on', async () => {
    const { studyPath, beat } = study();
    rmSync(path.join(studyPath, '.conductor'), { recursive: true });
    const clock = new VirtualClock();
    const lease = Lease.start(plainHost(), studyPath, holder, clock);
    await until('it has failed', () => lease.failures === 1);
    await new Promise((resolve) => setTimeout(resolve, 10));
    clock.advance(10_000);
    await until('it has failed again', () => lease.failures === 2);
    mkdirSync(path.join(studyPath, '.conductor'));
    await new Promise((resolve) => setTimeout(resolve, 10));
    clock.advance(10_000);
    await until('it is there', () => beat());
    await until('all is well', () => lease.failures === 0);
    await lease.end();
  });

  it('survives a host that cannot even be asked', async () => {
    const host: Host = {
      name: 'nowhere',
      spawn: (): HostProcess => {
        throw new Error('no way');
      },
    };
    const lease = Lease.start(host, '/nowhere', holder, new VirtualClock());
    await until('it has failed', () => lease.failures === 1);
    await lease.end();
  });
});

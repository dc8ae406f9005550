import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isSameMachine, lifeOf, processOf } from '../../src/hosts/processes.js';
import { ourHolder } from '../../src/store/lease.js';
import { until } from '../support/wait.js';

/** A process of this machine, and the holder that it would be. */
async function someProcess() {
  const child: ChildProcess = spawn('sleep', ['600'], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  const pid = child.pid!;
  const startTime = await until('it runs', () => processOf(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.startTime);
  return { child, holder: { machine: hostname(), pid, startTime } };
}

describe.runIf(existsSync('/proc/self/stat'))('a holder on this machine', () => {
  it('is this process, and lives', () => {
    const us = ourHolder('https://github.example/runs/1');
    expect(us).toMatchObject({ machine: hostname(), pid: process.pid, runUrl: 'https://github.example/runs/1' });
    expect(us.bootId).toMatch(/^[0-9a-f-]{36}$/);
    expect(us.pidNamespace).toMatch(/^pid:\[\d+\]$/);
    expect(isSameMachine(us, ourHolder())).toBe(true);
    expect(lifeOf(us)).toBe('alive');
    expect(ourHolder()).not.toHaveProperty('runUrl');
  });

  it('lives as long as its process', async () => {
    const { child, holder } = await someProcess();
    expect(lifeOf(holder)).toBe('alive');
    const gone = new Promise((resolve) => child.on('exit', resolve));
    child.kill('SIGKILL');
    await gone;
    expect(lifeOf(holder)).toBe('dead');
  });

  it('lives while it is stopped', async () => {
    const { child, holder } = await someProcess();
    child.kill('SIGSTOP');
    await until('it is stopped', () => processOf(readFileSync(`/proc/${holder.pid}/stat`, 'utf8'))?.state === 'T');
    expect(lifeOf(holder)).toBe('alive');
  });

  it('is dead if nobody has waited for its end yet', async () => {
    const parent = spawn('bash', ['--norc', '-c', 'sleep 600 & echo $!; exec sleep 600'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    onTestFinished(() => void parent.kill('SIGKILL'));
    let said = '';
    parent.stdout.on('data', (data) => {
      said += data;
    });
    const pid = Number(await until('it runs', () => said.includes('\n') && said.trim()));
    await until('its parent is one that does not wait', () =>
      readFileSync(`/proc/${parent.pid}/stat`, 'utf8').includes('(sleep)'),
    );
    const { startTime } = processOf(readFileSync(`/proc/${pid}/stat`, 'utf8'))!;
    process.kill(pid, 'SIGKILL');
    await until('it is a zombie', () => processOf(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.state === 'Z');
    expect(lifeOf({ machine: hostname(), pid, startTime })).toBe('dead');
  });

  it('is dead if somebody else has its process id', async () => {
    const { holder } = await someProcess();
    expect(lifeOf({ ...holder, startTime: String(Number(holder.startTime) - 1) })).toBe('dead');
  });

  it('may live if it did not say when it began', async () => {
    const { holder } = await someProcess();
    expect(lifeOf({ machine: holder.machine, pid: holder.pid })).toBe('unknown');
  });
});

describe('the same machine', () => {
  const one = { machine: 'a', pid: 1, bootId: 'b', pidNamespace: 'n' };

  it('is one name, one boot and one namespace of processes', () => {
    expect(isSameMachine(one, { ...one, pid: 2 })).toBe(true);
    // A copy of a virtual machine goes on in the boot of the other.
    expect(isSameMachine(one, { ...one, machine: 'c' })).toBe(false);
    expect(isSameMachine(one, { ...one, bootId: 'x' })).toBe(false);
    expect(isSameMachine(one, { ...one, pidNamespace: 'x' })).toBe(false);
  });

  it('is not known of who does not say', () => {
    const silent = { machine: 'a', pid: 1 };
    expect(isSameMachine(silent, silent)).toBe(false);
    expect(isSameMachine({ ...silent, bootId: 'b' }, { ...silent, bootId: 'b' })).toBe(false);
    expect(isSameMachine({ ...silent, pidNamespace: 'n' }, { ...silent, pidNamespace: 'n' })).toBe(false);
  });
});

describe('a line of /proc/PID/stat', () => {
  it('is read whatever the command is called', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 15 }), fc.nat(), (name, start) => {
        const numbers = Array.from({ length: 18 }, (_, i) => i - 1).join(' ');
        expect(processOf(`42 (${name}) S ${numbers} ${start} 1000 20\n`)).toEqual({
          state: 'S',
          startTime: String(start),
        });
      }),
    );
  });

  it('is nothing if it is something else', () => {
    for (const text of ['', '1', '42 (sh) S 1 2 3', 'x '.repeat(30)]) expect(processOf(text)).toBeUndefined();
  });
});

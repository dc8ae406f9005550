import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { initialProgramText } from '../../../src/schedulers/allocation/idle-guard.js';
import { plainEnvironment } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { until } from '../../support/wait.js';
import { commands } from './stand-ins.js';

/** A `flux` of an instance whose jobs are the lines of the file `jobs`; without the file it does not answer about them. */
const fluxScript = (directory: string) => `case $1.$2 in
  getattr.size) echo 1 ;;
  getattr.local-uri) echo local:///tmp/flux-x/local-0 ;;
  jobs.*) echo asked >> ${directory}/asked; cat ${directory}/jobs ;;
esac`;

interface Watcher {
  readonly file: (name: string) => string;
  readonly beat: (lease: string) => void;
  readonly uri: () => string | undefined;
  readonly child: ReturnType<typeof spawn>;
  readonly ended: Promise<number | null>;
  readonly said: () => string;
}

function start(nodes = 1, patience = 1): Watcher {
  const directory = temporaryDirectory();
  const file = (name: string) => path.join(directory, name);
  mkdirSync(file('.conductor'));
  commands(directory, { flux: fluxScript(directory), '.conductor/allocation': initialProgramText });
  writeFileSync(file('jobs'), '');
  let said = '';
  const child = spawn(file('.conductor/allocation'), ['2', String(nodes), file('flux')], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...plainEnvironment,
      MAESTRO_ALLOCATION_PATIENCE: String(patience),
      MAESTRO_ALLOCATION_INTERVAL: '0.1',
    },
  });
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const uri = () =>
    existsSync(file('.conductor/allocation-2.uri'))
      ? readFileSync(file('.conductor/allocation-2.uri'), 'utf8')
      : undefined;
  const beat = (lease: string) => writeFileSync(file('.conductor/lease'), `${lease}\n`);
  return { file, beat, uri, child, ended, said: () => said };
}

async function beatFor(watcher: Watcher, milliseconds: number): Promise<void> {
  for (const end = Date.now() + milliseconds; Date.now() < end; await sleep(100)) watcher.beat(`beat ${Date.now()}`);
}

describe('the initial program of an allocation', () => {
  it('says where the instance is, for as long as that is so', async () => {
    const watcher = start();
    expect(await until('it is said', watcher.uri)).toBe(`ssh://${hostname()}/tmp/flux-x/local-0\n`);
    writeFileSync(watcher.file('.conductor/allocation-2.end'), '');
    expect(await watcher.ended).toBe(0);
    expect(watcher.uri()).toBeUndefined();
  });

  it('leaves the address of another that came after it', async () => {
    const watcher = start();
    await until('it is said', watcher.uri);
    writeFileSync(watcher.file('.conductor/allocation-2.uri'), 'ssh://other/x\n');
    writeFileSync(watcher.file('.conductor/allocation-2.end'), '');
    await watcher.ended;
    expect(watcher.uri()).toBe('ssh://other/x\n');
  });

  it('holds for as long as the lease changes, and ends when it does not', async () => {
    const watcher = start(1, 2);
    await beatFor(watcher, 3500);
    expect(watcher.child.exitCode).toBeNull();
    const stopped = Date.now();
    expect(await watcher.ended).toBe(0);
    expect(Date.now() - stopped).toBeGreaterThan(900);
    expect(watcher.said()).toContain('nobody has driven the study for 2 s');
  });

  it('ends too if there never was a lease', async () => {
    expect(await start().ended).toBe(0);
  });

  it('holds while a job runs, whoever drives', async () => {
    const watcher = start();
    writeFileSync(watcher.file('jobs'), 'ƒ1\n');
    await until('it has asked twice', () => {
      const asked = watcher.file('asked');
      return existsSync(asked) && readFileSync(asked, 'utf8').split('\n').length > 2;
    });
    expect(watcher.child.exitCode).toBeNull();
    writeFileSync(watcher.file('jobs'), '');
    expect(await watcher.ended).toBe(0);
  });

  it('holds while it cannot ask about jobs', async () => {
    const watcher = start();
    await until('it is said', watcher.uri);
    commands(watcher.file('.'), { flux: 'exit 1' });
    await sleep(2500);
    expect(watcher.child.exitCode).toBeNull();
  });

  it.each(['SIGTERM', 'SIGHUP', 'SIGINT'] as const)('ends at once on %s', async (signal) => {
    const watcher = start(1, 600);
    await until('it is said', watcher.uri);
    const told = Date.now();
    watcher.child.kill(signal);
    expect(await watcher.ended).toBe(143);
    expect(Date.now() - told).toBeLessThan(5000);
    expect(watcher.uri()).toBeUndefined();
  });

  it('refuses an instance that has not all of the nodes', async () => {
    const watcher = start(4);
    expect(await watcher.ended).toBe(1);
    expect(watcher.said()).toContain('1 of 4 nodes');
    expect(watcher.uri()).toBeUndefined();
  });
});

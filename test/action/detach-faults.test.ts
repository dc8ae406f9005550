import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { chanceOf, newSeed } from '../support/crash/chance.js';
import { CutProxy } from '../support/cut-proxy.js';
import { Desk } from '../support/desk.js';
import { plainEnvironment } from '../support/hosts.js';
import { yamlOf } from '../support/plan.js';
import { mayMount, smallDisk } from '../support/small-disk.js';
import { SshServer } from '../support/ssh-server.js';
import { stateOf } from '../support/study-state.js';
import { until } from '../support/wait.js';

/** Two steps, the first of which waits for a file beside the study. */
const gated = yamlOf({
  steps: [
    { name: 'wait', cmd: 'echo x >> ran; while [ ! -e $(OUTPUT_PATH)/../go ]; do sleep 0.1; done' },
    { name: 'after', cmd: 'echo x >> ran', depends: ['wait'] },
  ],
});
const detached = ['run', 'study.yaml', '--detach', '-o', 'out'] as const;

/** Texts in the files below some directories that have one of these words in them. */
function filesWith(word: string, ...directories: readonly string[]): string[] {
  return directories.flatMap((directory) =>
    readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .map((name) => path.join(directory, name))
      .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile() && readIfThere(file).includes(word)),
  );
}

/** A file that another process may remove. */
function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

describe('a detached study', () => {
  it('comes to its end though its conductor is killed again and again, with nothing run twice or lost', async () => {
    const seed = newSeed();
    const chance = chanceOf(seed);
    const values = Array.from({ length: 12 }, (_, i) => i);
    const desk = new Desk(
      yamlOf({
        steps: [
          { name: 'run', cmd: 'echo $(N) >> $(OUTPUT_PATH)/ran; sleep 0.2' },
          { name: 'gather', cmd: 'echo all >> $(OUTPUT_PATH)/ran', depends: ['run_*'] },
        ],
        parameters: { N: values },
      }),
    );
    await desk.run(...detached, '--local-jobs', '2');
    let kills = 0;
    for (let rounds = 0; rounds < 6; rounds++) {
      await sleep(chance() * 600);
      const { conductors } = desk;
      for (const pid of conductors) process.kill(pid, 'SIGKILL');
      kills += conductors.length;
      const { code, stdout, stderr } = await desk.run('collect');
      expect({ seed, code, stderr: stderr.replace(/^.*starting another one\n/gm, '') }).toEqual({
        seed,
        code: 0,
        stderr: '',
      });
      if (/FINISHED/.test(stdout)) break;
    }
    if (desk.has('maestro-studies/.conductor/detached')) await desk.ended('out');
    expect(kills).toBeGreaterThan(0);
    const ran = desk.read('out/ran').trim().split('\n');
    expect({ seed, ran: ran.sort() }).toEqual({ seed, ran: [...values.map(String), 'all'].sort() });
  });

  it('goes on after its machine was started anew, once it is collected', async () => {
    const desk = new Desk(gated);
    await desk.run(...detached);
    await until('the step runs', () => desk.has('out/wait/ran'));
    desk.endAll();
    const seen = await desk.run('status', 'out');
    expect(seen.code).toBe(4);
    expect(seen.stdout).toContain(
      'if this machine kills background processes, `detach: job` runs the conductor as a job',
    );
    const { stdout, stderr } = await desk.run('collect');
    expect(stderr).toContain('starting another one');
    expect(stdout).toContain('runs again');
    desk.write('go');
    expect(await desk.ended('out')).toMatch(/^Study demo FINISHED/m);
    expect(desk.read('out/wait/ran').trim().split('\n')).toHaveLength(2);
    expect((await desk.run('collect')).stdout).toContain('FINISHED');
    expect((await desk.run('collect')).stdout).toBe('There is no detached study to collect\n');
  });

  it('is started once, and confirmed, though the connection broke as it was started', async () => {
    const PATH = `${path.dirname(process.execPath)}:${plainEnvironment.PATH}`;
    const desk = new Desk(gated);
    const server = await SshServer.forTest({ environment: { PATH }, home: desk.directory });
    const key = await server.newKey();
    const proxy = await CutProxy.forTest(server.port);
    const knownHosts = server.knownHosts.replaceAll(`]:${server.port}`, `]:${proxy.port}`);
    const host = server.hostPort.replace(`:${server.port}`, `:${proxy.port}`);
    const ssh = ['--host', host, '--ssh-key', `@${key.path}`, '--ssh-known-hosts', knownHosts];
    const out = desk.path('out');
    const starting = desk.start('run', 'study.yaml', '--detach', '-o', out, ...ssh);
    await until('the conductor drives the study', () => existsSync(path.join(out, '.conductor/fences')));
    proxy.cut();
    const { code, stdout } = await starting.ended;
    expect(code).toBe(0);
    expect(stdout).toContain('The study of 2 steps runs detached');
    expect(desk.conductors).toHaveLength(1);
    desk.write('go');
    expect(await desk.ended('out')).toMatch(/^Study demo FINISHED/m);
    // Nothing of the way there is on the host.
    const [begin] = readFileSync(key.path, 'utf8').split('\n').slice(1);
    expect(filesWith(begin!, out, desk.path('maestro-studies'))).toEqual([]);
    expect((await desk.run('collect')).stdout).toContain('FINISHED');
    expect(desk.read('out/wait/ran')).toBe('x\n');
  });

  it('that is a year old when its conductor has died is gone on with', async () => {
    const desk = new Desk(gated);
    await desk.run(...detached);
    await until('the step runs', () => desk.has('out/wait/ran'));
    desk.endAll();
    for (const name of ['out', 'maestro-studies']) {
      execFileSync('find', [desk.path(name), '-exec', 'touch', '-h', '-d', '1 year ago', '{}', '+']);
    }
    expect((await desk.run('collect')).stdout).toContain('runs again');
    desk.write('go');
    expect(await desk.ended('out')).toMatch(/^Study demo FINISHED/m);
    expect((await desk.run('collect')).stdout).toContain('FINISHED');
  });

  it('that failed is not reported by its old outcome while a re-run is being started, whose conductor may die before it begins', async () => {
    // The second time it ends when it may, because one that ends within its start is reported at once.
    const cmd = 'echo x >> ran; test -e ../fixed || exit 1; until [ -e ../go ]; do sleep 0.05; done';
    const desk = new Desk(yamlOf({ steps: [{ name: 'run', cmd }] }));
    await desk.run(...detached);
    expect(await desk.ended('out')).toMatch(/^Study demo FAILURE/m);
    expect(await desk.run('collect')).toMatchObject({ code: 2 });
    // A second start, as it is before its conductor has said anything.
    const token = 'f'.repeat(32);
    const order = JSON.parse(desk.read(`${desk.startDirectory('out')}/order.json`));
    const files = {
      [`out/.conductor/detached/${token}/order.json`]: { ...order, token },
      [`out/.conductor/detached/${token}/secrets.json`]: {},
      [`maestro-studies/.conductor/detached/${token}.json`]: {
        ...{ version: 1, token, studyPath: desk.path('out'), started: Date.now() },
        ...{ repository: '', sha: '', checkRun: null, runUrl: '' },
      },
    };
    for (const [file, value] of Object.entries(files)) desk.write(file, JSON.stringify(value));
    expect(await desk.run('collect')).toMatchObject({
      code: 0,
      stdout: `${desk.path('out')} is still running: its conductor is being started; \`watch\` shows it\n`,
    });
    execFileSync('touch', ['-d', '2 hours ago', desk.path('out/.conductor/journal.jsonl')]);
    for (const file of Object.keys(files)) execFileSync('touch', ['-d', '1 hour ago', desk.path(file)]);
    desk.write('out/fixed');
    const { stdout, stderr } = await desk.run('collect');
    expect(stderr).toContain('starting another one');
    expect(stdout).toContain('with a new conductor');
    desk.write('out/go');
    await until('the re-run is over', () => stateOf(desk.path('out'), token)?.state === 'ended');
    expect(await desk.run('collect')).toMatchObject({ code: 0, stdout: expect.stringContaining('FINISHED') });
    expect(desk.read('out/run/ran')).toBe('x\nx\n');
  });

  it('that was removed is lost once', async () => {
    const desk = new Desk(gated);
    await desk.run(...detached);
    desk.endAll();
    rmSync(desk.path('out'), { recursive: true });
    const { code, stderr } = await desk.run('collect');
    expect(code).toBe(1);
    expect(stderr).toContain(`there is no directory ${desk.path('out')}: it was removed, and is no longer looked for`);
    expect(await desk.run('collect')).toMatchObject({ code: 0, stdout: 'There is no detached study to collect\n' });
  });

  it('that is where this machine cannot look is kept, and how to be rid of it is said', async () => {
    const desk = new Desk(gated);
    mkdirSync(desk.path('scratch'));
    await desk.run('run', 'study.yaml', '--detach', '-o', 'scratch/out');
    desk.endAll();
    const [registration] = readdirSync(desk.path('maestro-studies/.conductor/detached'));
    renameSync(desk.path('scratch'), desk.path('unmounted'));
    for (let i = 0; i < 2; i++) {
      const { code, stderr } = await desk.run('collect');
      expect(code).toBe(1);
      const file = desk.path('maestro-studies/.conductor/detached', registration!);
      expect(stderr).toContain(`if it was removed for good, remove ${file} too, and it is no longer looked for`);
    }
    renameSync(desk.path('unmounted'), desk.path('scratch'));
    expect((await desk.run('collect')).stdout).toContain('runs again');
  });

  it('whose conductor died before it had a plan is cancelled, and is not begun after that', async () => {
    const desk = new Desk(gated);
    await desk.run(...detached);
    await until('the step runs', () => desk.has('out/wait/ran'));
    desk.endAll();
    const journal = 'out/.conductor/journal.jsonl';
    const lines = desk.read(journal).split('\n');
    const planned = lines.findIndex((line) => line.includes('"type":"plan"'));
    desk.write(journal, `${lines.slice(0, planned).join('\n')}\n`);
    expect(await desk.run('cancel', 'out')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Study demo is CANCELLED now'),
    });
    const { code, stderr } = await desk.run('collect');
    expect({ code, isStarted: stderr.includes('starting another one') }).toEqual({ code: 3, isStarted: false });
    expect(desk.conductors).toEqual([]);
  });

  it('is refused where Node is too old', async () => {
    const desk = new Desk(gated);
    desk.write('old/node', '#!/bin/sh\necho 18.20.4\n');
    chmodSync(desk.path('old/node'), 0o755);
    const { code, stderr } = await desk.run(...detached, '--detach-node', desk.path('old/node'));
    expect(code).toBe(1);
    expect(stderr).toContain('the Node on this machine is 18.20.4; a detached study needs 20 or newer');
    expect(desk.has('out')).toBe(false);
  });

  it('that cannot begin leaves neither what may be secret nor anything to collect', async () => {
    const desk = new Desk(gated);
    const attached = desk.start('run', 'study.yaml', '-o', 'out', '--study-key', 'one');
    await until('the step runs', () => desk.has('out/wait/ran'));
    const { code, stderr } = await desk.run(...detached, '--study-key', 'one', '--env', 'TOKEN=hunter2hunter2');
    expect(code).toBe(1);
    expect(stderr).toMatch(/is driven by process \d+ on /);
    expect(readdirSync(desk.path('maestro-studies/.conductor/detached'))).toEqual([]);
    expect(filesWith('hunter2hunter2', desk.path('out'))).toEqual([]);
    desk.write('go');
    expect(await attached.ended).toMatchObject({ code: 0 });
  });

  it('forgets what may be secret when it is cancelled, driven or not', async () => {
    for (const isDriven of [true, false]) {
      const desk = new Desk(gated);
      await desk.run(...detached, '--env', 'TOKEN=hunter2hunter2');
      if (!isDriven) desk.endAll();
      await desk.run('cancel', 'out');
      await until('the study is over', () => filesWith('hunter2hunter2', desk.path('out/.conductor')).length === 0);
      expect(await desk.run('status', 'out')).toMatchObject({ code: 3 });
      const { code } = await desk.run('collect');
      expect(code).toBe(3);
    }
  });
});

describe.skipIf(!mayMount())('a detached study on a full disk', () => {
  it('is not started if this program cannot be copied whole, and no part of a copy stays', async () => {
    const desk = new Desk(gated);
    const disk = smallDisk(512);
    symlinkSync(disk, desk.path('maestro-studies'));
    const { code, stderr } = await desk.run(...detached);
    expect(code).toBe(1);
    expect(stderr).toContain('cannot copy this program to ');
    expect(stderr).toContain('it could not be written whole: is the disk, or a quota, full?');
    expect(desk.has('out')).toBe(false);
    expect(
      readdirSync(disk, { recursive: true, encoding: 'utf8' }).filter((name) => /program\.cjs/.test(name)),
    ).toEqual([]);
  });
});

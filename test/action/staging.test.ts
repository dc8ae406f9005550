import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundlePath, startBundle } from '../support/bundle.js';
import { plainEnvironment } from '../support/hosts.js';
import { yamlOf } from '../support/plan.js';
import { clients } from '../support/ssh-hosts.js';
import { installedSshd, SshServer, type UserKey } from '../support/ssh-server.js';
import { temporaryDirectory } from '../support/temporary.js';
import { until } from '../support/wait.js';

const possible = installedSshd() !== undefined;
if (!possible) console.warn('There is no sshd here: staging is NOT tried with one');

const spec = yamlOf({ steps: [{ name: 'look', cmd: 'cd $(SPECROOT) && find . -type f | sort' }] });

describe.skipIf(!possible)('staging on a host by SSH', { timeout: 120_000 }, () => {
  let server: SshServer;
  let key: UserKey;
  beforeAll(async () => {
    server = await SshServer.start();
    key = await server.newKey();
  });
  afterAll(() => server?.stop());

  /** A directory with the spec, and the options that run it on the server. */
  function prepare(client: string, inputs: Readonly<Record<string, string>> = {}) {
    const directory = path.join(temporaryDirectory(), `w${Math.random().toString(36).slice(2)}`);
    mkdirSync(directory);
    writeFileSync(path.join(directory, 'study.yaml'), spec);
    const known = path.join(temporaryDirectory(), 'known_hosts');
    writeFileSync(known, server.knownHosts);
    const all = {
      host: server.hostPort,
      'ssh-client': client,
      'ssh-key': `@${key.path}`,
      'ssh-known-hosts': `@${known}`,
      ...inputs,
    };
    const args = ['run', 'study.yaml', ...Object.entries(all).map(([name, value]) => `--${name}=${value}`)];
    const options = { cwd: directory, env: { ...plainEnvironment, HOME: directory } };
    return { directory, args, options, start: () => startBundle(args, options) };
  }

  /** What the only step saw of the staged tree. */
  function seen(directory: string): string[] {
    const [report] = readdirSync(directory).filter((name) => name.endsWith('.report'));
    const { study, steps } = JSON.parse(readFileSync(path.join(directory, report!, 'report.json'), 'utf8'));
    return readFileSync(path.join(study.path, steps[0].stdout), 'utf8').trim().split('\n');
  }

  it('leaves out earlier studies and reports by itself, and says so in one line', async () => {
    const { directory, start } = prepare('ssh2');
    for (const old of ['demo_1/.conductor', 'demo_1/look', 'deep/demo_2/.conductor']) {
      mkdirSync(path.join(directory, old), { recursive: true });
    }
    writeFileSync(path.join(directory, 'demo_1/look/big'), 'x'.repeat(100_000));
    writeFileSync(path.join(directory, 'deep/mine'), 'x');
    const first = await start().ended;
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(seen(directory)).toEqual(['./deep/mine', './study.yaml']);
    expect(first.stdout).toMatch(/^Not staged, as earlier runs wrote them: earlier studies \(deep\/demo_2, demo_1\)$/m);
    const second = await start().ended;
    expect(second.stdout).toMatch(/^Not staged, .*\) and reports \(demo_[-0-9]+\.report\)$/m);
  });

  it('takes a log of this very command, in the same directory, with a warning', async () => {
    const { directory, args, options } = prepare('ssh2');
    const log = openSync(path.join(directory, 'log'), 'a');
    const child = spawn(process.execPath, [bundlePath(), ...args], { ...options, stdio: ['ignore', log, log] });
    expect((await once(child, 'close'))[0]).toBe(0);
    const text = readFileSync(path.join(directory, 'log'), 'utf8');
    expect(text).toMatch(/^warning: Changed while they were staged, .*: log\. .*stage-exclude$/m);
    expect(seen(directory)).toEqual(['./log', './study.yaml']);
  });

  describe.each(clients)('with the client %s', (client) => {
    it.each([
      ['SIGINT', 3],
      ['SIGTERM', 3],
    ] as const)('a %s while it sends ends it at once: exit %d', async (signal, code) => {
      // The host takes its time, as one at the end of a slow line does.
      // A program, not a function: of setup, only the exported variables reach what runs later.
      const programs = temporaryDirectory();
      writeFileSync(path.join(programs, 'mktemp'), '#!/bin/sh\nsleep 25\nexec /usr/bin/mktemp "$@"\n', { mode: 0o755 });
      const { directory, start } = prepare(client, { setup: `export PATH=${programs}:$PATH` });
      writeFileSync(path.join(directory, 'big'), randomBytes(30_000_000));
      const { process: running, ended } = start();
      const root = path.join(server.home, 'maestro-studies', path.basename(directory));
      await until(
        'the study is begun',
        () => existsSync(root) && readdirSync(root).some((name) => existsSync(path.join(root, name, 'study.yaml'))),
        60_000,
      );
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const began = Date.now();
      running.kill(signal);
      const { code: status, stdout } = await ended;
      expect(Date.now() - began).toBeLessThan(10_000);
      expect(status).toBe(code);
      expect(stdout).toMatch(new RegExp(`^Staging was stopped before its end: cancelled by ${signal}$`, 'm'));
      expect(stdout).toMatch(/^Study demo CANCELLED in .*: 1 step, 1 skipped$/m);
    });
  });
});

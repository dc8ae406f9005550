import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HostLostError, type HostProcess } from '../../../src/hosts/host.js';
import type { SshHost } from '../../../src/hosts/ssh/ssh-host.js';
import { CutProxy } from '../../support/cut-proxy.js';
import { plainEnvironment } from '../../support/hosts.js';
import type { Client } from '../../support/ssh-hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { until } from '../../support/wait.js';
import { outputOf } from '../host-contract.js';
import { Account, forClients, hostForTest, missing } from './account.js';

/** A command that runs until it is told to end, and says back what it is told. */
class Long {
  readonly process: HostProcess;
  readonly failure: Promise<unknown>;
  #said = '';

  constructor(host: SshHost) {
    this.process = host.spawn('cat');
    this.process.stdout.on('data', (chunk: Buffer) => {
      this.#said += chunk.toString();
    });
    this.failure = this.process.exit.then(
      () => undefined,
      (error: unknown) => error,
    );
  }

  /** Resolves when it has answered. */
  async says(text: string): Promise<void> {
    this.process.stdin.write(`${text}\n`);
    await until(`it says ${text}`, () => this.#said.includes(text), 20_000);
  }
}

const short = async (host: SshHost, text: string) => (await outputOf(host, `sleep 0.05; echo ${text}`)).stdout.trim();

const texts = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}-${i}`);

/** Has commands run on a machine that has room for no more than two at once. */
async function waitForEachOther(host: SshHost, told: readonly string[]): Promise<void> {
  const [long, other] = await longs(host, 2);
  const words = texts('word', 8);
  const said = Promise.all(words.map((text) => short(host, text)));
  await until('they have to wait', () => told.length > 0, 20_000);
  other!.process.stdin.end();
  expect(await said).toEqual(words);
  await long!.says('still here');
  expect(told).toEqual([expect.stringMatching(/allows no further session: .*; waiting until one of ours ends$/)]);
}

async function longs(host: SshHost, count: number): Promise<Long[]> {
  const all = Array.from({ length: count }, () => new Long(host));
  await Promise.all(all.map((long) => long.says('hello')));
  return all;
}

/** A machine that allows so many sessions on a connection, behind a network that fails on demand. */
async function behindProxy(client: Client, sessions: number) {
  const account = await Account.forTest({ config: [`MaxSessions ${sessions}`] });
  const proxy = await CutProxy.forTest(account.server.port);
  const told: string[] = [];
  const host = await account.open(client, {
    host: `${account.server.user}@127.0.0.1:${proxy.port}`,
    knownHosts: account.server.knownHosts.replaceAll(`${account.server.port}`, `${proxy.port}`),
    tell: (line) => told.push(line),
  });
  return { account, proxy, host, told };
}

forClients('a server with few sessions on a connection', (client) => {
  it.each([1, 2, 3])('has room for three long commands and others beside them, if it allows %i', async (sessions) => {
    const account = await Account.forTest({ config: [`MaxSessions ${sessions}`] });
    const told: string[] = [];
    const host = await account.open(client, { tell: (line) => told.push(line) });
    const running = [0, 1, 2].map(() => new Long(host));
    const before = texts('before', 10);
    const [said] = await Promise.all([
      Promise.all(before.map((text) => short(host, text))),
      ...running.map((long) => long.says('hello')),
    ]);
    expect(said).toEqual(before);
    const after = texts('after', 10);
    expect(await Promise.all(after.map((text) => short(host, text)))).toEqual(after);
    for (const long of running) await long.says('still here');
    for (const long of running) long.process.stdin.end();
    for (const long of running) expect(await long.process.exit).toEqual({ code: 0 });
    // It may be fewer: a server refuses until it has seen that others have ended.
    expect(told).toEqual([
      expect.stringMatching(
        new RegExp(
          `^${host.name} refuses more than [1-${sessions}] sessions? on a connection; using more connections$`,
        ),
      ),
    ]);
    expect(account.server.logins).toBeLessThanOrEqual(6);
    expect(account.server.connections).toBe(account.server.logins);
    host.close();
    await until('no connection is left', () => account.server.connections === 0);
  });

  it('loses with one of its connections what runs on that, and nothing else', async () => {
    for (const lost of [1, 0]) {
      const { proxy, host, told } = await behindProxy(client, 2);
      // One after the other: the first two share a connection.
      const running: Long[] = [];
      while (running.length < 3) running.push(...(await longs(host, 1)));
      expect(proxy.connections).toBe(2);
      proxy.cutOne(lost);
      const survivors = lost === 1 ? running.slice(0, 2) : running.slice(2);
      for (const long of running) {
        if (survivors.includes(long)) await long.says('still here');
        else expect(await long.failure).toBeInstanceOf(HostLostError);
      }
      // Others take the place of those that are lost, on a connection that takes the place of the lost one.
      await longs(host, 4 - survivors.length);
      for (const long of survivors) await long.says('and still');
      expect(told).toEqual([expect.stringContaining('using more connections')]);
    }
  });

  it('is out of reach only when all its connections are lost, which is told once', async () => {
    const { proxy, host, told } = await behindProxy(client, 1);
    const running = await longs(host, 3);
    expect(proxy.connections).toBe(3);
    proxy.cut();
    for (const long of running) expect(await long.failure).toBeInstanceOf(HostLostError);
    await longs(host, 3);
    expect(told.slice(1)).toEqual([
      expect.stringMatching(/is lost: .*; connecting again$/),
      `connected to ${host.name} again`,
    ]);
    expect(proxy.connections).toBe(3);
  });

  it('that lets nobody in a second time has commands wait for each other, and is not asked again', async () => {
    const account = await Account.forTest({ config: ['MaxSessions 2'] });
    const told: string[] = [];
    const host = await account.open(client, { tell: (line) => told.push(line) });
    account.server.revokeAll();
    await waitForEachOther(host, told);
    expect(account.server.log.match(/Failed publickey/g)).toHaveLength(1);
    expect(account.server.logins).toBe(1);
  });

  it('that cannot be reached a second time is not lost for that', async () => {
    const { proxy, host, told } = await behindProxy(client, 2);
    await proxy.refuse();
    await waitForEachOther(host, told);
  });
});

describe.skipIf(missing !== undefined)('a connection that a person has authenticated, with few sessions', () => {
  /** A home where `ssh` finds a configuration, and the connection that it names. */
  async function authenticated(keyOf: (path: string) => string) {
    const account = await Account.forTest({ config: ['MaxSessions 2'] });
    const { server, key } = account;
    const directory = temporaryDirectory();
    const home = temporaryDirectory();
    mkdirSync(path.join(home, '.ssh'), { mode: 0o700 });
    writeFileSync(path.join(directory, 'known_hosts'), server.knownHosts);
    const lines = ['Host cluster', 'HostName 127.0.0.1', `Port ${server.port}`, `User ${server.user}`];
    const trust = [`UserKnownHostsFile ${directory}/known_hosts`, `ControlPath ${directory}/%C`, keyOf(key.path)];
    writeFileSync(path.join(home, '.ssh/config'), `${[...lines, ...trust].join('\n')}\n`);
    const words = ['-F', path.join(home, '.ssh/config'), '-i', key.path, '-o', 'BatchMode=yes', '-MN', 'cluster'];
    const master = spawn('ssh', words, { env: plainEnvironment, stdio: 'ignore' });
    onTestFinished(() => {
      master.kill();
    });
    await until('the person has logged in', () => readdirSync(directory).length === 2);
    const told: string[] = [];
    const tell = (line: string) => told.push(line);
    const wanted = { host: 'cluster', knownHosts: '', key: '', environment: { HOME: home }, tell };
    return { server, told, host: await hostForTest('openssh', wanted) };
  }

  it('has others beside it that log in by themselves', async () => {
    const { server, told, host } = await authenticated((key) => `IdentityFile ${key}`);
    const running = await longs(host, 3);
    expect(await short(host, 'short')).toBe('short');
    for (const long of running) await long.says('still here');
    expect(told).toEqual([
      expect.stringMatching(/^cluster refuses more than [12] sessions? on a connection; using more connections$/),
    ]);
    expect(server.logins).toBeGreaterThan(1);
  });

  it('has commands wait for each other if nothing else lets us in', async () => {
    const { server, told, host } = await authenticated(() => 'IdentityFile /nonexistent/key');
    await waitForEachOther(host, told);
    expect(server.logins).toBe(1);
  });
});

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { mustRun, run } from '../../../src/hosts/commands.js';
import { HostError, HostLostError } from '../../../src/hosts/host.js';
import { SshHost, type SshHostOptions } from '../../../src/hosts/ssh/ssh-host.js';
import { systemClock } from '../../../src/util/clock.js';
import { ownNode } from '../../support/bundle.js';
import { CutProxy } from '../../support/cut-proxy.js';
import { plainEnvironment } from '../../support/hosts.js';
import { type Client, transportOf, type Wanted } from '../../support/ssh-hosts.js';
import { SshServer } from '../../support/ssh-server.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { until } from '../../support/wait.js';
import { outputOf } from '../host-contract.js';
import { Account, forClients, hurried } from './account.js';
import type { Connected } from './connected.js';

/** A machine behind a network that fails on demand, and what people are told of the connection. */
async function behindProxy(client: Client) {
  const account = await Account.forTest();
  const proxy = await CutProxy.forTest(account.server.port);
  const told: string[] = [];
  const temporary = temporaryDirectory();
  const host = await account.open(client, {
    temporary,
    host: `${account.server.user}@127.0.0.1:${proxy.port}`,
    knownHosts: account.server.knownHosts.replaceAll(`${account.server.port}`, `${proxy.port}`),
    tell: (line) => told.push(line),
  });
  return { account, proxy, host, told, temporary };
}

/** A machine, with more of a say about how it is reached. */
async function open(
  client: Client,
  account: Account,
  options: Partial<SshHostOptions>,
  wanted: Partial<Wanted> = {},
): Promise<SshHost> {
  const host = await SshHost.open(transportOf(client, account.wanted(wanted)), {
    setup: '',
    clock: systemClock,
    tell: () => {},
    ...options,
  });
  onTestFinished(() => host.close());
  return host;
}

/** The processes that have a path among their arguments. */
function processesOf(directory: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(directory);
      } catch {
        return false;
      }
    });
}

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

forClients('a connection that breaks', (client) => {
  it.each(['the network', 'the server'])(
    'by %s loses what runs, is told once, and is there again for the next',
    async (by) => {
      const { account, proxy, host, told } = await behindProxy(client);
      const directory = temporaryDirectory();
      const commands = [0, 1, 2, 3, 4].map((i) => outputOf(host, `touch ${directory}/${i}; cat; sleep 60`));
      const failures = commands.map(failureOf);
      // `cat` sees the end of its input when all runs.
      await until('all run', () => readdirSync(directory).length === 5);
      if (by === 'the network') proxy.cut();
      else account.server.killSessions();
      for (const failure of await Promise.all(failures)) expect(failure).toBeInstanceOf(HostLostError);
      expect(await Promise.all([1, 2, 3].map(async (i) => (await outputOf(host, `echo ${i}`)).stdout))).toEqual([
        '1\n',
        '2\n',
        '3\n',
      ]);
      expect(told).toEqual([
        expect.stringMatching(/^the connection to \S+@127\.0\.0\.1:\d+ is lost: .*; connecting again$/),
        `connected to ${host.name} again`,
      ]);
      expect(account.server.logins).toBe(2);
    },
  );

  it('and breaks again is told again', async () => {
    const { proxy, host, told } = await behindProxy(client);
    for (const _ of [1, 2, 3]) {
      proxy.cut();
      await mustRun(host, 'cannot say hello', 'echo hello');
    }
    expect(told.map((line) => line.startsWith('connected'))).toEqual([false, true, false, true, false, true]);
  });

  it('does not end what runs over there', async () => {
    const { proxy, host } = await behindProxy(client);
    const directory = temporaryDirectory();
    const failure = failureOf(run(host, `touch ${directory}/started; sleep 0.5; touch ${directory}/survived`));
    await until('it runs', () => existsSync(path.join(directory, 'started')));
    proxy.cut();
    expect(await failure).toBeInstanceOf(HostLostError);
    await until('it has done its work', () => existsSync(path.join(directory, 'survived')));
  });

  it('has what may be repeated run again, and nothing else', async () => {
    const { proxy, host } = await behindProxy(client);
    const log = path.join(temporaryDirectory(), 'log');
    const lines = () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []);
    const repeated = mustRun(
      host,
      'cannot do it',
      `echo x >>${log}; [ $(wc -l <${log}) -gt 1 ] || sleep 60; cat`,
      'input',
    );
    await until('it runs', () => lines().length === 1);
    proxy.cut();
    expect((await repeated).toString()).toBe('input');
    expect(lines()).toEqual(['x', 'x']);
    const failure = failureOf(run(host, `echo y >>${log}; sleep 60`));
    await until('it runs', () => lines().length === 3);
    proxy.cut();
    expect(await failure).toBeInstanceOf(HostLostError);
    await run(host, 'true');
    expect(lines()).toEqual(['x', 'x', 'y']);
  });

  it('while it is being used by nobody is there again for the next command', async () => {
    const { proxy, host } = await behindProxy(client);
    proxy.cut();
    // One that comes before the loss is noticed may be lost with it, and is run again.
    expect((await mustRun(host, 'it is not there', 'cat; echo here')).toString()).toBe('here\n');
  });

  it('carries input and output whole however small its pieces are', async () => {
    const { proxy, host } = await behindProxy(client);
    proxy.trickle(7);
    const bytes = Buffer.from(Array.from({ length: 3000 }, (_, i) => i % 256));
    const { code, stdout } = await run(host, 'cat; echo problem >&2; exit 4', bytes);
    expect(code).toBe(4);
    expect(stdout.equals(bytes)).toBe(true);
  });
});

forClients('a machine that is gone for a while', (client) => {
  it('is waited for', async () => {
    const home = temporaryDirectory();
    const account = await Account.forTest({ home });
    const told: string[] = [];
    const host = await account.open(client, { tell: (line) => told.push(line) });
    await account.server.stop();
    const outputs = Promise.all([1, 2, 3].map((i) => mustRun(host, 'cannot say it', `echo ${i}`)));
    await sleep(3000);
    const back = await SshServer.forTest({ home, port: account.server.port });
    back.authorize(account.key.publicKey);
    expect((await outputs).map(String)).toEqual(['1\n', '2\n', '3\n']);
    expect(told).toHaveLength(2);
    expect(told[0]).toContain('is lost');
    expect(told[1]).toBe(`connected to ${host.name} again`);
    expect(back.logins).toBe(1);
  });

  it('is given up after five minutes', async () => {
    const account = await Account.forTest();
    const host = await open(client, account, { clock: hurried(300) });
    await account.server.stop();
    const failures = await Promise.all([1, 2].map(() => failureOf(run(host, 'true'))));
    for (const failure of failures) {
      expect(failure).toBeInstanceOf(HostError);
      expect((failure as HostError).message).toContain('could not be reached again for 5 minutes');
      expect((failure as HostError).message).toContain('refused the connection');
    }
  });

  it('is given up soon if all has been cancelled', async () => {
    const account = await Account.forTest();
    const cancel = new AbortController();
    const host = await open(client, account, { clock: hurried(10), cancel: cancel.signal });
    await account.server.stop();
    const failure = failureOf(run(host, 'true'));
    await sleep(300);
    const since = Date.now();
    cancel.abort();
    expect(await failure).toBeInstanceOf(HostError);
    expect(Date.now() - since).toBeLessThan(10_000);
  });

  it.each([
    ['not at all', true],
    ['silent', false],
  ])('is given up soon if all has been cancelled, also where it is %s there', async (_, isCut) => {
    const account = await Account.forTest();
    const proxy = await CutProxy.forTest(account.server.port);
    const cancel = new AbortController();
    const wanted = {
      host: `${account.server.user}@127.0.0.1:${proxy.port}`,
      knownHosts: account.server.knownHosts.replaceAll(`${account.server.port}`, `${proxy.port}`),
    };
    const host = await open(client, account, { clock: hurried(10), cancel: cancel.signal }, wanted);
    const running = host.spawn('echo running; sleep 60');
    await new Promise((resolve) => running.stdout.once('data', resolve));
    const before = proxy.accepted;
    proxy.stall();
    const failures = [failureOf(running.exit)];
    if (isCut) proxy.cut();
    failures.push(failureOf(mustRun(host, 'it is not there', 'true')));
    // The way there is sought, on a network that swallows all.
    if (isCut) await until('it connects again', () => proxy.accepted > before);
    const since = Date.now();
    cancel.abort();
    for (const failure of await Promise.all(failures)) expect(failure).toBeInstanceOf(HostError);
    // Later commands do not wait again.
    expect(((await failureOf(run(host, 'true'))) as Error).message).toContain('no longer answers');
    expect(Date.now() - since).toBeLessThan(10_000);
  });

  it('that answers after a cancellation has all the time that it takes', async () => {
    const account = await Account.forTest();
    const cancel = new AbortController();
    const host = await open(client, account, { clock: hurried(20), cancel: cancel.signal });
    const running = host.spawn('read -r line; sleep 2; echo done');
    cancel.abort();
    running.stdin.end('go\n');
    expect((await buffer(running.stdout)).toString()).toBe('done\n');
    expect(await running.exit).toEqual({ code: 0 });
  });

  it('and does not want us any more is not asked again', async () => {
    const account = await Account.forTest();
    const host = await account.open(client);
    account.server.revokeAll();
    account.server.killSessions();
    await until('the connection has ended', () => account.server.connections === 0);
    const failure = (await failureOf(mustRun(host, 'cannot say hello', 'echo hello'))) as Error;
    expect(failure.message).toContain('rejected');
    expect(account.server.log.match(/Failed publickey/g)).toHaveLength(1);
  });
});

forClients('a connection that is closed', (client) => {
  it('leaves no process, and takes no further command', async () => {
    const account = await Account.forTest();
    const temporary = temporaryDirectory();
    const told: string[] = [];
    const host = await account.open(client, { temporary, tell: (line) => told.push(line) });
    const running = host.spawn('echo running; sleep 60');
    const failure = failureOf(running.exit);
    await new Promise((resolve) => running.stdout.once('data', resolve));
    expect(processesOf(temporary).length > 0).toBe(client === 'openssh');
    host.close();
    expect(await failure).toBeInstanceOf(HostLostError);
    await until('no process is left', () => processesOf(temporary).length === 0);
    await until('the connection has ended', () => account.server.connections === 0);
    expect(((await failureOf(run(host, 'true'))) as Error).message).toBe(`the connection to ${host.name} was closed`);
    expect(readdirSync(temporary)).toEqual([]);
    expect(told).toEqual([]);
    host.close();
  });

  it('while it is sought again ends that too', async () => {
    const { proxy, account } = await behindProxy(client);
    const temporary = temporaryDirectory();
    const wanted = {
      host: `${account.server.user}@127.0.0.1:${proxy.port}`,
      knownHosts: account.server.knownHosts.replaceAll(`${account.server.port}`, `${proxy.port}`),
      temporary,
    };
    const host = await account.open(client, wanted);
    const before = proxy.accepted;
    proxy.stall();
    proxy.cut();
    const failure = failureOf(mustRun(host, 'cannot do it', 'true'));
    await until('it connects again', () => proxy.accepted > before);
    const since = Date.now();
    host.close();
    expect(((await failure) as Error).message).toBe(`the connection to ${host.name} was closed`);
    expect(Date.now() - since).toBeLessThan(5000);
    await until('no process is left', () => processesOf(temporary).length === 0);
  });

  /** Starts the program that connects. */
  function start(account: Account, temporary: string, then: Connected['then'], behind: Partial<Connected> = {}) {
    const { server, key } = account;
    const hook = fileURLToPath(new URL('../../flux/typescript.mjs', import.meta.url));
    const file = fileURLToPath(new URL('connected.ts', import.meta.url));
    const program = spawn(ownNode, ['--import', hook, file], {
      env: plainEnvironment,
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    onTestFinished(() => {
      program.kill('SIGKILL');
    });
    const wanted: Connected = {
      client,
      host: server.hostPort,
      knownHosts: server.knownHosts,
      key: key.text,
      temporary,
      then,
      ...behind,
    };
    program.stdin.end(JSON.stringify(wanted));
    return program;
  }

  it('does not keep the program from its end', async () => {
    const account = await Account.forTest();
    const temporary = temporaryDirectory();
    const program = start(account, temporary, 'close');
    const exit = new Promise((resolve) => program.once('exit', resolve));
    const closed = new Promise<number>((resolve) => program.stdout.once('data', () => resolve(Date.now())));
    const output = buffer(program.stdout);
    expect(await exit).toBe(0);
    expect((await output).toString()).toBe('closed\n');
    expect(Date.now() - (await closed)).toBeLessThan(1500);
    expect(readdirSync(temporary)).toEqual([]);
    await until('no process is left', () => processesOf(temporary).length === 0);
  });

  it('does not keep the program from its end either if the machine says nothing any more', async () => {
    const account = await Account.forTest();
    const temporary = temporaryDirectory();
    const proxy = await CutProxy.forTest(account.server.port);
    const program = start(account, temporary, 'stay', {
      host: `${account.server.user}@127.0.0.1:${proxy.port}`,
      knownHosts: account.server.knownHosts.replaceAll(`${account.server.port}`, `${proxy.port}`),
    });
    const exit = new Promise((resolve) => program.once('exit', resolve));
    await new Promise((resolve) => program.stdout.once('data', resolve));
    proxy.stall();
    program.kill('SIGTERM');
    expect(await exit).toBe(0);
    await until('no process is left', () => processesOf(temporary).length === 0);
  });

  it('is what the end of the program means too, however that comes', async () => {
    const account = await Account.forTest();
    const temporary = temporaryDirectory();
    const program = start(account, temporary, 'stay');
    await new Promise((resolve) => program.stdout.once('data', resolve));
    expect(account.server.connections).toBe(1);
    program.kill('SIGKILL');
    await until('no process is left', () => processesOf(temporary).length === 0);
    await until('the connection has ended', () => account.server.connections === 0);
  });
});

import { spawnSync } from 'node:child_process';
import { describe, it, onTestFinished } from 'vitest';
import type { SshHost } from '../../../src/hosts/ssh/ssh-host.js';
import { type Clock, systemClock } from '../../../src/util/clock.js';
import { type Client, clients, openHost, type Wanted } from '../../support/ssh-hosts.js';
import { installedSshd, SshServer, type SshServerOptions, type UserKey } from '../../support/ssh-server.js';

/** What this machine lacks for tests of SSH; undefined if nothing. */
export const missing =
  installedSshd() === undefined
    ? 'an OpenSSH server'
    : spawnSync('ssh', ['-V']).error !== undefined
      ? 'an OpenSSH client'
      : undefined;

if (missing !== undefined) console.warn(`There is no ${missing} on this machine: tests of SSH are SKIPPED.`);

/** Tests that every client has to pass. */
export function forClients(title: string, tests: (client: Client) => void): void {
  describe.skipIf(missing !== undefined).each(clients)(`${title}, by %s`, tests);
  if (missing !== undefined) it.skip(`NOT TESTED for want of ${missing}: ${title}`, () => {});
}

/** A real server, and a key that it lets in. */
export class Account {
  readonly server: SshServer;
  readonly key: UserKey;

  private constructor(server: SshServer, key: UserKey) {
    this.server = server;
    this.key = key;
  }

  /** One that is to be stopped by its server's `stop`, as in `afterAll`. */
  static async start(options: SshServerOptions = {}): Promise<Account> {
    const server = await SshServer.start(options);
    return new Account(server, await server.newKey());
  }

  /** One that is there until the test ends. */
  static async forTest(options: SshServerOptions = {}): Promise<Account> {
    const account = await Account.start(options);
    onTestFinished(() => account.server.stop());
    return account;
  }

  /** What a client has to be told to get in. */
  wanted(other: Partial<Wanted> = {}): Wanted {
    const { hostPort, knownHosts } = this.server;
    return { host: hostPort, knownHosts, key: this.key.text, ...other };
  }

  /** The machine, until the test ends. */
  open(client: Client, other: Partial<Wanted> = {}): Promise<SshHost> {
    return hostForTest(client, this.wanted(other));
  }
}

/** A machine that is reached until the test ends. */
export async function hostForTest(client: Client, wanted: Wanted): Promise<SshHost> {
  const host = await openHost(client, wanted);
  onTestFinished(() => host.close());
  return host;
}

/** What somebody reads who wanted to connect and could not. */
export async function refusal(client: Client, wanted: Wanted): Promise<string> {
  try {
    await hostForTest(client, wanted);
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
  throw new Error('it has connected');
}

/** A clock on which time passes so many times as fast. */
export function hurried(times: number): Clock {
  const { after, random } = systemClock;
  const start = Date.now();
  return {
    now: () => start + (Date.now() - start) * times,
    after: (milliseconds, call) => after(milliseconds / times, call),
    random,
  };
}

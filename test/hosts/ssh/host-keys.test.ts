import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryDirectory } from '../../support/temporary.js';
import { outputOf } from '../host-contract.js';
import { Account, forClients, missing, refusal } from './account.js';

forClients('the key that a server shows', (client) => {
  it('must be known: who reads that it is not is told its fingerprint', async () => {
    const { server, ...account } = await Account.forTest({ hasNewHostKeys: true });
    const stranger = await Account.forTest();
    const wanted = { host: server.hostPort, knownHosts: stranger.server.knownHosts, key: account.key.text };
    const message = await refusal(client, wanted);
    expect(message).toContain(server.hostKeys[0]!.fingerprint);
    expect(message).toContain('is not known');
    expect(server.logins).toBe(0);
  });

  it('that has changed is not taken, and both are told', async () => {
    const account = await Account.forTest({ hasNewHostKeys: true });
    const old = await Account.forTest();
    const knownHosts = old.server.knownHosts.replace(`${old.server.port}`, `${account.server.port}`);
    const message = await refusal(client, account.wanted({ knownHosts }));
    expect(message).toContain('has changed');
    expect(message).toContain(account.server.hostKeys[0]!.fingerprint);
    expect(account.server.logins).toBe(0);
  });

  it('that is revoked is not taken, and said to be', async () => {
    const account = await Account.forTest({ hasNewHostKeys: true });
    const known = account.server.knownHosts;
    const [key] = account.server.hostKeys;
    for (const knownHosts of [`${known}@revoked ${known}`, `${known}@revoked * ${key!.publicKey}\n`]) {
      const message = await refusal(client, account.wanted({ knownHosts }));
      expect(message).toContain('is revoked');
      expect(message).not.toContain('is not known');
      expect(message).toContain(key!.fingerprint);
    }
    expect(account.server.logins).toBe(0);
  });

  it('is found under a hashed name', async () => {
    const account = await Account.forTest({ hasNewHostKeys: true });
    const file = path.join(temporaryDirectory(), 'known_hosts');
    writeFileSync(file, account.server.knownHosts);
    execFileSync('ssh-keygen', ['-q', '-H', '-f', file], { stdio: 'ignore' });
    const knownHosts = readFileSync(file, 'utf8');
    expect(knownHosts).toMatch(/^\|1\|/);
    await account.open(client, { knownHosts });
    expect(
      await refusal(client, account.wanted({ knownHosts: knownHosts.replace(/^\|1\|..../, '|1|AAAA') })),
    ).toContain('is not known');
  });

  it.each(['ed25519', 'ecdsa', 'rsa'] as const)('may be of the one type that is known: %s', async (type) => {
    const account = await Account.forTest({ hostKeys: ['ed25519', 'ecdsa', 'rsa'] });
    const { port, hostKeys } = account.server;
    const key = hostKeys.find((each) => each.type === type)!;
    const host = await account.open(client, { knownHosts: `[127.0.0.1]:${port} ${key.publicKey}\n` });
    expect(await outputOf(host, 'echo in')).toMatchObject({ stdout: 'in\n' });
  });

  it('is written down nowhere', async () => {
    const account = await Account.forTest({ hostKeys: ['ed25519', 'rsa'], hasNewHostKeys: true });
    const { port, hostKeys } = account.server;
    const home = temporaryDirectory();
    const file = path.join(home, '.ssh/known_hosts');
    mkdirSync(path.dirname(file));
    const text = `[127.0.0.1]:${port} ${hostKeys[0]!.publicKey}\n`;
    writeFileSync(file, text);
    writeFileSync(
      path.join(home, '.ssh/config'),
      `UserKnownHostsFile ${file}\nStrictHostKeyChecking no\nUpdateHostKeys yes\n`,
    );
    const knownHosts = client === 'openssh' ? '' : text;
    await account.open(client, { knownHosts, environment: { HOME: home } });
    const other = await Account.forTest({ hasNewHostKeys: true });
    await refusal(client, other.wanted({ knownHosts, environment: { HOME: home } }));
    expect(readFileSync(file, 'utf8')).toBe(text);
  });
});

describe.skipIf(missing !== undefined)('the client that comes along', () => {
  it('shows the line of a key that is not known, and with it connects', async () => {
    const account = await Account.forTest({ hasNewHostKeys: true });
    const message = await refusal('ssh2', account.wanted({ knownHosts: '# none\n' }));
    const [line] = account.server.knownHosts.trim().split('\n');
    expect(message.split('\n').at(-1)).toBe(line);
    const host = await account.open('ssh2', { knownHosts: message.split('\n').at(-1)! });
    expect(await outputOf(host, 'echo in')).toMatchObject({ stdout: 'in\n' });
  });

  it('cannot check what an authority signed, and says who can', async () => {
    const account = await Account.forTest();
    const [key] = account.server.hostKeys;
    const knownHosts = `@cert-authority [127.0.0.1]:${account.server.port} ${key!.publicKey}\n`;
    expect(await refusal('ssh2', account.wanted({ knownHosts }))).toContain('needs `ssh-client: openssh`');
  });
});

forClients('a machine behind others', (client) => {
  it.each([1, 2])('is reached through %d, each with its own keys', async (count) => {
    const target = await Account.forTest({ hasNewHostKeys: true });
    const between = [];
    for (let i = 0; i < count; i++) between.push(await Account.forTest({ hasNewHostKeys: true }));
    for (const { server } of between) server.authorize(target.key.publicKey);
    const knownHosts = [target, ...between].map(({ server }) => server.knownHosts).join('');
    const host = await target.open(client, {
      knownHosts,
      jump: between.map(({ server }) => server.hostPort).join(','),
    });
    expect(await outputOf(host, 'echo "$HOME"')).toMatchObject({ stdout: `${target.server.home}\n` });
    expect([target, ...between].map(({ server }) => server.logins)).toEqual(Array(count + 1).fill(1));
  });

  it('is not reached if one of these shows another key: which one is told', async () => {
    const [target, jump] = [await Account.forTest(), await Account.forTest({ hasNewHostKeys: true })];
    jump.server.authorize(target.key.publicKey);
    const wrong = target.server.knownHosts.replace(`${target.server.port}`, `${jump.server.port}`);
    const message = await refusal(
      client,
      target.wanted({ knownHosts: `${target.server.knownHosts}${wrong}`, jump: jump.server.hostPort }),
    );
    expect(message).toContain('has changed');
    expect(message).toMatch(new RegExp(`127\\.0\\.0\\.1\\]?:${jump.server.port}`));
    expect(message).toContain(jump.server.hostKeys[0]!.fingerprint);
    expect(jump.server.logins).toBe(0);
  });

  it('is not reached if one of these does not want us: which one is told', async () => {
    const [target, jump] = [await Account.forTest(), await Account.forTest()];
    const knownHosts = `${target.server.knownHosts}${jump.server.knownHosts}`;
    const message = await refusal(client, target.wanted({ knownHosts, jump: jump.server.hostPort }));
    expect(message).toContain('rejected');
    expect(message).toContain(jump.server.hostPort);
  });

  it('is not reached if one of these is not there: which one is told', async () => {
    const [target, jump] = [await Account.forTest(), await Account.forTest()];
    jump.server.authorize(target.key.publicKey);
    const knownHosts = `${target.server.knownHosts}${jump.server.knownHosts}`;
    await jump.server.stop();
    const message = await refusal(client, target.wanted({ knownHosts, jump: jump.server.hostPort }));
    expect(message).toContain(`127.0.0.1:${jump.server.port} refused the connection`);
    expect(await refusal(client, target.wanted({ jump: 'somebody@no-such-machine.invalid' }))).toContain(
      'no-such-machine.invalid is unknown',
    );
  });

  it('is not reached if one of these does not let anybody through, which is told', async () => {
    const [target, jump] = [await Account.forTest(), await Account.forTest({ config: ['AllowTcpForwarding no'] })];
    jump.server.authorize(target.key.publicKey);
    const knownHosts = `${target.server.knownHosts}${jump.server.knownHosts}`;
    const message = await refusal(client, target.wanted({ knownHosts, jump: jump.server.hostPort }));
    expect(message).toContain(`${jump.server.hostPort} does not let us through`);
  });

  it('is not reached if it is not there: which one looked for it is told', async () => {
    const [target, jump] = [await Account.forTest(), await Account.forTest()];
    jump.server.authorize(target.key.publicKey);
    const knownHosts = `${target.server.knownHosts}${jump.server.knownHosts}`;
    const wanted = target.wanted({ knownHosts, jump: jump.server.hostPort });
    await target.server.stop();
    expect(await refusal(client, wanted)).toMatch(
      new RegExp(`${jump.server.hostPort} does not let us through to .*(refused|connect failed)`, 'i'),
    );
  });
});

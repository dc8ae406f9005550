import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { plainEnvironment } from '../../support/hosts.js';
import { freePort, type KeyType } from '../../support/ssh-server.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { until } from '../../support/wait.js';
import { outputOf } from '../host-contract.js';
import { Account, forClients, hostForTest, missing, refusal } from './account.js';

/** A home of the runner's user in which `ssh` finds a configuration. */
function homeWith(config: string): string {
  const home = temporaryDirectory();
  mkdirSync(path.join(home, '.ssh'), { mode: 0o700 });
  writeFileSync(path.join(home, '.ssh/config'), config);
  return home;
}

/** An agent that lives until the test ends; its socket. */
async function agentWith(keys: readonly string[]): Promise<string> {
  const socket = path.join(temporaryDirectory(), 'agent');
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { env: plainEnvironment, stdio: 'ignore' });
  onTestFinished(() => {
    agent.kill('SIGKILL');
  });
  await until('the agent listens', () => existsSync(socket));
  const environment = { ...plainEnvironment, SSH_AUTH_SOCK: socket };
  for (const key of keys) execFileSync('ssh-add', ['-q', key], { env: environment, stdio: 'ignore' });
  return socket;
}

forClients('a login', (client) => {
  it.each(['ed25519', 'ecdsa', 'rsa'] as const)('takes a key of type %s', async (type: KeyType) => {
    const account = await Account.forTest();
    const key = await account.server.newKey({ type });
    expect(await outputOf(await account.open(client, { key: key.text }), 'echo in')).toMatchObject({ stdout: 'in\n' });
  });

  it('with a key that the server does not know says whose it was, and which', async () => {
    const { server, ...account } = await Account.forTest();
    const stranger = await server.newKey({ authorized: false });
    const wanted = { host: server.hostPort, knownHosts: server.knownHosts, key: stranger.text };
    const message = await refusal(client, wanted);
    expect(message).toContain('rejected');
    expect(message).toContain(server.hostPort);
    expect(message).toContain(fingerprintOf(stranger.path));
    expect(message).not.toContain(fingerprintOf(account.key.path));
    for (const line of secretLines(stranger.text)) expect(message).not.toContain(line);
  });

  it('with a key that has a passphrase needs just that one', async () => {
    const account = await Account.forTest();
    const { text: key } = await account.server.newKey({ passphrase: 'right "horse" $HOME' });
    const host = await account.open(client, { key, passphrase: 'right "horse" $HOME' });
    expect(await outputOf(host, 'echo in')).toMatchObject({ stdout: 'in\n' });
    const wrong = await refusal(client, account.wanted({ key, passphrase: 'wrong horse' }));
    expect(wrong).toMatch(/passphrase/i);
    expect(wrong).not.toContain('wrong horse');
    const none = await refusal(client, account.wanted({ key }));
    expect(none).toMatch(/passphrase/i);
    for (const line of secretLines(key)) expect(`${wrong}${none}`).not.toContain(line);
  });

  it('without any key says that there is none', async () => {
    const account = await Account.forTest();
    const home = homeWith('IdentityFile /nonexistent/key\n');
    const message = await refusal(client, account.wanted({ key: '', environment: { HOME: home } }));
    expect(message).toMatch(/there is no key to log in|no key was offered/);
    expect(message).toContain(account.server.hostPort);
  });

  it('takes the keys of an agent', async () => {
    const account = await Account.forTest();
    const other = await account.server.newKey({ authorized: false });
    const encrypted = await account.server.newKey({ type: 'ecdsa' });
    const socket = await agentWith([other.path, encrypted.path]);
    const environment = { SSH_AUTH_SOCK: socket, HOME: homeWith('IdentityFile /nonexistent/key\n') };
    const host = await account.open(client, { key: '', environment });
    expect(await outputOf(host, 'echo in; env')).not.toMatchObject({
      stdout: expect.stringContaining('SSH_AUTH_SOCK'),
    });
    expect(account.server.log).toContain(fingerprintOf(encrypted.path));
  });

  it('that an agent has no key for says so', async () => {
    const account = await Account.forTest();
    const stranger = await account.server.newKey({ authorized: false });
    const environment = {
      SSH_AUTH_SOCK: await agentWith([stranger.path]),
      HOME: homeWith('IdentityFile /nonexistent/key\n'),
    };
    expect(await refusal(client, account.wanted({ key: '', environment }))).toMatch(/rejected .*offered: .*agent/);
  });
});

forClients('a machine that cannot be reached', (client) => {
  it('because nobody listens at the port is said to refuse', async () => {
    const account = await Account.forTest();
    const port = await freePort();
    const knownHosts = account.server.knownHosts.replace(`${account.server.port}`, `${port}`);
    const message = await refusal(client, account.wanted({ host: `somebody@127.0.0.1:${port}`, knownHosts }));
    expect(message).toContain(`somebody@127.0.0.1:${port} refused the connection`);
  });

  it('because its name is not known is said to be unknown', async () => {
    const account = await Account.forTest();
    const message = await refusal(client, account.wanted({ host: 'somebody@no-such-machine.invalid' }));
    expect(message).toContain('somebody@no-such-machine.invalid is unknown');
  });
});

forClients('a secret', (client) => {
  it('is in no arguments of any process, and in no message', async () => {
    const account = await Account.forTest();
    const passphrase = 'correct-horse-battery-staple';
    const key = await account.server.newKey({ passphrase });
    const secrets = [passphrase, ...secretLines(key.text)];
    const seen = new Set<string>();
    const look = () => {
      for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        try {
          seen.add(readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
        } catch {
          // It has ended.
        }
      }
    };
    const timer = setInterval(look, 5);
    const told: string[] = [];
    try {
      const wanted = { key: key.text, passphrase, tell: (line: string) => told.push(line) };
      const host = await account.open(client, wanted);
      await outputOf(host, 'sleep 0.1');
      account.server.killSessions();
      await outputOf(host, 'sleep 0.1').catch(() => {});
      await outputOf(host, 'sleep 0.1');
      look();
    } finally {
      clearInterval(timer);
    }
    expect([...seen].join('\n')).toContain('sshd');
    expect(told.length).toBeGreaterThan(0);
    for (const secret of secrets) expect([...seen, ...told].filter((text) => text.includes(secret))).toEqual([]);
  });
});

describe.skipIf(missing !== undefined)("the runner's own ssh", () => {
  it('keeps what must be a file where nobody else can read it, until the connection is closed', async () => {
    const account = await Account.forTest();
    const key = await account.server.newKey({ passphrase: 'horse' });
    const temporary = temporaryDirectory();
    const host = await account.open('openssh', { key: key.text, passphrase: 'horse', temporary });
    const all = readdirSync(temporary, { recursive: true, encoding: 'utf8' });
    const keys = all.filter((name) => {
      const file = path.join(temporary, name);
      return statSync(file).isFile() && readFileSync(file, 'utf8').includes('PRIVATE KEY');
    });
    expect(keys).toHaveLength(1);
    for (const name of all) {
      expect([name, (statSync(path.join(temporary, name)).mode & 0o077).toString(8)]).toEqual([name, '0']);
    }
    expect(statSync(path.join(temporary, keys[0]!)).mode & 0o777).toBe(0o600);
    host.close();
    expect(readdirSync(temporary)).toEqual([]);
  });

  it('follows the configuration of its user', async () => {
    const account = await Account.forTest();
    const file = path.join(temporaryDirectory(), 'known_hosts');
    writeFileSync(file, account.server.knownHosts);
    const home = homeWith(
      [
        'Host cluster',
        'HostName 127.0.0.1',
        `Port ${account.server.port}`,
        `User ${account.server.user}`,
        `IdentityFile ${account.key.path}`,
        `UserKnownHostsFile ${file}`,
        '',
      ].join('\n'),
    );
    const host = await hostForTest('openssh', {
      host: 'cluster',
      knownHosts: '',
      key: '',
      environment: { HOME: home },
    });
    expect(host.name).toBe('cluster');
    expect(await outputOf(host, 'echo in')).toMatchObject({ stdout: 'in\n' });
  });

  it('says what is wrong with the configuration of its user', async () => {
    const account = await Account.forTest();
    const environment = { HOME: homeWith('NoSuchOption yes\n') };
    const message = await refusal('openssh', account.wanted({ environment }));
    expect(message).toContain('the configuration of ssh cannot be used');
    expect(message).toMatch(/NoSuchOption|nosuchoption/);
  });

  it('goes through a connection that its user has authenticated, and leaves it alone', async () => {
    const account = await Account.forTest();
    const { server } = account;
    const directory = temporaryDirectory();
    const file = path.join(directory, 'known_hosts');
    writeFileSync(file, server.knownHosts);
    const home = homeWith(
      `Host cluster\nHostName 127.0.0.1\nPort ${server.port}\nUser ${server.user}\nUserKnownHostsFile ${file}\nControlPath ${directory}/%C\n`,
    );
    const master = spawn(
      'ssh',
      ['-F', path.join(home, '.ssh/config'), '-i', account.key.path, '-o', 'BatchMode=yes', '-MN', 'cluster'],
      { env: plainEnvironment, stdio: 'ignore' },
    );
    onTestFinished(() => {
      master.kill();
    });
    await until('the user has logged in', () => readdirSync(directory).length === 2);
    server.revokeAll();
    const wanted = { host: 'cluster', knownHosts: '', key: '', environment: { HOME: home } };
    const host = await hostForTest('openssh', wanted);
    expect(await outputOf(host, 'echo in; exit 255')).toMatchObject({ stdout: 'in\n', code: 255 });
    expect(server.logins).toBe(1);
    host.close();
    const next = await hostForTest('openssh', wanted);
    expect(await outputOf(next, 'echo in')).toMatchObject({ stdout: 'in\n' });
    expect(server.logins).toBe(1);
  });
});

/** What `ssh-keygen -l` prints of a key. */
function fingerprintOf(file: string): string {
  return execFileSync('ssh-keygen', ['-l', '-f', `${file}.pub`], { encoding: 'utf8' }).split(' ')[1]!;
}

/** The lines of a private key that are secret. */
function secretLines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('-----'));
}

import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { plainEnvironment } from './hosts.js';
import { installedSshd, SshServer, type UserKey } from './ssh-server.js';
import { temporaryDirectory } from './temporary.js';
import { isAlive, until } from './wait.js';

const sshd = installedSshd();
if (sshd === undefined) console.warn('NO OPENSSH SERVER on this machine: its tests are skipped');

/** Runs a command with the machine's own `ssh`. */
function ssh(server: SshServer, key: UserKey, command: string, knownHosts = server.knownHosts) {
  const file = path.join(temporaryDirectory(), 'known_hosts');
  writeFileSync(file, knownHosts);
  const options = ['BatchMode=yes', 'StrictHostKeyChecking=yes', `UserKnownHostsFile=${file}`, 'IdentitiesOnly=yes'];
  const words = options.flatMap((option) => ['-o', option]);
  const child = spawn(
    'ssh',
    ['-F', 'none', ...words, '-i', key.path, '-p', `${server.port}`, `${server.user}@127.0.0.1`, command],
    {
      env: plainEnvironment,
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const code = new Promise<number | null>((resolve) => child.on('close', resolve));
  return Promise.all([code, text(child.stdout), text(child.stderr)]).then(([code, stdout, stderr]) => ({
    code,
    stdout,
    stderr,
  }));
}

describe.skipIf(sshd === undefined)('the OpenSSH server of the tests', () => {
  it('lets in who has one of its keys, and nobody else', async () => {
    const server = await SshServer.forTest({ hostKeys: ['ed25519', 'ecdsa', 'rsa'] });
    for (const type of ['ed25519', 'ecdsa', 'rsa'] as const) {
      const key = await server.newKey({ type, pem: type !== 'ed25519' });
      expect(await ssh(server, key, 'echo $((6 * 7)); exit 3')).toMatchObject({ code: 3, stdout: '42\n' });
    }
    const stranger = await server.newKey({ authorized: false });
    expect(await ssh(server, stranger, 'true')).toMatchObject({ code: 255 });
    expect(server.logins).toBe(3);
    expect(server.knownHosts).toMatch(
      /^\[127\.0\.0\.1\]:[0-9]+ ssh-ed25519 \S+\n.* ecdsa-sha2-nistp256 \S+\n.* ssh-rsa \S+\n$/,
    );
  });

  it('shows the host key that it says, which another server may not have', async () => {
    const [one, other] = await Promise.all([SshServer.forTest(), SshServer.forTest({ hasNewHostKeys: true })]);
    expect(one.hostKeys[0]!.fingerprint).not.toBe(other.hostKeys[0]!.fingerprint);
    const key = await one.newKey();
    const lies = other.knownHosts.replace(`${other.port}`, `${one.port}`);
    const refused = await ssh(one, key, 'true', lies);
    expect(refused.code).toBe(255);
    expect(refused.stderr).toContain(one.hostKeys[0]!.fingerprint);
  });

  it('gives who logs in another home and environment, and nothing of the real ones', async () => {
    const home = temporaryDirectory();
    writeFileSync(path.join(home, '.bashrc'), 'FROM_RC="$FROM_RC read"\n');
    const server = await SshServer.forTest({ home, environment: { GREETING: "it's me" } });
    const key = await server.newKey();
    const { stdout } = await ssh(
      server,
      key,
      'echo "$FROM_RC"; echo "$HOME"; pwd; echo "$GREETING"; env | grep -c MAESTRO; :',
    );
    expect(stdout.split('\n')).toEqual([' read', home, home, "it's me", '0', '']);
  });

  it('runs commands with the shell that it is told', async () => {
    const home = temporaryDirectory();
    const shell = path.join(home, 'odd shell');
    writeFileSync(shell, '#!/bin/sh\necho "a banner"; printf "<%s>" "$@"\n', { mode: 0o755 });
    const server = await SshServer.forTest({ home, shell });
    const { stdout } = await ssh(server, await server.newKey(), 'exec $x "y"');
    expect(stdout).toBe('a banner\n<-c><exec $x "y">');
  });

  it('takes lines of sshd_config, which win', async () => {
    const server = await SshServer.forTest({ config: ['ForceCommand echo no; exit 4'] });
    expect(await ssh(server, await server.newKey(), 'echo yes')).toMatchObject({ code: 4, stdout: 'no\n' });
  });

  it('cuts connections, and goes on', async () => {
    const home = temporaryDirectory();
    const server = await SshServer.forTest({ home });
    const key = await server.newKey();
    const cut = ssh(server, key, 'touch started; sleep 60');
    await until('the command has started', () => existsSync(path.join(home, 'started')));
    expect(server.connections).toBe(1);
    server.killSessions();
    expect(await cut).toMatchObject({ code: 255 });
    expect(await ssh(server, key, 'echo again')).toMatchObject({ code: 0, stdout: 'again\n' });
    await until('no connection is left', () => server.connections === 0);
  });

  it('leaves nothing behind', async () => {
    const home = temporaryDirectory();
    const server = await SshServer.start({ home });
    const key = await server.newKey();
    const connected = ssh(server, key, 'setsid sleep 61 & echo $! > sleeper; wait');
    const sleeper = Number(
      await until('a process in the background has started', () => {
        const file = path.join(home, 'sleeper');
        return existsSync(file) && readFileSync(file, 'utf8').trim();
      }),
    );
    mkdirSync(path.join(home, 'kept'));
    await server.stop();
    await server.stop();
    expect((await connected).code).toBe(255);
    expect(isAlive(sleeper)).toBe(false);
    expect(existsSync(key.path)).toBe(false);
    expect(existsSync(path.join(home, 'kept'))).toBe(true);
  });
});

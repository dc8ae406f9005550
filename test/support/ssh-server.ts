import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { quote } from '../../src/util/shell-quote.js';
import { childrenOf } from './children.js';
import { plainEnvironment } from './hosts.js';
import { LeashedDaemon } from './leash.js';

const execute = promisify(execFile);

export type KeyType = 'ed25519' | 'ecdsa' | 'rsa';

export interface SshServerOptions {
  /** Types of its host keys, ed25519 only unless told. */
  readonly hostKeys?: readonly KeyType[];
  /** Host keys that no other server has. Servers of one test file share theirs otherwise: making them takes time. */
  readonly hasNewHostKeys?: boolean;
  /** The port; any that is free unless told. */
  readonly port?: number;
  /** Lines of sshd_config that go before, and win over, its own: `MaxSessions 1`, `ForceCommand false`. */
  readonly config?: readonly string[];
  /** The home of who logs in, with its rc files; an empty directory unless told. */
  readonly home?: string;
  /** The shell that runs the commands, by path; bash unless told. */
  readonly shell?: string;
  /** What a login finds in its environment besides what sshd sets. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface HostKey {
  readonly type: KeyType;
  /** `ssh-ed25519 AAAA...` */
  readonly publicKey: string;
  /** `SHA256:...`, as OpenSSH shows it */
  readonly fingerprint: string;
}

export interface UserKey {
  /** The private key, as the input `ssh-key` takes it. */
  readonly text: string;
  /** The file that it is in. */
  readonly path: string;
  readonly publicKey: string;
}

export interface UserKeyOptions {
  readonly type?: KeyType;
  readonly passphrase?: string;
  /** In the older format, `-----BEGIN RSA PRIVATE KEY-----`. */
  readonly pem?: boolean;
  /** Whether the server lets its owner in; it does unless told. */
  readonly authorized?: boolean;
}

/** The path of sshd; undefined if this machine has none. */
export function installedSshd(): string | undefined {
  return ['/usr/sbin/sshd', '/usr/local/sbin/sshd', '/usr/bin/sshd', '/sbin/sshd'].find((file) => existsSync(file));
}

/**
 * A real OpenSSH server on loopback, with nothing of this machine's own: neither its configuration, nor its keys, nor the
 * real home of the user, who is whoever runs the tests.
 */
export class SshServer {
  readonly port: number;
  readonly user = userInfo().username;
  readonly hostKeys: readonly HostKey[];
  /** The home of who logs in. */
  readonly home: string;
  readonly #directory: string;
  readonly #daemon: LeashedDaemon;
  #lastKey = 0;

  private constructor(
    directory: string,
    home: string,
    port: number,
    hostKeys: readonly HostKey[],
    daemon: LeashedDaemon,
  ) {
    this.#directory = directory;
    this.home = home;
    this.port = port;
    this.hostKeys = hostKeys;
    this.#daemon = daemon;
  }

  /** Starts a server that is to be stopped with `stop`, as in `beforeAll`. */
  static async start(options: SshServerOptions = {}): Promise<SshServer> {
    const directory = mkdtempSync(path.join(tmpdir(), 'maestro-sshd-'));
    try {
      return await startIn(directory, options, (...parts) => new SshServer(directory, ...parts));
    } catch (error) {
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** Starts a server that is there until the test ends. */
  static async forTest(options: SshServerOptions = {}): Promise<SshServer> {
    const server = await SshServer.start(options);
    onTestFinished(() => server.stop());
    return server;
  }

  /** `user@127.0.0.1:PORT`, as the input `host` takes it. */
  get hostPort(): string {
    return `${this.user}@127.0.0.1:${this.port}`;
  }

  /** The lines of known_hosts for it. */
  get knownHosts(): string {
    return this.hostKeys.map(({ publicKey }) => `[127.0.0.1]:${this.port} ${publicKey}\n`).join('');
  }

  /** What sshd has printed so far. */
  get log(): string {
    return this.#daemon.log;
  }

  /** How often somebody has logged in: once for every connection. */
  get logins(): number {
    return this.log.match(/^Accepted \S+ for /gm)?.length ?? 0;
  }

  /** How many connections are open. */
  get connections(): number {
    return childrenOf(this.#daemon.pid).length;
  }

  /** Makes a key with ssh-keygen. */
  async newKey(options: UserKeyOptions = {}): Promise<UserKey> {
    const { type = 'ed25519', passphrase = '', pem = false, authorized = true } = options;
    this.#lastKey += 1;
    const file = path.join(this.#directory, `key-${this.#lastKey}`);
    await makeKey(file, type, passphrase, pem);
    const publicKey = publicPart(readFileSync(`${file}.pub`, 'utf8'));
    if (authorized) this.authorize(publicKey);
    return { text: readFileSync(file, 'utf8'), path: file, publicKey };
  }

  /** Lets the owner of a key in; a line of authorized_keys may have options before the key. */
  authorize(line: string): void {
    appendFileSync(path.join(this.#directory, 'authorized_keys'), `${line}\n`);
  }

  /** Takes that back for every key so far. Who is logged in stays so. */
  revokeAll(): void {
    writeFileSync(path.join(this.#directory, 'authorized_keys'), '');
  }

  /** Cuts every connection, as the fall of the machine would; the commands that run there may go on. */
  killSessions(): void {
    const sessions = childrenOf(this.#daemon.pid);
    const ofThem = sessions.flatMap(childrenOf).filter((pid) => nameOf(pid).startsWith('sshd'));
    for (const pid of [...ofThem, ...sessions]) kill(pid);
  }

  /** Ends the server, its connections, the commands of who logged in, and its files. */
  async stop(): Promise<void> {
    await this.#daemon.stop();
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function startIn(
  directory: string,
  options: SshServerOptions,
  made: (home: string, port: number, hostKeys: readonly HostKey[], daemon: LeashedDaemon) => SshServer,
): Promise<SshServer> {
  const sshd = installedSshd();
  if (sshd === undefined) throw new Error('this machine has no sshd: install openssh-server');
  // Where a server that was started by root locks up who has not logged in yet.
  if (process.getuid!() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const { hostKeys: types = ['ed25519'], hasNewHostKeys = false, home = path.join(directory, 'home') } = options;
  mkdirSync(home, { recursive: true });
  writeFileSync(path.join(directory, 'authorized_keys'), '');
  writeFileSync(path.join(directory, 'login'), loginScript(home, options), { mode: 0o755 });
  const hostKeys = await Promise.all(types.map((type) => installHostKey(directory, type, hasNewHostKeys)));
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    const file = path.join(directory, 'sshd_config');
    writeFileSync(file, configuration(directory, port, types, options.config ?? []));
    const daemon = await LeashedDaemon.start([sshd, '-D', '-e', '-f', file], {
      environment: plainEnvironment,
      marker: `^SSH_CONNECTION=127\\.0\\.0\\.1 [0-9]* 127\\.0\\.0\\.1 ${port}$`,
    });
    try {
      await daemon.printed(/^Server listening on 127\.0\.0\.1 port/m);
      return made(home, port, hostKeys, daemon);
    } catch (error) {
      await daemon.stop();
      // Somebody else took the port in the meantime.
      if (!daemon.log.includes('Address already in use') || attempt === 5) throw error;
    }
  }
}

function configuration(directory: string, port: number, types: readonly KeyType[], lines: readonly string[]): string {
  return [
    ...lines,
    'ListenAddress 127.0.0.1',
    `Port ${port}`,
    ...types.map((type) => `HostKey ${directory}/host-${type}`),
    `AuthorizedKeysFile ${directory}/authorized_keys`,
    'StrictModes no',
    'UsePAM no',
    'PidFile none',
    'PrintMotd no',
    'PrintLastLog no',
    'PermitRootLogin yes',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'AllowTcpForwarding yes',
    'AllowStreamLocalForwarding yes',
    // A burst of connections from the tests is nobody's attack. Of this one sshd takes the last line, not the first.
    ...(lines.some((line) => line.startsWith('MaxStartups')) ? [] : ['MaxStartups 100']),
    'LogLevel VERBOSE',
    // The shell of the passwd database runs the next line: it is to find no rc file.
    'SetEnv HOME=/nonexistent',
    `ForceCommand ${quote(`${directory}/login`)}`,
    '',
  ].join('\n');
}

/**
 * What sshd would do for a user with this home and this shell: sshd takes both from the passwd database, and leaves a
 * shell that counts its levels (bash reads ~/.bashrc in the first one only) in the first.
 */
function loginScript(home: string, { shell = '/bin/bash', environment = {} }: SshServerOptions): string {
  const variables = Object.entries({ ...environment, HOME: home, SHELL: shell });
  return `#!/bin/sh
${variables.map(([name, value]) => `export ${name}=${quote(value)}`).join('\n')}
cd -- "$HOME"
unset SHLVL PWD OLDPWD
[ -n "\${SSH_ORIGINAL_COMMAND+x}" ] || exec ${quote(shell)} -l
maestro_command=$SSH_ORIGINAL_COMMAND
unset SSH_ORIGINAL_COMMAND
exec ${quote(shell)} -c "$maestro_command"
`;
}

const sharedHostKeys = new Map<KeyType, Promise<readonly [string, string]>>();

async function installHostKey(directory: string, type: KeyType, isNew: boolean): Promise<HostKey> {
  let key = isNew ? undefined : sharedHostKeys.get(type);
  if (key === undefined) {
    key = makeHostKey(type);
    if (!isNew) sharedHostKeys.set(type, key);
  }
  const [secret, publicKey] = await key;
  writeFileSync(path.join(directory, `host-${type}`), secret, { mode: 0o600 });
  const hash = createHash('sha256').update(Buffer.from(publicKey.split(' ')[1]!, 'base64'));
  return { type, publicKey, fingerprint: `SHA256:${hash.digest('base64').replace(/=+$/, '')}` };
}

async function makeHostKey(type: KeyType): Promise<readonly [string, string]> {
  const directory = mkdtempSync(path.join(tmpdir(), 'maestro-host-key-'));
  try {
    const file = path.join(directory, 'key');
    await makeKey(file, type, '', false);
    return [readFileSync(file, 'utf8'), publicPart(readFileSync(`${file}.pub`, 'utf8'))];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function makeKey(file: string, type: KeyType, passphrase: string, pem: boolean): Promise<void> {
  const bits = type === 'rsa' ? ['-b', '2048'] : [];
  await execute('ssh-keygen', [
    '-q',
    '-t',
    type,
    ...bits,
    '-N',
    passphrase,
    '-C',
    'a test',
    ...(pem ? ['-m', 'PEM'] : []),
    '-f',
    file,
  ]);
}

/** A public key without its comment. */
const publicPart = (line: string) => line.trim().split(' ').slice(0, 2).join(' ');

/** A port of loopback that nobody listens on, for a program that has to be told one. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

const nameOf = (pid: number) => statusOf(pid, 'Name');

function statusOf(pid: number, field: string): string {
  try {
    return new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '';
  } catch {
    return '';
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

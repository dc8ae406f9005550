import { existsSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import path from 'node:path';
import { type Clock, systemClock } from '../../util/clock.js';
import { InputError } from '../../util/errors.js';
import type { Log } from '../../util/log/log.js';
import { HostError } from '../host.js';
import { parseDestination, parseJumps } from './destination.js';
import { persistently } from './first-connection.js';
import { KnownHosts } from './known-hosts.js';
import { OpensshTransport } from './openssh-transport.js';
import { type PrivateKey, readPrivateKey } from './private-key.js';
import { SshHost } from './ssh-host.js';
import { Ssh2Transport } from './ssh2-transport.js';
import type { Transport } from './transport.js';

/** The machine to connect to, and how. A text that was not given is ''. */
export interface ConnectOptions {
  /** `[user@]name[:port]` */
  readonly host: string;
  /** Machines to go through, written as `host` is, with commas between them. */
  readonly proxyJump: string;
  readonly client: 'ssh2' | 'openssh';
  /** The text of the private key. */
  readonly key: string;
  readonly passphrase: string;
  /** Lines of known_hosts. */
  readonly knownHosts: string;
}

/** What connecting needs of the machine that this program runs on. */
export interface ConnectContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cancel: AbortSignal;
  /** A directory for what `ssh` wants as files. */
  readonly temporary: string;
  /** Shell lines that are run on the host before every command. */
  readonly setup: string;
  readonly log: Pick<Log, 'info' | 'warning'>;
  readonly clock?: Clock;
}

/**
 * Connects to a machine.
 *
 * @throws InputError, HostError
 */
export async function connectBySsh(options: ConnectOptions, context: ConnectContext): Promise<SshHost> {
  const { setup, cancel, log, clock = systemClock } = context;
  const transport = transportOf(options, context);
  log.info(`Connecting to ${transport.name}`);
  const giveUp = () => transport.close();
  cancel.addEventListener('abort', giveUp, { once: true });
  try {
    const tell = (line: string) => log.warning(line);
    return await persistently(() => SshHost.open(transport, { setup, clock, tell, cancel }), { clock, tell, cancel });
  } catch (error) {
    transport.close();
    throw error;
  } finally {
    cancel.removeEventListener('abort', giveUp);
  }
}

function transportOf(options: ConnectOptions, { environment, temporary, log }: ConnectContext): Transport {
  const { key, passphrase } = options;
  const destination = parseDestination(options.host, 'host');
  const jumps = parseJumps(options.proxyJump, 'proxy-jump');
  if (options.client === 'openssh') {
    const { knownHosts } = options;
    return new OpensshTransport({ destination, jumps, key, passphrase, knownHosts, temporary, environment });
  }
  const home = environment.HOME ?? '';
  const knownHosts = trusted(options.knownHosts, home);
  for (const { source, line, message } of knownHosts.problems) {
    log.warning(`line ${line} of ${source} is ignored: ${message}`);
  }
  return new Ssh2Transport({
    destination,
    jumps,
    user: environment.USER || userInfo().username,
    keys: key === '' ? ownKeys(home) : [readPrivateKey(key, passphrase)],
    agent: key === '' ? (environment.SSH_AUTH_SOCK ?? '') : '',
    knownHosts,
  });
}

/** The host keys that count: those given, else those that this machine and its user know. */
function trusted(given: string, home: string): KnownHosts {
  if (given !== '') return KnownHosts.parse(given, "input 'ssh-known-hosts'");
  const files = [...(home === '' ? [] : [path.join(home, '.ssh/known_hosts')]), '/etc/ssh/ssh_known_hosts'];
  const there = files.filter((file) => existsSync(file));
  if (there.length === 0) {
    throw new InputError([
      "input 'ssh-known-hosts' is required with 'host': the host's line of known_hosts, as its site publishes it (this machine has no known_hosts of its own)",
    ]);
  }
  return KnownHosts.join(there.map((file) => KnownHosts.parse(readFileSync(file, 'utf8'), file)));
}

/** The user's own keys, as `ssh` would offer them; those that need a passphrase only an agent can use. */
function ownKeys(home: string): PrivateKey[] {
  if (home === '') return [];
  return ['id_ed25519', 'id_ecdsa', 'id_rsa'].flatMap((name) => {
    const file = path.join(home, '.ssh', name);
    try {
      return existsSync(file) ? [readPrivateKey(readFileSync(file, 'utf8'), '')] : [];
    } catch (error) {
      if (error instanceof HostError || (error as NodeJS.ErrnoException).code === 'EACCES') return [];
      throw error;
    }
  });
}

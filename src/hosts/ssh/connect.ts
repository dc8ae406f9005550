import { existsSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import path from 'node:path';
import type { Inputs } from '../../inputs/schema.js';
import { type Clock, systemClock } from '../../util/clock.js';
import { InputError } from '../../util/input-error.js';
import type { Log } from '../../util/log/log.js';
import { HostError } from '../host.js';
import { parseDestination, parseJumps } from './destination.js';
import { KnownHosts } from './known-hosts.js';
import { OpensshTransport } from './openssh-transport.js';
import { type PrivateKey, readPrivateKey } from './private-key.js';
import { persistently } from './retry.js';
import { SshHost } from './ssh-host.js';
import { Ssh2Transport } from './ssh2-transport.js';
import type { Transport } from './transport.js';

/** What connecting needs of the machine that this program runs on. */
export interface Surrounding {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly cancel: AbortSignal;
  /** A directory for what `ssh` wants as files. */
  readonly temporary: string;
}

/**
 * Connects to the machine that the input `host` names.
 *
 * @throws InputError, HostError
 */
export async function connectBySsh(
  inputs: Inputs,
  surrounding: Surrounding,
  log: Pick<Log, 'info' | 'warning'>,
  clock: Clock = systemClock,
): Promise<SshHost> {
  const { setup } = inputs;
  const transport = transportOf(inputs, surrounding, log);
  log.info(`Connecting to ${transport.name}`);
  const giveUp = () => transport.close();
  surrounding.cancel.addEventListener('abort', giveUp, { once: true });
  try {
    const tell = (line: string) => log.warning(line);
    const { cancel } = surrounding;
    return await persistently(() => SshHost.open(transport, { setup, clock, tell, cancel }), { clock, tell, cancel });
  } catch (error) {
    transport.close();
    throw error;
  } finally {
    surrounding.cancel.removeEventListener('abort', giveUp);
  }
}

function transportOf(inputs: Inputs, surrounding: Surrounding, log: Pick<Log, 'warning'>): Transport {
  const { environment, temporary } = surrounding;
  const destination = parseDestination(inputs.host, 'host');
  const jumps = parseJumps(inputs['proxy-jump'], 'proxy-jump');
  if (inputs['ssh-client'] === 'openssh') {
    const [key, passphrase, knownHosts] = [inputs['ssh-key'], inputs['ssh-passphrase'], inputs['ssh-known-hosts']];
    return new OpensshTransport({ destination, jumps, key, passphrase, knownHosts, temporary, environment });
  }
  const home = environment.HOME ?? '';
  const knownHosts = trusted(inputs['ssh-known-hosts'], home);
  for (const { source, line, message } of knownHosts.problems) {
    log.warning(`line ${line} of ${source} is passed over: ${message}`);
  }
  return new Ssh2Transport({
    destination,
    jumps,
    user: environment.USER || userInfo().username,
    keys: inputs['ssh-key'] === '' ? ownKeys(home) : [readPrivateKey(inputs['ssh-key'], inputs['ssh-passphrase'])],
    agent: inputs['ssh-key'] === '' ? (environment.SSH_AUTH_SOCK ?? '') : '',
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

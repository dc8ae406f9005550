import { parseDestination, parseJumps } from '../../src/hosts/ssh/destination.js';
import { KnownHosts } from '../../src/hosts/ssh/known-hosts.js';
import { OpensshTransport } from '../../src/hosts/ssh/openssh-transport.js';
import { readPrivateKey } from '../../src/hosts/ssh/private-key.js';
import { SshHost } from '../../src/hosts/ssh/ssh-host.js';
import { Ssh2Transport } from '../../src/hosts/ssh/ssh2-transport.js';
import type { Transport } from '../../src/hosts/ssh/transport.js';
import type { Clock } from '../../src/util/clock.js';
import { systemClock } from '../../src/util/clock.js';
import { plainEnvironment } from './hosts.js';
import { temporaryDirectory } from './temporary.js';

export const clients = ['ssh2', 'openssh'] as const;
export type Client = (typeof clients)[number];

/** What a client is told, as a user's inputs would tell it. */
export interface Wanted {
  readonly host: string;
  readonly knownHosts: string;
  readonly key: string;
  readonly passphrase?: string;
  readonly jump?: string;
  readonly setup?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly tell?: (line: string) => void;
  readonly clock?: Clock;
  /** For what `ssh` wants as files; a directory of the test's unless told. */
  readonly temporary?: string;
}

/** A client of either kind, not connected yet. */
export function transportOf(client: Client, wanted: Wanted): Transport {
  const { host, knownHosts, key, passphrase = '', jump = '', environment = {} } = wanted;
  const destination = parseDestination(host, 'host');
  const jumps = parseJumps(jump, 'proxy-jump');
  if (client === 'ssh2') {
    return new Ssh2Transport({
      destination,
      jumps,
      user: 'nobody-said',
      keys: key === '' ? [] : [readPrivateKey(key, passphrase)],
      agent: environment.SSH_AUTH_SOCK ?? '',
      knownHosts: KnownHosts.parse(knownHosts, "input 'ssh-known-hosts'"),
    });
  }
  return new OpensshTransport({
    destination,
    jumps,
    key,
    passphrase,
    knownHosts,
    temporary: wanted.temporary ?? temporaryDirectory(),
    environment: { ...plainEnvironment, ...environment },
  });
}

/** A host reached by either client. */
export function openHost(client: Client, wanted: Wanted): Promise<SshHost> {
  const { setup = '', tell = () => {}, clock = systemClock } = wanted;
  return SshHost.open(transportOf(client, wanted), { setup, clock, tell });
}

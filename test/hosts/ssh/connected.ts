import { json } from 'node:stream/consumers';
import { run } from '../../../src/hosts/commands.js';
import { parseDestination } from '../../../src/hosts/ssh/destination.js';
import { KnownHosts } from '../../../src/hosts/ssh/known-hosts.js';
import { OpensshTransport } from '../../../src/hosts/ssh/openssh-transport.js';
import { readPrivateKey } from '../../../src/hosts/ssh/private-key.js';
import { SshHost } from '../../../src/hosts/ssh/ssh-host.js';
import { Ssh2Transport } from '../../../src/hosts/ssh/ssh2-transport.js';
import { systemClock } from '../../../src/util/clock.js';

/**
 * A program that connects, to see how it ends: `close` does all that it has to and closes the connection, `stay` has a
 * command running until somebody kills it, and closes the connection at SIGTERM.
 */
export interface Connected {
  readonly client: 'ssh2' | 'openssh';
  readonly host: string;
  readonly knownHosts: string;
  readonly key: string;
  readonly temporary: string;
  readonly then: 'close' | 'stay';
}

const { client, host: name, knownHosts, key, temporary, then } = (await json(process.stdin)) as Connected;
const destination = parseDestination(name, 'host');
const host = await SshHost.open(
  client === 'ssh2'
    ? new Ssh2Transport({
        destination,
        jumps: [],
        user: '',
        keys: [readPrivateKey(key, '')],
        agent: '',
        knownHosts: KnownHosts.parse(knownHosts, 'a test'),
      })
    : new OpensshTransport({
        destination,
        jumps: [],
        key,
        passphrase: '',
        knownHosts,
        temporary,
        environment: process.env,
      }),
  { setup: '', clock: systemClock, tell: () => {} },
);
await Promise.all([run(host, 'echo'), run(host, 'exit 255'), run(host, 'kill -KILL -- -$$')]);
if (then === 'stay') {
  const command = host.spawn('echo started; sleep 120');
  command.stdout.pipe(process.stdout);
  command.exit.catch(() => {});
  process.once('SIGTERM', () => host.close());
} else {
  host.spawn('sleep 120').exit.catch(() => {});
  await run(host, 'sleep 0.1');
  host.close();
  console.log('closed');
}

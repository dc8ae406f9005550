import { expect, it } from 'vitest';
import { run } from '../../../src/hosts/commands.js';
import { SshServer } from '../../support/ssh-server.js';
import { outputOf } from '../host-contract.js';
import { Account, forClients, hostForTest, refusal } from './account.js';

/** A server, and what a client needs to get in with a key that has these options in authorized_keys. */
async function restricted(options: string) {
  const server = await SshServer.forTest();
  const key = await server.newKey({ authorized: false });
  server.authorize(`${options} ${key.publicKey} maestro-on-flux`);
  return { server, key, wanted: { host: server.hostPort, knownHosts: server.knownHosts, key: key.text } };
}

// The options are those that docs/cluster.md recommends.
forClients('a key with options in authorized_keys', (client) => {
  it('runs commands, with input and output, if it is restricted to them', async () => {
    const { wanted } = await restricted('restrict');
    const host = await hostForTest(client, wanted);
    const { stdout, code } = await run(host, 'read -r word; echo "$word" and more', 'this\n');
    expect([stdout.toString(), code]).toEqual(['this and more\n', 0]);
  });

  it('does not pass through a machine where it is restricted to commands, which is told', async () => {
    const [{ server, key }, target] = [await restricted('restrict'), await Account.forTest()];
    target.server.authorize(key.publicKey);
    const knownHosts = `${target.server.knownHosts}${server.knownHosts}`;
    const wanted = target.wanted({ key: key.text, knownHosts, jump: server.hostPort });
    expect(await refusal(client, wanted)).toContain(`${server.hostPort} does not let us through`);
  });

  it('passes through a machine where it may forward to the host alone', async () => {
    const target = await Account.forTest();
    const { server, key } = await restricted(`restrict,port-forwarding,permitopen="127.0.0.1:${target.server.port}"`);
    target.server.authorize(`restrict ${key.publicKey}`);
    const knownHosts = `${target.server.knownHosts}${server.knownHosts}`;
    const wanted = target.wanted({ key: key.text, knownHosts, jump: server.hostPort });
    const host = await hostForTest(client, wanted);
    expect(await outputOf(host, 'echo there')).toMatchObject({ stdout: 'there\n' });
    expect([server.logins, target.server.logins]).toEqual([1, 1]);
  });
});

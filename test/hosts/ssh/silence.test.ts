import { createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { clients } from '../../support/ssh-hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { Account, missing, refusal } from './account.js';

/** A port at which somebody listens who never says anything. */
function silentPort(): Promise<number> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket.on('error', () => {})));
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
  });
}

// The clients' own patience, 20 s, is what is waited for: by all of them at once, in a file beside which others run.
describe.skipIf(missing !== undefined)('a server that says nothing', () => {
  it('is given up as timed out by every client', async () => {
    const account = await Account.forTest();
    const host = `somebody@127.0.0.1:${await silentPort()}`;
    const started = Date.now();
    const temporary = temporaryDirectory();
    const messages = await Promise.all(clients.map((client) => refusal(client, account.wanted({ host, temporary }))));
    for (const [i, message] of messages.entries()) {
      expect([clients[i], message]).toEqual([clients[i], expect.stringContaining(`${host} did not answer`)]);
      expect(message).toContain('timed out');
    }
    expect(Date.now() - started).toBeLessThan(30_000);
  });
});

if (missing !== undefined) it.skip(`NOT TESTED for want of ${missing}: a server that says nothing`, () => {});

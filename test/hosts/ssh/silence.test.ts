import { createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { Account, forClients, refusal } from './account.js';

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

// The clients' own patience, 20 s, is what is waited for: in a file of its own, beside which others run.
forClients('a server that says nothing', (client) => {
  it('is given up as timed out', async () => {
    const account = await Account.forTest();
    const host = `somebody@127.0.0.1:${await silentPort()}`;
    const started = Date.now();
    const message = await refusal(client, account.wanted({ host }));
    expect(message).toContain(`${host} did not answer`);
    expect(message).toContain('timed out');
    expect(Date.now() - started).toBeLessThan(25_000);
  }, 40_000);
});

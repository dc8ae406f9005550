import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { CutProxy } from '../cut-proxy.js';
import { temporaryDirectory } from '../temporary.js';

/** A port of loopback, or the path of a Unix socket. */
type Address = number | string;

/** Carries every connection to one address on to another, until the test ends. */
async function bridge(from: Address, to: Address): Promise<Address> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const other = typeof to === 'number' ? connect(to, '127.0.0.1') : connect(to);
    for (const [one, two] of [
      [client, other],
      [other, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        sockets.delete(one);
        two.destroy();
      });
      one.pipe(two);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    if (typeof from === 'number') server.listen(from, '127.0.0.1', resolve);
    else server.listen(from, resolve);
  });
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return typeof from === 'number' ? (server.address() as AddressInfo).port : from;
}

/**
 * A bad line to a broker, until the test ends.
 *
 * @param uri the broker's, `local://...`
 * @returns the URI at the other end of the line, and what makes the line bad
 */
export async function badLineTo(uri: string): Promise<{ readonly uri: string; readonly proxy: CutProxy }> {
  const port = await bridge(0, uri.replace('local://', ''));
  const proxy = await CutProxy.forTest(Number(port));
  const socket = await bridge(path.join(temporaryDirectory(), 'line'), proxy.port);
  return { uri: `local://${socket}`, proxy };
}

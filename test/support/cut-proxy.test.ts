import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { CutProxy } from './cut-proxy.js';
import { until } from './wait.js';

/** A proxy in front of a server that sends back what it is sent, and ends after its client has. */
async function echoing(): Promise<CutProxy> {
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).pipe(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return CutProxy.forTest((server.address() as AddressInfo).port);
}

async function connected({
  port,
}: CutProxy): Promise<{ socket: Socket; received: () => string; isClosed: () => boolean }> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  let received = '';
  let isClosed = false;
  socket
    .on('data', (data) => {
      received += data;
    })
    .on('error', () => {})
    .on('close', () => {
      isClosed = true;
    });
  await once(socket, 'connect');
  return { socket, received: () => received, isClosed: () => isClosed };
}

it('a proxy passes on all bytes both ways, and the end of each way by itself, and counts', async () => {
  const proxy = await echoing();
  const socket = connect({ port: proxy.port, host: '127.0.0.1' });
  const sent = Buffer.alloc(3_000_000, 'abcdefg');
  socket.end(sent);
  expect((await buffer(socket)).equals(sent)).toBe(true);
  expect([proxy.accepted, proxy.bytesUp, proxy.bytesDown]).toEqual([1, sent.length, sent.length]);
  await until('the connection is over', () => proxy.connections === 0);
});

it('a proxy cuts what is connected, and lets others in', async () => {
  const proxy = await echoing();
  const [one, two] = await Promise.all([connected(proxy), connected(proxy)]);
  one.socket.write('x');
  await until('it came back', () => one.received() === 'x');
  proxy.cut();
  await until('both are cut', () => one.isClosed() && two.isClosed());
  const three = await connected(proxy);
  three.socket.write('y');
  await until('another came back', () => three.received() === 'y');
  expect(proxy.accepted).toBe(3);
});

it('a proxy holds every byte and every end back while it is stalled', async () => {
  const proxy = await echoing();
  const before = await connected(proxy);
  before.socket.write('1');
  await until('it came back', () => before.received() === '1');
  proxy.stall();
  const during = await connected(proxy);
  before.socket.end('2');
  during.socket.write('3');
  await sleep(150);
  expect([before.received(), before.isClosed(), during.received()]).toEqual(['1', false, '']);
  proxy.resume();
  await until('all came back', () => before.received() === '12' && before.isClosed() && during.received() === '3');
});

it('a proxy refuses connections, and takes them again on the same port', async () => {
  const proxy = await echoing();
  const before = await connected(proxy);
  await proxy.refuse();
  await expect(connected(proxy)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  before.socket.write('1');
  await until('what was connected goes on', () => before.received() === '1');
  await proxy.accept();
  const after = await connected(proxy);
  after.socket.write('2');
  await until('it came back', () => after.received() === '2');
});

it('a proxy lets bytes trickle', async () => {
  const proxy = await echoing();
  proxy.trickle();
  const slow = await connected(proxy);
  const chunks: number[] = [];
  slow.socket.on('data', ({ length }: Buffer) => chunks.push(length));
  slow.socket.write('0123456789'.repeat(5));
  await until('all came back', () => slow.received().length === 50);
  expect(slow.received()).toBe('0123456789'.repeat(5));
  expect(chunks.length).toBeGreaterThan(5);
  proxy.flow();
  slow.socket.end('x'.repeat(500_000));
  await until('the rest came at once', () => slow.received().length === 500_050 && slow.isClosed());
});

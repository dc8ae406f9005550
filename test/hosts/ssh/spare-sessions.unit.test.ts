import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { marksOf } from '../../../src/hosts/ssh/remote-shell.js';
import { ShellSession } from '../../../src/hosts/ssh/shell-session.js';
import { SpareSessions } from '../../../src/hosts/ssh/spare-sessions.js';
import { SshError } from '../../../src/hosts/ssh/transport.js';
import { VirtualClock } from '../../support/virtual-clock.js';

/** A server, and the sessions that were opened on it. */
class Server {
  readonly clock = new VirtualClock();
  readonly opened: { readonly shell: ShellSession; readonly end: (code: number) => void; isClosed: boolean }[] = [];
  /** Why no session is let in. */
  refusal: SshError | undefined;
  hasRoom = true;
  isConnected = true;
  asked = 0;
  readonly spares = new SpareSessions(() => this.#open(), this.clock);

  /** The number of a session for a command; -1 if there is none. */
  async take(most = 6): Promise<number> {
    const taken = await this.spares.take(most);
    return this.opened.findIndex(({ shell }) => shell === taken);
  }

  #open(): Promise<ShellSession> | undefined {
    if (!this.hasRoom) return undefined;
    this.asked += 1;
    if (this.refusal !== undefined) return Promise.reject(this.refusal);
    let end = (_: number) => {};
    const exit = new Promise<number>((resolve) => {
      end = resolve;
    });
    const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
    const close = () => {
      one.isClosed = true;
    };
    const session = { ...streams, exit, close, isConnected: () => this.isConnected };
    const one = { shell: new ShellSession(session, marksOf('0')), end, isClosed: false };
    this.opened.push(one);
    return Promise.resolve(one.shell);
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

it('commands get sessions that wait for them, in order, and each leaves another one for the next', async () => {
  const server = new Server();
  server.spares.fill(6);
  expect(server.opened).toHaveLength(3);
  expect([await server.take(), await server.take(), await server.take(), await server.take()]).toEqual([0, 1, 2, 3]);
  expect(server.opened).toHaveLength(7);
});

it('no more sessions wait than there may be beside those of commands', async () => {
  const server = new Server();
  server.spares.fill(1);
  expect(server.opened).toHaveLength(1);
  expect(await server.take(0)).toBe(0);
  expect(server.opened).toHaveLength(1);
});

it('sessions that no command comes for are closed, and a command after a pause finds and leaves none', async () => {
  const server = new Server();
  server.spares.fill(6);
  server.clock.advance(10_000);
  await settled();
  expect(server.opened.map(({ isClosed }) => isClosed)).toEqual([true, true, true]);
  expect(await server.take()).toBe(-1);
  server.clock.advance(2_000);
  expect(await server.take()).toBe(-1);
  server.spares.refill(6);
  expect(server.opened).toHaveLength(3);
  expect(server.clock.pending).toBe(0);
});

it('two commands in quick succession leave sessions for the next ones, once the second one has its own', async () => {
  const server = new Server();
  expect(await server.take()).toBe(-1);
  server.spares.refill(6);
  server.clock.advance(500);
  expect(await server.take()).toBe(-1);
  expect(server.opened).toHaveLength(0);
  server.spares.refill(6);
  expect(server.opened).toHaveLength(3);
  expect(await server.take()).toBe(0);
});

it('a session that has ended is not given to a command', async () => {
  const server = new Server();
  server.spares.fill(6);
  server.opened[0]!.end(137);
  await settled();
  expect(await server.take()).toBe(1);
});

it('sessions of a connection that is lost are not given to a command', async () => {
  const server = new Server();
  server.spares.fill(1);
  server.isConnected = false;
  server.hasRoom = false;
  expect(await server.take()).toBe(-1);
  expect(server.opened[0]!.isClosed).toBe(true);
});

it('a server that refuses one is asked for no more', async () => {
  const server = new Server();
  server.refusal = new SshError('session', 'no more');
  server.spares.fill(6);
  expect(await server.take()).toBe(-1);
  await settled();
  const { asked } = server;
  expect(await server.take()).toBe(-1);
  expect(server.asked).toBe(asked);
});

it('a server that could not be reached is asked again', async () => {
  const server = new Server();
  server.refusal = new SshError('connection', 'it is down');
  server.spares.fill(6);
  await settled();
  server.refusal = undefined;
  server.spares.fill(6);
  expect(await server.take()).toBe(0);
});

it('none is opened where there is no room, or after the end', async () => {
  const server = new Server();
  server.hasRoom = false;
  server.spares.fill(6);
  expect(server.opened).toHaveLength(0);
  server.hasRoom = true;
  server.spares.fill(6);
  server.spares.close();
  await settled();
  expect(server.opened.map(({ isClosed }) => isClosed)).toEqual([true, true, true]);
  server.spares.fill(6);
  expect(await server.take()).toBe(-1);
  expect(server.opened).toHaveLength(3);
  expect(server.clock.pending).toBe(0);
});

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** One side's bytes on their way to the other. */
interface Way {
  readonly from: Socket;
  readonly to: Socket;
  readonly count: (bytes: number) => void;
  /** What has been read and not been written. */
  kept: Buffer;
  hasEnded: boolean;
}

/**
 * A network between a client and a port of loopback that fails when the test says so. Nobody is told that it is there:
 * what goes in comes out, until then.
 */
export class CutProxy {
  /** Where clients connect. */
  readonly port: number;
  /** Bytes that went from clients to the server, and back. */
  bytesUp = 0;
  bytesDown = 0;
  /** How many connections there have been. */
  accepted = 0;
  /** Gets every connection that is let in, before a byte of it has passed. */
  onAccept: (client: Socket) => void = () => {};
  readonly #target: number;
  readonly #ways = new Set<Way>();
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #isStalled = false;
  #ticks: NodeJS.Timeout | undefined;
  /** Bytes that may pass at a time. */
  #most = Number.POSITIVE_INFINITY;

  private constructor(target: number, server: Server) {
    this.#target = target;
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (socket) => this.#accept(socket));
  }

  /** Starts one in front of a port; it is to be stopped with `stop`. */
  static async start(target: number): Promise<CutProxy> {
    return new CutProxy(target, await listen(0));
  }

  /** Starts one that is there until the test ends. */
  static async forTest(target: number): Promise<CutProxy> {
    const proxy = await CutProxy.start(target);
    onTestFinished(() => proxy.stop());
    return proxy;
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#ways.size / 2;
  }

  /** Breaks all connections, both ends at once; new ones are let in. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Breaks one connection that is open, counted from 0 in the order in which they were let in; the others go on. */
  cutOne(index: number): void {
    // Two sockets each.
    for (const socket of [...this.#sockets].slice(2 * index, 2 * index + 2)) socket.destroy();
  }

  /** From now on no byte passes, and no end of a connection either. New connections are let in, and hear nothing. */
  stall(): void {
    this.#isStalled = true;
    for (const { from } of this.#ways) from.pause();
  }

  /** What had to wait passes, and so does everything after it. */
  resume(): void {
    this.#isStalled = false;
    for (const way of this.#ways) this.#pass(way);
  }

  /** From now on only so many bytes pass at a time, in each direction, a millisecond apart: a bad line, and odd chunks. */
  trickle(most = 1): void {
    this.flow();
    this.#most = most;
    this.#ticks = setInterval(() => {
      if (this.#isStalled) return;
      for (const way of this.#ways) this.#write(way);
    }, 1);
  }

  /** Ends `trickle`. */
  flow(): void {
    clearInterval(this.#ticks);
    this.#ticks = undefined;
    this.#most = Number.POSITIVE_INFINITY;
    for (const way of this.#ways) this.#pass(way);
  }

  /** Nobody is let in any more: connecting is refused. What is connected stays so. */
  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    // It is closed for good only after its last connection; the port is free at once.
    server?.close();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Clients are let in again, on the same port. */
  async accept(): Promise<void> {
    if (this.#server !== undefined) return;
    this.#server = await listen(this.port);
    this.#server.on('connection', (socket) => this.#accept(socket));
  }

  async stop(): Promise<void> {
    clearInterval(this.#ticks);
    await this.refuse();
    this.cut();
  }

  #accept(client: Socket): void {
    this.accepted += 1;
    this.onAccept(client);
    const server = connect({ port: this.#target, host: '127.0.0.1', allowHalfOpen: true });
    this.#carry(client, server, (bytes) => {
      this.bytesUp += bytes;
    });
    this.#carry(server, client, (bytes) => {
      this.bytesDown += bytes;
    });
  }

  #carry(from: Socket, to: Socket, count: (bytes: number) => void): void {
    const way: Way = { from, to, count, kept: Buffer.alloc(0), hasEnded: false };
    this.#ways.add(way);
    this.#sockets.add(from);
    from.setNoDelay(true);
    // A broken connection is what this is for; `close` comes after it.
    from.on('error', () => {});
    from.on('data', (chunk: Buffer) => {
      way.kept = Buffer.concat([way.kept, chunk]);
      this.#pass(way);
    });
    from.on('end', () => {
      way.hasEnded = true;
      this.#pass(way);
    });
    from.on('close', () => {
      this.#ways.delete(way);
      this.#sockets.delete(from);
      if (!way.hasEnded) to.destroy();
    });
    to.on('drain', () => this.#pass(way));
    if (this.#isStalled) from.pause();
  }

  #pass(way: Way): void {
    if (this.#isStalled) return;
    if (this.#ticks === undefined) this.#write(way);
    this.#readOn(way);
  }

  #write(way: Way): void {
    const now = way.kept.subarray(0, this.#most);
    way.kept = way.kept.subarray(now.length);
    if (now.length > 0 && !way.to.destroyed) {
      way.count(now.length);
      way.to.write(now);
    }
    if (way.hasEnded && way.kept.length === 0) way.to.end();
    this.#readOn(way);
  }

  /** Who sends faster than this passes on has to wait. */
  #readOn({ from, to, kept }: Way): void {
    if (kept.length > 65_536 || to.writableNeedDrain) from.pause();
    else from.resume();
  }
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true }).once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

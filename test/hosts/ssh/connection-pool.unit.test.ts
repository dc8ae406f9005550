import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HostLostError } from '../../../src/hosts/host.js';
import { Connections } from '../../../src/hosts/ssh/connection-pool.js';
import { type Session, SshError, type Transport } from '../../../src/hosts/ssh/transport.js';
import { VirtualClock } from '../../support/virtual-clock.js';

interface Running extends Session {
  readonly connection: Connection;
  end(): void;
  lose(): void;
}

/** A machine that allows so many sessions on a connection, and has others refused before or after they are opened. */
class Machine {
  readonly #sessions: number;
  readonly isLate: boolean;
  /** What happens to who connects, one after the other; all is well after the last. */
  readonly fates: (SshError | undefined)[] = [];
  readonly connections: Connection[] = [];
  attempts = 0;

  constructor(sessions: number, isLate = false) {
    this.#sessions = sessions;
    this.isLate = isLate;
  }

  get mostSessions(): number {
    return this.#sessions;
  }

  get connected(): number {
    return this.connections.filter(({ isConnected }) => isConnected).length;
  }
}

class Connection implements Transport {
  readonly name = 'login1';
  readonly #machine: Machine;
  readonly running = new Set<Running>();
  /** Sessions that the server has not seen end. */
  lingering = 0;
  readonly keepsOrder = true;
  isConnected = false;

  constructor(machine: Machine) {
    this.#machine = machine;
    machine.connections.push(this);
  }

  async connect(): Promise<void> {
    if (this.isConnected) return;
    this.#machine.attempts += 1;
    await Promise.resolve();
    const fate = this.#machine.fates.shift();
    if (fate !== undefined) throw fate;
    this.isConnected = true;
  }

  async open(_?: string, mayConnect = true): Promise<Session> {
    if (mayConnect) await this.connect();
    else await Promise.resolve();
    if (!this.isConnected) throw new SshError('connection', 'the connection was closed');
    const isRefused = this.running.size + this.lingering >= this.#machine.mostSessions;
    const refusal = new SshError('session', 'login1 allows no further session');
    if (isRefused && !this.#machine.isLate) throw refusal;
    let [resolve, reject] = [(_: number) => {}, (_: Error) => {}];
    const exit = new Promise<number>((...both) => {
      [resolve, reject] = both;
    });
    exit.catch(() => {});
    const session: Running = {
      connection: this,
      stdin: new PassThrough(),
      stdout: new PassThrough(),
      stderr: new PassThrough(),
      exit,
      isConnected: () => this.isConnected,
      close: () => {},
      end: () => {
        this.running.delete(session);
        resolve(0);
      },
      lose: () => {
        this.running.delete(session);
        reject(new HostLostError('lost'));
      },
    };
    if (isRefused) reject(refusal);
    else this.running.add(session);
    return session;
  }

  another(): Connection {
    return new Connection(this.#machine);
  }

  close(): void {
    this.lose();
  }

  /** It breaks. */
  lose(): void {
    this.isConnected = false;
    for (const session of this.running) session.lose();
  }
}

function setUp(sessions: number, isLate = false) {
  const machine = new Machine(sessions, isLate);
  const clock = new VirtualClock();
  const told: string[] = [];
  const connections = new Connections(new Connection(machine), 6, clock, (line) => told.push(line));
  /** Opens a session as a host does: again if it is refused, for as long as there may be room. */
  const open = async (): Promise<Session | undefined> => {
    for (;;) {
      try {
        const session = await connections.open('true');
        const exit = await Promise.race([session.exit.catch((error: unknown) => error), tick()]);
        if (!(exit instanceof SshError)) return session;
      } catch (error) {
        if (!(error instanceof SshError)) throw error;
      }
      if (!connections.hasRoom) return undefined;
    }
  };
  return { machine, clock, told, connections, open };
}

const tick = () => new Promise((resolve) => setImmediate(resolve));

const running = (machine: Machine) => machine.connections.flatMap((connection) => [...connection.running]);

describe('connections to a machine', () => {
  it('are as many as it takes for all sessions, and no more, however the machine refuses', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 8 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 6 }),
        async (most, isLate, count) => {
          const { machine, told, open } = setUp(most, isLate);
          const sessions = await Promise.all(Array.from({ length: count }, open));
          expect(sessions.every((session) => session !== undefined)).toBe(true);
          expect(running(machine)).toHaveLength(count);
          expect(machine.connected).toBe(Math.ceil(count / most));
          expect(told.length).toBe(count > most ? 1 : 0);
          if (count > most) expect(told[0]).toMatch(new RegExp(`refuses more than ${most} sessions? on a connection`));
        },
      ),
    );
  });

  it('are found out about by asking: who is refused while a session may not have been seen to end asks again', async () => {
    const { machine, clock, told, open } = setUp(1);
    await open();
    const [connection] = machine.connections;
    running(machine)[0]!.end();
    connection!.lingering = 1;
    await tick();
    const next = open();
    await tick();
    connection!.lingering = 0;
    clock.advance(1000);
    expect(await next).toBeDefined();
    expect(machine.connected).toBe(1);
    expect(told).toEqual([]);
  });

  it('have another beside one that is clogged by sessions that do not end over there', async () => {
    const { machine, clock, open } = setUp(1);
    await open();
    running(machine)[0]!.end();
    machine.connections[0]!.lingering = 1;
    await tick();
    const next = open();
    for (let i = 0; i < 5; i++) {
      await tick();
      clock.advance(1000);
    }
    expect(await next).toBeDefined();
    expect(machine.connected).toBe(2);
  });

  it('that cannot be had are sought again after half a minute, or not at all if we are not let in', async () => {
    for (const kind of ['connection', 'refused'] as const) {
      const { machine, clock, told, open } = setUp(1);
      await open();
      machine.fates.push(new SshError(kind, 'no'));
      expect(await open()).toBeUndefined();
      expect(await open()).toBeUndefined();
      expect(machine.attempts).toBe(2);
      expect(told).toEqual([]);
      clock.advance(31_000);
      if (kind === 'connection') expect(await open()).toBeDefined();
      else expect(await open()).toBeUndefined();
      expect(machine.attempts).toBe(kind === 'connection' ? 3 : 2);
    }
  });

  it('that break as soon as they are made are not made without end', async () => {
    const { machine, open } = setUp(1);
    await open();
    for (let i = 0; i < 10; i++) {
      await open();
      machine.connections.at(-1)!.lose();
      await tick();
    }
    expect(machine.attempts).toBeLessThan(5);
    expect(machine.connections[0]!.isConnected).toBe(true);
  });

  it('are one that is lost only when all are, and then no more than there is need for', async () => {
    const { machine, connections, open } = setUp(1);
    await Promise.all([open(), open(), open()]);
    const all = machine.connections.filter(({ isConnected }) => isConnected);
    for (const [i, connection] of all.entries()) {
      connection.lose();
      await tick();
      expect(connections.isConnected).toBe(i < 2);
    }
    await connections.connect();
    expect(machine.connected).toBe(1);
    await Promise.all([open(), open()]);
    expect(machine.connected).toBe(2);
  });

  it('have sessions that no command waits for where one stands with room, and are not made for these', async () => {
    const { machine, connections, open } = setUp(2);
    expect(connections.openSpare('true')).toBeUndefined();
    await open();
    expect(await connections.openSpare('true')).toBeDefined();
    await expect(connections.openSpare('true')).rejects.toThrow('allows no further session');
    expect(running(machine)).toHaveLength(2);
    expect(machine.attempts).toBe(1);
  });

  it('whose loss is found by a session that no command waits for tell of it, and are not made again by that', async () => {
    const { machine, connections, open } = setUp(6);
    const lost: string[] = [];
    connections.onLost = ({ message }) => lost.push(message);
    await open();
    const spare = connections.openSpare('true');
    machine.connections[0]!.isConnected = false;
    await expect(spare).rejects.toThrow('the connection was closed');
    expect(lost).toEqual(['the connection was closed']);
    expect(machine.attempts).toBe(1);
    expect(connections.openSpare('true')).toBeUndefined();
  });

  it('that are closed are not opened any more, nor is one that was being made', async () => {
    const { machine, connections, open } = setUp(1);
    await open();
    const waiting = connections.open('true').then(
      () => undefined,
      (error: unknown) => error,
    );
    await waiting;
    const next = connections.open('true');
    connections.close();
    await expect(next).rejects.toBeInstanceOf(SshError);
    await tick();
    expect(machine.connected).toBe(0);
    expect(connections.hasRoom).toBe(false);
  });
});

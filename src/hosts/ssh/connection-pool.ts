import type { Clock } from '../../util/clock.js';
import { sleep } from '../../util/sleep.js';
import { HostError, HostLostError } from '../host.js';
import { type Session, SshError, type Transport } from './transport.js';

/** One of the connections. */
interface Lane {
  readonly transport: Transport;
  /** Sessions that are open or being opened. */
  sessions: number;
  /** How many sessions it has room for, as far as is known. */
  limit: number;
  /** When the last session ended. */
  endedAt: number;
  /** Refusals in a row while there was no session. */
  emptyRefusals: number;
  /** When a refusal was last taken for a late one. */
  doubtedAt: number;
  /** No session is opened on it before this resolves. */
  rest: Promise<void> | undefined;
  /** When the connection was made. */
  readonly since: number;
}

/** How long a server may take to notice that a session has ended: until then it refuses the next one. */
const SESSION_END_DELAY_MS = 1000;

/** How long to wait after a refusal that may be due to that delay. */
const REFUSAL_RETRY_MS = 250;

/** After such a refusal, a further one within this time is believed. */
const DOUBT_PERIOD_MS = 5_000;

/** How long to wait before trying again to make a further connection. */
const CONNECT_RETRY_MS = 30_000;

/** A connection that lives less than this was accepted only to be turned away: the server is full. */
const SHORT_LIFE_MS = 5_000;

/**
 * The connections to one machine: one, as long as the server allows enough sessions on it, else as many as it takes. Each may
 * break by itself; the machine counts as lost when all are.
 */
export class Connections {
  readonly name: string;
  readonly #clock: Clock;
  readonly #tell: (line: string) => void;
  readonly #most: number;
  readonly #first: Transport;
  #lanes: Lane[];
  /** How many sessions a connection has room for, by the last refusal. */
  #limit = Number.POSITIVE_INFINITY;
  /** The one that is being made: one at a time, as servers limit concurrent logins. */
  #coming: Transport | undefined;
  #mayAddFrom = 0;
  /** How many connections in a row were lost as soon as they were made. */
  #shortLives = 0;
  #hasTold = false;
  #isClosed = false;
  /** Called when a session could not be opened, or ended, because every connection is lost. */
  onLost: (error: HostError) => void = () => {};
  /** Called when there may be room for a session again. */
  #waiting: (() => void)[] = [];

  /**
   * @param most how many connections there may be
   * @param tell called with a line for people
   */
  constructor(first: Transport, most: number, clock: Clock, tell: (line: string) => void) {
    this.name = first.name;
    this.#first = first;
    this.#most = most;
    this.#clock = clock;
    this.#tell = tell;
    this.#lanes = [this.#laneOf(first)];
  }

  /** Whether there is any connection, as far as is known. */
  get isConnected(): boolean {
    return this.#lanes.some(({ transport }) => transport.isConnected);
  }

  /** Whether a session that was refused may come about on another connection, or after a moment. */
  get hasRoom(): boolean {
    return !this.#isClosed && (this.#coming !== undefined || this.#mayAdd || this.#lanes.some(isFree));
  }

  /** As in `Transport`. */
  async connect(): Promise<void> {
    if (!this.isConnected) await this.#lanes[0]!.transport.connect();
  }

  /** As in `Transport`, on the first connection that has room. */
  async open(commandLine: string): Promise<Session> {
    for (;;) {
      if (this.#isClosed) throw new SshError('connection', 'the connection was closed');
      const lane = this.#choose();
      if (lane === undefined) await new Promise<void>((resolve) => this.#waiting.push(resolve));
      else if (lane.rest !== undefined) await lane.rest;
      else return this.#openOn(lane, commandLine);
    }
  }

  /**
   * Opens a session that no command waits for, on a connection that stands and has room for it. That it is refused says nothing of the
   * connection's limit, which is learnt by the sessions of commands.
   *
   * @returns undefined if there is no room
   */
  openSpare(commandLine: string): Promise<Session> | undefined {
    if (this.#isClosed) return undefined;
    const lane = this.#lanes.find((lane) => lane.transport.isConnected && isFree(lane) && lane.rest === undefined);
    return lane && this.#openOn(lane, commandLine, true);
  }

  /** Resolves when the machine has answered, even by refusing a session. */
  async ask(): Promise<void> {
    try {
      const session = await this.#lanes[0]!.transport.open('exit 0');
      for (const stream of [session.stdout, session.stderr]) stream.resume();
      session.stdin.on('error', () => {});
      session.stdin.end();
      await session.exit;
    } catch (error) {
      if (!(error instanceof SshError) || error.kind !== 'session') throw error;
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const { transport } of this.#lanes) transport.close();
    this.#coming?.close();
    this.#changed();
  }

  /** @returns undefined if one is being made */
  #choose(): Lane | undefined {
    const free = this.#lanes.find(isFree);
    if (free !== undefined) return free;
    if (this.#mayAdd) void this.#add(this.#first.another());
    if (this.#coming !== undefined) return undefined;
    // All seem full, but a limit may be out of date: the least used one is asked.
    return this.#lanes.reduce((least, lane) => (lane.sessions < least.sessions ? lane : least));
  }

  async #openOn(lane: Lane, commandLine: string, isSpare = false): Promise<Session> {
    lane.sessions += 1;
    try {
      const session = await lane.transport.open(commandLine, !isSpare);
      const exit = session.exit.then(
        (code) => {
          this.#ended(lane);
          return code;
        },
        (error: unknown) => {
          this.#failed(lane, error, isSpare);
          throw error;
        },
      );
      exit.catch(() => {});
      return { ...session, exit };
    } catch (error) {
      this.#failed(lane, error, isSpare);
      throw error;
    }
  }

  #ended(lane: Lane): void {
    lane.sessions -= 1;
    lane.endedAt = this.#clock.now();
    lane.emptyRefusals = 0;
    // There was room for at least this one.
    lane.limit = Math.max(1, lane.limit);
    this.#changed();
  }

  #failed(lane: Lane, error: unknown, isSpare: boolean): void {
    if (error instanceof SshError && error.kind === 'session') {
      lane.sessions -= 1;
      if (!isSpare) this.#refused(lane);
    } else {
      // A session that ended without an exit status on a connection that still stands is over like any other.
      if (lane.transport.isConnected && error instanceof HostLostError) return this.#ended(lane);
      lane.sessions -= 1;
      this.#drop(lane);
      if (!this.isConnected && error instanceof HostError) this.onLost(error);
    }
    this.#changed();
  }

  #refused(lane: Lane): void {
    if (lane.rest !== undefined) return;
    const now = this.#clock.now();
    const mayBeLate = now - lane.endedAt < SESSION_END_DELAY_MS && now - lane.doubtedAt > DOUBT_PERIOD_MS;
    // A server that allows no session at all is unlikely.
    if (lane.sessions === 0) lane.emptyRefusals += 1;
    if (mayBeLate || (lane.sessions === 0 && lane.emptyRefusals <= 2)) {
      lane.doubtedAt = now;
      lane.rest = sleep(this.#clock, REFUSAL_RETRY_MS).then(() => {
        lane.rest = undefined;
      });
      return;
    }
    lane.limit = lane.sessions;
    this.#limit = Math.max(1, lane.sessions);
  }

  /** A lost connection is not made again while there are others: another is added when it is needed. */
  #drop(lane: Lane): void {
    if (lane.transport.isConnected || !this.#lanes.includes(lane)) return;
    if (!this.isConnected) {
      // With all connections lost, how many the server allows is open again.
      this.#shortLives = 0;
      if (this.#mayAddFrom < Number.POSITIVE_INFINITY) this.#mayAddFrom = 0;
      return;
    }
    const now = this.#clock.now();
    this.#shortLives = now - lane.since < SHORT_LIFE_MS ? this.#shortLives + 1 : 0;
    if (this.#shortLives > 1) this.#mayAddFrom = now + CONNECT_RETRY_MS;
    this.#lanes = this.#lanes.filter((other) => other !== lane);
    lane.transport.close();
  }

  get #mayAdd(): boolean {
    return (
      !this.#isClosed &&
      this.#coming === undefined &&
      this.#lanes.length < this.#most &&
      this.#clock.now() >= this.#mayAddFrom
    );
  }

  /** Never rejects: if the server allows no second login, the first connection still works. */
  async #add(transport: Transport): Promise<void> {
    this.#coming = transport;
    try {
      await transport.connect();
      if (this.#isClosed) return transport.close();
      this.#lanes.push(this.#laneOf(transport));
      if (!this.#hasTold) {
        const sessions = this.#limit === 1 ? '1 session' : `${this.#limit} sessions`;
        this.#tell(`${this.name} refuses more than ${sessions} on a connection; using more connections`);
      }
      this.#hasTold = true;
    } catch (error) {
      transport.close();
      const isPassing = error instanceof SshError && error.kind !== 'refused';
      this.#mayAddFrom = isPassing ? this.#clock.now() + CONNECT_RETRY_MS : Number.POSITIVE_INFINITY;
    } finally {
      this.#coming = undefined;
      this.#changed();
    }
  }

  #laneOf(transport: Transport): Lane {
    const since = this.#clock.now();
    const never = Number.NEGATIVE_INFINITY;
    const doubts = { endedAt: never, emptyRefusals: 0, doubtedAt: never, rest: undefined };
    return { transport, since, sessions: 0, limit: this.#limit, ...doubts };
  }

  #changed(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

const isFree = ({ sessions, limit }: Lane) => sessions < limit;

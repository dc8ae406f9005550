import { connect } from 'node:net';
import { constants } from 'node:os';
import type { Duplex } from 'node:stream';
import ssh2, { type AuthHandlerMiddleware, type ClientChannel, type ConnectConfig } from 'ssh2';
import { HostLostError } from '../host.js';
import { type Destination, shown } from './destination.js';
import { sshFailure } from './failures.js';
import { hostKeyFailure, type KnownHosts } from './known-hosts.js';
import type { PrivateKey } from './private-key.js';
import { type Session, SshError, type Transport } from './transport.js';

export interface Ssh2Options {
  readonly destination: Destination;
  /** Machines to go through, in this order. */
  readonly jumps: readonly Destination[];
  /** The user for destinations that name none. */
  readonly user: string;
  /** Keys to log in with, in the order in which they are offered. */
  readonly keys: readonly PrivateKey[];
  /** The socket of an agent; '' if there is none. */
  readonly agent: string;
  readonly knownHosts: KnownHosts;
}

/** For connecting and logging in. */
const LOGIN_TIMEOUT_MS = 20_000;

/** How often a silent server is asked for a sign of life. The connection is lost when three requests stay unanswered. */
const KEEPALIVE_INTERVAL_MS = 30_000;

/** A connection that we close is cut if it has not ended by then. */
const CLOSE_TIMEOUT_MS = 500;

/** The SSH client that the program brings with it. Keys stay in memory. */
export class Ssh2Transport implements Transport {
  readonly name: string;
  readonly keepsOrder = true;
  readonly #options: Ssh2Options;
  /** Aborted by `close`: a connection that is being made then is given up. */
  readonly #closing = new AbortController();
  #connecting: Promise<Connection> | undefined;
  /** The latest one. */
  #connection: Connection | undefined;

  constructor(options: Ssh2Options) {
    this.#options = options;
    this.name = shown(options.destination, options.user);
  }

  get isConnected(): boolean {
    return this.#connection?.isLost === false;
  }

  async connect(): Promise<void> {
    await this.#connected();
  }

  async open(commandLine: string, mayConnect = true): Promise<Session> {
    return (await this.#connected(mayConnect)).exec(commandLine);
  }

  another(): Ssh2Transport {
    return new Ssh2Transport(this.#options);
  }

  close(): void {
    this.#closing.abort();
    this.#connecting?.then(
      (connection) => connection.close(),
      () => {},
    );
    this.#connecting = undefined;
  }

  async #connected(mayConnect = true): Promise<Connection> {
    if (!mayConnect && !this.isConnected) throw sshFailure('closed', this.name, {});
    this.#connecting ??= Connection.through(this.#options, this.#closing.signal);
    const connecting = this.#connecting;
    const forget = () => {
      if (this.#connecting === connecting) this.#connecting = undefined;
    };
    try {
      this.#connection = await connecting;
    } catch (error) {
      forget();
      throw error;
    }
    if (!this.#connection.isLost) return this.#connection;
    forget();
    return this.#connected(mayConnect);
  }
}

type Client = InstanceType<typeof ssh2.Client>;

/** A login on a machine, through others if need be. */
class Connection {
  readonly #client: Client;
  readonly #socket: Duplex;
  readonly #name: string;
  #error: Error | undefined;
  #before: Connection | undefined;

  private constructor(client: Client, socket: Duplex, name: string, before: Connection | undefined) {
    this.#client = client;
    this.#socket = socket;
    this.#name = name;
    this.#before = before;
    client.on('error', (error) => {
      this.#error ??= error;
    });
    const closed = () => {
      this.#error ??= new Error('the connection was closed');
    };
    client.on('end', closed);
    client.on('close', () => {
      closed();
      before?.close();
    });
  }

  /** @throws SshError */
  static async through(options: Ssh2Options, closing: AbortSignal): Promise<Connection> {
    let connection: Connection | undefined;
    for (const destination of [...options.jumps, options.destination]) {
      try {
        connection = await Connection.#to(destination, options, closing, connection);
      } catch (error) {
        connection?.close();
        throw error;
      }
    }
    return connection!;
  }

  static async #to(
    destination: Destination,
    options: Ssh2Options,
    closing: AbortSignal,
    before: Connection | undefined,
  ): Promise<Connection> {
    const name = shown(destination, options.user);
    const port = destination.port ?? 22;
    const way = await before?.forward(destination.name, port, name);
    const client = new ssh2.Client();
    const login = new Login(options, destination.user ?? options.user);
    let refusal: SshError | undefined;
    const known = options.knownHosts.algorithmsFor(destination.name, port);
    const config: ConnectConfig = {
      host: destination.name,
      port,
      username: login.user,
      authHandler: login.handler,
      readyTimeout: LOGIN_TIMEOUT_MS,
      keepaliveInterval: KEEPALIVE_INTERVAL_MS,
      keepaliveCountMax: 3,
      // The server is asked for a key that we know. If we know none, any will do: the error shows it.
      ...(known.length === 0 ? {} : { algorithms: { serverHostKey: known as never } }),
      hostVerifier: (key: Buffer) => {
        const verdict = options.knownHosts.judge(destination.name, port, key);
        if (verdict.is === 'known') return true;
        refusal = hostKeyFailure(verdict, { name: destination.name, port, key });
        return false;
      },
    };
    return new Promise((resolve, reject) => {
      let socket: Duplex | undefined;
      const stop = () => {
        fail(new Error('the connection was closed'));
        socket?.destroy();
      };
      const fail = (error: Error) => {
        closing.removeEventListener('abort', stop);
        client.removeAllListeners();
        client.on('error', () => {});
        client.end();
        reject(refusal ?? failureOf(error, name, login));
      };
      client.once('error', fail);
      client.once('close', () => fail(new Error('the server closed the connection before the login')));
      client.once('ready', () => {
        closing.removeEventListener('abort', stop);
        client.removeAllListeners('error');
        client.removeAllListeners('close');
        resolve(new Connection(client, socket!, name, before));
      });
      closing.addEventListener('abort', stop);
      if (closing.aborted) return stop();
      // Requests are small and each waits for its answer, so delaying packets to fill them would only cost time.
      socket = way ?? connect({ host: destination.name, port, noDelay: true });
      client.connect({ ...config, sock: socket });
    });
  }

  get isLost(): boolean {
    return this.#error !== undefined;
  }

  exec(commandLine: string): Promise<Session> {
    return new Promise((resolve, reject) => {
      const onLost = () => reject(new SshError('connection', this.#reason));
      this.#client.once('close', onLost);
      try {
        this.#client.exec(commandLine, (error, channel) => {
          this.#client.off('close', onLost);
          if (error === undefined) resolve(this.#session(channel));
          else if (this.isLost) onLost();
          else reject(sshFailure('session-refused', this.#name, { reason: error.message }));
        });
      } catch (error) {
        // The connection has ended, and does not say so until a moment later.
        this.#error ??= error as Error;
        onLost();
      }
    });
  }

  #session(channel: ClientChannel): Session {
    let status: number | undefined;
    channel.on('exit', (code: number | null, signal?: string) => {
      status = code ?? 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
    });
    const exit = new Promise<number>((resolve, reject) => {
      channel.on('close', () => {
        if (status === undefined) reject(new HostLostError(this.#reason));
        else resolve(status);
      });
    });
    exit.catch(() => {});
    channel.on('error', () => {});
    return {
      stdin: channel,
      stdout: channel,
      stderr: channel.stderr,
      exit,
      isConnected: () => !this.isLost,
      close: () => channel.close(),
    };
  }

  /** A stream to another machine, as seen from this one. */
  forward(host: string, port: number, next: string): Promise<Duplex> {
    return new Promise((resolve, reject) => {
      this.#client.forwardOut('127.0.0.1', 0, host, port, (error, channel) => {
        if (error === undefined) resolve(channel);
        else reject(sshFailure('no-forwarding', this.#name, { next, reason: error.message }));
      });
    });
  }

  close(): void {
    this.#client.end();
    // A machine that does not answer would never end the connection itself.
    const timer = setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT_MS);
    this.#socket.once('close', () => clearTimeout(timer));
    this.#before?.close();
    this.#before = undefined;
  }

  get #reason(): string {
    return this.#error?.message ?? 'the session ended without an exit status';
  }
}

/** Offers keys one after the other: those given, then an agent's. */
class Login {
  readonly user: string;
  readonly handler: AuthHandlerMiddleware;
  /** What was offered. */
  readonly offered: string[] = [];
  /** What the server takes; empty before it has said. */
  methods: readonly string[] = [];
  isPartial = false;

  constructor({ keys, agent }: Ssh2Options, user: string) {
    this.user = user;
    const methods = [
      ...keys.map(({ key, name }) => ({ name, method: { type: 'publickey' as const, username: user, key } })),
      ...(agent === ''
        ? []
        : [{ name: 'the keys of the agent', method: { type: 'agent' as const, username: user, agent } }]),
    ];
    this.handler = (left, partial, next) => {
      this.methods = left ?? [];
      this.isPartial ||= partial === true;
      const offer = partial === true ? undefined : methods.shift();
      if (offer !== undefined) this.offered.push(offer.name);
      // `false`: there is nothing more to offer.
      next((offer?.method ?? false) as Parameters<typeof next>[0]);
    };
  }
}

function failureOf(error: Error & { code?: string; level?: string }, name: string, login: Login): SshError {
  if (error.level === 'client-authentication') return rejection(name, login);
  if (error.level === 'client-timeout') return sshFailure('timed-out', name, { afterMs: LOGIN_TIMEOUT_MS });
  switch (error.code) {
    case 'ECONNREFUSED':
      return sshFailure('connection-refused', name, {});
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return sshFailure('unresolved', name, {});
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return sshFailure('unreachable', name, {});
    case 'ETIMEDOUT':
      return sshFailure('timed-out', name, {});
  }
  return sshFailure('cannot-connect', name, { reason: error.message });
}

function rejection(name: string, { user, offered, methods, isPartial }: Login): SshError {
  if (isPartial) return sshFailure('more-than-a-key', name, { methods });
  if (offered.length === 0) return sshFailure('no-key', name, {});
  return sshFailure('rejected', name, { user, offered, methods });
}

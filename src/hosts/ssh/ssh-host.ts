import { PassThrough, type Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import type { Clock } from '../../util/clock.js';
import { backOffMs } from '../../util/retry.js';
import { Semaphore } from '../../util/semaphore.js';
import { sleep } from '../../util/sleep.js';
import { commandEnvironment } from '../environment.js';
import { type Exit, type Host, HostError, HostLostError, type HostProcess, type SpawnOptions } from '../host.js';
import { type PreparedShell, preludeLines } from '../setup.js';
import { Connections } from './connection-pool.js';
import { login, noShell } from './login.js';
import { BeforeEnd, becomeStepsShell, exportsOf, type Marks, marksOf, shellLine } from './remote-shell.js';
import { ShellSession } from './shell-session.js';
import { SpareSessions } from './spare-sessions.js';
import { SshError, type Transport } from './transport.js';

export interface SshHostOptions {
  /** Bash lines that make the environment. */
  readonly setup: string;
  readonly clock: Clock;
  /** Takes lines about the connection, for people. */
  readonly tell: (line: string) => void;
  /** Aborted on cancellation: no further connections are made after that. */
  readonly cancel?: AbortSignal;
}

interface Streams {
  readonly stdin: PassThrough;
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
}

/**
 * How many commands run at once. OpenSSH's default is 10 sessions on a connection, which others may share. A server that allows a
 * single session gets as many connections.
 */
const MAX_SESSIONS = 6;

/** How many refusals in a row, while no session of ours is open, show that the server allows none at all. */
const MAX_REFUSALS = 4;

/** How long the host may stay out of reach after a connection was lost. */
const RECONNECT_TIMEOUT_MS = 300_000;

/** How long the host may stay silent after a cancellation: a runner kills this program after ten seconds. */
const CANCELLED_TIMEOUT_MS = 8_000;

/** How long the streams of a command that has ended must be silent to be taken as done: a process left behind may hold them open. */
const DRAIN_TIMEOUT_MS = 5_000;

/** A machine that is reached by SSH. Commands run in the environment of a login shell there. */
export class SshHost implements Host {
  readonly name: string;
  /** The user's home there. */
  readonly home: string;
  readonly #connections: Connections;
  readonly #options: SshHostOptions;
  readonly #marks: Marks;
  /** What `setup` printed to stderr. */
  readonly said: string;
  /** Bash that is sent before a command of ours, and before one for steps. */
  readonly #prelude: { readonly own: string; readonly steps: string };
  readonly #pool = new Semaphore(MAX_SESSIONS);
  readonly #spares: SpareSessions;
  #sessions = 0;
  /** Set while the connection is being made again: there is one attempt at a time. */
  #reconnecting: Promise<void> | undefined;
  /** The commands that have not ended. */
  readonly #running = new Set<AbortController>();
  #hasToldOfRefusal = false;
  /** Every connection broke, and no session has been opened since. */
  #isDown = false;
  /** Stops the timer that gives the machine up. */
  #stopHurry: (() => void) | undefined;
  readonly #onCancel = () => this.#awaitAnswer();
  /** Why no more commands are run. */
  #over: HostError | undefined;

  private constructor(
    { connections, spares, marks }: { connections: Connections; spares: SpareSessions; marks: Marks },
    shell: PreparedShell,
    options: SshHostOptions,
  ) {
    this.#connections = connections;
    connections.onLost = (error) => this.#lost(error);
    this.#spares = spares;
    this.#options = options;
    this.#marks = marks;
    this.name = connections.name;
    this.home = shell.home || '/';
    this.said = shell.said;
    this.#prelude = {
      own: `${exportsOf(commandEnvironment(shell.environment))}${shell.umask}`,
      steps: `${shell.umask}${becomeStepsShell(shell.environment)}${preludeLines(shell.limits)}`,
    };
    options.cancel?.addEventListener('abort', this.#onCancel);
  }

  /**
   * Connects, and looks at the environment of a login, in which `setup` is run.
   *
   * @throws SetupError, HostError, SshError
   */
  static async open(transport: Transport, options: SshHostOptions): Promise<SshHost> {
    const chance = Array.from({ length: 16 }, () => Math.floor(options.clock.random() * 16).toString(16)).join('');
    const marks = marksOf(chance);
    const connections = new Connections(transport, MAX_SESSIONS, options.clock, options.tell);
    const open = () => connections.openSpare(shellLine(marks))?.then((session) => new ShellSession(session, marks));
    const spares = new SpareSessions(open, options.clock);
    try {
      await connections.connect();
      const loggingIn = login(connections, { ...options, marks });
      // The first commands find sessions that came about together with that of the login.
      if (transport.keepsOrder) spares.fill(MAX_SESSIONS);
      const host = new SshHost({ connections, spares, marks }, await loggingIn, options);
      spares.fill(MAX_SESSIONS);
      return host;
    } catch (error) {
      spares.close();
      throw error;
    }
  }

  spawn(command: string, { isForSteps = false }: SpawnOptions = {}): HostProcess {
    const text = `${isForSteps ? this.#prelude.steps : this.#prelude.own}${command}\0`;
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    // A command may end without reading all of its input; its exit status shows whether that matters.
    stdin.on('error', () => {});
    // A command that is left, or whose connection is closed, frees its session, even if it still runs on the host.
    const leaving = new AbortController();
    this.#running.add(leaving);
    const streams = { stdin, stdout, stderr };
    const exit = this.#pool.run(() =>
      Promise.race([this.#run(text, streams, leaving.signal), left(leaving.signal, this.name)]),
    );
    const forget = () => this.#running.delete(leaving);
    exit.then(forget, () => {
      forget();
      for (const stream of [stdin, stdout, stderr]) stream.destroy();
    });
    return { stdin, stdout, stderr, exit, leave: () => leaving.abort() };
  }

  close(): void {
    this.#end(new HostError(`the connection to ${this.name} was closed`));
  }

  #end(reason: HostError): void {
    this.#over ??= reason;
    this.#heard();
    this.#options.cancel?.removeEventListener('abort', this.#onCancel);
    for (const leaving of this.#running) leaving.abort(this.#over.message);
    this.#spares.close();
    this.#connections.close();
  }

  async #run(text: string, streams: Streams, leaving: AbortSignal): Promise<Exit> {
    for (let refusals = 0; ; ) {
      let failure: SshError;
      if (leaving.aborted) return left(leaving, this.name);
      this.#sessions += 1;
      try {
        const shell = await this.#open();
        if (leaving.aborted) {
          shell.session.close();
          return await left(leaving, this.name);
        }
        return await this.#runIn(shell, text, streams, leaving);
      } catch (error) {
        // SshError means that no session came about: nothing was run.
        if (!(error instanceof SshError)) throw error;
        failure = error;
      } finally {
        this.#sessions -= 1;
      }
      // While other sessions are open, one of them will end and make room.
      refusals = failure.kind === 'session' && this.#sessions === 0 ? refusals + 1 : 0;
      if (refusals === MAX_REFUSALS) throw failure;
      await this.#overcome(failure);
    }
  }

  async #runIn(
    shell: ShellSession,
    text: string,
    { stdin, stdout, stderr }: Streams,
    leaving: AbortSignal,
  ): Promise<Exit> {
    const { session } = shell;
    let status: number | undefined;
    let onEnd = () => {};
    const ended = new Promise<void>((resolve) => {
      onEnd = resolve;
    });
    const end = new BeforeEnd(this.#marks.end, (code) => {
      status = code;
      onEnd();
    });
    pipeline(shell.stderr, end).catch(() => {});
    const sources = [shell.stdout, end];
    const flows = sources.map((stream) => finished(stream).catch(() => {}));
    // Unlike `pipeline`, `pipe` leaves nothing behind on a stream that the next session may go on with.
    shell.stdout.pipe(stdout, { end: false });
    end.pipe(stderr, { end: false });
    session.stdin.on('error', () => {});
    session.stdin.write(text);
    // Not before: if the session does not come about, the next one needs all of the command's input.
    const send = () => stdin.pipe(session.stdin);
    if (shell.stdout.hasBegun) send();
    else shell.stdout.once('begun', send);
    session.stdout.on('data', () => this.#heard());
    try {
      // `ssh` exits with 255 for its own failures. If the command itself ended with 255, that is its status.
      const exit = session.exit.catch((error: unknown) => {
        if (status === 255) return status;
        throw error;
      });
      // A slow reader gets all of the output too.
      const over = exit.then(async (code) => {
        await Promise.all(flows);
        return code;
      });
      const isDrained = () =>
        [session.stdout, shell.stdout, session.stderr].every((stream) => stream.readableLength === 0) &&
        ![shell.stdout, stdout, stderr].some((stream) => stream.writableNeedDrain);
      const code = await Promise.race([
        over,
        ended.then(() => this.#quiet([session.stdout, session.stderr], isDrained, over)),
        left(leaving, this.name),
      ]);
      if (status === undefined && !shell.stdout.hasBegun) throw noShell(this.name, code, shell);
      for (const stream of [stdout, stderr]) stream.end();
      // Only SIGKILL keeps our bash from reporting a status.
      return { code: status ?? (code === 255 ? 137 : code) };
    } finally {
      stdin.unpipe(session.stdin);
      for (const stream of sources) stream.unpipe();
      session.close();
    }
  }

  /** Resolves when a session whose command has ended is over, or has been silent for long enough. */
  #quiet(streams: readonly Readable[], isDrained: () => boolean, exit: Promise<number>): Promise<number> {
    const { clock } = this.#options;
    return new Promise((resolve, reject) => {
      let stop = () => {};
      const wait = () => {
        stop();
        stop = clock.after(DRAIN_TIMEOUT_MS, () => (isDrained() ? resolve(0) : wait()));
      };
      for (const stream of streams) stream.on('data', wait);
      wait();
      exit.then(resolve, reject).finally(() => {
        for (const stream of streams) stream.off('data', wait);
        stop();
      });
    });
  }

  async #open(): Promise<ShellSession> {
    await this.#reconnecting;
    if (this.#over !== undefined) throw this.#over;
    const shell = (await this.#spares.take(MAX_SESSIONS - this.#sessions)) ?? (await this.#openShell());
    this.#spares.refill(MAX_SESSIONS - this.#sessions);
    if (this.#isDown) this.#options.tell(`connected to ${this.name} again`);
    this.#isDown = false;
    return shell;
  }

  async #openShell(): Promise<ShellSession> {
    if (!this.#connections.isConnected) this.#lost(new HostLostError('the connection was closed'));
    return new ShellSession(await this.#connections.open(shellLine(this.#marks)), this.#marks);
  }

  /**
   * Waits until another attempt makes sense.
   *
   * @throws SshError, HostError if none does
   */
  async #overcome(error: SshError): Promise<void> {
    const { clock } = this.#options;
    switch (error.kind) {
      case 'refused':
        throw error;
      case 'session':
        if (this.#connections.hasRoom) return;
        if (!this.#hasToldOfRefusal) this.#options.tell(`${error.message}; waiting until one of ours ends`);
        this.#hasToldOfRefusal = true;
        return sleep(clock, 500 * (0.5 + clock.random()));
      case 'connection':
      case 'unknown':
        // Another connection carries on.
        if (this.#connections.isConnected) return;
        this.#lost(error);
        this.#reconnecting ??= this.#reconnect(error).finally(() => {
          this.#reconnecting = undefined;
        });
        return this.#reconnecting;
    }
  }

  /** Reports a lost connection once, however many commands notice it. */
  #lost(error: HostError): void {
    this.#spares.drop();
    if (this.#isDown || this.#over !== undefined) return;
    this.#isDown = true;
    this.#options.tell(`the connection to ${this.name} is lost: ${error.message}; connecting again`);
    if (this.#options.cancel?.aborted) this.#awaitAnswer();
  }

  /** Gives the host up soon after a cancellation if it does not answer: what is left to do there is not worth a long wait. */
  #awaitAnswer(): void {
    if (this.#stopHurry !== undefined || this.#over !== undefined) return;
    this.#stopHurry = this.#options.clock.after(CANCELLED_TIMEOUT_MS, () =>
      this.#end(new HostError(`${this.name} no longer answers, and the study is cancelled`)),
    );
    this.#connections.ask().then(
      () => this.#heard(),
      () => {},
    );
  }

  #heard(): void {
    this.#stopHurry?.();
    this.#stopHurry = undefined;
  }

  async #reconnect(first: SshError): Promise<void> {
    const { clock, cancel } = this.#options;
    const since = clock.now();
    let error = first;
    for (let failures = 0; ; failures++) {
      if (clock.now() - since >= RECONNECT_TIMEOUT_MS) {
        throw new HostError(
          `${this.name} could not be reached again for ${RECONNECT_TIMEOUT_MS / 60_000} minutes: ${error.message}`,
        );
      }
      const longest = cancel?.aborted ? 1000 : 10_000;
      // A wait that has begun ends with the cancellation; after it each is short.
      await sleep(
        clock,
        backOffMs(failures + 1, { firstMs: 250, maxMs: longest }, clock),
        cancel?.aborted ? undefined : cancel,
      );
      if (this.#over !== undefined) throw this.#over;
      try {
        await this.#connections.connect();
        return this.#heard();
      } catch (next) {
        if (this.#over !== undefined) throw this.#over;
        if (!(next instanceof SshError) || next.kind === 'refused') throw next;
        error = next;
      }
    }
  }
}

/** Rejects once a command is left, with the reason if there is one. */
function left(leaving: AbortSignal, name: string): Promise<never> {
  return new Promise((_, reject) => {
    const end = () => {
      const { reason } = leaving;
      reject(new HostLostError(typeof reason === 'string' ? reason : `a command on ${name} was left`));
    };
    if (leaving.aborted) end();
    else leaving.addEventListener('abort', end, { once: true });
  });
}

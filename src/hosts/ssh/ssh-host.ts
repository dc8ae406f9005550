import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../../clock.js';
import { Pool } from '../../pool.js';
import { AfterMark } from '../after-mark.js';
import { type Exit, type Host, HostError, HostLostError, type HostProcess } from '../host.js';
import { environmentOf } from '../login-environment.js';
import { setupLines } from '../setup.js';
import { BeforeEnd, exportsOf, loginLine, type Marks, marksOf, shellLine } from './shell.js';
import { type Session, SshError, type Transport } from './transport.js';

export interface SshHostOptions {
  /** Bash lines that go before every command. */
  readonly setup: string;
  readonly clock: Clock;
  /** Takes lines about the connection, for people. */
  readonly tell: (line: string) => void;
  /** Aborted when there is no wish to go on: nothing is connected any more that is not. */
  readonly cancel?: AbortSignal;
}

interface Streams {
  readonly stdin: PassThrough;
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
}

/** Commands that run at once. A server allows 10 sessions on a connection unless told; somebody else may share ours. */
const mostSessions = 6;

/** A server may take a moment to see that a session has ended. One that refuses so often while there is none allows none. */
const mostRefusals = 4;

/** A login that takes longer than this, in milliseconds, waits for something that does not come. */
const loginTime = 60_000;

/** How long a machine that was reached before may be out of reach, in milliseconds. */
const patience = 300_000;

/** The same once all is cancelled. */
const hurry = 5_000;

/** After a command's end, milliseconds without a byte until its streams are taken to be done: something left behind may hold them. */
const silence = 5_000;

/** A machine that is reached by SSH. Commands run in the environment of a login shell there. */
export class SshHost implements Host {
  readonly name: string;
  /** The user's home there. */
  readonly home: string;
  readonly #transport: Transport;
  readonly #options: SshHostOptions;
  readonly #marks: Marks;
  readonly #prelude: string;
  readonly #pool = new Pool(mostSessions);
  #sessions = 0;
  /** One attempt to get the connection back at a time. */
  #reconnecting: Promise<void> | undefined;
  /** The commands that have not ended. */
  readonly #running = new Set<AbortController>();
  #hasToldOfRefusal = false;
  /** The connection broke, and no session has been opened since. */
  #isDown = false;
  #isClosed = false;

  private constructor(
    transport: Transport,
    marks: Marks,
    environment: Record<string, string>,
    options: SshHostOptions,
  ) {
    this.#transport = transport;
    this.#options = options;
    this.#marks = marks;
    this.name = transport.name;
    this.home = environment.HOME ?? '/';
    this.#prelude = `${exportsOf(environment)}${setupLines(options.setup)}`;
  }

  /**
   * Connects, and looks at the environment of a login.
   *
   * @throws HostError, SshError
   */
  static async open(transport: Transport, options: SshHostOptions): Promise<SshHost> {
    const chance = Array.from({ length: 16 }, () => Math.floor(options.clock.random() * 16).toString(16)).join('');
    const marks = marksOf(chance);
    return new SshHost(transport, marks, await loginEnvironment(transport, marks, options.clock), options);
  }

  spawn(command: string): HostProcess {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    // A command may end without reading what it is sent; its exit status tells whether that matters.
    stdin.on('error', () => {});
    // One that is left, or whose connection is closed, gives back its session, whatever it does over there.
    const leaving = new AbortController();
    this.#running.add(leaving);
    const exit = this.#pool.run(() => this.#run(command, { stdin, stdout, stderr }, leaving.signal));
    const forget = () => this.#running.delete(leaving);
    exit.then(forget, () => {
      forget();
      for (const stream of [stdin, stdout, stderr]) stream.destroy();
    });
    return { stdin, stdout, stderr, exit, leave: () => leaving.abort() };
  }

  close(): void {
    this.#isClosed = true;
    for (const leaving of this.#running) leaving.abort();
    this.#transport.close();
  }

  async #run(command: string, streams: Streams, leaving: AbortSignal): Promise<Exit> {
    for (let refusals = 0; ; ) {
      let failure: SshError;
      if (leaving.aborted) throw new HostError(`a command on ${this.name} was left`);
      this.#sessions += 1;
      try {
        const session = await this.#open(shellLine(this.#marks));
        return await this.#runIn(session, command, streams, leaving);
      } catch (error) {
        if (error instanceof HostLostError && !leaving.aborted) this.#lost(error);
        // Only a session that did not come about says these.
        if (!(error instanceof SshError)) throw error;
        failure = error;
      } finally {
        this.#sessions -= 1;
      }
      // One of the others will end.
      refusals = failure.kind === 'session' && this.#sessions === 0 ? refusals + 1 : 0;
      if (refusals === mostRefusals) throw failure;
      await this.#overcome(failure);
    }
  }

  async #runIn(
    session: Session,
    command: string,
    { stdin, stdout, stderr }: Streams,
    leaving: AbortSignal,
  ): Promise<Exit> {
    const begin = { stdout: new AfterMark(this.#marks.begin), stderr: new AfterMark(this.#marks.begin) };
    const flows: Promise<void>[] = [];
    let status: number | undefined;
    const ended = new Promise<void>((resolve) => {
      const end = new BeforeEnd(this.#marks.end, (code) => {
        status = code;
        resolve();
      });
      // What breaks a stream breaks the session too, which tells.
      flows.push(pipeline(session.stderr, begin.stderr, end, stderr, { end: false }).catch(() => {}));
    });
    flows.push(pipeline(session.stdout, begin.stdout, stdout, { end: false }).catch(() => {}));
    session.stdin.on('error', () => {});
    session.stdin.write(`${this.#prelude}${command}\0`);
    // Not before: of a session that does not come about nothing must be lost of what the command is sent.
    begin.stdout.once('begun', () => stdin.pipe(session.stdin));
    try {
      // `ssh` has no other word than 255 for its own failures: where the command said the same, that is it.
      const exit = session.exit.catch((error: unknown) => {
        if (status === 255) return status;
        throw error;
      });
      // Whoever reads slowly gets all of it too.
      const over = exit.then(async (code) => {
        await Promise.all(flows);
        return code;
      });
      const isDrained = () =>
        [session.stdout, begin.stdout, session.stderr].every((stream) => stream.readableLength === 0) &&
        ![begin.stdout, stdout, stderr].some((stream) => stream.writableNeedDrain);
      const code = await Promise.race([
        over,
        ended.then(() => this.#quiet([session.stdout, session.stderr], isDrained, over)),
        left(leaving, this.name),
      ]);
      if (status === undefined && !begin.stdout.hasBegun) throw noShell(this.name, code, begin);
      for (const stream of [stdout, stderr]) stream.end();
      // Nothing but SIGKILL keeps our bash from telling.
      return { code: status ?? (code === 255 ? 137 : code) };
    } finally {
      stdin.unpipe(session.stdin);
      session.close();
    }
  }

  /** When a session whose command has ended is over, or has been silent for long enough. */
  #quiet(streams: readonly Readable[], isDrained: () => boolean, exit: Promise<number>): Promise<number> {
    const { clock } = this.#options;
    return new Promise((resolve, reject) => {
      let stop = () => {};
      const wait = () => {
        stop();
        stop = clock.after(silence, () => (isDrained() ? resolve(0) : wait()));
      };
      for (const stream of streams) stream.on('data', wait);
      wait();
      exit.then(resolve, reject).finally(() => {
        for (const stream of streams) stream.off('data', wait);
        stop();
      });
    });
  }

  async #open(commandLine: string): Promise<Session> {
    if (this.#isClosed) throw new HostError(`the connection to ${this.name} was closed`);
    await this.#reconnecting;
    const session = await this.#transport.open(commandLine);
    if (this.#isDown) this.#options.tell(`connected to ${this.name} again`);
    this.#isDown = false;
    return session;
  }

  /**
   * Waits until it may be tried again.
   *
   * @throws SshError, HostError if there is no hope
   */
  async #overcome(error: SshError): Promise<void> {
    switch (error.kind) {
      case 'refused':
        throw error;
      case 'session':
        if (!this.#hasToldOfRefusal) this.#options.tell(`${error.message}; waiting until one of ours ends`);
        this.#hasToldOfRefusal = true;
        return this.#pause(500 * (0.5 + this.#options.clock.random()));
      case 'connection':
        this.#lost(error);
        this.#reconnecting ??= this.#reconnect(error).finally(() => {
          this.#reconnecting = undefined;
        });
        return this.#reconnecting;
    }
  }

  /** Told once, however many commands notice it. */
  #lost(error: HostError): void {
    if (this.#isDown || this.#isClosed) return;
    this.#isDown = true;
    this.#options.tell(`the connection to ${this.name} is lost: ${error.message}; connecting again`);
  }

  async #reconnect(first: SshError): Promise<void> {
    const { clock, cancel } = this.#options;
    const since = clock.now();
    let cancelledSince: number | undefined;
    let error = first;
    for (let failures = 0; ; failures++) {
      const now = clock.now();
      if (cancel?.aborted) cancelledSince ??= now;
      // What is still to be done over there after a cancellation is worth a try, but not the wait.
      if (cancelledSince !== undefined && now - cancelledSince >= hurry) throw error;
      if (now - since >= patience) {
        throw new HostError(
          `${this.name} could not be reached again for ${patience / 60_000} minutes: ${error.message}`,
        );
      }
      const longest = cancelledSince === undefined ? 10_000 : 1000;
      await this.#pause(Math.min(longest, 250 * 2 ** failures) * (0.5 + clock.random()), cancelledSince === undefined);
      if (this.#isClosed) throw new HostError(`the connection to ${this.name} was closed`);
      try {
        (await this.#transport.open('exit 0')).close();
        return;
      } catch (next) {
        if (!(next instanceof SshError) || next.kind === 'refused') throw next;
        error = next;
      }
    }
  }

  /** @param isCutShort whether a cancellation ends it */
  #pause(milliseconds: number, isCutShort = false): Promise<void> {
    const { clock, cancel } = this.#options;
    return new Promise((resolve) => {
      const end = () => {
        stop();
        cancel?.removeEventListener('abort', end);
        resolve();
      };
      const stop = clock.after(milliseconds, end);
      if (isCutShort && cancel?.aborted) end();
      else if (isCutShort) cancel?.addEventListener('abort', end, { once: true });
    });
  }
}

/** Rejects once a command is left. */
function left(leaving: AbortSignal, name: string): Promise<never> {
  return new Promise((_, reject) => {
    const end = () => reject(new HostLostError(`a command on ${name} was left`));
    if (leaving.aborted) end();
    else leaving.addEventListener('abort', end, { once: true });
  });
}

async function loginEnvironment(transport: Transport, marks: Marks, clock: Clock): Promise<Record<string, string>> {
  const session = await transport.open(loginLine(marks));
  const begin = { stdout: new AfterMark(marks.begin), stderr: new AfterMark(marks.begin) };
  const chunks: Buffer[] = [];
  begin.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  begin.stderr.resume();
  const streams = [pipeline(session.stdout, begin.stdout), pipeline(session.stderr, begin.stderr)];
  for (const stream of streams) stream.catch(() => {});
  session.stdin.on('error', () => {});
  session.stdin.end();
  const stop = { timer: () => {} };
  try {
    const code = await Promise.race([
      session.exit,
      new Promise<undefined>((resolve) => {
        stop.timer = clock.after(loginTime, () => resolve(undefined));
      }),
    ]);
    if (code === undefined) {
      throw new HostError(
        `a login on ${transport.name} did not come to its end within ${loginTime / 1000} s: look at ~/.bashrc, ~/.bash_profile and ~/.profile there`,
      );
    }
    if (code !== 0 || !begin.stdout.hasBegun) throw noShell(transport.name, code, begin);
    return environmentOf(Buffer.concat(chunks).toString());
  } catch (error) {
    if (!(error instanceof HostLostError)) throw error;
    throw new SshError('connection', error.message);
  } finally {
    stop.timer();
    session.close();
  }
}

/** The login shell did not come as far as to run our bash. */
function noShell(
  name: string,
  code: number,
  { stdout, stderr }: { readonly stdout: AfterMark; readonly stderr: AfterMark },
): HostError {
  const said = [stderr.noise, stdout.noise].filter((text) => text !== '').join('\n');
  return new HostError(
    `${name} lets us in, but a login there does not run bash (exit ${code})${said === '' ? '' : `; it says: ${said}`}`,
  );
}

import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { getExecOutput } from '@actions/exec';
import { collectText } from '../commands.js';
import { HostError, HostLostError } from '../host.js';
import { type Destination, shown } from './destination.js';
import { sshFailure } from './failures.js';
import { opensshFailure } from './openssh-failure.js';
import { OpensshFiles as Files, type OpensshOptions } from './openssh-files.js';
import type { Session, Transport } from './transport.js';

/** For a whole login: `ConnectTimeout` bounds only the first part of one. */
const LOGIN_TIMEOUT_MS = 60_000;

/** A master whose connection broke ends within this time. */
const MASTER_END_MS = 300;

/** Printed by the master once it has logged in. */
const loggedIn = 'maestro: logged in';

/**
 * The runner's own `ssh`, with all that the user's configuration of it can do: certificates, Kerberos, jump hosts, a
 * connection that a person has authenticated. One connection, the master, carries all sessions.
 */
export class OpensshTransport implements Transport {
  readonly name: string;
  /** Each is asked for by a process of its own. */
  readonly keepsOrder = false;
  readonly #options: OpensshOptions;
  readonly #address: string;
  /** Aborted by `close`: a connection that is being made then is given up. */
  readonly #closing = new AbortController();
  readonly #mayShare: boolean;
  #files: Files | undefined;
  #connecting: Promise<Master> | undefined;
  /** The latest one. */
  #master: Master | undefined;

  /** @param mayShare whether to use a connection that a person has authenticated, if there is one */
  constructor(options: OpensshOptions, mayShare = true) {
    this.#options = options;
    this.#mayShare = mayShare;
    const { user, name } = options.destination;
    this.#address = user === undefined ? name : `${user}@${name}`;
    this.name = shown(options.destination);
  }

  get isConnected(): boolean {
    return this.#master?.isGone === false;
  }

  async connect(): Promise<void> {
    await this.#connected();
  }

  async open(commandLine: string, mayConnect = true): Promise<Session> {
    const { master, files } = await this.#connected(mayConnect);
    return this.#session(files, master, commandLine);
  }

  /** A connection of our own: a shared one would be the same as the first. */
  another(): OpensshTransport {
    return new OpensshTransport(this.#options, false);
  }

  close(): void {
    this.#closing.abort();
    this.#connecting?.then(
      (master) => master.close(),
      () => {},
    );
    this.#connecting = undefined;
    this.#files?.remove();
    this.#files = undefined;
  }

  async #connected(mayConnect = true): Promise<{ readonly master: Master; readonly files: Files }> {
    if (!mayConnect && !this.isConnected) throw sshFailure('closed', this.name, {});
    // `close` has removed the files, so none must be made after it.
    if (this.#closing.signal.aborted) throw sshFailure('closed', this.name, {});
    // Without the jumps: ssh reads the file for each of these too, which would jump without end.
    this.#files ??= new Files({ ...this.#options, jumps: [] });
    const files = this.#files;
    this.#connecting ??= this.#connect(files);
    const connecting = this.#connecting;
    const forget = () => {
      if (this.#connecting === connecting) this.#connecting = undefined;
    };
    try {
      this.#master = await connecting;
    } catch (error) {
      forget();
      throw error;
    }
    if (!this.#master.isGone) return { master: this.#master, files };
    forget();
    return this.#connected(mayConnect);
  }

  async #connect(files: Files): Promise<Master> {
    const theirs = this.#mayShare ? await this.#authenticated(files) : undefined;
    return theirs === undefined
      ? Master.start(this.#words(files, this.#jumps), files, this.name, this.#closing.signal)
      : new Master(theirs, undefined, () => this.#check(files, theirs));
  }

  /** The control socket of a connection that a person has authenticated, if the user's configuration names one that answers. */
  async #authenticated(files: Files): Promise<string | undefined> {
    const { stdout, exitCode, stderr } = await this.#ssh(files, ['-G', '--', this.#address]);
    if (exitCode !== 0) throw sshFailure('unusable-configuration', this.name, { reason: stderr.trim() });
    const socket = /^controlpath (.+)$/m.exec(stdout)?.[1];
    if (socket === undefined || socket === 'none') return undefined;
    return (await this.#check(files, socket)) ? socket : undefined;
  }

  /** Whether a master answers at a control socket. */
  async #check(files: Files, socket: string): Promise<boolean> {
    const { exitCode } = await this.#ssh(files, ['-S', socket, '-O', 'check', '--', this.#address]);
    return exitCode === 0;
  }

  async #ssh(files: Files, words: readonly string[]) {
    try {
      return await getExecOutput('ssh', [...this.#base(files), ...this.#jumps, ...words], {
        env: files.environment,
        silent: true,
        ignoreReturnCode: true,
      });
    } catch (error) {
      throw noSsh(error as Error);
    }
  }

  get #jumps(): string[] {
    const { jumps } = this.#options;
    return jumps.length === 0 ? [] : ['-J', jumps.map(jumpText).join(',')];
  }

  #base(files: Files): string[] {
    const { port } = this.#options.destination;
    return ['-F', files.config, ...(port === undefined ? [] : ['-p', String(port)])];
  }

  #words(files: Files, options: readonly string[]): string[] {
    return [...this.#base(files), ...options, '--', this.#address];
  }

  /**
   * What it means that `ssh` failed.
   *
   * @param words what it said; '' if what was said may be the command's
   * @returns 255 if the connection is well: something killed the command
   */
  async #judgeFailure(master: Master, words: string): Promise<number> {
    // Before the next check: a refused session also looks for another way to connect, and finds no master.
    const refusal = /^.*(?:refused by peer|session request failed).*$/im.exec(words)?.[0];
    if (refusal !== undefined) throw sshFailure('session-refused', this.name, { reason: refusal.trim() });
    if (words.includes(noMaster)) {
      master.isGone = true;
      throw sshFailure('closed', this.name, {});
    }
    // A master takes its time to notice.
    await sleep(MASTER_END_MS);
    if (await master.isAlive()) return 255;
    throw new HostLostError(sshFailure('closed', this.name, {}).message);
  }

  async #session(files: Files, master: Master, commandLine: string): Promise<Session> {
    // Without the master ssh must not connect by itself: that session would not be counted.
    const options = [
      '-S',
      master.socket,
      '-o',
      'ControlMaster=no',
      '-o',
      'ProxyJump=none',
      '-o',
      `ProxyCommand=echo '${noMaster}' >&2`,
      '-T',
    ];
    const child = start(files, [...this.#words(files, options), commandLine]);
    const { stdin, stdout, stderr } = child;
    const words = collectText(stderr!, 4096);
    const exit = new Promise<number>((resolve, reject) => {
      child.once('error', (error) => reject(noSsh(error)));
      child.once('close', (code) => {
        // 255 is what `ssh` says when it fails itself, or does not know how the command ended.
        if (code !== 255 && code !== null) resolve(code);
        else this.#judgeFailure(master, (stdout as Socket).bytesRead === 0 ? words() : '').then(resolve, reject);
      });
    });
    exit.catch(() => {});
    return {
      stdin: stdin!,
      stdout: stdout!,
      stderr: stderr!,
      exit,
      isConnected: () => !master.isGone,
      close: () => child.kill('SIGTERM'),
    };
  }
}

/** Printed by a session that found no master, in place of connecting by itself. */
const noMaster = 'maestro: there is no master';

/** The connection that carries the sessions: a process of ours, or the socket of one that a person started. */
class Master {
  readonly socket: string;
  readonly #child: ChildProcess | undefined;
  readonly #check: () => Promise<boolean>;
  /** It has ended, as far as that is known without asking. */
  isGone = false;

  constructor(socket: string, child: ChildProcess | undefined, check: () => Promise<boolean>) {
    this.socket = socket;
    this.#child = child;
    this.#check = check;
    child?.once('exit', () => {
      this.isGone = true;
    });
  }

  /** Starts one, and waits until it has logged in. */
  static async start(words: readonly string[], files: Files, name: string, closing: AbortSignal): Promise<Master> {
    const options = [
      '-v',
      '-N',
      '-M',
      '-S',
      files.socket,
      '-o',
      'PermitLocalCommand=yes',
      '-o',
      `LocalCommand=echo '${loggedIn}'`,
    ];
    const at = words.indexOf('--');
    const child = startLeashed(files, [...words.slice(0, at), ...options, ...words.slice(at)]);
    const said = collectText(child.stderr!, 16_384);
    const stop = () => child.stdin!.end();
    closing.addEventListener('abort', stop);
    if (closing.aborted) stop();
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      stop();
    }, LOGIN_TIMEOUT_MS);
    await new Promise<void>((resolve, reject) => {
      child.once('error', (error) => reject(noSsh(error)));
      child.once('close', () =>
        reject(
          isLate
            ? sshFailure('timed-out', name, { afterMs: LOGIN_TIMEOUT_MS, during: 'let us in' })
            : opensshFailure(said(), name),
        ),
      );
      let output = '';
      child.stdout!.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        if (output.includes(loggedIn)) resolve();
      });
    }).finally(() => {
      clearTimeout(timer);
      closing.removeEventListener('abort', stop);
    });
    return new Master(files.socket, child, async () => child.exitCode === null && child.signalCode === null);
  }

  async isAlive(): Promise<boolean> {
    if (!this.isGone && !(await this.#check())) this.isGone = true;
    return !this.isGone;
  }

  /** Ends it, if it is ours. */
  close(): void {
    this.#child?.stdin?.end();
  }
}

function start(files: Files, words: readonly string[]): ChildProcess {
  return startIn(files, 'ssh', words);
}

/** Starts an `ssh` that reads no input, and that ends when its input does: with this program, however that ends. */
function startLeashed(files: Files, words: readonly string[]): ChildProcess {
  const program =
    'exec 3<&0\nssh "$@" </dev/null 3<&- & ssh=$!\n' +
    '{ cat <&3; kill $ssh; } >/dev/null 2>&1 & leash=$!\n' +
    'exec 3<&-\nwait $ssh; status=$?\nkill $leash; exit $status';
  return startIn(files, 'bash', ['--norc', '-c', program, 'bash', ...words]);
}

function startIn(files: Files, program: string, words: readonly string[]): ChildProcess {
  // A session of its own: a terminal's ^C is not for it, and there is no terminal to ask at.
  const child = spawn(program, [...words], { env: files.environment, detached: true, stdio: 'pipe' });
  child.stdin?.on('error', () => {});
  return child;
}

function noSsh(error: Error): HostError {
  return new HostError(`cannot run ssh on this machine (\`ssh-client: openssh\`): ${error.message}`);
}

/** A jump as `ssh -J` takes it. */
function jumpText({ user, name, port }: Destination): string {
  const address = name.includes(':') ? `[${name}]` : name;
  return `${user === undefined ? '' : `${user}@`}${address}${port === undefined ? '' : `:${port}`}`;
}

import { type ChildProcess, spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { constants } from 'node:os';
import { type Duplex, PassThrough, Readable } from 'node:stream';
import { type Exit, type Host, HostError, type HostProcess } from './host.js';
import { setupLines } from './setup.js';

/** This machine. */
export class LocalHost implements Host {
  readonly name = 'this machine';
  readonly #environment: Readonly<Record<string, string>>;
  readonly #prelude: string;

  /**
   * @param environment all that commands find in theirs
   * @param setup bash lines that go before every command; what they print goes to stderr
   */
  constructor(environment: Readonly<Record<string, string>>, setup = '') {
    this.#environment = environment;
    this.#prelude = setupLines(setup);
  }

  connect(socket: string): Duplex {
    return connect(socket);
  }

  spawn(command: string): HostProcess {
    let child: ChildProcess;
    try {
      // `--norc`: a bash whose input is a socket, as a pipe of Node's is, takes itself for a remote shell and reads ~/.bashrc.
      child = spawn('bash', ['--norc', '-c', readCommand], {
        cwd: '/',
        env: this.#environment,
        // A session of its own: a terminal's ^C, and this program's end, are not the steps'.
        detached: true,
        stdio: 'pipe',
      });
    } catch (error) {
      return failed(error as Error);
    }
    const exit = exitOf(child);
    // Of a process for which there are no descriptors left Node makes no streams either.
    if (child.stdin == null || child.stdout == null || child.stderr == null) return { ...failed(new Error()), exit };
    const { stdin, stdout, stderr } = child;
    // A command may end without reading what it is sent; its exit status tells whether that matters.
    stdin.on('error', () => {});
    stdin.write(`${this.#prelude}${command}\0`);
    const leave = () => {
      child.unref();
      for (const stream of [stdin, stdout, stderr]) (stream as unknown as Socket).unref();
    };
    return { stdin, stdout, stderr, exit, leave };
  }
}

/**
 * What bash is started with: the command itself comes as the first part of its input. In its arguments everybody on the
 * machine could read it, with the values of `env`, and they may have no more than 128 KiB.
 */
const readCommand = `IFS= read -r -d '' maestro_command; eval "unset maestro_command\n$maestro_command"`;

/** After a command's end, milliseconds to wait for what is left in its streams: a background process of `setup` may hold one. */
const streamGrace = 300;

function exitOf(child: ChildProcess): Promise<Exit> {
  const exit = new Promise<Exit>((resolve, reject) => {
    child.on('error', (error) => reject(cannotStart(error)));
    child.on('exit', (code, signal) => {
      const end = () => resolve({ code: code ?? 128 + constants.signals[signal!] });
      child.on('close', end);
      setTimeout(end, streamGrace).unref();
    });
  });
  // Whoever awaits it is told; until then it is no unhandled rejection.
  exit.catch(() => {});
  return exit;
}

function failed(error: Error): HostProcess {
  const exit = Promise.reject(cannotStart(error));
  exit.catch(() => {});
  const empty = () => Readable.from([]);
  return { stdin: new PassThrough().resume(), stdout: empty(), stderr: empty(), exit, leave: () => {} };
}

function cannotStart(error: Error): HostError {
  return new HostError(`cannot run bash on this machine: ${error.message}`);
}

import { type ChildProcess, spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { constants } from 'node:os';
import { type Duplex, PassThrough, Readable } from 'node:stream';
import { quoteBytes } from '../util/shell-quote.js';
import { commandEnvironment, type Environment, isText } from './environment.js';
import { type Exit, type Host, HostError, type HostProcess, type SpawnOptions } from './host.js';
import { preludeLines } from './setup.js';

/** What is set up for the commands of a machine besides their environment, as bash lines. */
export interface Prelude {
  /** Before every command. */
  readonly every: string;
  /** Before those that run steps. */
  readonly steps: string;
}

/** This machine. */
export class LocalHost implements Host {
  readonly name = 'this machine';
  readonly #environment: Environment;
  readonly #ownEnvironment: Environment;
  readonly #prelude: Prelude;

  /**
   * @param environment of steps; our own commands have what of it says where things are
   * @param prelude what it prints goes to stderr; a text goes before every command
   */
  constructor(environment: Environment, prelude: string | Prelude = '') {
    this.#environment = environment;
    this.#ownEnvironment = commandEnvironment(environment);
    this.#prelude = typeof prelude === 'string' ? { every: prelude, steps: '' } : prelude;
  }

  /** What goes before every command may set another umask. */
  get runsAsThisProcess(): boolean {
    return this.#prelude.every === '';
  }

  connect(socket: string): Duplex {
    return connect(socket);
  }

  spawn(command: string, { isForSteps = false }: SpawnOptions = {}): HostProcess {
    const environment = isForSteps ? this.#environment : this.#ownEnvironment;
    let child: ChildProcess;
    try {
      // `--norc`: a bash whose input is a socket, as a pipe of Node's is, takes itself for a remote shell and reads ~/.bashrc.
      // `-p`: it takes neither BASH_ENV nor functions from the environment, and passes them on.
      child = spawn('bash', ['--norc', '-p', '-c', readCommand], {
        cwd: '/',
        env: Object.fromEntries(Object.entries(environment).filter(([, value]) => isText(value))),
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
    // A command may end without reading all of its input; its exit status shows whether that matters.
    stdin.on('error', () => {});
    const prelude = preludeLines(`${this.#prelude.every}${isForSteps ? this.#prelude.steps : ''}`);
    stdin.write(`${bytesOf(environment)}${prelude}${command}\0`);
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

/** Bash text that sets the values that are not text, which Node cannot pass on. */
function bytesOf(environment: Environment): string {
  return Object.entries(environment)
    .filter(([name, value]) => !isText(value) && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    .map(([name, value]) => `export ${name}=${quoteBytes(value)}\n`)
    .join('');
}

/** How long to read on after a command has ended: a background process of `setup` may keep its streams open. */
const DRAIN_TIMEOUT_MS = 300;

function exitOf(child: ChildProcess): Promise<Exit> {
  const exit = new Promise<Exit>((resolve, reject) => {
    child.on('error', (error) => reject(cannotStart(error)));
    child.on('exit', (code, signal) => {
      const end = () => resolve({ code: code ?? 128 + constants.signals[signal!] });
      child.on('close', end);
      setTimeout(end, DRAIN_TIMEOUT_MS).unref();
    });
  });
  // A caller that awaits it gets the error; until then it must not count as an unhandled rejection.
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

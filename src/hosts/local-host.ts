import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { type Exit, type Host, HostError, type HostProcess } from './host.js';

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
    this.#prelude = setup.trim() === '' ? '' : `{ :\n${setup}\n} </dev/null >&2\n`;
  }

  spawn(command: string): HostProcess {
    const child = spawn('bash', ['--norc', '-c', `${this.#prelude}${command}`], {
      // `--norc`: a bash whose input is a socket, as a pipe of Node's is, takes itself for a remote shell and reads ~/.bashrc.
      cwd: '/',
      env: this.#environment,
      // A session of its own: a terminal's ^C, and this program's end, are not the steps'.
      detached: true,
      stdio: 'pipe',
    });
    // A command may end without reading what it is sent; its exit status tells whether that matters.
    child.stdin.on('error', () => {});
    const exit = new Promise<Exit>((resolve, reject) => {
      child.on('error', (error) => reject(new HostError(`cannot run bash on this machine: ${error.message}`)));
      child.on('close', (code, signal) => resolve({ code: code ?? 128 + constants.signals[signal!] }));
    });
    return { stdin: child.stdin, stdout: child.stdout, stderr: child.stderr, exit };
  }
}

import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { Transform } from 'node:stream';
import { type Exit, type Host, HostLostError, type HostProcess, type SpawnOptions } from '../../../src/hosts/host.js';
import { plainHost } from '../../support/hosts.js';

/** A directory as an object: a text or bytes are a file, an object a directory, `link` a symbolic link, `run` an executable. */
export type Made = { readonly [name: string]: Made | string | Buffer | Link | Executable };
export type Link = { readonly link: string };
export type Executable = { readonly run: string };

const isLink = (made: object): made is Link => typeof (made as Link).link === 'string';
const isExecutable = (made: object): made is Executable => typeof (made as Executable).run === 'string';

export function make(directory: string, made: Made): string {
  mkdirSync(directory, { recursive: true });
  for (const [name, what] of Object.entries(made)) {
    const file = `${directory}/${name}`;
    if (typeof what === 'string' || Buffer.isBuffer(what)) writeFileSync(file, what);
    else if (isLink(what)) symlinkSync(what.link, file);
    else if (isExecutable(what)) writeFileSync(file, what.run, { mode: 0o755 });
    else make(file, what);
  }
  return directory;
}

/** All that there is below a directory, as lines that tell kind, content and executable bit. */
export function look(directory: string, below = ''): string[] {
  return readdirSync(path.join(directory, below))
    .sort()
    .flatMap((name) => {
      const relative = below === '' ? name : `${below}/${name}`;
      const file = `${directory}/${relative}`;
      const stats = lstatSync(file);
      if (stats.isDirectory()) return [`${relative}/`, ...look(directory, relative)];
      if (stats.isSymbolicLink()) return [`${relative} -> ${readlinkSync(file)}`];
      const content = readFileSync(file);
      const shown = content.length > 200 ? `${content.length} bytes, ${sum(content)}` : content.toString('latin1');
      return [`${relative}${(stats.mode & 0o111) === 0 ? '' : '*'}: ${shown}`];
    });
}

function sum(content: Buffer): number {
  let result = 0;
  for (const byte of content) result = (result * 31 + byte) % 2_147_483_647;
  return result;
}

/** Gives everything below a directory the same time, in seconds. */
export function setTimes(directory: string, seconds: number): void {
  for (const name of readdirSync(directory)) {
    const file = `${directory}/${name}`;
    const stats = lstatSync(file);
    if (stats.isSymbolicLink()) continue;
    if (stats.isDirectory()) setTimes(file, seconds);
    utimesSync(file, seconds, seconds);
  }
}

export function mkfifo(file: string): void {
  execFileSync('mkfifo', [file]);
}

/** What is cut, and after how many bytes: of what it is sent, or of what it says. */
export interface Cut {
  readonly stream: 'stdin' | 'stdout';
  readonly after: number;
}

/** This machine behind a connection that breaks under some commands, in the middle. They see the end of their input. */
export class CutHost implements Host {
  readonly name = 'the cluster';
  readonly commands: string[] = [];
  readonly #host: Host;
  readonly #cutOf: (command: string, index: number) => Cut | undefined;

  /** @param cutOf what is cut of a command, the `index`-th from 0 */
  constructor(cutOf: (command: string, index: number) => Cut | undefined, host: Host = plainHost()) {
    this.#cutOf = cutOf;
    this.#host = host;
  }

  spawn(command: string, options?: SpawnOptions): HostProcess {
    const cut = this.#cutOf(command, this.commands.length);
    this.commands.push(command);
    const process = this.#host.spawn(command, options);
    if (cut === undefined) return process;
    const lost = new HostLostError('the connection to the cluster was lost');
    let fail: (error: Error) => void;
    const exit = new Promise<Exit>((resolve, reject) => {
      fail = reject;
      // One that was not cut ends as it does.
      process.exit.then(resolve, reject);
    });
    exit.catch(() => {});
    let passed = 0;
    const valve = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        passed += chunk.length;
        if (passed <= cut.after) return done(null, chunk);
        this.push(chunk.subarray(0, chunk.length - (passed - cut.after)));
        fail(lost);
        setImmediate(() => {
          process.stdin.end();
          process.stdout.destroy();
          done(lost);
        });
      },
    });
    valve.on('error', () => {});
    if (cut.stream === 'stdin') {
      valve.pipe(process.stdin);
      return { ...process, stdin: valve, exit, leave: () => {} };
    }
    process.stdout.pipe(valve);
    return { ...process, stdout: valve, exit, leave: () => {} };
  }
}

import { type Duplex, PassThrough } from 'node:stream';
import type { Host, HostProcess, SpawnOptions } from '../../src/hosts/host.js';
import { LocalHost } from '../../src/hosts/local-host.js';
import { openLocalHost } from '../../src/hosts/open-local-host.js';
import { pathWithoutFlux } from './path-without-flux.js';

/** What a command needs to run at all, and nothing of what the tests themselves were started with. */
export const plainEnvironment: Readonly<Record<string, string>> = {
  // Nobody's: no profile of whoever runs the tests takes part in them.
  HOME: '/nonexistent',
  PATH: pathWithoutFlux('/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'),
  LC_ALL: 'C.UTF-8',
};

/** @param prelude bash lines that go before every command */
export function plainHost(prelude = '', environment: Readonly<Record<string, string>> = {}): LocalHost {
  return new LocalHost({ ...plainEnvironment, ...environment }, prelude);
}

/** This machine, after the lines of `setup`. */
export async function preparedHost(
  setup: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<LocalHost> {
  const never = new AbortController().signal;
  return (await openLocalHost({ ...plainEnvironment, ...environment }, setup, never)).host;
}

/** This machine, and a record of what was run on it. */
export class WatchedHost implements Host {
  readonly name = 'this machine';
  readonly commands: string[] = [];
  /** How many of them have not ended. */
  running = 0;
  readonly #host: Host;

  constructor(host: Host = plainHost()) {
    this.#host = host;
  }

  connect(socket: string): Duplex {
    return this.#host.connect!(socket);
  }

  spawn(command: string, options?: SpawnOptions): HostProcess {
    this.commands.push(command);
    this.running += 1;
    const process = this.#host.spawn(command, options);
    const ended = () => {
      this.running -= 1;
    };
    process.exit.then(ended, ended);
    return process;
  }
}

/** This machine, as a driver leaves it that is killed while it sends: a command gets only the first bytes of its input. */
export class CutInputHost implements Host {
  readonly name = 'this machine';
  readonly #bytes: number;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  spawn(command: string, options?: SpawnOptions): HostProcess {
    const process = plainHost().spawn(command, options);
    const stdin = new PassThrough();
    const chunks: Buffer[] = [];
    stdin.on('data', (chunk: Buffer) => chunks.push(chunk));
    stdin.on('end', () => process.stdin.end(Buffer.concat(chunks).subarray(0, this.#bytes)));
    return { ...process, stdin, exit: process.exit, leave: () => process.leave() };
  }
}

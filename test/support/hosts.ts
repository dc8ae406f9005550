import type { Duplex } from 'node:stream';
import type { Host, HostProcess } from '../../src/hosts/host.js';
import { LocalHost } from '../../src/hosts/local-host.js';

/** What a command needs to run at all, and nothing of what the tests themselves were started with. */
export const plainEnvironment: Readonly<Record<string, string>> = {
  // Nobody's: no profile of whoever runs the tests takes part in them.
  HOME: '/nonexistent',
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C.UTF-8',
};

export function plainHost(setup = '', environment: Readonly<Record<string, string>> = {}): LocalHost {
  return new LocalHost({ ...plainEnvironment, ...environment }, setup);
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

  spawn(command: string): HostProcess {
    this.commands.push(command);
    this.running += 1;
    const process = this.#host.spawn(command);
    const ended = () => {
      this.running -= 1;
    };
    process.exit.then(ended, ended);
    return process;
  }
}

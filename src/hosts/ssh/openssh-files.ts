import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Destination } from './destination.js';
import { configText } from './openssh-config.js';
import { directoryPrefix, markAsOurs, removeLeftovers } from './openssh-leftovers.js';

export interface OpensshOptions {
  readonly destination: Destination;
  readonly jumps: readonly Destination[];
  /** The text of a private key; '' for what the user's configuration and agent have. */
  readonly key: string;
  readonly passphrase: string;
  /** Lines of known_hosts; '' for the files of the user's configuration. */
  readonly knownHosts: string;
  /** A directory on this machine for the files that `ssh` needs. */
  readonly temporary: string;
  /** The environment of this program. Of it `ssh` gets what it needs to log in. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What `ssh` needs of the environment: its files, an agent, Kerberos tickets. */
const sshsOwn = [
  'HOME',
  'PATH',
  'USER',
  'LOGNAME',
  'TMPDIR',
  'SSH_AUTH_SOCK',
  'KRB5CCNAME',
  'KRB5_CONFIG',
  'XDG_RUNTIME_DIR',
];

/** A Unix socket's path has at most 108 bytes, and ssh appends some while it creates the socket. */
const MAX_SOCKET_PATH_BYTES = 85;

/** Removed when this program ends. After SIGKILL the next run removes them. */
const present = new Set<OpensshFiles>();

function removeAll(): void {
  for (const files of present) files.remove();
}

/** The files that `ssh` needs, in a directory that only this user can read. */
export class OpensshFiles {
  readonly config: string;
  readonly socket: string;
  readonly environment: Record<string, string>;
  readonly #directories: string[];

  constructor({ temporary, environment, key, passphrase, knownHosts }: OpensshOptions) {
    for (const place of new Set([temporary, '/tmp'])) removeLeftovers(place);
    const directory = mkdtempSync(path.join(temporary, directoryPrefix));
    this.#directories = [directory];
    if (present.size === 0) process.on('exit', removeAll);
    present.add(this);
    markAsOurs(directory);
    const write = (name: string, text: string, mode = 0o600) => {
      const file = path.join(directory, name);
      writeFileSync(file, text, { mode });
      return file;
    };
    this.environment = {};
    for (const name of sshsOwn) if (environment[name] !== undefined) this.environment[name] = environment[name];
    if (passphrase !== '') {
      // The passphrase itself is only in the environment of `ssh` and of the programs that it starts.
      this.environment.SSH_ASKPASS = write('askpass', '#!/bin/sh\nprintf "%s\\n" "$MAESTRO_SSH_PASSPHRASE"\n', 0o700);
      this.environment.SSH_ASKPASS_REQUIRE = 'force';
      this.environment.DISPLAY = 'none:0';
      this.environment.MAESTRO_SSH_PASSPHRASE = passphrase;
    }
    const home = environment.HOME ?? '';
    this.config = write(
      'config',
      configText({
        knownHostsFile: knownHosts === '' ? undefined : write('known_hosts', `${knownHosts.trimEnd()}\n`),
        keyFile: key === '' ? undefined : write('key', `${key.trim()}\n`),
        hasPassphrase: passphrase !== '',
        includes: [...(home === '' ? [] : [path.join(home, '.ssh/config')]), '/etc/ssh/ssh_config'],
      }),
    );
    this.socket = path.join(directory, 'master');
    if (this.socket.length > MAX_SOCKET_PATH_BYTES) {
      const short = mkdtempSync(`/tmp/${directoryPrefix}`);
      this.#directories.push(short);
      markAsOurs(short);
      this.socket = path.join(short, 'master');
    }
  }

  remove(): void {
    present.delete(this);
    if (present.size === 0) process.off('exit', removeAll);
    for (const directory of this.#directories) rmSync(directory, { recursive: true, force: true });
  }
}

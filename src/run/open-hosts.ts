import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import type { Host } from '../hosts/host.js';
import { LocalHost } from '../hosts/local-host.js';
import { openLocalHost } from '../hosts/open-local-host.js';
import type { ConnectOptions } from '../hosts/ssh/connect.js';
import { InputError } from '../util/errors.js';
import type { Log } from '../util/log/log.js';
import type { ProcessContext } from './process-context.js';

/** The machines of a study: where it runs, and where this program does. They may be one. */
export interface OpenedHosts {
  readonly host: Host;
  readonly here: Host;
  /** Whether the host is another machine. */
  readonly isElsewhere: boolean;
  /** The user's home on the host. */
  readonly home: string;
  /** Closes the connection to the host. */
  close(): void;
}

/** The machine that a study is to run on. */
export interface HostOptions {
  /** How another machine is reached; undefined for this one. */
  readonly ssh: ConnectOptions | undefined;
  /** Shell lines that are run on it before every command. */
  readonly setup: string;
}

/** What machines are opened with. */
export interface HostsContext {
  /** The environment of commands on this machine. */
  readonly environment: Readonly<Record<string, string>>;
  readonly process: ProcessContext;
  readonly log: Log;
  /** A directory for what must be a file while we are connected. */
  readonly temporary: string;
}

/**
 * Opens the machine that a study runs on.
 *
 * @throws InputError, SetupError, HostError
 */
export async function openHosts(
  { ssh, setup }: HostOptions,
  { environment, process, log, temporary }: HostsContext,
): Promise<OpenedHosts> {
  const { cancel } = process;
  if (ssh === undefined) {
    const { host, said } = await openLocalHost(environment, setup, cancel);
    tell(said, log);
    return { host, here: host, isElsewhere: false, home: environment.HOME ?? homedir(), close: () => {} };
  }
  // Loaded only where it is needed: it takes as long to load as half of the rest.
  const { connectBySsh } = await import(/* webpackMode: "eager" */ '../hosts/ssh/connect.js');
  const host = await connectBySsh(ssh, { environment: process.environment, cancel, temporary, setup, log });
  tell(host.said, log);
  return { host, here: new LocalHost(environment), isElsewhere: true, home: host.home, close: () => host.close() };
}

/** Reports what `setup` printed. At some sites `module load` succeeds and only prints that there is no such module. */
function tell(said: string, log: Pick<Log, 'info' | 'warning'>): void {
  if (said === '') return;
  const isTrouble = /\berror\b|unable to locate/i.test(said);
  log[isTrouble ? 'warning' : 'info'](`setup says: ${said}`);
}

/**
 * The directory that is copied to the host.
 *
 * @param stage as the user gave it; '' stands for the directory of the spec
 * @param specPath the absolute path of the spec
 * @throws InputError if there is no such directory, or the spec is not in it
 */
export function stageRootOf(stage: string, specPath: string, workingDirectory: string): string {
  if (stage === '') return path.dirname(specPath);
  const root = path.resolve(workingDirectory, stage);
  if (!statSync(root, { throwIfNoEntry: false })?.isDirectory()) {
    throw new InputError([`there is no directory '${stage}' to stage`]);
  }
  const inside = path.relative(root, specPath);
  if (inside.startsWith('../')) {
    throw new InputError([`the study ${specPath} is not in the directory to be staged, ${root}`]);
  }
  return root;
}

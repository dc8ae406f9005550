import { mustRun } from '../hosts/commands.js';
import type { Host } from '../hosts/host.js';

/** What a broker's clients have to know of the machine that they are on. */
export interface HostFacts {
  /** The environment of commands there, `setup` included. */
  readonly environment: Readonly<Record<string, string>>;
  readonly userid: number;
  /** Its names, as a broker's URI may have them. */
  readonly names: readonly string[];
  /** The path of `flux`; '' if PATH has none. */
  readonly flux: string;
}

/** Variables that bash sets for itself: they say nothing of the machine. */
const bashsOwn = ['_', 'SHLVL', 'PWD', 'OLDPWD', 'BASH_EXECUTION_STRING'];

/**
 * Asks a host all of it at once.
 *
 * @throws HostError
 */
export async function readHostFacts(host: Host): Promise<HostFacts> {
  const output = await mustRun(
    host,
    `cannot look at the environment on ${host.name}`,
    `printf '%s\\0' "$(id -u)" "$(uname -n)" "$(hostname -f 2>/dev/null)" "$(type -P flux)"\nexec env -0`,
  );
  // Jobspecs are JSON: a value that is no UTF-8 cannot be part of one.
  const [userid, name, fullName, flux, ...entries] = output.toString('utf8').split('\0');
  const environment = entries
    .filter((entry) => entry.includes('=') && !entry.includes('\ufffd'))
    .map((entry): [string, string] => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)])
    .filter(([key]) => !bashsOwn.includes(key));
  return {
    environment: Object.fromEntries(environment),
    userid: Number(userid),
    names: ['localhost', name!, fullName!, name!.split('.')[0]!].filter((text) => text !== ''),
    flux: flux!,
  };
}

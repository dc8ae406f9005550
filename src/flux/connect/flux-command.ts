import path from 'node:path';
import { run } from '../../hosts/commands.js';
import type { HostFacts } from '../../hosts/facts.js';
import type { Host } from '../../hosts/host.js';
import { quote } from '../../util/shell-quote.js';
import type { Broker } from './broker.js';

/**
 * The directory of the `flux` that a nested job can use: PATH's own, else that of the broker's, or of the usual places.
 *
 * @returns undefined if there is none
 */
export async function fluxDirectory(host: Host, facts: HostFacts, { pid }: Broker): Promise<string | undefined> {
  if (facts.flux !== '') return path.posix.dirname(facts.flux);
  const commands = facts.environment.FLUX_EXEC_PATH ?? '';
  const { stdout } = await run(
    host,
    `broker=${pid === undefined ? '' : `$(readlink /proc/${pid}/exe)`}\n` +
      `for prefix in "\${broker%/libexec/*}" ${quote(commands.replace(/\/libexec\/.*$/, ''))} /usr /usr/local; do\n` +
      `  [ -z "$prefix" ] || [ ! -x "$prefix/bin/flux" ] || { printf '%s/bin' "$prefix"; exit; }\n` +
      `done`,
  );
  return stdout.toString() || undefined;
}

/** The environment with a directory at the end of PATH, if PATH lacks it. */
export function withDirectory(
  environment: Readonly<Record<string, string>>,
  directory: string | undefined,
): Readonly<Record<string, string>> {
  const directories = (environment.PATH ?? '').split(':').filter((entry) => entry !== '');
  if (directory === undefined || directories.includes(directory)) return environment;
  return { ...environment, PATH: [...directories, directory].join(':') };
}

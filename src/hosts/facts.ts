import { again, causeOf, run } from './commands.js';
import { environmentOf, isText } from './environment.js';
import { type Host, HostError } from './host.js';

/** What a broker's clients have to know of the machine that they are on. */
export interface HostFacts {
  /** The environment of steps there, `setup` included, but for values that are not UTF-8. */
  readonly environment: Readonly<Record<string, string>>;
  /** The names of those values: jobspecs are JSON, and cannot have them. */
  readonly leftOut: readonly string[];
  readonly userid: number;
  /** Its names, as a broker's URI may have them. */
  readonly names: readonly string[];
  /** The path of `flux`; '' if PATH has none. */
  readonly flux: string;
}

/** Fields before the environment. */
const factCount = 4;

/** Variables that bash sets for itself: they say nothing of the machine. */
const bashsOwn = ['_', 'SHLVL', 'PWD', 'OLDPWD', 'BASH_EXECUTION_STRING'];

/**
 * Asks a host all of it at once.
 *
 * @throws HostError
 */
export async function readHostFacts(host: Host): Promise<HostFacts> {
  const command = `printf '%s\\0' "$(id -u)" "$(uname -n)" "$(hostname -f 2>/dev/null)" "$(type -P flux)"\nexec env -0`;
  const { code, stdout, stderr } = await again(() => run(host, command, '', { isForSteps: true }));
  if (code !== 0) throw new HostError(`cannot look at the environment on ${host.name}: ${causeOf(code, stderr)}`);
  const [userid, name, fullName, flux] = stdout.toString('utf8').split('\0', factCount);
  let at = 0;
  for (let fact = 0; fact < factCount; fact++) at = stdout.indexOf(0, at) + 1;
  const entries = Object.entries(environmentOf(stdout.subarray(at))).filter(([key]) => !bashsOwn.includes(key));
  return {
    environment: Object.fromEntries(entries.filter(([, value]) => isText(value))),
    leftOut: entries.filter(([, value]) => !isText(value)).map(([key]) => key),
    userid: Number(userid),
    names: ['localhost', name!, fullName!, name!.split('.')[0]!].filter((text) => text !== ''),
    flux: flux!,
  };
}

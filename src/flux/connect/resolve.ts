import path from 'node:path';
import { again, run, runLeashed } from '../../hosts/commands.js';
import type { HostFacts } from '../../hosts/facts.js';
import { type Host, HostError } from '../../hosts/host.js';
import type { Destination } from '../../hosts/ssh/destination.js';
import { BackendError } from '../../util/errors.js';
import { quote } from '../../util/shell-quote.js';

/** Where a broker is, and why that one. */
export interface BrokerAddress {
  /** `local:///run/flux/local` */
  readonly uri: string;
  /** The path of its socket, on the host or on `node`. */
  readonly socket: string;
  /** The machine that it is on, if that is not the host: a compute node that the host can reach. */
  readonly node?: Destination;
  /** The Slurm job that it is in, if that is known: another way to its node. */
  readonly slurmJob?: string;
  /** Completes "Flux broker X: ". */
  readonly why: string;
  /** The machine's own, which may come back after it went away; any other lives in an allocation, and ends with it. */
  readonly isSystem: boolean;
}

/** What a search may take its time with. */
export interface WaitOptions {
  /** Takes lines about what is waited for, for people. */
  readonly tell: (line: string) => void;
  /** Aborted on cancellation. */
  readonly cancel: AbortSignal;
}

/**
 * Finds the broker that a study is to run on.
 *
 * `auto` is what the spec names, else the instance around us (packing its allocation), else the system's (each job a batch
 * job of its own). Anything but a URI is resolved by the host's own `flux uri`, which may wait for a job to begin.
 *
 * @param wanted the input `flux`
 * @param inSpec the spec's `batch.flux_uri` or `batch.uri`; '' if it has none
 * @throws BackendError with what was tried and what to do
 */
export async function findBroker(
  host: Host,
  facts: HostFacts,
  wanted: string,
  inSpec: string,
  patience: WaitOptions,
): Promise<BrokerAddress> {
  const find = (target: string, why: string) => resolve(host, facts, target, why, patience);
  if (wanted !== 'auto') return find(wanted, `\`flux: ${wanted}\``);
  if (inSpec !== '' && inSpec !== 'auto') return find(inSpec, 'named by the batch block of the spec');
  const around = facts.environment.FLUX_URI ?? '';
  if (around !== '') return find(around, 'the instance that FLUX_URI names (packing its allocation)');
  return find('system', 'the system instance, because FLUX_URI is not set (standalone batch jobs)');
}

async function resolve(
  host: Host,
  facts: HostFacts,
  target: string,
  why: string,
  patience: WaitOptions,
): Promise<BrokerAddress> {
  if (target === 'system') return addressOf(await systemUri(host, facts), facts, why, true);
  if (target.startsWith('file:'))
    return addressOf(await readAddress(host, facts, target, why, patience), facts, why, false);
  if (/^(local|ssh):/.test(target)) return addressOf(target, facts, why, false);
  if (facts.flux === '') {
    throw new BackendError(
      `cannot find the Flux broker ${called(target, why)}: there is no \`flux\` on PATH to ask`,
      'add it with `setup` (`module load flux`), or give the URI of the broker as `flux`',
    );
  }
  const address = addressOf(await askFlux(host, target, why, patience), facts, why, false);
  const slurmJob = /^slurm:(\d+)$/.exec(target)?.[1];
  return slurmJob === undefined ? address : { ...address, slurmJob };
}

/** The address file of old Flux, which a job writes once it has begun. A path that is not absolute starts at the home. */
async function readAddress(
  host: Host,
  { environment }: HostFacts,
  target: string,
  why: string,
  { tell, cancel }: WaitOptions,
): Promise<string> {
  const given = target.slice('file:'.length).replace(/^~\//, '');
  const file = path.posix.resolve(environment.HOME ?? '/', given);
  const quoted = quote(file);
  const { code } = await again(() => run(host, `[ -s ${quoted} ]`));
  if (code !== 0) tell(`Waiting until the address of a Flux broker is in ${file}`);
  // Of a file that is no address nothing is read but as much as an address may be.
  const command =
    `until [ -s ${quoted} ]; do [ ! -e ${quoted} ] || [ -f ${quoted} ] || break; sleep 1; done\n` +
    `[ -f ${quoted} ] || { echo 'it is no regular file' >&2; exit 1; }\nhead -c ${LONGEST_ADDRESS_BYTES} -- ${quoted}`;
  const text = await ask(host, command, target, why, cancel);
  if (isAddress(text)) return text;
  throw new BackendError(
    `there is no address of a Flux broker in the file ${file}, ${why}: it holds something else`,
    'it has one line, such as local:///run/flux/local or ssh://node1/tmp/flux-AbCdEf/local-0',
  );
}

/** `flux uri`; it waits for a job of Flux that has not begun, if it can: not all versions do. */
async function askFlux(host: Host, target: string, why: string, { cancel }: WaitOptions): Promise<string> {
  const command = (options: string) => `flux uri --remote ${options}-- ${quote(target)}`;
  if (/^(slurm|lsf|pid):/.test(target)) return ask(host, `exec ${command('')}`, target, why, cancel);
  try {
    return await ask(host, `exec ${command('--wait ')}`, target, why, cancel);
  } catch (error) {
    if (!(error instanceof BackendError) || !/unrecognized arguments/.test(error.message)) throw error;
    return ask(host, `exec ${command('')}`, target, why, cancel);
  }
}

/** The system instance has its URI built in to the `flux` that is installed. */
async function systemUri(host: Host, facts: HostFacts): Promise<string> {
  // It may be wanted although there is another.
  const unset = facts.environment.FLUX_URI ? '' : 'FLUX_URI is not set, ';
  if (facts.flux === '') {
    const { code } = await again(() => run(host, `[ -S ${conventionalSocket} ]`));
    if (code === 0) return `local://${conventionalSocket}`;
    throw new BackendError(
      `there is no Flux here: ${unset}there is no \`flux\` on PATH, and no socket at ${conventionalSocket}`,
      'start the study inside a Flux instance (`flux start ...`), add `flux` to PATH with `setup` (`module load flux`), or name a broker with `flux`',
    );
  }
  const { code, stdout, stderr } = await again(() => run(host, 'unset FLUX_URI\nexec flux getattr local-uri'));
  if (code === 0) return stdout.toString().trim();
  throw new BackendError(
    `there is no Flux instance to run on: ${unset}${unset && 'and '}the system instance of ${facts.flux} cannot be reached: ${oneLine(stderr) || `exit ${code}`}`,
    'start the study inside an instance (`flux start ...`, or within an allocation), or name a broker with `flux`',
  );
}

const conventionalSocket = '/run/flux/local';

/** Which broker, for messages: a name that was not chosen just now needs to be said where it comes from. */
function called(target: string, why: string): string {
  return why.includes(target) ? `'${target}'` : `'${target}', ${why}`;
}

async function ask(host: Host, command: string, target: string, why: string, cancel: AbortSignal): Promise<string> {
  const { code, stdout, stderr } = await again(() => runLeashed(host, command, cancel));
  if (cancel.aborted) throw new HostError(String(cancel.reason));
  const uri = stdout.toString().trim();
  if (code === 0 && uri !== '') return uri;
  throw new BackendError(
    `cannot find the Flux broker ${called(target, why)}: ${oneLine(stderr) || (code === 0 ? 'nothing was said of it' : `exit ${code}`)}`,
    `it must be a running job or instance that ${host.name} can see`,
  );
}

/** More bytes than an address has. */
const LONGEST_ADDRESS_BYTES = 4096;

/** Characters of an address that is none, for messages. */
const LONGEST_SHOWN = 200;

const localForm = /^local:\/\/(\/.*)$/;
const remoteForm = /^ssh:\/\/(?:([A-Za-z0-9_.+][A-Za-z0-9_.+-]*)@)?([A-Za-z0-9_][A-Za-z0-9_.-]*)(?::([0-9]+))?(\/.*)$/;

function isAddress(text: string): boolean {
  return text.length < LONGEST_ADDRESS_BYTES && (localForm.test(text) || remoteForm.test(text));
}

/**
 * Where the broker with this URI is.
 *
 * @param why completes "Flux broker X: "
 * @throws BackendError if it is no URI of one
 */
export function addressOf(uri: string, facts: HostFacts, why: string, isSystem: boolean): BrokerAddress {
  const local = localForm.exec(uri)?.[1];
  if (local !== undefined) return { uri, socket: local, why, isSystem };
  const remote = remoteForm.exec(uri);
  if (remote === null) {
    throw new BackendError(
      `${/^(local|ssh):/.test(uri) ? `'${shortened(uri)}'` : 'what was found'} is no URI of a Flux broker, ${why}`,
      'it looks like local:///run/flux/local or ssh://node1/tmp/flux-AbCdEf/local-0',
    );
  }
  const [, user, name, port, socket] = remote as unknown as [string, string?, string?, string?, string?];
  if (facts.names.includes(name!)) return { uri: `local://${socket}`, socket: socket!, why, isSystem };
  const node = { user, name: name!, port: port === undefined ? undefined : Number(port) };
  return { uri, socket: socket!, node, why, isSystem };
}

function shortened(text: string): string {
  return text.length <= LONGEST_SHOWN ? text : `${text.slice(0, LONGEST_SHOWN)}...`;
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, ' / ');
}

import { run } from '../hosts/commands.js';
import type { Host } from '../hosts/host.js';
import { quote } from '../quote.js';
import { BrokerError } from './errors.js';
import type { HostFacts } from './host-facts.js';

/** Where a broker is, and why that one. */
export interface BrokerAddress {
  /** `local:///run/flux/local` */
  readonly uri: string;
  /** The path of its socket on the host. */
  readonly socket: string;
  /** Completes "Flux broker X: ". */
  readonly why: string;
  /** The machine's own, which may come back after it went away; any other lives in an allocation, and ends with it. */
  readonly isSystem: boolean;
}

/**
 * Finds the broker that a study is to run on.
 *
 * `auto` is what the spec names, else the instance around us (packing its allocation), else the system's (each job a batch
 * job of its own). Anything but a URI is resolved by the host's own `flux uri`.
 *
 * @param wanted the input `flux`
 * @param inSpec the spec's `batch.flux_uri` or `batch.uri`; '' if it has none
 * @throws BrokerError with what was tried and what to do
 */
export async function findBroker(host: Host, facts: HostFacts, wanted: string, inSpec: string): Promise<BrokerAddress> {
  if (wanted !== 'auto') return resolve(host, facts, wanted, `\`flux: ${wanted}\``);
  if (inSpec !== '' && inSpec !== 'auto') return resolve(host, facts, inSpec, 'named by the batch block of the spec');
  const around = facts.environment.FLUX_URI ?? '';
  if (around !== '') return resolve(host, facts, around, 'the instance that FLUX_URI names (packing its allocation)');
  return resolve(host, facts, 'system', 'the system instance, because FLUX_URI is not set (standalone batch jobs)');
}

async function resolve(host: Host, facts: HostFacts, target: string, why: string): Promise<BrokerAddress> {
  if (target === 'system') return addressOf(await systemUri(host, facts), facts, why, true);
  if (target.startsWith('file:')) {
    return addressOf(await ask(host, `cat -- ${quote(target.slice(5))}`, target, why), facts, why, false);
  }
  if (/^(local|ssh):/.test(target)) return addressOf(target, facts, why, false);
  if (facts.flux === '') {
    throw new BrokerError(
      `cannot find the Flux broker ${called(target, why)}: there is no \`flux\` on PATH to ask`,
      'add it with `setup` (`module load flux`), or give the URI of the broker as `flux`',
    );
  }
  return addressOf(await ask(host, `flux uri --remote -- ${quote(target)}`, target, why), facts, why, false);
}

/** The system instance has its URI built in to the `flux` that is installed. */
async function systemUri(host: Host, facts: HostFacts): Promise<string> {
  // It may be wanted although there is another.
  const unset = facts.environment.FLUX_URI ? '' : 'FLUX_URI is not set, ';
  if (facts.flux === '') {
    const { code } = await run(host, `[ -S ${conventionalSocket} ]`);
    if (code === 0) return `local://${conventionalSocket}`;
    throw new BrokerError(
      `there is no Flux here: ${unset}there is no \`flux\` on PATH, and no socket at ${conventionalSocket}`,
      'start the study inside a Flux instance (`flux start ...`), add `flux` to PATH with `setup` (`module load flux`), or name a broker with `flux`',
    );
  }
  const { code, stdout, stderr } = await run(host, 'unset FLUX_URI\nexec flux getattr local-uri');
  if (code === 0) return stdout.toString().trim();
  throw new BrokerError(
    `there is no Flux instance to run on: ${unset}${unset && 'and '}the system instance of ${facts.flux} cannot be reached: ${oneLine(stderr) || `exit ${code}`}`,
    'start the study inside an instance (`flux start ...`, or within an allocation), or name a broker with `flux`',
  );
}

const conventionalSocket = '/run/flux/local';

/** Which broker, for messages: a name that was not chosen just now needs to be said where it comes from. */
function called(target: string, why: string): string {
  return why.includes(target) ? `'${target}'` : `'${target}', ${why}`;
}

async function ask(host: Host, command: string, target: string, why: string): Promise<string> {
  const { code, stdout, stderr } = await run(host, command);
  const uri = stdout.toString().trim();
  if (code === 0 && uri !== '') return uri;
  throw new BrokerError(
    `cannot find the Flux broker ${called(target, why)}: ${oneLine(stderr) || (code === 0 ? 'nothing was said of it' : `exit ${code}`)}`,
    'it must be a running job or instance on this machine',
  );
}

function addressOf(uri: string, facts: HostFacts, why: string, isSystem: boolean): BrokerAddress {
  const local = /^local:\/\/(\/.*)$/.exec(uri)?.[1];
  if (local !== undefined) return { uri, socket: local, why, isSystem };
  const remote = /^ssh:\/\/(?:[^@/]*@)?([^:/]+)(?::[0-9]+)?(\/.*)$/.exec(uri);
  if (remote === null) {
    throw new BrokerError(
      `'${uri}' is no URI of a Flux broker`,
      'it looks like local:///run/flux/local or ssh://node1/tmp/flux-AbCdEf/local-0',
    );
  }
  const [, name, socket] = remote as unknown as [string, string, string];
  if (facts.names.includes(name)) return { uri: `local://${socket}`, socket, why, isSystem };
  throw new BrokerError(
    `the Flux broker ${uri} is on ${name}, and brokers on this machine (${facts.names[1]}) only can be reached so far`,
    `run the study on ${name}`,
  );
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, ' / ');
}

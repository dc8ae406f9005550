import type { HostFacts } from '../../hosts/facts.js';
import type { Host } from '../../hosts/host.js';
import type { Clock } from '../../util/clock.js';
import { BackendError } from '../../util/errors.js';
import { counted } from '../../util/format.js';
import { ConnectionError, errno, FluxError, RequestTimeout } from '../errors.js';
import { Handle } from '../handle.js';
import { getInventory, type Inventory } from '../inventory.js';
import { AnswerError, getAttribute, getConfig, getResources, queuesIn } from '../requests.js';
import { relayPaths, relayStream } from './relay.js';
import type { BrokerAddress } from './resolve.js';

/** A broker that answers. */
export interface Broker {
  readonly address: BrokerAddress;
  readonly version: string;
  /** The number of brokers of the instance, one for each node. */
  readonly size: number;
  /** Whether the user owns the instance. A guest may not sign jobs or watch the instance. */
  readonly isOwner: boolean;
  /** Empty: only the anonymous queue; undefined if the broker does not say. */
  readonly queues: readonly string[] | undefined;
  /** Its configuration; undefined if it does not say. */
  readonly config: unknown;
  /** What it was started with; undefined if it does not say. */
  readonly inventory: Inventory | undefined;
  /** Seconds since the epoch at which the instance's allocation ends; 0: never, or the broker does not say. */
  readonly expiration: number;
  /** Of the instance's first broker, on its own machine; undefined if it does not say. */
  readonly pid: number | undefined;
}

/** The oldest version that Maestro's own adapters support. */
const oldest = [0, 26] as const;

/** How long a relay command may take to start: it may have to log in somewhere. */
const RELAY_TIMEOUT_MS = 60_000;

/**
 * Connects to a broker: by its socket if that is on this machine, else by the first way that leads there.
 *
 * @param cancel ends the attempt
 * @throws ConnectionError with what each way ended with
 */
export async function connectTo(
  host: Host,
  address: BrokerAddress,
  facts: HostFacts,
  clock: Clock,
  cancel?: AbortSignal,
): Promise<Handle> {
  if (isHere(host, address)) return Handle.connect(host.connect!(address.socket), clock);
  const errors: ConnectionError[] = [];
  for (const path of relayPaths(address, facts.flux || 'flux', facts.environment)) {
    const stream = relayStream(host, path);
    const giveUp = () => stream.destroy(new ConnectionError(String(cancel!.reason)));
    cancel?.addEventListener('abort', giveUp, { once: true });
    try {
      return await Handle.connect(stream, clock, { patience: RELAY_TIMEOUT_MS });
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      errors.push(error);
      if (cancel?.aborted) break;
    } finally {
      cancel?.removeEventListener('abort', giveUp);
    }
  }
  throw new ConnectionError(errors.map(({ message }) => message).join('; '), errors.at(-1)?.code);
}

/** Whether a broker is on the machine that this program runs on. */
export function isHere(host: Host, { node }: BrokerAddress): boolean {
  return host.connect !== undefined && node === undefined;
}

/**
 * Connects to a broker, and asks what it is.
 *
 * @throws BackendError
 */
export async function openBroker(
  host: Host,
  facts: HostFacts,
  address: BrokerAddress,
  clock: Clock,
  cancel?: AbortSignal,
): Promise<{ readonly broker: Broker; readonly handle: Handle }> {
  let handle: Handle | undefined;
  try {
    handle = await connectTo(host, address, facts, clock, cancel);
    return { handle, broker: await ask(handle, facts, address) };
  } catch (error) {
    handle?.close();
    if (![ConnectionError, FluxError, RequestTimeout, AnswerError].some((kind) => error instanceof kind)) throw error;
    throw new BackendError(
      `cannot use the Flux broker ${address.uri}, ${address.why}: ${(error as Error).message}`,
      hintFor(error as Error, address),
    );
  }
}

function hintFor(error: Error, { node }: BrokerAddress): string {
  switch (error instanceof ConnectionError ? error.code : undefined) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return 'its instance has ended, or is not on this machine: name another with `flux`';
    case 'EACCES':
      return 'this user may not use it: it belongs to somebody else';
  }
  if (node !== undefined && error instanceof ConnectionError) {
    return `it is on ${node.name}, and must be reached by ssh from the host, without a question being asked: FLUX_SSH names another program than ssh`;
  }
  return 'is it a Flux broker, and is this user allowed to use it?';
}

async function ask(handle: Handle, facts: HostFacts, address: BrokerAddress): Promise<Broker> {
  const [version, size, owner, config, inventory, expiration, pid] = await Promise.all([
    getAttribute(handle, 'version'),
    getAttribute(handle, 'size'),
    getAttribute(handle, 'security.owner'),
    unless([errno.ENOSYS, errno.EPERM], getConfig(handle), undefined),
    unless([errno.ENOSYS, errno.EPERM], getInventory(handle, 10_000), undefined),
    unless(
      [errno.ENOSYS, errno.EPERM],
      getResources(handle, 10_000).then(({ expiration }) => expiration),
      0,
    ),
    unless([errno.ENOENT], getAttribute(handle, 'broker.pid').then(Number), undefined),
  ]);
  const queues = config === undefined ? undefined : queuesIn(config);
  const isOwner = Number(owner) === facts.userid;
  return { address, version, size: Number(size), isOwner, queues, config, inventory, expiration, pid };
}

/** What was asked for, or what there is in its place at a broker that has or gives no such thing. */
async function unless<T, U>(refusals: readonly number[], answer: Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof FluxError && refusals.includes(error.errno)) return otherwise;
    throw error;
  }
}

/** A log line about the chosen broker. */
export function describeBroker({ address, version, size, isOwner, queues, expiration }: Broker): string {
  const parts = [
    `version ${version}`,
    counted(size, 'node'),
    isOwner ? 'our own instance' : 'as a guest',
    queues === undefined ? 'queues unknown' : queues.length === 0 ? 'no named queues' : `queues ${queues.join(', ')}`,
    ...(expiration > 0 ? [`until ${new Date(expiration * 1000).toISOString()}`] : []),
  ];
  return `Flux broker ${address.uri}, ${address.why}: ${parts.join(', ')}`;
}

/** Why the broker may be too old; undefined if it is not. */
export function ageWarning({ version }: Broker): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return undefined;
  return `this Flux is version ${version}, and nothing older than ${oldest.join('.')} is tried with this program: jobs may be refused`;
}

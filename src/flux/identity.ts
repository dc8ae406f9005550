import { errno, FluxError } from './errors.js';
import type { Handle } from './handle.js';
import { property } from './json.js';

/** Which Flux instance it is, and which of its lives: one that is started again with its state has the same jobs. */
export interface InstanceIdentity {
  /** The host of its first broker; '' if it does not say. */
  readonly host: string;
  /** Seconds since the epoch at which its first broker started; undefined if it does not say. */
  readonly startedAt: number | undefined;
  /** The user that it belongs to; undefined if it does not say. */
  readonly owner: number | undefined;
  /** No other instance has it, nor another life of this one; '' if nothing can be found out. */
  readonly text: string;
}

const ANSWER_TIME_MS = 20_000;

/**
 * Asks the first broker, whichever one the connection leads to: those of other nodes start, and end, at other times.
 *
 * @throws what `Handle.rpc` throws
 */
export async function getIdentity(handle: Handle): Promise<InstanceIdentity> {
  const [hosts, start, uuid, pid, owner] = await Promise.all(
    ['hostlist', 'broker.starttime', 'broker.uuid', 'broker.pid', 'security.owner'].map((name) =>
      getFirstBrokersAttribute(handle, name),
    ),
  );
  const host = firstHost(hosts!);
  const startedAt = Number(start);
  const parts = [host, start!, uuid || pid!];
  return {
    host,
    startedAt: start === '' || !Number.isFinite(startedAt) ? undefined : startedAt,
    owner: owner === '' ? undefined : Number(owner),
    text: parts.every((part) => part === '') ? '' : parts.join(' '),
  };
}

/** The rank of the connected broker; 0 is the first. @throws what `Handle.rpc` throws */
export async function getRank(handle: Handle): Promise<number> {
  const answer = await handle.rpc('attr.get', { name: 'rank' }, { timeout: ANSWER_TIME_MS });
  return Number(property(answer, 'value'));
}

/** The host in the text of an identity. */
export function hostIn(text: string): string {
  return text.slice(0, Math.max(0, text.indexOf(' ')));
}

/** '' if it has none of that name. */
async function getFirstBrokersAttribute(handle: Handle, name: string): Promise<string> {
  try {
    const answer = await handle.rpc('attr.get', { name }, { rank: 0, timeout: ANSWER_TIME_MS });
    const value = property(answer, 'value');
    return typeof value === 'string' ? value : '';
  } catch (error) {
    if (error instanceof FluxError && error.errno === errno.ENOENT) return '';
    throw error;
  }
}

/** Of a list in RFC 29's form, `node[3,6-101]-ib,login1`, the first host. */
function firstHost(hosts: string): string {
  const [, prefix = '', first = '', rest = ''] = /^([^[,]*)(?:\[([^\],-]*)[^\]]*\]([^[,]*))?/.exec(hosts) ?? [];
  return `${prefix}${first}${rest}`;
}

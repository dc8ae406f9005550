import { isTime } from './eventlog.js';
import type { Handle } from './handle.js';
import { property } from './json.js';
import { AnswerError } from './requests.js';

/** A node of an instance, by the rank of its broker. */
export interface InstanceNode {
  readonly rank: number;
  readonly cores: number;
  readonly gpus: number;
}

/** The resources that an instance was started with, less those that its configuration excludes. */
export interface Inventory {
  readonly nodes: readonly InstanceNode[];
  /** Seconds since the epoch at which the instance began and ends; 0: not known, never. */
  readonly starttime: number;
  readonly expiration: number;
}

/**
 * All versions have this service, for guests too. A node that is lost stays in it.
 *
 * @param timeout milliseconds
 */
export async function getInventory(handle: Handle, timeout: number): Promise<Inventory> {
  const topic = 'resource.status';
  const answer = await handle.rpc(topic, undefined, { rank: 0, timeout });
  const execution = property(property(answer, 'R'), 'execution');
  const sets = property(execution, 'R_lite');
  if (!Array.isArray(sets)) throw new AnswerError(topic, answer);
  const excluded = new Set(idset(answer, 'exclude'));
  const nodes = sets.flatMap((set) => {
    const children = property(set, 'children');
    const [cores, gpus] = [idset(children, 'core').length, idset(children, 'gpu').length];
    return idset(set, 'rank').map((rank) => ({ rank, cores, gpus }));
  });
  const [starttime, expiration] = ['starttime', 'expiration'].map((key) => {
    const time = property(execution, key);
    return isTime(time) ? time : 0;
  });
  return {
    nodes: nodes.filter(({ rank }) => !excluded.has(rank)),
    starttime: starttime!,
    expiration: expiration!,
  };
}

/**
 * The ranks of the nodes that the scheduler counts with: those that are lost for good it forgets. Brokers before 0.61 have no
 * such service (ENOSYS), and forget none.
 *
 * @param timeout milliseconds
 */
export async function getScheduledRanks(handle: Handle, timeout: number): Promise<ReadonlySet<number>> {
  const topic = 'resource.sched-status';
  const answer = await handle.rpc(topic, undefined, { rank: 0, timeout });
  const sets = property(property(property(answer, 'all'), 'execution'), 'R_lite');
  if (!Array.isArray(sets)) throw new AnswerError(topic, answer);
  return new Set(sets.flatMap((set) => idset(set, 'rank')));
}

function idset(value: unknown, key: string): number[] {
  const text = property(value, key);
  return typeof text === 'string' ? parseIdset(text) : [];
}

/**
 * Whether a jobspec's resources (version 1) could be had if all these nodes were free.
 *
 * @param resources `resources` of the jobspec
 */
export function fits(resources: readonly unknown[], nodes: readonly InstanceNode[]): boolean {
  const [top] = resources;
  const isNode = property(top, 'type') === 'node';
  const slot = isNode ? first(property(top, 'with')) : top;
  const slots = count(slot);
  const parts = property(slot, 'with');
  const perSlot = (type: string) =>
    count(
      (Array.isArray(parts) ? parts : []).find((part) => property(part, 'type') === type),
      0,
    );
  const [cores, gpus] = [perSlot('core'), perSlot('gpu')];
  const room = (node: InstanceNode) =>
    Math.min(
      cores === 0 ? slots : Math.floor(node.cores / cores),
      gpus === 0 ? Number.POSITIVE_INFINITY : Math.floor(node.gpus / gpus),
    );
  if (isNode) return nodes.filter((node) => room(node) >= slots).length >= count(top);
  return nodes.reduce((sum, node) => sum + room(node), 0) >= slots;
}

const first = (value: unknown): unknown => (Array.isArray(value) ? value[0] : undefined);

function count(value: unknown, otherwise = 1): number {
  const number = property(value, 'count');
  return typeof number === 'number' ? number : otherwise;
}

/** The numbers of an idset (RFC 22): `0-2,5` is 0, 1, 2 and 5. Brackets around it are allowed; what is no idset is empty. */
export function parseIdset(text: string): number[] {
  const ranges = text.replaceAll(/^\[|\]$/g, '');
  if (!/^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$/.test(ranges)) return [];
  return ranges.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
  });
}

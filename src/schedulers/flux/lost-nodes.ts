import { ConnectionError, FluxError, RequestTimeout } from '../../flux/errors.js';
import type { Handle } from '../../flux/handle.js';
import { fits, getInventory, getScheduledRanks, type InstanceNode } from '../../flux/inventory.js';
import { AnswerError } from '../../flux/requests.js';

/** A broker that does not report its resources within this time is assumed to have lost none. */
const ANSWER_MS = 10_000;

/**
 * Explains why an instance can no longer run a job: it has lost nodes. Its scheduler drops lost nodes, and then refuses
 * requests that need them as unsatisfiable.
 *
 * @param resources `resources` of the jobspec
 * @returns undefined if it never could run the job, or if that is not known
 */
export async function lostNodes(handle: Handle, resources: readonly unknown[]): Promise<string | undefined> {
  try {
    const [{ nodes }, ranks] = await Promise.all([
      getInventory(handle, ANSWER_MS),
      getScheduledRanks(handle, ANSWER_MS),
    ]);
    return explainLoss(resources, nodes, ranks);
  } catch (error) {
    if ([FluxError, ConnectionError, RequestTimeout, AnswerError].some((kind) => error instanceof kind))
      return undefined;
    throw error;
  }
}

/**
 * The pure part of `lostNodes`.
 *
 * @param ranks the ranks of the nodes that the scheduler knows
 */
export function explainLoss(
  resources: readonly unknown[],
  nodes: readonly InstanceNode[],
  ranks: ReadonlySet<number>,
): string | undefined {
  const left = nodes.filter(({ rank }) => ranks.has(rank));
  const count = nodes.length - left.length;
  if (count === 0 || fits(resources, left) || !fits(resources, nodes)) return undefined;
  return `${count} of the ${nodes.length} nodes of the Flux instance ${count === 1 ? 'is' : 'are'} lost`;
}

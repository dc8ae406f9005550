/** Why a step did not finish, or a study is not FINISHED. The order is that of documentation and tables. */
export const causes = [
  ...(['code', 'timeout', 'memory'] as const),
  ...(['node', 'preempted', 'allocation', 'queue', 'connection', 'disk', 'submission'] as const),
  ...(['dependency', 'cancelled'] as const),
] as const;

/**
 * - `code`: the script ended with another exit status than 0, or a signal ended it
 * - `timeout`: it reached its own time limit
 * - `memory`: it needed more memory than it had
 * - `node`: a node was lost, or could not start it
 * - `preempted`: the site took it off its nodes, and nothing was wrong with them
 * - `allocation`: the allocation or Flux instance that it ran in ended
 * - `queue`: it did not start, because the site did not let it
 * - `connection`: contact with the host or the scheduler was lost
 * - `disk`: the study's own files, or what the site stages, could not be written or read
 * - `submission`: it was refused
 * - `dependency`: a step that it waits for did not finish
 * - `cancelled`: a person, or the end of this program, cancelled it
 */
export type Cause = (typeof causes)[number];

/** A cause, and whether the study brought it about. */
export interface Blame {
  readonly cause: Cause;
  /**
   * Whether what the spec says, or how the study was started, led to it: always of `code`, `timeout` and `memory`, and of a
   * `submission` that the site refuses for what the step asks for. Such a cause is never infrastructure.
   */
  readonly isOfSpec: boolean;
}

const ownCauses: readonly Cause[] = ['code', 'timeout', 'memory'];
const siteCauses: readonly Cause[] = ['node', 'preempted', 'allocation', 'queue', 'connection', 'disk', 'submission'];

/** A cause with what it says by itself of whose it is. */
export function blame(cause: Cause, isOfSpec = ownCauses.includes(cause)): Blame {
  return { cause, isOfSpec };
}

/** Whether it is the machines' or the site's doing. A cause that only a later version knows is taken for the study's. */
export function isInfrastructure({ cause, isOfSpec }: Blame): boolean {
  return !isOfSpec && siteCauses.includes(cause);
}

/** How urgently a person has to know, the first most: what the study itself did wrong hides nothing else. */
export function rankOf(given: Blame): number {
  if (given.cause === 'dependency') return 6;
  if (given.cause === 'cancelled') return 5;
  if (isInfrastructure(given)) return 4;
  const own = ownCauses.indexOf(given.cause);
  return own === -1 ? ownCauses.length : own;
}

import { blameOfSlurm } from '../../causes/slurm.js';
import type { QueueRow, StateMeaning } from '../batch/batch-system.js';

type Meaning = readonly [short: string, ...StateMeaningParts];
type StateMeaningParts = readonly [phase: StateMeaning['phase'], result?: StateMeaning['result'], note?: string];

/**
 * Every state and flag that Slurm 17 to 26 shows for a job, by its long word (`squeue --format=%T`, `sacct`), with its
 * short one (`%t`). A flag is shown in place of the state that it qualifies.
 */
export const slurmStates: Readonly<Record<string, Meaning>> = {
  PENDING: ['PD', 'waiting'],
  // It has its nodes, but they are still being booted.
  CONFIGURING: ['CF', 'waiting'],
  POWER_UP_NODE: ['', 'waiting'],
  // It is to be scheduled again before all others.
  EXPEDITING: ['', 'waiting'],
  REQUEUED: ['RQ', 'waiting'],
  REQUEUE_FED: ['RF', 'waiting'],
  REQUEUE_HOLD: ['RH', 'waiting'],
  SPECIAL_EXIT: ['SE', 'waiting'],
  RESV_DEL_HOLD: ['RD', 'waiting'],

  RUNNING: ['R', 'running'],
  RESIZING: ['RS', 'running'],
  SIGNALING: ['SI', 'running'],
  STOPPED: ['ST', 'running'],
  SUSPENDED: ['S', 'running'],
  UPDATE_DB: ['', 'running'],
  // Another cluster of the federation runs it, and shows how it ends.
  REVOKED: ['RV', 'running'],

  COMPLETING: ['CG', 'finishing'],
  STAGE_OUT: ['SO', 'finishing'],

  COMPLETED: ['CD', 'ended', 'completed'],
  FAILED: ['F', 'ended', 'failed'],
  TIMEOUT: ['TO', 'ended', 'timeout'],
  OUT_OF_MEMORY: ['OOM', 'ended', 'failed', 'it ran out of memory'],
  DEADLINE: ['DL', 'ended', 'failed', 'it could not end before its deadline'],
  CANCELLED: ['CA', 'ended', 'cancelled'],
  PREEMPTED: ['PR', 'ended', 'node-failure', 'it was preempted'],
  NODE_FAIL: ['NF', 'ended', 'node-failure', 'one of its nodes failed'],
  BOOT_FAIL: ['BF', 'ended', 'node-failure', 'its nodes could not be booted'],
  LAUNCH_FAILED: ['', 'ended', 'node-failure', 'it could not be launched on its nodes'],
  RECONFIG_FAIL: ['', 'ended', 'node-failure', 'its nodes could not be configured'],
};

const names = Object.keys(slurmStates);
const longNames = new Map(
  names.flatMap((name): [string, string][] => {
    const [short] = slurmStates[name]!;
    return short === ''
      ? [[name, name]]
      : [
          [name, name],
          [short, name],
        ];
  }),
);

/**
 * The long word of a state, without what stands behind it in `sacct` (`CANCELLED by 1000`) or in a list of flags
 * (`FAILED,LAUNCH_FAILED`). A word that was cut (`CANCELLED+`, `OUT_OF_ME+`) is completed.
 */
export function longState(shown: string): string {
  const word = /^[A-Z_]*/.exec(shown)![0];
  const isCut = shown.charAt(word.length) === '+';
  return longNames.get(word) ?? (isCut ? names.find((name) => name.startsWith(word)) : undefined) ?? shown;
}

/** An unknown state counts as running, so that the job is not given up. */
export function meaningOfState({ state, reason, startedAt }: QueueRow): StateMeaning {
  const word = longState(state);
  const [, phase, result = null, note = ''] = slurmStates[word] ?? ['', 'running'];
  if (phase !== 'ended' || result === 'completed') return { phase, result, note };
  const blame = blameOfSlurm({ state: word, reason, hasStarted: startedAt !== null });
  if (result === 'cancelled' && reason !== '') return { phase, result, note: `it was cancelled ${reason}`, blame };
  if (result === 'failed' && note === '' && reason !== '')
    return { phase, result, note: `Slurm's reason is ${reason}`, blame };
  return { phase, result, note, blame };
}

import { type Blame, blame, type Cause } from './cause.js';
import { blameOfScript } from './words.js';

/** What Slurm says of a job that has ended. */
export interface SlurmEnd {
  /** The long word: `NODE_FAIL`. */
  readonly state: string;
  /** As `squeue` or `sacct` has it: `NonZeroExitCode`; '' if there is none. */
  readonly reason?: string;
  /** Whether it began to run. */
  readonly hasStarted?: boolean;
  /** The end of the step's stderr, if it was read. */
  readonly stderrTail?: string;
}

/** Every state of `slurmStates` that is an end but COMPLETED. FAILED and DEADLINE depend on more. */
export const slurmCauses: Readonly<Record<string, Cause>> = {
  TIMEOUT: 'timeout',
  OUT_OF_MEMORY: 'memory',
  CANCELLED: 'cancelled',
  PREEMPTED: 'preempted',
  NODE_FAIL: 'node',
  BOOT_FAIL: 'node',
  LAUNCH_FAILED: 'node',
  RECONFIG_FAIL: 'node',
};

/** Reasons of FAILED, as Slurm's `job_state_reason_string` writes them, that say more than that the script failed. */
export const slurmReasons: Readonly<Record<string, Blame>> = {
  NodeDown: blame('node'),
  SystemFailure: blame('node'),
  JobLaunchFailure: blame('node'),
  Prolog: blame('node'),
  FrontEndDown: blame('node'),
  TimeLimit: blame('timeout'),
  OutOfMemory: blame('memory'),
  InactiveLimit: blame('allocation'),
  // Only the spec asks for a burst buffer, and names the files that are staged.
  BurstBufferOperation: blame('disk', true),
  BurstBufferStageIn: blame('disk', true),
  PartitionDown: blame('queue'),
  PartitionInactive: blame('queue'),
  ReservationDeleted: blame('queue'),
  ReqNodeNotAvail: blame('queue'),
  BadConstraints: blame('submission', true),
  InvalidAccount: blame('submission', true),
  InvalidQOS: blame('submission', true),
  QOSNotAllowed: blame('submission', true),
  AccountNotAllowed: blame('submission', true),
  DependencyNeverSatisfied: blame('submission', true),
};

/** Why a job of Slurm did not complete. */
export function blameOfSlurm({ state, reason = '', hasStarted = true, stderrTail }: SlurmEnd): Blame {
  // There is a deadline only where the spec has `--deadline`.
  if (state === 'DEADLINE') return hasStarted ? blame('timeout') : blame('queue', true);
  const cause = slurmCauses[state];
  if (cause !== undefined) return blame(cause);
  return slurmReasons[/^\w*/.exec(reason)![0]] ?? blameOfScript(stderrTail);
}

/**
 * Why Slurm put a job that had begun back into its queue: it took it off its nodes, unless the accounting says that they
 * failed.
 *
 * @param earlier the state of the job's earlier run (`sacct --duplicates`); undefined if there is no accounting: then a
 *   lost node is more frequent than a preemption that requeues
 */
export function blameOfRequeue(earlier: string | undefined): Blame {
  if (earlier === undefined) return blame('node');
  return blame(slurmCauses[earlier] === 'node' ? 'node' : 'preempted');
}

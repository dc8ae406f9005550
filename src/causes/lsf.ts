import { type Blame, blame, type Cause } from './cause.js';
import { blameOfScript } from './words.js';

/** Every termination reason of LSF, as `terminations` of schedulers/lsf has them. `code` leaves it to what the script says. */
export const lsfCauses: Readonly<Record<string, Cause>> = {
  TERM_ADMIN: 'cancelled',
  TERM_BUCKET_KILL: 'cancelled',
  TERM_CHKPNT: 'cancelled',
  TERM_CPULIMIT: 'timeout',
  TERM_CSM_ALLOC: 'node',
  TERM_CTRL_PID: 'node',
  TERM_CWD_NOTEXIST: 'disk',
  TERM_DATA: 'disk',
  TERM_DEADLINE: 'timeout',
  TERM_EXTERNAL_SIGNAL: 'code',
  TERM_FORCE_ADMIN: 'cancelled',
  TERM_FORCE_OWNER: 'cancelled',
  TERM_KUBE: 'node',
  TERM_LOAD: 'preempted',
  TERM_MC_RECALL: 'preempted',
  TERM_MEMLIMIT: 'memory',
  TERM_ORPHAN_SYSTEM: 'cancelled',
  TERM_OTHER: 'node',
  TERM_OWNER: 'cancelled',
  TERM_PREEMPT: 'preempted',
  TERM_PRE_EXEC_FAIL: 'node',
  TERM_PROCESSLIMIT: 'code',
  TERM_RC: 'preempted',
  TERM_RC_RECLAIM: 'preempted',
  TERM_REMOVE_HUNG_JOB: 'node',
  TERM_REQUEUE_ADMIN: 'preempted',
  TERM_REQUEUE_OWNER: 'preempted',
  TERM_REQUEUE_RC: 'preempted',
  TERM_RMS: 'node',
  TERM_RUNLIMIT: 'timeout',
  TERM_SLURM: 'node',
  TERM_SWAP: 'memory',
  TERM_THREADLIMIT: 'code',
  TERM_UNKNOWN: 'code',
  TERM_WINDOW: 'queue',
  TERM_ZOMBIE: 'node',
};

/** Only the spec's own `-data` leads there, and LSF looks for the files that it names no sooner than it stages them. */
const ofSpec: ReadonlySet<string> = new Set(['TERM_DATA']);

/**
 * Why a job of LSF did not complete.
 *
 * @param reason the text that has the keyword: `TERM_OWNER: job killed by owner`; '' if there is none
 * @param hasExit whether the launcher recorded an exit status, which says more of a job that ended out of LSF's sight
 */
export function blameOfLsf(reason: string, { hasExit = true, stderrTail = '' } = {}): Blame {
  const keyword = /\bTERM_[A-Z_]+/.exec(reason)?.[0] ?? '';
  const cause = keyword === 'TERM_ZOMBIE' && hasExit ? 'code' : (lsfCauses[keyword] ?? 'code');
  if (cause === 'code') return blameOfScript(stderrTail);
  return ofSpec.has(keyword) ? blame(cause, true) : blame(cause);
}

import { blameOfLsf } from '../../causes/lsf.js';
import type { JobResult } from '../../study/state.js';
import type { QueuePhase, QueueRow, StateMeaning } from '../batch/batch-system.js';

/**
 * The states of `bjobs`. A job whose host cannot be reached (UNKWN), or that was killed there (ZOMBI), may still run, and
 * gets another state when the host is back or given up.
 */
const phases: Readonly<Record<string, QueuePhase>> = {
  PEND: 'waiting',
  // Its host is being woken.
  PROV: 'waiting',
  PSUSP: 'waiting',
  // In a chunk of jobs, behind another one.
  WAIT: 'waiting',
  RUN: 'running',
  USUSP: 'running',
  SSUSP: 'running',
  UNKWN: 'running',
  ZOMBI: 'running',
  DONE: 'ended',
  // The site's own commands after the job are over too.
  POST_DONE: 'ended',
  POST_ERR: 'ended',
  EXIT: 'ended',
};

type End = readonly [result: JobResult | null, note: string];

const byOwner: End = ['cancelled', 'its owner killed it'];
const byAdmin: End = ['cancelled', 'root or an LSF administrator killed it'];
const requeued: End = ['node-failure', 'it was killed and requeued'];
const reclaimed: End = ['node-failure', 'its host was reclaimed'];

/** What each reason for an end means: all of IBM's "Termination reasons displayed by bacct, bhist, and bjobs". */
export const terminations: Readonly<Record<string, End>> = {
  TERM_ADMIN: byAdmin,
  TERM_BUCKET_KILL: ['cancelled', 'it was killed with `bkill -b`'],
  TERM_CHKPNT: ['cancelled', 'it was killed after a checkpoint'],
  TERM_CPULIMIT: ['failed', 'it reached its limit of CPU time'],
  TERM_CSM_ALLOC: ['node-failure', 'its nodes could not be allocated'],
  TERM_CTRL_PID: ['node-failure', 'the process that controls it died'],
  TERM_CWD_NOTEXIST: ['node-failure', 'its workspace cannot be reached on the node'],
  TERM_DATA: ['failed', 'its data could not be staged'],
  TERM_DEADLINE: ['failed', 'its deadline was reached'],
  TERM_EXTERNAL_SIGNAL: ['failed', 'a signal that did not come from LSF killed it'],
  TERM_FORCE_ADMIN: byAdmin,
  TERM_FORCE_OWNER: byOwner,
  TERM_KUBE: ['node-failure', 'Kubernetes ended it'],
  TERM_LOAD: ['node-failure', 'the load of its node was too high'],
  TERM_MC_RECALL: ['node-failure', 'it was recalled from another cluster'],
  TERM_MEMLIMIT: ['failed', 'it reached its memory limit'],
  TERM_ORPHAN_SYSTEM: ['cancelled', 'LSF killed it because a job that it depends on failed'],
  TERM_OTHER: requeued,
  TERM_OWNER: byOwner,
  TERM_PREEMPT: ['node-failure', 'it was preempted'],
  TERM_PRE_EXEC_FAIL: ['failed', 'the command that the site runs before a job failed too often'],
  TERM_PROCESSLIMIT: ['failed', 'it reached its limit of processes'],
  TERM_RC: reclaimed,
  TERM_RC_RECLAIM: reclaimed,
  TERM_REMOVE_HUNG_JOB: ['node-failure', 'LSF gave it up because its node could not be reached'],
  TERM_REQUEUE_ADMIN: requeued,
  TERM_REQUEUE_OWNER: requeued,
  TERM_REQUEUE_RC: reclaimed,
  TERM_RMS: ['node-failure', 'the system that manages its nodes failed'],
  TERM_RUNLIMIT: ['timeout', 'its run limit was reached'],
  TERM_SLURM: ['node-failure', 'its node failed'],
  TERM_SWAP: ['failed', 'it reached its limit of swap space'],
  TERM_THREADLIMIT: ['failed', 'it reached its limit of threads'],
  TERM_UNKNOWN: ['failed', ''],
  TERM_WINDOW: ['node-failure', 'the run window of its queue closed'],
  // Only what the launcher recorded tells how it ended.
  TERM_ZOMBIE: [null, 'it ended while LSF was not available'],
};

/** The reason that begins a text, as in `TERM_OWNER: job killed by owner`. */
const reasonPattern = /\bTERM_[A-Z_]+/;

export function meaningOf({ state, reason }: QueueRow): StateMeaning {
  const phase = phases[state] ?? 'running';
  if (phase !== 'ended') return { phase, result: null, note: '' };
  if (state !== 'EXIT') return { phase, result: null, note: '' };
  const keyword = reasonPattern.exec(reason)?.[0];
  const [result, note] = keyword === undefined ? unexplained : (terminations[keyword] ?? ['failed', reason]);
  // What the launcher recorded says more of a job that LSF calls a zombie.
  return { phase, result, note, blame: blameOfLsf(reason, { hasExit: false }) };
}

const unexplained: End = ['failed', ''];

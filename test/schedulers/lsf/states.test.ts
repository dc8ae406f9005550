import { expect, it } from 'vitest';
import { blame } from '../../../src/causes/cause.js';
import { blameOfLsf } from '../../../src/causes/lsf.js';
import { doubtAbout, stepSettings } from '../../../src/schedulers/batch/waiting-reasons.js';
import { lsf } from '../../../src/schedulers/lsf/lsf.js';
import { terminations } from '../../../src/schedulers/lsf/states.js';

const row = { id: '7', reason: '', exitCode: null, startedAt: null, endedAt: null };

/** IBM's "LSF terms and concepts" (Administering) and "bjobs" (LSF command reference). */
it.each([
  ['PEND', 'waiting'],
  ['PROV', 'waiting'],
  ['PSUSP', 'waiting'],
  ['WAIT', 'waiting'],
  ['RUN', 'running'],
  ['USUSP', 'running'],
  ['SSUSP', 'running'],
  ['UNKWN', 'running'],
  ['ZOMBI', 'running'],
  ['DONE', 'ended'],
  ['POST_DONE', 'ended'],
  ['POST_ERR', 'ended'],
  ['EXIT', 'ended'],
  ['NEWSTATE', 'running'],
])('a job in the state %s is %s', (state, phase) => {
  expect(lsf.meaningOf({ ...row, state }).phase).toBe(phase);
});

it.each(['DONE', 'POST_DONE', 'POST_ERR'])('what the launcher recorded decides of a job in the state %s', (state) => {
  expect(lsf.meaningOf({ ...row, state, exitCode: 0 })).toEqual({ phase: 'ended', result: null, note: '' });
});

/** The keywords of IBM's "Termination reasons displayed by bacct, bhist, and bjobs" (Administering), and of lsbatch.h. */
const ends = [
  ['TERM_UNKNOWN', 'failed', ''],
  ['TERM_PREEMPT', 'node-failure', 'it was preempted'],
  ['TERM_WINDOW', 'node-failure', 'the run window of its queue closed'],
  ['TERM_LOAD', 'node-failure', 'the load of its node was too high'],
  ['TERM_OTHER', 'node-failure', 'it was killed and requeued'],
  ['TERM_RUNLIMIT', 'timeout', 'its run limit was reached'],
  ['TERM_DEADLINE', 'failed', 'its deadline was reached'],
  ['TERM_PROCESSLIMIT', 'failed', 'it reached its limit of processes'],
  ['TERM_FORCE_OWNER', 'cancelled', 'its owner killed it'],
  ['TERM_FORCE_ADMIN', 'cancelled', 'root or an LSF administrator killed it'],
  ['TERM_REQUEUE_OWNER', 'node-failure', 'it was killed and requeued'],
  ['TERM_REQUEUE_ADMIN', 'node-failure', 'it was killed and requeued'],
  ['TERM_CPULIMIT', 'failed', 'it reached its limit of CPU time'],
  ['TERM_CHKPNT', 'cancelled', 'it was killed after a checkpoint'],
  ['TERM_OWNER', 'cancelled', 'its owner killed it'],
  ['TERM_ADMIN', 'cancelled', 'root or an LSF administrator killed it'],
  ['TERM_MEMLIMIT', 'failed', 'it reached its memory limit'],
  ['TERM_EXTERNAL_SIGNAL', 'failed', 'a signal that did not come from LSF killed it'],
  ['TERM_RMS', 'node-failure', 'the system that manages its nodes failed'],
  ['TERM_ZOMBIE', null, 'it ended while LSF was not available'],
  ['TERM_SWAP', 'failed', 'it reached its limit of swap space'],
  ['TERM_THREADLIMIT', 'failed', 'it reached its limit of threads'],
  ['TERM_SLURM', 'node-failure', 'its node failed'],
  ['TERM_BUCKET_KILL', 'cancelled', 'it was killed with `bkill -b`'],
  ['TERM_CTRL_PID', 'node-failure', 'the process that controls it died'],
  ['TERM_CWD_NOTEXIST', 'node-failure', 'its workspace cannot be reached on the node'],
  ['TERM_REMOVE_HUNG_JOB', 'node-failure', 'LSF gave it up because its node could not be reached'],
  ['TERM_ORPHAN_SYSTEM', 'cancelled', 'LSF killed it because a job that it depends on failed'],
  ['TERM_PRE_EXEC_FAIL', 'failed', 'the command that the site runs before a job failed too often'],
  ['TERM_DATA', 'failed', 'its data could not be staged'],
  ['TERM_MC_RECALL', 'node-failure', 'it was recalled from another cluster'],
  ['TERM_RC_RECLAIM', 'node-failure', 'its host was reclaimed'],
  ['TERM_REQUEUE_RC', 'node-failure', 'its host was reclaimed'],
  ['TERM_CSM_ALLOC', 'node-failure', 'its nodes could not be allocated'],
  ['TERM_KUBE', 'node-failure', 'Kubernetes ended it'],
  ['TERM_RC', 'node-failure', 'its host was reclaimed'],
] as const;

it.each(ends)('a job that ended with %s is %s', (keyword, result, note) => {
  const reason = `${keyword}: job killed for some reason`;
  const meaning = lsf.meaningOf({ ...row, state: 'EXIT', reason, exitCode: 130 });
  expect(meaning).toEqual({ phase: 'ended', result, note, blame: blameOfLsf(reason, { hasExit: false }) });
});

it('every reason for an end that has a meaning is in the table above', () => {
  expect(Object.keys(terminations).sort()).toEqual(ends.map(([keyword]) => keyword).sort());
});

it.each([
  ['', ''],
  ['TERM_BRANDNEW: job killed by the moon', 'TERM_BRANDNEW: job killed by the moon'],
])('a job that ended with the reason "%s" has failed', (reason, note) => {
  const meaning = lsf.meaningOf({ ...row, state: 'EXIT', reason, exitCode: 1 });
  expect(meaning).toEqual({ phase: 'ended', result: 'failed', note, blame: blame('code') });
});

/** Messages of `bjobs -p`. */
it.each([
  ['New job is waiting for scheduling', undefined],
  ['Job slot limit reached: 3 hosts', undefined],
  ["Job's resource requirements not satisfied: 2 hosts; Load information unavailable: 1 host", undefined],
  ['The job was suspended by the user while pending', 'it is suspended: resume it with `bresume`'],
  ['The job was suspended by LSF admin or root while pending', 'it is suspended: resume it with `bresume`'],
  ["Not enough hosts to meet the job's spanning requirement", 'another `queue`, or fewer `nodes`'],
  ['The queue is inactivated by the administrator', 'another `queue`, or fewer `nodes`'],
  ["Job will not finish before queue's run window is closed", 'a shorter `walltime` of the step may let it start'],
  [
    'Dependency condition invalid or never satisfied',
    'a job that it depends on has failed, so that it can only be cancelled',
  ],
  ['There is no such user account: 1 host', 'see `bank`, `queue`, `qos` and `args` of batch'],
])('a job that waits because of "%s" has the hint: %s', (reason, hint) => {
  expect(doubtAbout(reason, stepSettings)?.hint).toBe(hint);
  expect(lsf.doubtOf({ ...row, state: 'PEND', reason })?.hint).toBe(hint);
});

/** Messages of bsub, after its own words and before `Job not submitted.` */
it.each([
  ['wait', 'normal: Queue has been closed. Job not submitted.'],
  ['wait', 'User <user1>: Pending job threshold reached. Job not submitted.'],
  ['wait', 'Group <g>: Pending job slots threshold reached. Retrying in 60 seconds...'],
  ['wait', 'The destination queue has reached its job limit. Job not submitted.'],
  ['doubt', 'LSF is down. Please wait ...'],
  ['doubt', 'Cannot connect to LSF. Please wait ...'],
  ['doubt', 'LSF is processing your request. Please wait...'],
  ['doubt', 'LSF daemon (LIM) not responding ... still trying'],
  ['doubt', 'Failed in an LSF library call: LIM is down; try later. Job not submitted.'],
  ['doubt', 'Contacting batch daemon: Communication timeout. Job not submitted.'],
  ['doubt', 'Batch daemon cannot fork. Job not submitted.'],
  ['doubt', 'bsub printed no job id:'],
  ['never', 'nosuch: No such queue. Job not submitted.'],
  ['never', 'Request aborted by esub. Job not submitted.'],
  ['never', 'User cannot use the queue. Job not submitted.'],
  ['never', 'g: User not in the specified user group. Job not submitted.'],
  ['never', "RUNLIMIT: Cannot exceed queue's hard limit(s). Job not submitted."],
  ['never', 'Too many processors requested. Job not submitted.'],
  ['never', 'Bad resource requirement syntax. Job not submitted.'],
])('a refusal means %s: %s', (kind, words) => {
  expect(lsf.classifyRefusal(words, 255)).toBe(kind);
});

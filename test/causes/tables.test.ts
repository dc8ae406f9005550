import { describe, expect, it } from 'vitest';
import { blame } from '../../src/causes/cause.js';
import { blameOfFlux, type FluxEnd } from '../../src/causes/flux.js';
import { blameOfLocal, type LocalEnd } from '../../src/causes/local.js';
import { blameOfLsf, lsfCauses } from '../../src/causes/lsf.js';
import { blameOfRefusal } from '../../src/causes/refusals.js';
import { blameOfRequeue, blameOfSlurm, type SlurmEnd, slurmCauses } from '../../src/causes/slurm.js';
import { blameOfScript } from '../../src/causes/words.js';
import { terminations } from '../../src/schedulers/lsf/states.js';
import { slurmStates } from '../../src/schedulers/slurm/states.js';

const slurmOom =
  'slurmstepd: error: Detected 1 oom_kill event in StepId=42.batch. Some of the step tasks have been OOM Killed.';

describe('the cause of a job of Slurm', () => {
  const rows: readonly (readonly [SlurmEnd, string])[] = [
    [{ state: 'FAILED' }, 'code'],
    [{ state: 'FAILED', reason: 'NonZeroExitCode' }, 'code'],
    [{ state: 'FAILED', reason: 'RaisedSignal:11(Segmentation_fault)' }, 'code'],
    [{ state: 'FAILED', reason: 'NonZeroExitCode', stderrTail: slurmOom }, 'memory'],
    [{ state: 'FAILED', reason: 'JobLaunchFailure' }, 'node'],
    [{ state: 'FAILED', reason: 'NodeDown' }, 'node'],
    [{ state: 'FAILED', reason: 'SystemFailure' }, 'node'],
    [{ state: 'FAILED', reason: 'Prolog' }, 'node'],
    [{ state: 'FAILED', reason: 'OutOfMemory' }, 'memory'],
    [{ state: 'FAILED', reason: 'TimeLimit' }, 'timeout'],
    [{ state: 'FAILED', reason: 'InactiveLimit' }, 'allocation'],
    [{ state: 'FAILED', reason: 'BurstBufferStageIn' }, 'disk'],
    [{ state: 'FAILED', reason: 'PartitionDown' }, 'queue'],
    [{ state: 'FAILED', reason: 'ReqNodeNotAvail, UnavailableNodes:node[7-9]' }, 'queue'],
    [{ state: 'FAILED', reason: 'BadConstraints' }, 'submission'],
    [{ state: 'FAILED', reason: 'InvalidAccount' }, 'submission'],
    [{ state: 'FAILED', reason: 'a reason of a later Slurm' }, 'code'],
    [{ state: 'TIMEOUT', reason: 'TimeLimit' }, 'timeout'],
    [{ state: 'OUT_OF_MEMORY' }, 'memory'],
    [{ state: 'CANCELLED', reason: 'by 1000' }, 'cancelled'],
    [{ state: 'PREEMPTED' }, 'preempted'],
    [{ state: 'NODE_FAIL', reason: 'NodeDown' }, 'node'],
    [{ state: 'BOOT_FAIL' }, 'node'],
    [{ state: 'LAUNCH_FAILED' }, 'node'],
    [{ state: 'RECONFIG_FAIL' }, 'node'],
    [{ state: 'DEADLINE', hasStarted: true }, 'timeout'],
    [{ state: 'DEADLINE', hasStarted: false }, 'queue'],
  ];
  it.each(rows)('%j is %s', (end, cause) => expect(blameOfSlurm(end).cause).toBe(cause));

  it.each<SlurmEnd>([
    { state: 'DEADLINE', hasStarted: false },
    { state: 'FAILED', reason: 'BurstBufferOperation' },
    { state: 'FAILED', reason: 'BurstBufferStageIn' },
  ])("%j is the spec's doing, which alone can ask for it", (end) => expect(blameOfSlurm(end).isOfSpec).toBe(true));

  it('is known of every state that is an end', () => {
    const ends = Object.entries(slurmStates).flatMap(([state, [, phase]]) => (phase === 'ended' ? [state] : []));
    const others = ['COMPLETED', 'FAILED', 'DEADLINE'];
    expect(ends.filter((state) => !others.includes(state)).sort()).toEqual(Object.keys(slurmCauses).sort());
  });

  it.each([
    ['NODE_FAIL', 'node'],
    ['PREEMPTED', 'preempted'],
    ['REQUEUED', 'preempted'],
    [undefined, 'node'],
  ])('that was requeued after a run that the accounting calls %s is %s', (earlier, cause) =>
    expect(blameOfRequeue(earlier).cause).toBe(cause),
  );
});

describe('the cause of a job of LSF', () => {
  it.each([
    ['TERM_OWNER: job killed by owner', 'cancelled'],
    ['TERM_RUNLIMIT: job killed after reaching LSF run time limit', 'timeout'],
    ['TERM_CPULIMIT: job killed after reaching LSF CPU usage limit', 'timeout'],
    ['TERM_MEMLIMIT: job killed after reaching LSF memory usage limit', 'memory'],
    ['TERM_SWAP: job killed after reaching LSF swap usage limit', 'memory'],
    ['TERM_PREEMPT: job killed after preemption', 'preempted'],
    ['TERM_RC_RECLAIM: job killed and requeued when an LSF resource connector host is reclaimed', 'preempted'],
    ['TERM_LOAD: job killed after load exceeds threshold', 'preempted'],
    ['TERM_REMOVE_HUNG_JOB: job removed from LSF', 'node'],
    ['TERM_CWD_NOTEXIST: current working directory is not accessible or does not exist', 'disk'],
    ['TERM_WINDOW: job killed after queue run window closed', 'queue'],
    ['TERM_EXTERNAL_SIGNAL: job killed by a signal external to LSF', 'code'],
    ['', 'code'],
    ['TERM_OF_A_LATER_LSF', 'code'],
  ])('%j is %s', (reason, cause) => expect(blameOfLsf(reason).cause).toBe(cause));

  it("is the spec's doing if files that it names could not be staged", () => {
    expect(blameOfLsf('TERM_DATA: job killed due to failed data staging')).toEqual(blame('disk', true));
    expect(blameOfLsf('TERM_CWD_NOTEXIST: current working directory does not exist')).toEqual(blame('disk'));
  });

  it('that ended out of sight is that of the script if the launcher wrote it down', () => {
    expect(blameOfLsf('TERM_ZOMBIE: job exited while LSF was not available').cause).toBe('code');
    expect(blameOfLsf('TERM_ZOMBIE: job exited while LSF was not available', { hasExit: false }).cause).toBe('node');
  });

  it('is memory if its stderr says so', () =>
    expect(blameOfLsf('', { stderrTail: "terminate called after throwing 'std::bad_alloc'" }).cause).toBe('memory'));

  it('is known of every reason for an end', () =>
    expect(Object.keys(lsfCauses).sort()).toEqual(Object.keys(terminations).sort()));
});

describe('the cause of a job of Flux', () => {
  const of = (type: string, note: string, more: Partial<FluxEnd> = {}): FluxEnd => ({
    exception: { type, note },
    ...more,
  });
  const rows: readonly (readonly [FluxEnd, string])[] = [
    [{ exception: null }, 'code'],
    [
      {
        exception: null,
        stderrTail: '1.2s: flux-shell[0]: ERROR: oom: Memory cgroup out of memory: killed 1 task on node7.',
      },
      'memory',
    ],
    [of('cancel', ''), 'cancelled'],
    [of('cancel', 'interrupted by ctrl-C'), 'cancelled'],
    [of('timeout', 'resource allocation expired'), 'timeout'],
    [of('timeout', 'resource allocation expired', { isEarlyTimeout: true }), 'allocation'],
    [of('exec', 'job started after expiration'), 'allocation'],
    [of('exec', 'lost contact with job shell on broker node7 (rank 3)'), 'node'],
    [of('exec', 'node failure on node7 (rank 3)'), 'node'],
    [of('exec', 'node7 (rank 3) terminated before first barrier'), 'node'],
    [of('exec', 'task 0: start failed: ./run.sh: No such file or directory'), 'code'],
    [of('node-failure', 'node7 is down'), 'node'],
    [of('prolog', 'prolog killed by signal 15 on node7 (rank 3)'), 'node'],
    [of('prolog', 'prolog timed out on node7 (rank 3)'), 'node'],
    [of('epilog', 'epilog failed on node7'), 'node'],
    [of('preempt', ''), 'preempted'],
    [of('alloc', 'unsatisfiable request'), 'submission'],
    [of('dependency', 'dependency: afterok: job f1 failed or was canceled'), 'submission'],
    [of('a-type-of-a-user', 'any'), 'code'],
  ];
  it.each(rows)('%j is %s', (end, cause) => expect(blameOfFlux(end).cause).toBe(cause));
});

describe('the cause of a local step', () => {
  const rows: readonly (readonly [LocalEnd, string])[] = [
    [{ status: 3, how: '' }, 'code'],
    [{ status: 137, how: '' }, 'code'],
    [{ status: 139, how: '' }, 'code'],
    [{ status: 1, how: '', stderrTail: 'Traceback (most recent call last):\nMemoryError' }, 'memory'],
    [{ status: 152, how: '' }, 'timeout'],
    [{ status: 127, how: 'not-executable', words: 'python9: No such file or directory' }, 'code'],
    [{ status: null, how: '' }, 'node'],
    [{ status: 143, how: 'orphaned' }, 'node'],
    [{ status: 126, how: 'never-began', words: 'fork: Resource temporarily unavailable' }, 'node'],
    [{ status: 1, how: 'never-began', words: 'No space left on device' }, 'disk'],
  ];
  it.each(rows)('%j is %s', (end, cause) => expect(blameOfLocal(end).cause).toBe(cause));
});

describe('the cause of a refusal', () => {
  it.each([
    ['sbatch: error: Batch job submission failed: Requested node configuration is not available', 'submission', true],
    ['sbatch: error: invalid partition specified: pdebgu', 'submission', true],
    [
      'sbatch: error: Batch job submission failed: Requested time limit is invalid (missing or exceeds some limit)',
      'submission',
      true,
    ],
    ["sbatch: error: User's group not permitted to use this partition", 'submission', true],
    ['pbatch: No such queue. Job not submitted.', 'submission', true],
    ['unsatisfiable request', 'submission', true],
    [
      'sbatch: error: Batch job submission failed: Slurm internal error, contact system administrator',
      'submission',
      false,
    ],
    ['sbatch: error: Batch job submission failed: Invalid job credential', 'submission', false],
    ['Unable to contact slurm controller (connect failure)', 'connection', false],
    [
      'Failed in an LSF library call: Slave LIM configuration is not ready yet. Job not submitted.',
      'connection',
      false,
    ],
    ['Required node not available (down, drained or reserved)', 'queue', false],
    ['Queue <night> is closed. Job not submitted.', 'queue', false],
    ['Requested account has breached requested QOS usage threshold', 'queue', false],
    ['job duration (1h) exceeds remaining instance lifetime (0.5h)', 'allocation', false],
    ['cannot write the job file: No space left on device', 'disk', false],
  ])('%j is %s, by the spec: %s', (said, cause, isOfSpec) => expect(blameOfRefusal(said)).toEqual({ cause, isOfSpec }));
});

it.each([
  [slurmOom, true],
  ['srun: error: node7: task 3: Out Of Memory', true],
  ['slurmstepd: error: Exceeded job memory limit at some point.', true],
  ['numpy._core._exceptions._ArrayMemoryError: Unable to allocate 7.45 GiB', true],
  ['forrtl: severe (41): insufficient virtual memory', true],
  ['Error allocating 8000000000 bytes', true],
  ['RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB', true],
  ['node7: memory error detected and corrected', false],
  ['Killed', false],
  ['', false],
])('stderr that ends with %j tells of a lack of memory: %s', (tail, isMemory) =>
  expect(blameOfScript(tail)).toEqual({ cause: isMemory ? 'memory' : 'code', isOfSpec: true }),
);

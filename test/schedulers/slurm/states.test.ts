import { describe, expect, it } from 'vitest';
import { blame } from '../../../src/causes/cause.js';
import type { QueuePhase } from '../../../src/schedulers/batch/batch-system.js';
import { slurm } from '../../../src/schedulers/slurm/slurm.js';
import { slurmStates } from '../../../src/schedulers/slurm/states.js';
import type { JobResult } from '../../../src/study/state.js';

const rows: readonly (readonly [short: string, long: string, QueuePhase, JobResult | null, note: string])[] = [
  ['PD', 'PENDING', 'waiting', null, ''],
  ['CF', 'CONFIGURING', 'waiting', null, ''],
  ['', 'POWER_UP_NODE', 'waiting', null, ''],
  ['', 'EXPEDITING', 'waiting', null, ''],
  ['RQ', 'REQUEUED', 'waiting', null, ''],
  ['RF', 'REQUEUE_FED', 'waiting', null, ''],
  ['RH', 'REQUEUE_HOLD', 'waiting', null, ''],
  ['SE', 'SPECIAL_EXIT', 'waiting', null, ''],
  ['RD', 'RESV_DEL_HOLD', 'waiting', null, ''],
  ['R', 'RUNNING', 'running', null, ''],
  ['RS', 'RESIZING', 'running', null, ''],
  ['SI', 'SIGNALING', 'running', null, ''],
  ['ST', 'STOPPED', 'running', null, ''],
  ['S', 'SUSPENDED', 'running', null, ''],
  ['', 'UPDATE_DB', 'running', null, ''],
  ['RV', 'REVOKED', 'running', null, ''],
  ['CG', 'COMPLETING', 'finishing', null, ''],
  ['SO', 'STAGE_OUT', 'finishing', null, ''],
  ['CD', 'COMPLETED', 'ended', 'completed', ''],
  ['F', 'FAILED', 'ended', 'failed', ''],
  ['TO', 'TIMEOUT', 'ended', 'timeout', ''],
  ['OOM', 'OUT_OF_MEMORY', 'ended', 'failed', 'it ran out of memory'],
  ['DL', 'DEADLINE', 'ended', 'failed', 'it could not end before its deadline'],
  ['CA', 'CANCELLED', 'ended', 'cancelled', ''],
  ['PR', 'PREEMPTED', 'ended', 'node-failure', 'it was preempted'],
  ['NF', 'NODE_FAIL', 'ended', 'node-failure', 'one of its nodes failed'],
  ['BF', 'BOOT_FAIL', 'ended', 'node-failure', 'its nodes could not be booted'],
  ['', 'LAUNCH_FAILED', 'ended', 'node-failure', 'it could not be launched on its nodes'],
  ['', 'RECONFIG_FAIL', 'ended', 'node-failure', 'its nodes could not be configured'],
];

const rowOf = (state: string, reason = '') => slurm.parseRow(`12|${state}|0:0|100|200|||${reason}`)!;
const meaningOf = (state: string, reason?: string) => slurm.meaningOf(rowOf(state, reason));

describe('a job of Slurm', () => {
  it.each(rows)('that is %s (%s) is %s: %s %s', (short, long, phase, result, note) => {
    expect(meaningOf(long)).toMatchObject({ phase, result, note });
    if (short !== '') expect(meaningOf(short)).toEqual(meaningOf(long));
    expect(rowOf(short || long).state).toBe(long);
  });

  it('may be in each state of the table, and in no other', () =>
    expect(rows.map(([, long]) => long).sort()).toEqual(Object.keys(slurmStates).sort()));

  it.each([
    ['CANCELLED by 1000', 'CANCELLED'],
    ['CANCELLED+', 'CANCELLED'],
    ['OUT_OF_ME+', 'OUT_OF_MEMORY'],
    ['NODE_FAIL+', 'NODE_FAIL'],
    ['FAILED,LAUNCH_FAILED', 'FAILED'],
  ])('may be shown as %s', (shown, state) => expect(rowOf(shown).state).toBe(state));

  it('is not given up for a state that nobody knows', () =>
    expect(meaningOf('SOMETHING_NEW')).toEqual({ phase: 'running', result: null, note: '' }));

  it('may have been cancelled by somebody else', () =>
    expect(meaningOf('CANCELLED', 'by root')).toEqual({
      phase: 'ended',
      result: 'cancelled',
      note: 'it was cancelled by root',
      blame: blame('cancelled'),
    }));

  it.each([
    ['FAILED', '', 'code'],
    ['FAILED', 'NodeDown', 'node'],
    ['OUT_OF_MEMORY', '', 'memory'],
    ['TIMEOUT', '', 'timeout'],
    ['PREEMPTED', '', 'preempted'],
    ['NODE_FAIL', '', 'node'],
    ['DEADLINE', '', 'timeout'],
  ])('that is %s (%s) is the fault of: %s', (state, reason, cause) =>
    expect(meaningOf(state, reason).blame?.cause).toBe(cause),
  );

  it('that did not begin before its deadline was held up by the queue, for the deadline of the spec', () => {
    const row = slurm.parseRow('12|DEADLINE|0:0|200|200|||')!;
    expect(slurm.meaningOf(row).blame).toEqual(blame('queue', true));
  });

  it('has no blame before its end, nor if it completed', () =>
    expect(['PENDING', 'RUNNING', 'COMPLETED'].map((state) => meaningOf(state).blame)).toEqual([
      undefined,
      undefined,
      undefined,
    ]));

  it('has nodes, by name', () => {
    expect(slurm.parseRow('12|RUNNING|0:0|100|N/A|n[1-2,7]|0|None')?.nodes).toEqual(['n1', 'n2', 'n7']);
    expect(slurm.parseRow('12|PENDING|0:0|N/A|N/A||0|Priority')).not.toHaveProperty('nodes');
  });

  it.each([
    ['NODE_FAIL', 'node'],
    ['PREEMPTED', 'preempted'],
    ['REQUEUED', 'preempted'],
    // No more is known than how often it was requeued.
    ['1', undefined],
    ['', undefined],
  ])('that was requeued, and was %j before, was requeued for: %s', (earlier, cause) => {
    expect(slurm.parseRow(`12|PENDING|0:0|N/A|N/A||${earlier}|BeginTime`)?.requeuedFor?.cause).toBe(cause);
  });

  it('may have a reason for its failure', () =>
    expect(meaningOf('FAILED', 'JobLaunchFailure').note).toBe("Slurm's reason is JobLaunchFailure"));
});

describe('a line of Slurm about a job', () => {
  const ms = 1000;

  it.each([
    ['12|PENDING|0|N/A|N/A|||Priority', 'PENDING', 'Priority', null, null, null],
    // Slurm estimates when it will start.
    ['12|PENDING|0|1795939337|1795942937|||Resources', 'PENDING', 'Resources', null, null, null],
    ['12|PENDING||N/A|N/A|||Priority', 'PENDING', 'Priority', null, null, null],
    ['12|PENDING|0:0|N/A|N/A|||None', 'PENDING', '', null, null, null],
    [
      '12|PENDING|0|N/A|N/A|||ReqNodeNotAvail, UnavailableNodes:n[1-3]',
      'PENDING',
      'ReqNodeNotAvail, UnavailableNodes:n[1-3]',
      null,
      null,
      null,
    ],
    ['12|RUNNING|0|100|3700|||None', 'RUNNING', '', null, 100 * ms, null],
    ['12|COMPLETED|0|100|200|||None', 'COMPLETED', '', 0, 100 * ms, 200 * ms],
    ['12|FAILED|768|100|200|||NonZeroExitCode', 'FAILED', '', 3, 100 * ms, 200 * ms],
    ['12|FAILED|9|100|100|||RaisedSignal:9(Killed)', 'FAILED', '', 137, 100 * ms, 100 * ms],
    ['12|FAILED|3:0|100|200|||', 'FAILED', '', 3, 100 * ms, 200 * ms],
    ['12|FAILED|0:9|100|200|||', 'FAILED', '', 137, 100 * ms, 200 * ms],
    ['12|OUT_OF_MEMORY|0:125|100|200|||OutOfMemory', 'OUT_OF_MEMORY', '', null, 100 * ms, 200 * ms],
    ['12|CANCELLED by 0|0:15|100|200|||by root', 'CANCELLED', 'by root', 143, 100 * ms, 200 * ms],
    // It was cancelled in the queue.
    ['12|CANCELLED|0|200|200|||Priority', 'CANCELLED', '', 0, null, 200 * ms],
    ['12|CANCELLED|0:0|None|Unknown|||', 'CANCELLED', '', 0, null, null],
    ['12|TIMEOUT|0:0|100|200|||TimeLimit', 'TIMEOUT', '', 0, 100 * ms, 200 * ms],
  ])('is read: %s', (line, state, reason, exitCode, startedAt, endedAt) =>
    expect(slurm.parseRow(line)).toEqual({ id: '12', state, reason, exitCode, startedAt, endedAt }),
  );

  it('keeps the cluster in the id', () => expect(slurm.parseRow('12;quartz|RUNNING|0|1|2|||')?.id).toBe('12;quartz'));

  it.each(['', 'CLUSTER: quartz', 'squeue: warning', '12_3|RUNNING|0|1|2|'])('is none: %j', (line) =>
    expect(slurm.parseRow(line)).toBeUndefined(),
  );
});

describe('the owner in a claim', () => {
  it.each([
    ['12.0', '12', true],
    // It runs a second time.
    ['12.1', '12', true],
    ['12@quartz.0', '12;quartz', true],
    ['13.0', '12', false],
    ['12@ruby.0', '12;quartz', false],
  ])('%s is of the job %s: %s', (owner, id, isIt) => {
    expect(slurm.idOfOwner(owner) === id).toBe(isIt);
  });
});

describe('a job that waits', () => {
  const doubt = (reason: string, state = 'PENDING') => slurm.doubtOf(rowOf(state, reason));

  it.each([
    'Priority',
    'Resources',
    'None',
    'Dependency',
    'BeginTime',
    'Licenses',
    'Reservation',
    'Prolog',
    'Cleaning',
    // The jobs of the study that run are enough to reach such a limit.
    'QOSMaxJobsPerUserLimit',
    'MaxJobsPerAccount',
    'AssocMaxJobsLimit',
    'AssocGrpJobsLimit',
    'QOSGrpJobsLimit',
    'QOSJobLimit',
  ])('for %s only waits for its turn', (reason) => expect(doubt(reason)).toBeUndefined());

  it.each([
    ['PartitionTimeLimit', '`walltime`'],
    ['AssocMaxWallDurationPerJobLimit', '`walltime`'],
    ['PartitionNodeLimit', '`nodes`, `procs` or `gpus` of the step'],
    ['PartitionConfig', '`queue` of batch'],
    ['QOSMaxCpuPerJobLimit', '`nodes`'],
    ['QOSMinGRES', 'less than its QOS demands'],
    ['BadConstraints', '`args` of batch'],
    ['QOSMaxCpuPerUserLimit', 'others of the account or the user'],
    ['MaxCpuPerAccount', 'others of the account or the user'],
    ['MaxCpuRunMinsPerUser', 'hours'],
    ['AssocGrpCPUMinutesLimit', '`bank` of batch'],
    ['AccountNotAllowed', '`bank`'],
    ["Job's account not known, so it can't use this partition (pbatch allows phys,chem)", '`bank`'],
    ['InvalidQOS', '`qos`'],
    ['JobHeldUser', 'scontrol release'],
    ['JobHeldAdmin', 'administrator'],
    ['JobHoldMaxRequeue', 'scontrol release'],
    ['launch failed requeued held', 'scontrol release'],
    ['DependencyNeverSatisfied', 'cancelled'],
    ['PartitionDown', '`queue` of batch'],
    ['PartitionInactive', '`queue` of batch'],
    ['ReservationDeleted', '`reservation`'],
    ['ReqNodeNotAvail, UnavailableNodes:n[1-3]', 'maintenance'],
  ])('for %s may never start, and the hint names keys of the spec', (reason, words) => {
    expect(doubt(reason)).toEqual({ reason, hint: expect.stringContaining(words) });
    expect(doubt(reason)!.hint).not.toContain('allocate');
  });

  it('is another thing than one that runs', () => expect(doubt('PartitionTimeLimit', 'RUNNING')).toBeUndefined());
});

describe('a refusal of sbatch', () => {
  const failed = 'sbatch: error: Batch job submission failed: ';

  it.each([
    ['never', `${failed}Invalid partition name specified`, 1],
    ['never', `${failed}Requested node configuration is not available`, 1],
    ['never', `${failed}Invalid account or account/partition combination specified`, 1],
    ['never', `${failed}Requested time limit is invalid (missing or exceeds some limit)`, 1],
    ['never', `${failed}Invalid qos specification`, 1],
    ['never', 'sbatch: error: Invalid generic resource (gres) specification', 1],
    ['never', 'bash: line 1: sbatch: command not found', 127],
    ['wait', `sbatch: error: AssocMaxSubmitJobLimit\n${failed}Job violates accounting/QOS policy`, 1],
    ['wait', `sbatch: error: QOSMaxSubmitJobPerUserLimit\n${failed}Job violates accounting/QOS policy`, 1],
    ['wait', `sbatch: error: MaxSubmitJobsPerAccount\n${failed}Job violates accounting/QOS policy`, 1],
    ['wait', `${failed}Required partition not available (inactive or drain)`, 1],
    ['wait', 'sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying', 1],
    ['wait', `sbatch: error: Slurm job queue full, sleeping and retrying\n${failed}MaxJobCount limit reached`, 1],
    ['wait', `${failed}Rate limit exceeded, please retry momentarily`, 1],
    ['wait', `${failed}System submissions disabled`, 1],
    ['doubt', `${failed}Socket timed out on send/recv operation`, 1],
    ['doubt', `${failed}Unable to contact slurm controller (connect failure)`, 1],
    ['doubt', `${failed}Zero Bytes were transmitted or received`, 1],
    ['doubt', `${failed}Connection timed out reading`, 1],
    ['doubt', 'it printed no id', 254],
    ['doubt', '', 137],
  ])('means %s: %s', (kind, words, exitCode) => expect(slurm.classifyRefusal(words, exitCode)).toBe(kind));
});

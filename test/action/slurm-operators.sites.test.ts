import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Slurm } from '../support/slurm.js';
import { gate, isSlurmPossible, job, local, SlurmStudy, slurmBatch } from '../support/slurm-study.js';

describe.skipIf(!isSlurmPossible('what others do to jobs of a study'))('a study whose jobs are of Slurm', () => {
  let slurm: Slurm;
  beforeAll(async () => {
    const queues = ['PartitionName=later Nodes=ALL MaxTime=INFINITE State=UP'];
    slurm = await Slurm.start({ cpus: 64, requeueDelay: 1, config: queues });
  });
  afterAll(() => slurm?.stop());
  beforeEach(() => slurm.isIdle());

  const later = { ...slurmBatch, queue: 'later' };
  const setPartition = (state: string) => slurm.command('scontrol', 'update', 'partitionname=later', `state=${state}`);

  it('runs jobs and local steps in order; a failure takes along its dependants only', async () => {
    const study = new SlurmStudy(slurm, {
      steps: [
        local('make', 'echo made > made'),
        job('work', 'cat $(make.workspace)/made; echo to stderr >&2', { depends: ['make'] }),
        job('bad', 'exit 3', { depends: ['make'] }),
        job('never', 'true', { depends: ['bad'] }),
        job('gather', '$(LAUNCHER) printenv SLURM_PROCID', { procs: 2, depends: ['work'] }),
        local('end', 'true', { depends: ['gather'] }),
      ],
    });
    const { code } = await study.run();
    expect([code, study.ends]).toEqual([
      2,
      [
        'make FINISHED',
        'work FINISHED',
        'bad FAILED: exit 3',
        'never FAILED: dependency bad failed',
        'gather FINISHED',
        'end FINISHED',
      ],
    ]);
    expect([study.read('work/work.out'), study.read('work/work.err')]).toEqual(['made\n', 'to stderr\n']);
    expect(study.read('gather/gather.out').split('\n').sort().join()).toBe(',0,1');
    expect(study.runCounts('make', 'work', 'bad', 'never', 'gather', 'end')).toEqual([
      ...['make 1', 'work 1', 'bad 1', 'never 0', 'gather 1', 'end 1'],
    ]);
    expect(await slurm.queue()).toEqual([]);
  });

  it('takes a job that is cancelled from outside for cancelled, with what depends on it', async () => {
    const study = new SlurmStudy(slurm, {
      steps: [job('long', gate()), job('after', 'true', { depends: ['long'] }), job('other', gate())],
    });
    const { ended } = await study.startUntilUp(['long', 'other']);
    await slurm.command('scancel', study.runsOf('long')[0]!);
    study.write('other/go');
    const { code } = await ended;
    expect([code, study.report.status]).toEqual([3, 'CANCELLED']);
    expect(study.ends).toEqual([
      expect.stringMatching(/^long CANCELLED: /),
      'after CANCELLED: dependency long was cancelled',
      'other FINISHED',
    ]);
    expect(study.runCounts('long', 'after', 'other')).toEqual(['long 1', 'after 0', 'other 1']);
  });

  it('has none of its jobs in the queue any more when it was cancelled', async () => {
    const blocked = job('waits', 'true', { nodes: 1, procs: 64, exclusive: true });
    const steps = [job('long', gate()), blocked, job('after', 'true', { depends: ['long'] })];
    const study = new SlurmStudy(slurm, { steps });
    const { process, ended } = await study.startUntilUp(['long']);
    await study.queuedJob('waits');
    process.kill('SIGINT');
    const { code } = await ended;
    expect(await slurm.queue()).toEqual([]);
    expect([code, study.report.status]).toEqual([3, 'CANCELLED']);
    expect(study.runCounts('long', 'waits', 'after')).toEqual(['long 1', 'waits 0', 'after 0']);
  });

  it('waits for a job that is held, says so, and goes on when it is released', async () => {
    await setPartition('down');
    const study = new SlurmStudy(slurm, { batch: later, steps: [job('held')] });
    const { ended } = study.start();
    const id = await study.queuedJob('held');
    await slurm.command('scontrol', 'hold', id);
    await setPartition('up');
    await sleep(2500);
    expect([study.runsOf('held'), await slurm.stateOf(id)]).toEqual([[], 'PENDING']);
    await slurm.command('scontrol', 'release', id);
    const { code, stdout } = await ended;
    expect([code, study.ends, study.runsOf('held')]).toEqual([0, ['held FINISHED'], [id]]);
    expect(stdout).toContain('JobHeld');
  });

  it('runs a step again, as another job, when its job is requeued: the requeued one runs nothing', async () => {
    const study = new SlurmStudy(slurm, { steps: [job('again', `[ -e go ] || sleep 60`)] });
    const { ended } = await study.startUntilUp(['again']);
    const [id] = study.runsOf('again');
    await slurm.command('scontrol', 'update', `jobid=${id}`, 'requeue=1');
    study.write('again/go');
    await slurm.command('scontrol', 'requeue', id!);
    const { code } = await ended;
    const runs = study.runsOf('again');
    expect([code, study.ends, runs.length, runs[0]]).toEqual([0, ['again FINISHED'], 2, id]);
    expect(runs[1]).not.toContain('.');
    expect(await slurm.queue()).toEqual([]);
  });

  it('submits again, and says what it waits for, while a partition takes no jobs', async () => {
    const steps = [
      job('first', gate()),
      job('second', 'true', { depends: ['first'] }),
      job('third', 'true', { depends: ['second'] }),
    ];
    const study = new SlurmStudy(slurm, { batch: later, steps });
    const { ended } = await study.startUntilUp(['first']);
    await setPartition('drain');
    study.write('first/go');
    await sleep(3000);
    expect(study.runCounts('first', 'second')).toEqual(['first 1', 'second 0']);
    await setPartition('up');
    const { code, stdout } = await ended;
    expect([code, study.ends]).toEqual([0, ['first FINISHED', 'second FINISHED', 'third FINISHED']]);
    expect(study.runCounts('first', 'second', 'third')).toEqual(['first 1', 'second 1', 'third 1']);
    expect(stdout.match(/partition .*inactive or drain|drain/gi)?.length).toBe(1);
  });

  it('goes on when the controller was away for a while: each script runs once', async () => {
    const steps = [
      job('before', gate()),
      job('during', gate()),
      job('next', 'true', { depends: ['before'] }),
      job('last', 'true', { depends: ['next', 'during'] }),
    ];
    const study = new SlurmStudy(slurm, { steps });
    const { ended } = await study.startUntilUp(['before', 'during']);
    await slurm.stopController();
    study.write('before/go');
    await sleep(4000);
    study.write('during/go');
    await sleep(500);
    await slurm.startController();
    const { code } = await ended;
    expect([code, study.ends]).toEqual([0, ['before', 'during', 'next', 'last'].map((name) => `${name} FINISHED`)]);
    expect(study.runCounts('before', 'during', 'next', 'last')).toEqual([
      ...['before 1', 'during 1', 'next 1', 'last 1'],
    ]);
  });
});

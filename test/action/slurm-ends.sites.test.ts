import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { installedAccounting } from '../support/slurm/accounting.js';
import { installedCgroups, Slurm } from '../support/slurm.js';
import { gate, isSlurmPossible, job, outOfTime, SlurmStudy, slurmBatch } from '../support/slurm-study.js';
import { until } from '../support/wait.js';

describe.skipIf(!isSlurmPossible('jobs that Slurm ends'))('jobs that Slurm ends', () => {
  let slurm: Slurm;
  beforeAll(async () => {
    slurm = await Slurm.start({ nodes: 3, cpus: 4, preempt: 'CANCEL' });
  });
  afterAll(() => slurm?.stop());
  beforeEach(() => slurm.isIdle());

  it('at their time limits are TIMEDOUT, or restarted where there is a restart', async () => {
    const walltime = '0:10:00';
    const study = new SlurmStudy(slurm, {
      steps: [
        job('slow', outOfTime, { walltime }),
        job('after', 'true', { depends: ['slow'] }),
        job('resumable', outOfTime, { walltime, restart: 'echo restarted >> runs' }),
        job('next', 'true', { depends: ['resumable'] }),
      ],
    });
    const { code } = await study.run();
    expect(code).toBe(2);
    expect(study.ends).toEqual([
      expect.stringMatching(/^slow TIMEDOUT/),
      'after FAILED: dependency slow failed',
      'resumable FINISHED',
      'next FINISHED',
    ]);
    expect(study.runCounts('slow', 'after', 'next')).toEqual(['slow 1', 'after 0', 'next 1']);
    expect(study.runsOf('resumable')).toEqual([expect.stringMatching(/^\d+$/), 'restarted']);
    expect(study.report.steps[2].restarts).toBe(1);
  });

  it('have the same metrics when the study is run again, though nothing of it is', async () => {
    const study = new SlurmStudy(slurm, { steps: [job('run', 'echo "time = 3"')] });
    for (const _ of ['first', 'again']) {
      expect((await study.run({ metrics: "time: {pattern: 'time = (.*)', reference: 3}" })).code).toBe(0);
      expect(study.report.metrics).toMatchObject([{ value: 3, verdict: 'ok' }]);
    }
    expect(study.runCounts('run')).toEqual(['run 1']);
  });

  it('because their node fails run again elsewhere; those on other nodes do not notice', async () => {
    const script = `echo $SLURMD_NODENAME >> nodes; ${gate()}`;
    const study = new SlurmStudy(slurm, {
      steps: [job('a', script, { nodes: 1, exclusive: true }), job('b', script, { nodes: 1, exclusive: true })],
    });
    const { ended } = await study.startUntilUp(['a', 'b']);
    await until('it has written its node', () => study.has('a/nodes') && study.read('a/nodes') !== '');
    const node = study.read('a/nodes').trim();
    await slurm.failNode(node);
    await study.hasRun('a', 2);
    for (const name of ['a', 'b']) study.write(`${name}/go`);
    const { code, stdout } = await ended;
    await slurm.resumeNode(node);
    expect([code, study.ends, study.runCounts('a', 'b')]).toEqual([0, ['a FINISHED', 'b FINISHED'], ['a 2', 'b 1']]);
    expect(stdout).toContain('one of its nodes failed');
    expect(study.read('a/nodes').split('\n')[1]).not.toBe(node);
  });

  it('before they began, because none has begun in time, run when the study is run again', async () => {
    const blocker = (
      await slurm.command('sbatch', '--parsable', '--nodes=3', '--exclusive', '--output=/dev/null', '--wrap=sleep 60')
    ).trim();
    await slurm.hasState(blocker, 'RUNNING');
    const study = new SlurmStudy(slurm, {
      parameters: { I: [1, 2, 3] },
      steps: [job('run', ': $(I)'), job('after', 'true', { depends: ['run_*'] })],
    });
    const { code } = await study.run({ 'max-wait': '3s' });
    expect([code, study.report.status, study.report.study.cause]).toEqual([4, 'INTERRUPTED', 'queue']);
    expect(study.ends).toEqual([
      ...[1, 2, 3].map(
        (i) => `run_I.${i} PENDING: max-wait: no job has begun to run within 3.0s; to be submitted again`,
      ),
      'after INITIALIZED',
    ]);
    expect(await slurm.queue()).toEqual([`${blocker} RUNNING`]);
    await slurm.command('scancel', blocker);
    await slurm.isIdle();
    expect((await study.run({ 'max-wait': '60' })).code).toBe(0);
    expect(study.allRuns).toEqual({ 'run/I.1': 1, 'run/I.2': 1, 'run/I.3': 1, after: 1 });
  });

  it('to give their nodes to urgent ones run again', async () => {
    const study = new SlurmStudy(slurm, { steps: [job('low', gate(), { nodes: 3, exclusive: true })] });
    const { ended } = await study.startUntilUp(['low']);
    await slurm.command('sbatch', '--partition=purgent', '--output=/dev/null', '--wrap=sleep 1');
    await study.hasRun('low', 2);
    study.write('low/go');
    const { code, stdout } = await ended;
    expect([code, study.ends, study.runCounts('low')]).toEqual([0, ['low FINISHED'], ['low 2']]);
    expect(stdout).toContain('it was preempted');
  });
});

describe.skipIf(!isSlurmPossible('jobs that are out of memory', installedCgroups))(
  'a job that is out of memory',
  () => {
    it('has FAILED for that reason', async () => {
      const slurm = await Slurm.forTest({ memory: 60 });
      const grow = `exec python3 -c 'x = bytearray(300 << 20); x[::4096] = b"1" * 76800'`;
      const study = new SlurmStudy(slurm, { steps: [job('big', grow), job('after', 'true', { depends: ['big'] })] });
      const { code } = await study.run();
      expect([code, study.ends]).toEqual([
        2,
        [expect.stringMatching(/^big FAILED: .*out of memory/), 'after FAILED: dependency big failed'],
      ]);
      expect(study.runCounts('big', 'after')).toEqual(['big 1', 'after 0']);
    });
  },
);

describe.skipIf(!isSlurmPossible('accounts and their limits', installedAccounting))(
  'a Slurm that keeps accounts',
  () => {
    let slurm: Slurm;
    beforeAll(async () => {
      slurm = await Slurm.start({ cpus: 64, accounting: { limits: ['MaxSubmitJobs=10'] }, minJobAge: 2 });
    });
    afterAll(() => slurm?.stop());
    beforeEach(() => slurm.isIdle());

    it('takes a study of 40 jobs that may submit 10 at a time: each runs once, and the log says what is waited for', async () => {
      const values = Array.from({ length: 40 }, (_, index) => index);
      const study = new SlurmStudy(slurm, {
        batch: { ...slurmBatch, bank: 'science' },
        parameters: { I: values },
        steps: [job('run', ': $(I)')],
      });
      const { code, stdout } = await study.run();
      expect([code, study.report.status]).toEqual([0, 'FINISHED']);
      expect(study.allRuns).toEqual(Object.fromEntries(values.map((value) => [`run/I.${value}`, 1])));
      expect(stdout.match(/AssocMaxSubmitJobLimit/g)?.length).toBe(1);
    });

    it('refuses an account that does not exist before anything runs', async () => {
      const study = new SlurmStudy(slurm, { batch: { ...slurmBatch, bank: 'nosuch' }, steps: [job('run')] });
      const { code, stderr } = await study.run();
      expect([code, study.has('run')]).toEqual([1, false]);
      expect(stderr).toContain('nosuch');
    });

    it('knows how jobs ended that the controller has forgotten when the study is resumed', async () => {
      const study = new SlurmStudy(slurm, {
        steps: [job('cancelled', gate()), job('failed', `${gate()}; exit 4`), job('finished', gate())],
      });
      const { process, ended } = await study.startUntilUp(['cancelled', 'failed', 'finished']);
      process.kill('SIGKILL');
      await ended;
      const id = study.runsOf('cancelled')[0]!;
      await slurm.command('scancel', id);
      for (const name of ['failed', 'finished']) study.write(`${name}/go`);
      await slurm.isIdle();
      for (let look = 0; (await slurm.command('squeue', '--states=all', '--noheader')) !== ''; look++) {
        if (look > 100) throw new Error('the controller does not forget its jobs');
        await sleep(200);
      }
      const { code } = await study.run();
      expect([code, study.ends]).toEqual([
        3,
        [
          expect.stringMatching(/^cancelled CANCELLED: it was cancelled by /),
          'failed FAILED: exit 4',
          'finished FINISHED',
        ],
      ]);
      expect(study.runCounts('cancelled', 'failed', 'finished')).toEqual(['cancelled 1', 'failed 1', 'finished 1']);
    });
  },
);

import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Desk } from '../support/desk.js';
import { yamlOf } from '../support/plan.js';
import { Slurm } from '../support/slurm.js';
import { gate, isSlurmPossible, job, local, slurmBatch } from '../support/slurm-study.js';
import { until } from '../support/wait.js';

/** Studies whose conductor is a job of Slurm. */
describe.skipIf(!isSlurmPossible('detach: job'))('run --detach job, on Slurm', () => {
  let slurm: Slurm;
  beforeAll(async () => {
    slurm = await Slurm.start({ nodes: 2, cpus: 4 });
  });
  afterAll(() => slurm?.stop());
  beforeEach(() => slurm.isIdle());

  const desk = (steps: Parameters<typeof yamlOf>[0]['steps']) => {
    const made = new Desk(yamlOf({ batch: slurmBatch, steps }));
    Object.assign(made.environment, slurm.environment);
    return made;
  };
  const detach = (on: Desk, ...args: readonly string[]) =>
    on.run('run', 'study.yaml', '-o', 'out', '--detach', 'job', ...args);

  it('ends once the queue has the conductor, which submits the jobs of the study and comes to its end', async () => {
    const study = desk([job('one'), local('two', 'env | grep ^SLURM_ > variables || true', { depends: ['one'] })]);
    const { code, stdout, stderr } = await detach(study, '--detach-args', '--time=30 --partition=pdebug');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/its conductor is job \d+ of Slurm, and starts with that/);
    expect(await study.ended('out')).toMatch(/^Study demo FINISHED in /m);
    expect(study.read('out/one/runs').trim().split('\n')).toHaveLength(1);
    // Local steps find nothing of the conductor's job.
    expect(study.read('out/two/variables')).toMatch(/^SLURM_CONF=.*\n$/);
    const { id } = JSON.parse(readFileSync(path.join(study.startDirectory('out'), 'job.json'), 'utf8'));
    const opened = study
      .read('out/.conductor/journal.jsonl')
      .split('\n')
      .find((line) => line.includes('"open"'));
    expect(JSON.parse(opened!).holder).toMatchObject({ job: id, detached: expect.any(String) });
  });

  it('is refused in the words of Slurm, and leaves nothing to be collected', async () => {
    const study = desk([job('one')]);
    const { code, stderr } = await detach(study, '--detach-args=--partition=none');
    expect(code).toBe(1);
    expect(stderr).toContain("Slurm does not accept the conductor's job: ");
    expect(stderr).toContain('invalid partition specified: none');
    expect((await study.run('collect')).stdout).toBe('There is no detached study to collect\n');
  });

  it('waits in the queue for as long as it takes, and is neither dead nor started twice meanwhile', async () => {
    const study = desk([job('one')]);
    await detach(study, '--detach-args=--hold');
    const { code, stdout } = await study.run('status', 'out');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^Study demo RUNNING .*\(its conductor, job \d+ of Slurm, waits in the queue: PENDING: JobHeldUser\)$/m,
    );
    expect((await study.run('list')).stdout).toMatch(/^demo +RUNNING .*out$/m);
    expect((await study.run('collect')).stdout).not.toContain('starting another one');
    const again = await detach(study);
    expect(again).toMatchObject({ code: 0, stderr: '' });
    expect(again.stdout).toContain('was started before, and runs detached');
    expect(await slurm.queue()).toHaveLength(1);
    study.write('other.yaml', study.read('study.yaml').replace('hold', 'held').replace('one', 'two'));
    const other = await study.run('run', 'other.yaml', '-o', 'out', '--detach', 'job');
    expect(other.code).toBe(1);
    expect(await slurm.queue()).toHaveLength(1);
    const watching = study.start('watch', 'out');
    const { id } = JSON.parse(readFileSync(path.join(study.startDirectory('out'), 'job.json'), 'utf8'));
    await slurm.command('scontrol', 'release', id);
    expect(await study.ended('out')).toMatch(/FINISHED/);
    expect(await watching.ended).toMatchObject({ code: 0 });
    expect(study.read('out/one/runs').trim().split('\n')).toHaveLength(1);
  });

  it('leaves its study to a run that came while it waited, and nothing runs twice', async () => {
    const study = desk([job('one', gate())]);
    await detach(study, '--detach-args=--hold');
    const { id } = JSON.parse(readFileSync(path.join(study.startDirectory('out'), 'job.json'), 'utf8'));
    const run = study.start('run', 'study.yaml', '-o', 'out');
    await until('the step runs', () => study.has('out/one/runs'), 20_000);
    await slurm.command('scontrol', 'release', id);
    await slurm.hasState(id, 'FAILED');
    study.write('out/one/go');
    expect(await run.ended).toMatchObject({ code: 0, stderr: '' });
    expect((await study.run('status', 'out')).stdout).toMatch(/^Study demo FINISHED/m);
    expect(study.read('out/one/runs').trim().split('\n')).toHaveLength(1);
  });

  it('is cancelled with its study while it waits', async () => {
    const study = desk([job('one')]);
    await detach(study, '--detach-args=--hold');
    const { code, stdout } = await study.run('cancel', 'out');
    expect(code).toBe(0);
    expect(stdout).toMatch(/job \d+ of Slurm, which was to drive it, was told to end/);
    await slurm.isIdle();
    expect(await study.run('status', 'out')).toMatchObject({ code: 3 });
    expect(study.has('out/one')).toBe(false);
    expect(() => readFileSync(path.join(study.startDirectory('out'), 'secrets.json'))).toThrow('ENOENT');
  });

  it('is waited for though its study has failed before: the re-run is neither reported early, nor lost, nor done twice', async () => {
    const study = desk([local('one', 'test -e ../fixed')]);
    await detach(study);
    expect(await study.ended('out')).toMatch(/^Study demo FAILURE/m);
    expect(await study.run('collect')).toMatchObject({ code: 2 });
    expect(await detach(study, '--detach-args=--hold')).toMatchObject({ code: 0 });
    const [id] = (await slurm.queue()).map((job) => /[0-9]+/.exec(job)![0]);
    const waits = `its conductor, job ${id} of Slurm, waits in the queue: PENDING: JobHeldUser`;
    expect((await study.run('status', 'out')).stdout).toMatch(new RegExp(`^Study demo RUNNING .*\\(${waits}\\)$`, 'm'));
    expect((await study.run('list')).stdout).toMatch(/^demo +RUNNING .*out$/m);
    expect(await study.run('collect')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`out is still running: ${waits}`),
    });
    const update = await study.run('update', 'out', '--throttle', '5');
    expect(update.stdout).toBe(
      `Study demo: nothing drives it yet; its conductor, job ${id} of Slurm, has throttle 5 once it begins\n`,
    );
    expect((await detach(study)).stdout).toContain('was started before, and runs detached');
    expect((await study.run('resume', 'out')).stderr).toContain(`its conductor is job ${id} of Slurm`);
    expect(await slurm.queue()).toHaveLength(1);
    study.write('out/fixed');
    await slurm.command('scontrol', 'release', id!);
    expect(await study.run('watch', 'out')).toMatchObject({ code: 0 });
    expect(study.read('out/.conductor/journal.jsonl')).toContain('"type":"limits","throttle":5');
    await slurm.isIdle();
    expect(await study.run('collect')).toMatchObject({ code: 0, stdout: expect.stringContaining('FINISHED') });
    expect(study.read('out/one/runs')).toBe('here\nhere\n');
  });

  it('is cancelled though its study has failed before: the study is as it was, and nothing is run', async () => {
    const study = desk([local('one', 'false')]);
    await detach(study);
    await study.ended('out');
    await detach(study, '--detach-args=--hold');
    const { code, stdout } = await study.run('cancel', 'out');
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /job \d+ of Slurm, which was to drive it, was told to end\n(.*\n)*Study demo is FAILURE as before\n/,
    );
    await slurm.isIdle();
    expect(await study.run('status', 'out')).toMatchObject({ code: 2 });
    const { stderr } = await study.run('collect');
    expect(stderr).not.toContain('starting another one');
    expect((await study.run('collect')).stdout).toBe('There is no detached study to collect\n');
    expect(study.read('out/one/runs')).toBe('here\n');
  });

  it('is found in the queue though the process that asked for its job died before it heard of it', async () => {
    const study = desk([job('one')]);
    await detach(study, '--detach-args=--hold');
    const file = path.join(study.startDirectory('out'), 'job.json');
    const { id } = JSON.parse(readFileSync(file, 'utf8'));
    rmSync(file);
    expect((await study.run('status', 'out')).stdout).toContain(
      `its conductor, job ${id} of Slurm, waits in the queue`,
    );
    expect((await study.run('list')).stdout).toMatch(/^demo +RUNNING .*out$/m);
    expect(await study.run('collect')).toMatchObject({ code: 0, stderr: '' });
    expect(await detach(study)).toMatchObject({ code: 0, stderr: '' });
    expect(await slurm.queue()).toHaveLength(1);
    await slurm.command('scontrol', 'release', id);
    expect(await study.ended('out')).toMatch(/FINISHED/);
    expect(study.read('out/one/runs').trim().split('\n')).toHaveLength(1);
  });

  it('is asked for again if its job was lost, once a collector comes', async () => {
    const study = desk([job('one', gate())]);
    await detach(study);
    await until('the step runs', () => study.has('out/one/runs'));
    const { id } = JSON.parse(readFileSync(path.join(study.startDirectory('out'), 'job.json'), 'utf8'));
    await slurm.command('scancel', '--full', '--signal=KILL', id);
    await until('the conductor is gone', () => study.conductors.length === 0);
    const { stdout, stderr } = await study.run('collect');
    expect(stderr).toContain('starting another one');
    expect(stdout).toContain('runs again');
    study.write('out/one/go');
    expect(await study.ended('out')).toMatch(/FINISHED/);
    expect(study.read('out/one/runs').trim().split('\n')).toHaveLength(1);
  });

  it('hands over to another job before its time is up: jobs go on, and what is local runs again', async () => {
    const study = desk([
      job('far', gate('../go')),
      local('near', 'if [ -e first ]; then exit 0; fi; touch first; sleep 1000'),
      local('last', 'true', { depends: ['far', 'near'] }),
    ]);
    await detach(study, '--detach-args=--time=1');
    await until('the job runs', () => study.has('out/far/runs'), 30_000);
    const following = study.start('logs', 'out', 'far', '-f');
    await until('the second conductor goes on', () => /continues the study/.test(study.log('out')), 90_000);
    await until('the local step runs again', () => study.read('out/near/runs') === 'here\nhere\n', 90_000);
    study.write('out/go');
    const log = await study.ended('out');
    expect(log).toMatch(/job \d+ of Slurm continues the study/);
    expect(log).toMatch(/^Study demo FINISHED in /m);
    expect(study.read('out/far/runs').trim().split('\n')).toHaveLength(1);
    // It is printed until its own end, also while the second conductor waits in the queue.
    const { code, stderr } = await following.ended;
    expect(code).toBe(0);
    expect(stderr).not.toContain('nothing drives the study any more');
  }, 180_000);
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBundle } from '../support/bundle.js';
import { plainEnvironment } from '../support/hosts.js';
import { Slurm } from '../support/slurm.js';
import { gate, isSlurmPossible, job, local, SlurmStudy } from '../support/slurm-study.js';

describe.runIf(isSlurmPossible('cancelling a study of Slurm that nothing drives'))('a study of Slurm', () => {
  let slurm: Slurm;
  beforeAll(async () => {
    slurm = await Slurm.start();
  });
  afterAll(() => slurm?.stop());

  it('that nothing drives is cancelled with its jobs and local steps, by its journal alone', async () => {
    const steps = [job('runs', gate()), local('here', gate()), job('late', 'true', { depends: ['runs'] })];
    const study = new SlurmStudy(slurm, { steps });
    const run = await study.startUntilUp(['runs', 'here']);
    run.process.kill('SIGKILL');
    await run.ended;
    const call = (...args: string[]) =>
      startBundle(args, {
        cwd: study.directory,
        env: { ...plainEnvironment, HOME: study.directory, ...slurm.environment },
      }).ended;
    expect((await call('status', study.path)).code).toBe(4);
    const { code, stdout } = await call('cancel', study.path);
    expect(stdout).toMatch(/nothing drives it .*, so its jobs are cancelled from here\n/);
    expect([code, stdout.trimEnd().split('\n').at(-1)]).toEqual([0, expect.stringMatching(/is CANCELLED now$/)]);
    expect(await slurm.command('squeue', '--noheader', '--states=PENDING,RUNNING')).toBe('');
    const { instances } = JSON.parse((await call('status', study.path, '--json')).stdout);
    expect(instances.map(({ name, state }: { name: string; state: string }) => [name, state])).toEqual([
      ['runs', 'CANCELLED'],
      ['here', 'CANCELLED'],
      ['late', 'CANCELLED'],
    ]);
    expect(study.runsOf('late')).toEqual([]);
  });
});

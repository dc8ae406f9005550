import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installedSlurm, Slurm } from './slurm.js';
import { temporaryDirectory } from './temporary.js';
import { isAlive, until } from './wait.js';

const installed = installedSlurm();
if (installed !== true) console.warn(`NO SLURM: ${installed}; its tests are skipped`);

/** Submits a script and returns its job's id. */
async function submit(slurm: Slurm, directory: string, script: string, ...options: string[]): Promise<string> {
  const file = path.join(directory, `script-${Date.now()}-${Math.random()}`);
  writeFileSync(file, `#!/bin/bash\n${script}\n`);
  const words = ['sbatch', '--parsable', `--chdir=${directory}`, '--output=out.%j', ...options, file] as const;
  return (await slurm.command(...words)).trim();
}

const readAt = (directory: string, name: string) => () => {
  const file = path.join(directory, name);
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return text.endsWith('\n') && text.trim();
};

describe.skipIf(installed !== true)('the Slurm of the tests', () => {
  let slurm: Slurm;
  beforeAll(async () => {
    slurm = await Slurm.start();
  });
  afterAll(() => slurm?.stop());

  it('runs jobs, and steps of jobs', async () => {
    const directory = temporaryDirectory();
    const id = await submit(slurm, directory, 'srun -N1 -n1 hostname; exit 3');
    await slurm.hasState(id, 'FAILED');
    expect(readFileSync(path.join(directory, `out.${id}`), 'utf8')).toBe(await slurm.command('hostname'));
    expect(await slurm.command('scontrol', 'show', 'job', id)).toContain('ExitCode=3:0');
  });

  it('has two partitions, one with a limit', async () => {
    expect(await slurm.command('sinfo', '--noheader', '--format=%P %l')).toBe('pdebug* 1:00:00\npbatch infinite\n');
    const directory = temporaryDirectory();
    await expect(submit(slurm, directory, 'true', '--time=120', '--partition=nosuch')).rejects.toThrow(
      'invalid partition',
    );
  });

  it('lets others look into a job, and cancels it', async () => {
    const directory = temporaryDirectory();
    const id = await submit(slurm, directory, 'echo $$ > pid; sleep 62');
    const pid = await until('the job has started', readAt(directory, 'pid'));
    expect(await slurm.command('squeue', '--noheader', '--format=%i %T', `--jobs=${id}`)).toBe(`${id} RUNNING\n`);
    expect(await slurm.command('scontrol', 'listpids', id)).toMatch(new RegExp(`^${pid} +${id} +batch `, 'm'));
    expect(await slurm.command('srun', '--overlap', `--jobid=${id}`, '-N1', '-n1', 'printenv', 'SLURM_JOB_ID')).toBe(
      `${id}\n`,
    );
    await slurm.command('scancel', id);
    await slurm.hasState(id, 'CANCELLED');
    await until('the job has ended', () => !isAlive(Number(pid)));
  });

  it('comes back with its jobs when its controller was away', async () => {
    const own = await Slurm.forTest();
    const directory = temporaryDirectory();
    const id = await submit(own, directory, 'echo $$ > pid; until [ -e go ]; do sleep 0.1; done');
    const pid = await until('the job has started', readAt(directory, 'pid'));
    await own.stopController();
    await expect(own.command('squeue')).rejects.toThrow('Unable to contact slurm controller');
    expect(isAlive(Number(pid))).toBe(true);
    await own.startController();
    expect(await own.stateOf(id)).toBe('RUNNING');
    writeFileSync(path.join(directory, 'go'), '');
    await own.hasState(id, 'COMPLETED');
  });

  it('is one of several, and leaves nothing behind', async () => {
    const directories = [temporaryDirectory(), temporaryDirectory()] as const;
    const two = await Promise.all([Slurm.start({ cpus: 8 }), Slurm.start({ cpus: 8 })]);
    const jobs = two.map((one, index) => submit(one, directories[index]!, 'echo $$ > pid; sleep 63', '-n8'));
    expect(await Promise.all(jobs)).toEqual(['1', '1']);
    const pids = await Promise.all(directories.map((directory) => until('it has started', readAt(directory, 'pid'))));
    const files = two.map(({ environment }) => environment.SLURM_CONF!);
    await Promise.all(two.map((one) => one.stop()));
    expect(pids.map((pid) => isAlive(Number(pid)))).toEqual([false, false]);
    expect(files.map((file) => existsSync(path.dirname(file)))).toEqual([false, false]);
  });
});

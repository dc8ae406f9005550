import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownNode } from './bundle.js';
import { installedAccounting } from './slurm/accounting.js';
import { installedCgroups, installedSlurm, Slurm } from './slurm.js';
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

describe.skipIf(installed !== true)('a Slurm of several nodes', () => {
  let slurm: Slurm;
  beforeAll(async () => {
    slurm = await Slurm.start({ nodes: 3, cpus: 2, preempt: 'CANCEL' });
  });
  afterAll(() => slurm?.stop());

  it('runs a job over all of them', async () => {
    const directory = temporaryDirectory();
    const id = await submit(slurm, directory, 'srun printenv SLURMD_NODENAME | sort', '--nodes=3');
    await slurm.hasState(id, 'COMPLETED');
    expect(readFileSync(path.join(directory, `out.${id}`), 'utf8')).toBe('n1\nn2\nn3\n');
  });

  it('loses a node with its jobs, and gets it back', async () => {
    const directory = temporaryDirectory();
    const script = 'setsid sleep 61 & echo $! >> pid-$SLURMD_NODENAME; sleep 62';
    const [lost, other] = await Promise.all([
      submit(slurm, directory, script, '--nodelist=n2', '--no-requeue'),
      submit(slurm, directory, script, '--nodelist=n3', '--no-requeue'),
    ]);
    const pid = await until('the job on n2 has started', readAt(directory, 'pid-n2'));
    const otherPid = await until('the job on n3 has started', readAt(directory, 'pid-n3'));
    await slurm.failNode('n2');
    await slurm.hasState(lost, 'NODE_FAIL');
    expect([isAlive(Number(pid)), isAlive(Number(otherPid)), await slurm.stateOf(other)]).toEqual([
      false,
      true,
      'RUNNING',
    ]);
    await slurm.resumeNode('n2');
    const again = await submit(slurm, directory, 'true', '--nodelist=n2');
    await slurm.hasState(again, 'COMPLETED');
    await slurm.command('scancel', other);
    await slurm.isIdle();
  });

  it('gives a drained node no jobs', async () => {
    const directory = temporaryDirectory();
    await slurm.drainNode('n1');
    const id = await submit(slurm, directory, 'true', '--nodelist=n1');
    const drained = new RegExp(`^${id} PENDING`);
    await slurm.isInQueue(drained);
    await slurm.resumeNode('n1');
    await slurm.hasState(id, 'COMPLETED');
  });

  it('takes nodes from a job for an urgent one', async () => {
    const directory = temporaryDirectory();
    const id = await submit(slurm, directory, 'sleep 63', '--nodes=3', '--exclusive');
    await slurm.hasState(id, 'RUNNING');
    const urgent = await submit(slurm, directory, 'true', '--partition=purgent');
    await slurm.hasState(id, 'PREEMPTED');
    await slurm.hasState(urgent, 'COMPLETED');
  });
});

describe('a Slurm that limits memory', () => {
  const possible = installed === true ? installedCgroups() : installed;
  if (possible !== true) console.warn(`NOT TESTED: a job that is out of memory: ${possible}`);

  it.skipIf(possible !== true)('ends a job that takes too much', async () => {
    const slurm = await Slurm.forTest({ memory: 40 });
    const directory = temporaryDirectory();
    const id = await submit(slurm, directory, `exec python3 -c 'x = bytearray(200 << 20); x[::4096] = b"1" * 51200'`);
    await slurm.hasState(id, 'OUT_OF_MEMORY');
  });
});

const withAccounts = installed === true ? installedAccounting() : installed;
if (withAccounts !== true) console.warn(`NO ACCOUNTING: ${withAccounts}; its tests are skipped`);

describe.skipIf(withAccounts !== true)('a Slurm that keeps accounts', () => {
  let slurm: Slurm;
  beforeAll(async () => {
    const qos = { short: ['MaxSubmitJobsPerUser=2'] };
    slurm = await Slurm.start({ accounting: { limits: ['MaxSubmitJobs=4'], qos }, minJobAge: 2 });
  });
  afterAll(() => slurm?.stop());

  it('remembers jobs that slurmctld has forgotten', async () => {
    const directory = temporaryDirectory();
    const id = await submit(slurm, directory, 'exit 3');
    await slurm.hasState(id, 'FAILED');
    const words = ['sacct', '--allocations', '--parsable2', '--noheader', '--format=State,ExitCode,Account'] as const;
    // The accounting hears of the end a little later.
    await expect.poll(() => slurm.command(...words, `--jobs=${id}`), { timeout: 20_000 }).toBe('FAILED|3:0|science\n');
  });

  it.each([
    { limit: 'AssocMaxSubmitJobLimit', most: 4, options: [] },
    { limit: 'QOSMaxSubmitJobPerUserLimit', most: 2, options: ['--qos=short'] },
  ])('takes no more jobs than $limit allows', async ({ limit, most, options }) => {
    const directory = temporaryDirectory();
    for (let job = 0; job < most; job++) await submit(slurm, directory, 'sleep 64', ...options);
    await expect(submit(slurm, directory, 'true', ...options)).rejects.toThrow(limit);
    await slurm.command('scancel', '--me');
    await slurm.isIdle();
  });

  it('refuses an account and a class that are not there', async () => {
    const directory = temporaryDirectory();
    await expect(submit(slurm, directory, 'true', '--account=nosuch')).rejects.toThrow('Invalid account');
    await expect(submit(slurm, directory, 'true', '--qos=nosuch')).rejects.toThrow('Invalid qos');
  });

  it('is gone, with its files, when the test that had it is killed', async () => {
    const program = `
      await import(${JSON.stringify(path.resolve(import.meta.dirname, '../flux/typescript.mjs'))});
      const { Slurm } = await import(${JSON.stringify(path.resolve(import.meta.dirname, 'slurm.ts'))});
      const slurm = await Slurm.start({ accounting: {} });
      await slurm.command('sbatch', '--output=/dev/null', '--wrap=sleep 65');
      console.log(slurm.environment.SLURM_CONF);
      setInterval(() => {}, 1000);`;
    const child = spawn(ownNode, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    let printed = '';
    child.stdout.on('data', (data) => (printed += data));
    await until('it has started', () => printed.endsWith('\n'), 40_000);
    const directory = path.dirname(printed.trim());
    child.kill('SIGKILL');
    const left = () => readdirSync('/proc').filter((pid) => /^[0-9]+$/.test(pid) && commandOf(pid).includes(directory));
    await until('its processes are gone', () => left().length === 0, 20_000);
    expect(existsSync(directory)).toBe(false);
  });
});

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

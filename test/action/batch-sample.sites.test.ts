import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { startBundle } from '../support/bundle.js';
import { plainEnvironment } from '../support/hosts.js';
import { Lsf } from '../support/lsf.js';
import { Slurm } from '../support/slurm.js';
import { isSlurmPossible } from '../support/slurm-study.js';
import { temporaryDirectory } from '../support/temporary.js';

const sample = path.resolve(import.meta.dirname, '../../samples/slurm-sweep.yaml');

/** Runs the sample. Returns its exit status, and what its last step has gathered. */
async function runSample(batch: string, environment: Readonly<Record<string, string>>) {
  const directory = temporaryDirectory();
  const study = path.join(directory, 'study');
  const words = ['run', sample, '--output-path', study, '--batch', batch];
  const env = { ...plainEnvironment, HOME: directory, ...environment };
  const { code, stdout, stderr } = await startBundle(words, { cwd: directory, env }).ended;
  expect(stderr).toBe('');
  const estimates = readFileSync(path.join(study, 'list/estimates.txt'), 'utf8').trim().split('\n');
  return { code, stdout, sizes: estimates.map((line) => line.split(' ')[0]) };
}

it.runIf(isSlurmPossible('the sample for Slurm'))(
  'the sample runs on Slurm, in a partition that is given',
  async () => {
    const slurm = await Slurm.forTest();
    const { code, stdout, sizes } = await runSample('{queue: pbatch}', slurm.environment);
    expect({ code, sizes }).toEqual({ code: 0, sizes: ['1000', '10000', '100000'] });
    expect(stdout).toMatch(/^Study slurm_sweep: 5 steps, 4 of them jobs of Slurm$/m);
  },
);

it('the same sample runs on LSF', async () => {
  const lsf = await Lsf.forTest();
  const { code, stdout, sizes } = await runSample('{type: lsf, queue: normal}', lsf.environment);
  expect({ code, sizes }).toEqual({ code: 0, sizes: ['1000', '10000', '100000'] });
  expect(stdout).toMatch(/^Study slurm_sweep: 5 steps, 4 of them jobs of LSF$/m);
});

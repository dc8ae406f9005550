import { chmodSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startBundle } from '../support/bundle.js';
import { plainEnvironment } from '../support/hosts.js';
import { type Brief, yamlOf } from '../support/plan.js';
import { installedSlurm, Slurm } from '../support/slurm.js';
import { temporaryDirectory } from '../support/temporary.js';

const installed = installedSlurm();
if (installed !== true) {
  console.warn(`NO SLURM: ${installed}; doctor is NOT TESTED with it`);
  it.skip(`NOT TESTED with a real Slurm: ${installed}`, () => {});
}

describe.skipIf(installed !== true)('doctor, for a study of Slurm', () => {
  let slurm: Slurm;
  let directory: string;
  beforeAll(async () => {
    slurm = await Slurm.start();
  });
  afterAll(() => slurm?.stop());
  beforeEach(() => {
    directory = temporaryDirectory();
  });

  async function doctor(brief: Partial<Brief> = {}, more: Readonly<Record<string, string>> = {}) {
    const batch = { type: 'slurm', host: '', bank: '', queue: 'pdebug', ...brief.batch };
    const steps = brief.steps ?? [{ name: 'one', nodes: 1, walltime: '30' }];
    writeFileSync(path.join(directory, 'study.yaml'), yamlOf({ batch, steps }));
    const env = { ...plainEnvironment, HOME: directory, ...slurm.environment, ...more };
    const { code, stdout } = await startBundle(['doctor', 'study.yaml'], { cwd: directory, env }).ended;
    // Nothing is left behind, in the directory or in the queue.
    expect(readdirSync(directory).filter((name) => name.startsWith('.doctor'))).toEqual([]);
    expect(await slurm.command('squeue', '--noheader', '--states=PENDING,RUNNING')).toBe('');
    return { code, stdout };
  }

  it('finds that all is well, down to a job', async () => {
    const { code, stdout } = await doctor();
    expect(stdout).toMatch(/^ok {4}slurm: Slurm \d\d\.\d\d.*; partitions: pdebug \(default, .*; accounting is off/m);
    expect(stdout).toMatch(/^ok {4}the steps: they fit the limits of the site$/m);
    expect(stdout).toContain(`ok    a job: it ran, and can write to ${directory}\n`);
    expect([code, stdout.includes('FAIL')]).toEqual([0, false]);
  });

  it('says which steps can never run, and where that is written', async () => {
    const { code, stdout } = await doctor({ steps: [{ name: 'one', nodes: 1, walltime: '02:00:00' }] });
    expect(stdout).toMatch(
      /^FAIL {2}the steps: study\.yaml:\d+:\d+: step 'one': it asks for a walltime of 2:00:00, and the partition 'pdebug' gives 1:00:00 at most/m,
    );
    expect(code).toBe(1);
  });

  it('says why a job is refused', async () => {
    const { code, stdout } = await doctor({ batch: { queue: 'nosuch' } });
    expect(stdout).toMatch(/^FAIL {2}the steps: .*there is no partition 'nosuch' .*its partitions are pdebug/m);
    expect(stdout).toMatch(/^FAIL {2}a job: Slurm refuses it: .*invalid partition specified: nosuch/m);
    expect(code).toBe(1);
  });

  it('says that a job ran and did not see the directory', async () => {
    const other = path.join(directory, 'sbatch');
    writeFileSync(other, '#!/bin/bash\nexec /usr/bin/sbatch --parsable --output=/dev/null --wrap true\n');
    chmodSync(other, 0o755);
    const { code, stdout } = await doctor({}, { PATH: `${directory}:${plainEnvironment.PATH}` });
    expect(stdout).toContain(`FAIL  a job: it ended (COMPLETED, exit status 0), and has not written to ${directory}`);
    expect(stdout).toContain('studies must be in a directory that compute nodes share');
    expect(code).toBe(1);
  });

  it('says that Slurm cannot be asked', async () => {
    const configuration = path.join(directory, 'slurm.conf');
    writeFileSync(configuration, 'Nonsense=1\n');
    const { code, stdout } = await doctor({}, { SLURM_CONF: configuration });
    expect(stdout).toMatch(/^FAIL {2}slurm: Slurm cannot be used on .*unrecognized key: Nonsense/m);
    expect(stdout).not.toContain('a job:');
    expect(code).toBe(1);
  });
});

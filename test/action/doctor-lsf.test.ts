import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { startBundle } from '../support/bundle.js';
import { plainEnvironment } from '../support/hosts.js';
import { Lsf } from '../support/lsf.js';
import { yamlOf } from '../support/plan.js';
import { temporaryDirectory } from '../support/temporary.js';

async function doctor(queue: string, environment: Readonly<Record<string, string>>) {
  const directory = temporaryDirectory();
  const batch = { type: 'lsf', host: '', bank: '', queue };
  writeFileSync(
    path.join(directory, 'study.yaml'),
    yamlOf({ batch, steps: [{ name: 'one', nodes: 1, procs: 1, walltime: '10' }] }),
  );
  const env = { ...plainEnvironment, HOME: directory, ...environment };
  return { directory, ...(await startBundle(['doctor', 'study.yaml'], { cwd: directory, env }).ended) };
}

it('doctor finds that all is well with LSF, down to a job', async () => {
  const lsf = await Lsf.forTest();
  const { code, stdout, directory } = await doctor('', lsf.environment);
  expect(stdout).toMatch(/^ok {4}lsf: /m);
  expect(stdout).toMatch(/^ok {4}the steps: they fit the limits of the site/m);
  expect(stdout).toContain(`ok    a job: it ran, and can write to ${directory}\n`);
  expect([code, stdout.includes('FAIL')]).toEqual([0, false]);
});

it('doctor finds LSF without a study, where there is no Flux', async () => {
  const lsf = await Lsf.forTest();
  const directory = temporaryDirectory();
  const env = { ...plainEnvironment, HOME: directory, ...lsf.environment };
  const { code, stdout } = await startBundle(['doctor'], { cwd: directory, env }).ended;
  expect(stdout).toMatch(/^ok {4}lsf: LSF /m);
  expect(stdout).toContain('the steps, a job: give a study to have them checked');
  expect([code, stdout.includes('FAIL'), stdout.includes('broker')]).toEqual([0, false, false]);
});

it('doctor says what LSF refuses', async () => {
  const lsf = await Lsf.forTest();
  const { code, stdout } = await doctor('nosuch', lsf.environment);
  expect(stdout).toMatch(/^FAIL {2}a job: LSF refuses it: /m);
  expect(code).toBe(1);
});

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Started, startBundle } from '../support/bundle.js';
import { plainEnvironment } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';

const study = `description: {name: sweep, description: Waits for a file; one of its steps fails.}
study:
  - name: wait
    description: Waits.
    run: {cmd: "echo waiting; until [ -e go ]; do sleep 0.05; done"}
  - name: fail
    description: Fails for one value.
    run: {cmd: "echo of $(N); [ $(N) = 1 ] || { echo bad >&2; exit 3; }"}
global.parameters: {N: {values: [1, 2], label: N.%%}}
`;

let directory: string;
beforeEach(() => {
  directory = temporaryDirectory();
  writeFileSync(path.join(directory, 'study.yaml'), study);
});

const start = (...args: string[]): Started =>
  startBundle(args, { cwd: directory, env: { ...plainEnvironment, HOME: directory } });
const call = (...args: string[]) => start(...args).ended;
const go = () => writeFileSync(path.join(directory, 'out/wait/go'), '');

/** A run of the study, once its steps run and the failing one has failed. */
async function begin(): Promise<Started> {
  const run = start('run', 'study.yaml', '--output-path', 'out');
  for (let look = 0; ; look++) {
    const { stdout } = await call('status', 'out', '--json');
    if (/"FAILED": 1/.test(stdout) && /"RUNNING": 1/.test(stdout)) return run;
    if (look === 100) throw new Error(`the study does not come to run: ${stdout}`);
    await sleep(50);
  }
}

describe('a study that runs', () => {
  it('has a status and a line in the list, and others when it is over', async () => {
    const run = await begin();
    const during = await call('status', 'out');
    expect(during).toMatchObject({ code: 0, stderr: '' });
    expect(during.stdout).toMatch(/^Study sweep RUNNING for /);
    expect(during.stdout).toContain(`process ${run.process.pid} on `);
    expect(during.stdout).toMatch(/^fail_N\.2 {2}FAILED {2}exit 3$/m);
    expect((await call('list')).stdout).toMatch(/^sweep {2}RUNNING .* 2\/3 .*\/out$/m);
    go();
    expect((await run.ended).code).toBe(2);
    const after = await call('status', 'out');
    expect(after).toMatchObject({ code: 2, stderr: '' });
    expect(after.stdout).toMatch(/^Study sweep FAILURE in .*: 3 of 3 steps over \(2 finished, 1 failed\)$/m);
    expect(JSON.parse((await call('list', '--json')).stdout)).toMatchObject([{ name: 'sweep', status: 'FAILURE' }]);
  });
});

it('a mistyped directory is told the nearest, and several have the highest exit status', async () => {
  const run = await begin();
  go();
  await run.ended;
  expect(await call('status', 'oux')).toEqual({
    code: 1,
    stdout: '',
    stderr: `there is no directory ${path.join(directory, 'oux')}; did you mean ${path.join(directory, 'out')}?\n`,
  });
  expect((await call('status', 'out', path.join(directory, 'out'))).code).toBe(2);
  const mixed = await call('status', 'out', '.');
  expect(mixed.code).toBe(1);
  expect(mixed.stdout).toMatch(/^sweep {2}FAILURE/m);
  expect(mixed.stderr).toMatch(/is no study, but has studies in it/);
});

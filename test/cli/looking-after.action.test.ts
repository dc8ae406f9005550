import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Started, startBundle } from '../support/bundle.js';
import { plainEnvironment } from '../support/hosts.js';
import { SshServer } from '../support/ssh-server.js';
import { temporaryDirectory } from '../support/temporary.js';
import { isAlive, until } from '../support/wait.js';

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
  const csv = path.join(directory, 'out/status.csv');
  // Written after the journal, by the same writer.
  const states = () => (existsSync(csv) ? readFileSync(csv, 'utf8') : '');
  await until('a step has failed and one runs', () => /,FAILED,/.test(states()) && /,RUNNING,/.test(states()));
  return run;
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

describe('the output of a step', () => {
  it('is printed, also of an instance that failed and of stderr; globs are listed', async () => {
    const run = await begin();
    go();
    await run.ended;
    expect(await call('logs', 'out', 'fail_N.2')).toEqual({ code: 0, stdout: 'of 2\n', stderr: '' });
    expect(await call('logs', 'out', 'fail/N.2', '--stderr')).toEqual({ code: 0, stdout: 'bad\n', stderr: '' });
    const list = await call('logs', 'out', 'fail*');
    expect(list.stdout).toMatch(
      /^STEP +STATE +ATTEMPTS +STDOUT\nfail_N\.1 +FINISHED +1 +fail\/N\.1\/.*\.out\nfail_N\.2 .*\n$/,
    );
    expect((await call('logs', 'out', 'fial')).stderr).toBe(
      "no step of the study is called 'fial'; did you mean fail?\n",
    );
    expect(await call('logs', 'out', 'wait', '--attempt', '7')).toMatchObject({ code: 1, stdout: '' });
  });

  it('is followed until the step is over', async () => {
    const run = await begin();
    const following = start('logs', 'out', 'wait', '-f');
    let printed = '';
    following.process.stdout!.on('data', (chunk) => {
      printed += chunk;
    });
    await until('the output is printed', () => printed === 'waiting\n');
    go();
    expect((await following.ended).code).toBe(0);
    await run.ended;
  });
});

it('the reports of a study that is over are those of its run', async () => {
  const run = start('run', 'study.yaml', '--output-path', 'out', '--parameters', 'N: [2, 3]', '--report-path', 'first');
  await until('it runs', () => existsSync(path.join(directory, 'out/wait')));
  go();
  expect((await run.ended).code).toBe(2);
  expect(statSync(path.join(directory, 'out/.conductor/inputs.json')).mode & 0o777).toBe(0o600);
  const { code, stdout } = await call('report', 'out', '--report-path', 'second');
  expect(code).toBe(2);
  expect(stdout).toMatch(/^Study sweep FAILURE in /m);
  const read = (name: string) => {
    const { study, ...others } = JSON.parse(readFileSync(path.join(directory, name, 'report.json'), 'utf8'));
    // The run counts from its start, the journal from when it was begun.
    return { ...others, study: { ...study, started: '', ended: '' } };
  };
  expect(read('second')).toEqual(read('first'));
  expect(readdirSync(path.join(directory, 'second')).toSorted()).toEqual(
    readdirSync(path.join(directory, 'first')).toSorted(),
  );
});

describe('watching', () => {
  it('shows what happens until the study is over, and has its exit status', async () => {
    const run = await begin();
    const watching = start('watch', 'out');
    let printed = '';
    watching.process.stdout!.on('data', (chunk) => {
      printed += chunk;
    });
    await until('the driver is named', () => printed.includes(`Driven by process ${run.process.pid} on `));
    go();
    const { code, stdout } = await watching.ended;
    expect(code).toBe(2);
    expect(stdout).toMatch(/^\[3\/3\] wait FINISHED /m);
    expect(stdout).toMatch(/^Study sweep FAILURE in /m);
    await run.ended;
    expect((await call('watch', 'out')).code).toBe(2);
  });

  it('says that the driver is dead, and ends as interrupted', async () => {
    const run = await begin();
    const watching = start('watch', 'out');
    run.process.kill('SIGKILL');
    await run.ended;
    const { code, stdout } = await watching.ended;
    expect(code).toBe(4);
    expect(stdout).toContain('its driver is gone and has not said how the study ended');
    expect((await call('cancel', 'out')).code).toBe(0);
  });
});

describe('limits and cancelling', () => {
  it('are for the driver of a study that is driven', async () => {
    const run = await begin();
    expect((await call('update', 'out', '--throttle', '3', '--rlimit=0')).stdout).toBe(
      'Study sweep now has throttle 3 and restart limit 0\n',
    );
    expect(await call('cancel', 'out')).toEqual({
      code: 0,
      stdout: 'Study sweep: its driver cancels it; `watch` shows the end\n',
      stderr: '',
    });
    expect((await run.ended).code).toBe(3);
    expect((await call('status', 'out')).code).toBe(3);
    expect(existsSync(path.join(directory, 'out/.cancel.lock'))).toBe(false);
  });

  it('are done by this program if nothing drives the study; a run that continues it has the limits', async () => {
    const run = await begin();
    const pid = Number(
      /^[0-9]+/.exec(JSON.parse((await call('status', 'out', '--json')).stdout).instances[0].jobId)![0],
    );
    run.process.kill('SIGKILL');
    await run.ended;
    expect((await call('update', 'out', '-t', '3')).stdout).toBe(
      'Study sweep: nothing drives it; the run that continues it has throttle 3\n',
    );
    expect(isAlive(pid)).toBe(true);
    const { code, stdout, stderr } = await call('cancel', 'out');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      /nothing drives it .*, so its jobs are cancelled from here\n(.*\n)*Study sweep is CANCELLED now\n$/,
    );
    expect(isAlive(pid)).toBe(false);
    expect(readFileSync(path.join(directory, 'out/status.csv'), 'utf8')).toMatch(/^fail_N\.2,.*,FAILED,.*,N:2$/m);
    expect((await call('cancel', 'out')).stdout).toBe('Study sweep is CANCELLED: there is nothing to cancel\n');
    go();
    const again = await call('run', 'study.yaml', '--output-path', 'out');
    expect(again.stdout).toMatch(/^The throttle is 3, as `maestro update` set it on /m);
    expect(again.code).toBe(2);
  });
});

it('all of it works on a machine that is reached by SSH', async () => {
  const server = await SshServer.start();
  const known = path.join(directory, 'known_hosts');
  writeFileSync(known, server.knownHosts);
  const key = (await server.newKey()).path;
  const there = ['--host', server.hostPort, '--ssh-key', `@${key}`, '--ssh-known-hosts', `@${known}`];
  const run = await begin();
  const out = path.join(directory, 'out');
  expect((await call('status', out, ...there)).stdout).toContain(`process ${run.process.pid} on `);
  expect((await call('logs', out, 'fail_N.2', '--stderr', ...there)).stdout).toBe('bad\n');
  const watching = start('watch', out, ...there);
  expect((await call('cancel', out, ...there)).stdout).toContain('its driver cancels it');
  expect((await watching.ended).code).toBe(3);
  expect((await run.ended).code).toBe(3);
  expect(JSON.parse((await call('list', directory, '--json', ...there)).stdout)).toMatchObject([
    { status: 'CANCELLED' },
  ]);
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

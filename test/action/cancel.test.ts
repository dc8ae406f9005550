import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Job, Started } from '../support/bundle.js';
import type { SimulatedBrokerOptions } from '../support/flux/simulated-broker.js';
import { startBroker } from '../support/flux/study-run.js';
import { counted, oneTask, Reruns, statesOf } from '../support/reruns.js';
import { isAlive, until } from '../support/wait.js';

/** What becomes of the main step when a workflow is cancelled, in milliseconds: SIGINT, SIGTERM after this, the end after that. */
const patience = { interrupt: 7500, terminate: 2500 };

/** Cancels a main step as the runner does. Returns whether it had to be killed. */
async function cancelAsRunner({ process, ended }: Started): Promise<boolean> {
  let isOver = false;
  const over = ended.then(() => {
    isOver = true;
  });
  process.kill('SIGINT');
  await Promise.race([over, sleep(patience.interrupt)]);
  if (!isOver) process.kill('SIGTERM');
  await Promise.race([over, sleep(isOver ? 0 : patience.terminate)]);
  const wasKilled = !isOver;
  if (wasKilled) process.kill('SIGKILL');
  await over;
  return wasKilled;
}

async function fluxReruns(
  options: SimulatedBrokerOptions,
  steps: ConstructorParameters<typeof Reruns>[0],
  inputs: Record<string, string> = {},
) {
  const broker = await startBroker(options);
  return { broker, reruns: new Reruns(steps, { flux: broker.uri, ...inputs }, { type: 'flux' }) };
}

/** What the post step found, and left behind. */
function expectCancelled(job: Job, reruns: Reruns, states: readonly string[]): void {
  expect(job.report.status).toBe('CANCELLED');
  expect(statesOf(job)).toEqual(states);
  expect([...reruns.status].sort()).toEqual([...states].sort());
  expect(job.summary).toContain('## 🚫 demo: CANCELLED');
  expect(JSON.parse(reruns.read('.conductor/lease'))).toMatchObject({ released: true });
}

const journal = (reruns: Reruns) => reruns.read('.conductor/journal.jsonl');

/** The journal's own records of a kind. */
const recordsOf = (reruns: Reruns, type: string) =>
  journal(reruns)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .filter((record) => record.type === type);

describe('a cancelled workflow', () => {
  it('has its jobs told to end within 5 s; what they were too slow for, and the main step too, the post step does', async () => {
    const { reruns, broker } = await fluxReruns({ cores: 2, killTimeout: 14_000 }, (own) => [
      counted('done', { cmd: 'true' }),
      { name: 'one', depends: ['done'], cmd: own.stubborn(60), ...oneTask },
      { name: 'two', depends: ['done'], cmd: own.stubborn(60), ...oneTask },
      counted('queued', { depends: ['done'], ...oneTask }),
      { name: 'here', depends: ['done'], cmd: own.stubborn(60) },
      counted('after', { depends: ['one', 'here'] }),
    ]);
    const job = reruns.job();
    const started = await reruns.startUntilUp(job, 'one', 'two', 'here');
    await until('all are jobs', () => broker.jobs.length === 3);
    const cancelling = cancelAsRunner(started);
    await until('all jobs are told', () => broker.asked('job-manager.raise').length === 3, 5000);
    await until('it is written down', () => recordsOf(reruns, 'cancel').length === 1, 5000);
    await until('so it is in status.csv', () => reruns.status.includes('after CANCELLED'), 5000);
    expect(await cancelling).toBe(true);
    expect(job.state).toMatchObject({ maestro_cancelled: 'true', maestro_study: reruns.studyPath });
    expect(job.summary).toBe('');
    const pids = ['one', 'two'].map((name) => Number(reruns.read(`${name}/pid`)));
    expect(pids.map(isAlive)).toEqual([true, true]);

    expect(await job.post()).toMatchObject({ code: 0, stderr: '' });
    const states = ['done FINISHED', 'one CANCELLED', 'two CANCELLED', 'queued CANCELLED', 'here CANCELLED'];
    expectCancelled(job, reruns, [...states, 'after CANCELLED']);
    await until('they are gone', () => !pids.some(isAlive));
    expect(reruns.ran).toEqual(['done 1', 'one 1', 'two 1', 'queued 0', 'here 1', 'after 0']);
    expect(recordsOf(reruns, 'end')).toMatchObject([{ status: 'CANCELLED' }]);

    reruns.open();
    expect(await reruns.job({ attempt: 2 }).run()).toMatchObject({ code: 0, stderr: '' });
    expect(reruns.ran).toEqual(['done 1', 'one 2', 'two 2', 'queued 1', 'here 2', 'after 1']);
  }, 90_000);

  it('needs no post step if its steps end in time', async () => {
    const { reruns } = await fluxReruns({}, (own) => [
      { name: 'job', cmd: own.gate(), ...oneTask },
      { name: 'here', cmd: own.gate() },
      counted('after', { depends: ['job', 'here'] }),
    ]);
    const job = reruns.job();
    const started = await reruns.startUntilUp(job, 'job', 'here');
    expect(await cancelAsRunner(started)).toBe(false);
    const { code, stdout } = await started.ended;
    expect([code, job.outputs.status]).toEqual([3, 'CANCELLED']);
    expect(stdout).toMatch(/^::error::Study demo CANCELLED in /m);
    expectCancelled(job, reruns, ['job CANCELLED', 'here CANCELLED', 'after CANCELLED']);
    const before = journal(reruns);
    expect(await job.post()).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(journal(reruns)).toBe(before);
  });

  it('has local steps ended, although the main step was killed before they were', async () => {
    const reruns = new Reruns((own) => [
      { name: 'here', cmd: own.stubborn(60) },
      { name: 'good', cmd: own.gate() },
      counted('after', { depends: ['here'] }),
    ]);
    const job = reruns.job();
    const { process, ended } = await reruns.startUntilUp(job, 'here', 'good');
    process.kill('SIGINT');
    await until('it is written down', () => recordsOf(reruns, 'cancel').length === 1, 5000);
    process.kill('SIGKILL');
    expect(await ended).toMatchObject({ code: null });
    const pid = Number(reruns.read('here/pid'));
    expect(await job.post()).toMatchObject({ code: 0, stderr: '' });
    await until('it is gone', () => !isAlive(pid));
    expectCancelled(job, reruns, ['here CANCELLED', 'good CANCELLED', 'after CANCELLED']);
    expect(reruns.ran).toEqual(['here 1', 'good 1', 'after 0']);
  });

  it('has its steps ended by the post step of a runner that kills the main step at once: the status of the job tells', async () => {
    const { reruns, broker } = await fluxReruns({ cores: 1 }, (own) => [
      { name: 'job', cmd: own.gate(), ...oneTask },
      { name: 'here', cmd: `echo $$ > pid; ${own.gate()}` },
      counted('after', { depends: ['here'] }),
    ]);
    const job = reruns.job();
    const { process, ended } = await reruns.startUntilUp(job, 'job', 'here');
    process.kill('SIGKILL');
    await ended;
    expect(job.state.maestro_cancelled ?? '').toBe('');
    const pid = Number(reruns.read('here/pid'));
    job.with({ 'job-status': 'cancelled' });
    expect(await job.post()).toMatchObject({ code: 0, stderr: '' });
    await until('it is gone', () => !isAlive(pid));
    expectCancelled(job, reruns, ['job CANCELLED', 'here CANCELLED', 'after CANCELLED']);
    expect(broker.jobs.map(({ state }) => state)).toEqual(['INACTIVE']);
  });

  it('has its steps left running by the post step if the main step was killed, and the job was not cancelled', async () => {
    const reruns = new Reruns((own) => [{ name: 'here', cmd: `echo $$ > pid; ${own.gate()}` }]);
    const job = reruns.job();
    const { process, ended } = await reruns.startUntilUp(job, 'here');
    process.kill('SIGKILL');
    await ended;
    job.with({ 'job-status': 'failure' });
    expect((await job.post()).stdout).toContain('its jobs go on, and a run of the same study continues it');
    expect(isAlive(Number(reruns.read('here/pid')))).toBe(true);
    reruns.open();
  });

  it('has its jobs ended although the main step was killed before it could tell any of them', async () => {
    const { reruns, broker } = await fluxReruns({ cores: 1 }, (own) => [
      { name: 'job', cmd: own.gate(), ...oneTask },
      counted('queued', oneTask),
      { name: 'here', cmd: own.gate() },
    ]);
    const job = reruns.job();
    const { process, ended } = await reruns.startUntilUp(job, 'job', 'here');
    await until('both are jobs', () => broker.jobs.length === 2);
    broker.behaviour.isStalled = true;
    process.kill('SIGINT');
    await until('that is kept in mind', () => job.state.maestro_cancelled === 'true', 5000);
    process.kill('SIGKILL');
    await ended;
    broker.behaviour.isStalled = false;
    expect(await job.post()).toMatchObject({ code: 0, stderr: '' });
    expectCancelled(job, reruns, ['job CANCELLED', 'queued CANCELLED', 'here CANCELLED']);
    expect(broker.jobs.map(({ state }) => state)).toEqual(['INACTIVE', 'INACTIVE']);
    expect(reruns.ran).toEqual(['job 1', 'queued 0', 'here 1']);
  });

  it('tells a hundred jobs to end within 5 s', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `s${i}`);
    const { reruns, broker } = await fluxReruns({ cores: 1 }, (own) => [
      { name: 'first', cmd: own.gate(), ...oneTask },
      ...names.map((name) => counted(name, oneTask)),
    ]);
    const job = reruns.job();
    const { process, ended } = await reruns.startUntilUp(job, 'first');
    await until('all are jobs', () => broker.jobs.length === 101);
    process.kill('SIGINT');
    await until('all are told', () => broker.asked('job-manager.raise').length === 101, 5000);
    expect(await ended).toMatchObject({ code: 3 });
    expect(job.outputs).toMatchObject({ status: 'CANCELLED', 'steps-finished': '0', 'steps-failed': '0' });
    expect(new Set(reruns.ran.slice(1))).toEqual(new Set(names.map((name) => `${name} 0`)));
  });

  it('that is cancelled before there is anything to cancel is CANCELLED too', async () => {
    const reruns = new Reruns(() => [counted('a')]);
    const job = reruns.job({ inputs: { setup: 'sleep 1' } });
    const { process, ended } = job.start();
    await until('it has begun', () => job.state.maestro_post === 'true');
    process.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 3 });
    expect(await job.post()).toMatchObject({ code: 0, stderr: '' });
    expect(reruns.has('a/runs')).toBe(false);
    expect(await reruns.job({ attempt: 2, inputs: { setup: 'sleep 1' } }).run()).toMatchObject({ code: 0 });
    expect(reruns.ran).toEqual(['a 1']);
  });

  it('while it looks whether another driver still lives has no need to wait, and says that it was cancelled', async () => {
    const reruns = new Reruns((own) => [{ name: 'a', cmd: own.gate() }]);
    const first = await reruns.startUntilUp(reruns.job(), 'a');
    first.process.kill('SIGKILL');
    await first.ended;
    const lease = { ...JSON.parse(reruns.read('.conductor/lease')), bootId: 'else' };
    writeFileSync(path.join(reruns.studyPath, '.conductor/lease'), `${JSON.stringify(lease)}\n`);
    const second = reruns.job({ attempt: 2 });
    const { process, ended } = second.start();
    let said = '';
    process.stdout!.on('data', (data) => {
      said += data;
    });
    await until('it looks', () => said.includes('waiting up to 60 s to see whether it still is'));
    process.kill('SIGINT');
    const { code, stdout } = await ended;
    expect([code, /^::error::(.*)$/m.exec(stdout)?.[1]]).toEqual([3, 'cancelled by SIGINT']);
    expect(reruns.ran).toEqual(['a 1']);
  });

  it('of a finished and reported study changes nothing', async () => {
    const reruns = new Reruns(() => [counted('a')]);
    const job = reruns.job();
    await job.run();
    const before = journal(reruns);
    // The next step of the job was the one that ran when it was cancelled.
    expect(await job.post()).toEqual({ code: 0, stdout: '', stderr: '' });
    expect([journal(reruns), job.summary.match(/^## /gm)?.length]).toEqual([before, 1]);
  });

  it('whose broker died meanwhile says so in the post step, and the study is INTERRUPTED', async () => {
    const { reruns, broker } = await fluxReruns({ killTimeout: 60_000 }, (own) => [
      { name: 'job', cmd: own.stubborn(60), ...oneTask },
      { name: 'here', cmd: own.gate() },
    ]);
    const job = reruns.job();
    const { process, ended } = await reruns.startUntilUp(job, 'job', 'here');
    process.kill('SIGINT');
    await until('the job is told', () => broker.asked('job-manager.raise').length === 1, 5000);
    process.kill('SIGKILL');
    await ended;
    await broker.die();
    const post = await job.post();
    expect(post).toMatchObject({ code: 0, stderr: '' });
    expect(post.stdout).toMatch(/^::(warning|error)::.*(broker|Flux)/m);
    expect(job.report.status).toBe('INTERRUPTED');
    expect(statesOf(job)).toContain('here CANCELLED');
    expect(readFileSync(job.environment.GITHUB_STEP_SUMMARY!, 'utf8')).toContain('INTERRUPTED');
  });
});

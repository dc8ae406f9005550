import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Job } from '../support/bundle.js';
import { startBroker } from '../support/flux/study-run.js';
import { counted, oneTask, Reruns, statesOf } from '../support/reruns.js';
import { command, fill, mayMount, smallDisk } from '../support/small-disk.js';
import { temporaryDirectory } from '../support/temporary.js';
import { until } from '../support/wait.js';

async function fluxReruns(steps: ConstructorParameters<typeof Reruns>[0], inputs: Record<string, string> = {}) {
  const broker = await startBroker({ cores: 4 });
  return { broker, reruns: new Reruns(steps, { flux: broker.uri, ...inputs }, { type: 'flux' }) };
}

/** Makes time go so many times as fast for a job: of what takes a minute nothing is left but its seconds. */
function hurry(job: Job, times: number): Job {
  const code =
    `const s=setTimeout,n=Date.now,b=n();globalThis.setTimeout=(f,t,...a)=>s(f,t/${times},...a);` +
    `Date.now=()=>b+(n()-b)*${times}`;
  job.environment.NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(code)}`;
  return job;
}

/** As if the driver were on another machine, and had been silent for long. */
function makeSilent(reruns: Reruns): void {
  const file = (name: string) => path.join(reruns.studyPath, '.conductor', name);
  const line = JSON.parse(reruns.read('.conductor/lease'));
  writeFileSync(file('lease'), `${JSON.stringify({ ...line, bootId: 'else' })}\n`);
  const old = Date.now() / 1000 - 1000;
  for (const name of ['lease', 'fences/1']) utimesSync(file(name), old, old);
}

describe('a study whose conductor was held to be gone', () => {
  it('is not touched by it any more when it comes back: it says who has it now; each step runs once', async () => {
    const { reruns, broker } = await fluxReruns((own) => [
      { name: 'job', cmd: own.gate(), ...oneTask },
      { name: 'here', cmd: own.gate() },
      counted('after', { depends: ['job', 'here'] }),
      counted('last', { depends: ['after'], ...oneTask }),
    ]);
    const first = reruns.job({ runId: '4711' });
    const one = await reruns.startUntilUp(first, 'job', 'here');
    await until('status.csv tells that', () => reruns.status.filter((line) => line.endsWith('RUNNING')).length === 2);
    one.process.kill('SIGSTOP');
    onTestFinished(() => void one.process.kill('SIGKILL'));
    makeSilent(reruns);

    const second = reruns.job({ attempt: 2 });
    const two = second.start();
    await until('the other has taken it over', () =>
      /"fence":2,.*"type":"staged"/.test(reruns.read('.conductor/journal.jsonl')),
    );
    const ofFirst = () => [
      reruns
        .read('.conductor/journal.jsonl')
        .split('\n')
        .filter((line) => line.includes('"fence":1,')),
      reruns.read('logs/demo.log'),
    ];
    const before = ofFirst();
    one.process.kill('SIGCONT');
    const { code, stdout } = await one.ended;
    expect([code, first.outputs.status]).toEqual([4, 'INTERRUPTED']);
    const outcome = /^Study demo INTERRUPTED in .*$/m.exec(stdout)?.[0];
    expect(outcome).toContain(`process ${two.process.pid} on `);
    expect(ofFirst()).toEqual(before);
    expect(JSON.parse(reruns.read('.conductor/lease'))).toMatchObject({ fence: 2, pid: two.process.pid });
    expect(await first.post()).toMatchObject({ code: 0, stderr: '' });
    expect(broker.asked('job-manager.raise')).toEqual([]);

    reruns.open();
    expect(await two.ended).toMatchObject({ code: 0, stderr: '' });
    expect(statesOf(second)).toEqual(['job FINISHED', 'here FINISHED', 'after FINISHED', 'last FINISHED']);
    expect(reruns.ran).toEqual(['job 1', 'here 1', 'after 1', 'last 1']);
    expect(broker.jobs).toHaveLength(2);
  });

  it('and that is over by then is not run again by it', async () => {
    const reruns = new Reruns((own) => [{ name: 'here', cmd: own.gate() }, counted('after', { depends: ['here'] })]);
    const one = await reruns.startUntilUp(reruns.job(), 'here');
    one.process.kill('SIGSTOP');
    onTestFinished(() => void one.process.kill('SIGKILL'));
    makeSilent(reruns);
    reruns.open();
    expect(await reruns.job({ attempt: 2 }).run()).toMatchObject({ code: 0, stderr: '' });
    const files = ['.conductor/journal.jsonl', 'status.csv', '.conductor/lease', 'logs/demo.log'];
    const before = files.map((file) => reruns.read(file));
    one.process.kill('SIGCONT');
    expect(await one.ended).toMatchObject({ code: 4 });
    expect(files.map((file) => reruns.read(file))).toEqual(before);
    expect(reruns.ran).toEqual(['here 1', 'after 1']);
  });
});

describe.skipIf(!mayMount())('a study whose directory cannot be written any more', () => {
  const steps = (own: Reruns) => [
    { name: 'job', cmd: own.gate(), ...oneTask },
    { name: 'here', cmd: own.gate('here') },
    counted('after', { depends: ['here'] }),
    counted('last', { depends: ['job', 'after'], ...oneTask }),
  ];
  const all = ['job', 'here', 'after', 'last'];

  /** A study on a small disk, and what fills that. */
  async function onSmallDisk() {
    const disk = smallDisk(400);
    const filler = path.join(disk, 'filler');
    const made = await fluxReruns(steps, { 'output-path': path.join(disk, 'study') });
    return { ...made, fill: () => fill(filler), free: () => rmSync(filler) };
  }

  it('because the disk is full submits nothing, says so, and goes on when there is room again', async () => {
    const { reruns, broker, fill, free } = await onSmallDisk();
    const job = reruns.job();
    const { ended, process } = await reruns.startUntilUp(job, 'job', 'here');
    let said = '';
    process.stdout!.on('data', (data) => {
      said += data;
    });
    fill();
    reruns.open('here');
    await until(
      'it says so',
      () => said.includes('the study directory cannot be written, so nothing is submitted'),
      15_000,
    );
    expect(said).toContain('No space left on device');
    expect(reruns.has('after/runs')).toBe(false);
    free();
    await until('it says that too', () => said.includes('The study directory can be written again'), 15_000);
    reruns.open();
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
    expect([statesOf(job), reruns.ran]).toEqual([
      all.map((name) => `${name} FINISHED`),
      all.map((name) => `${name} 1`),
    ]);
    expect(broker.jobs).toHaveLength(2);
  });

  it('because the disk stays full keeps its jobs running, is INTERRUPTED, and is continued later', async () => {
    const { reruns, broker, fill, free } = await onSmallDisk();
    const first = hurry(reruns.job(), 20);
    const { ended } = await reruns.startUntilUp(first, 'job', 'here');
    fill();
    reruns.open('here');
    const { code, stdout } = await ended;
    expect([code, first.outputs.status, first.report.status]).toEqual([4, 'INTERRUPTED', 'INTERRUPTED']);
    expect(stdout).toContain('the study directory cannot be written, so nothing is submitted');
    expect(stdout).toMatch(
      /^Study demo INTERRUPTED .*cannot write .*journal\.jsonl.*No space left on device, for \d+ s\)$/m,
    );
    expect(broker.jobs.map(({ state }) => state)).toEqual(['RUN']);
    expect(await first.post()).toMatchObject({ code: 0, stderr: '' });
    free();
    reruns.open();
    const second = reruns.job({ attempt: 2 });
    expect(await second.run()).toMatchObject({ code: 0, stderr: '' });
    expect([statesOf(second), reruns.ran]).toEqual([
      all.map((name) => `${name} FINISHED`),
      all.map((name) => `${name} 1`),
    ]);
  });

  it('because it has become read-only does the same', async () => {
    const { reruns, broker } = await fluxReruns(steps);
    const first = hurry(reruns.job(), 20);
    const { ended } = await reruns.startUntilUp(first, 'job', 'here');
    const conductors = path.join(reruns.studyPath, '.conductor');
    // Made elsewhere: what is in use for writing cannot become read-only.
    const readOnly = temporaryDirectory();
    command('mount', '--bind', conductors, readOnly);
    onTestFinished(() => void command('umount', '-l', readOnly));
    command('mount', '-o', 'remount,bind,ro', readOnly);
    command('mount', '--bind', readOnly, conductors);
    let isMounted = true;
    const release = () => {
      if (isMounted) command('umount', '-l', conductors);
      isMounted = false;
    };
    onTestFinished(release);
    reruns.open('here');
    const { code, stdout } = await ended;
    expect([code, first.outputs.status]).toEqual([4, 'INTERRUPTED']);
    expect(stdout).toMatch(/^Study demo INTERRUPTED .*Read-only file system, for \d+ s\)$/m);
    expect(broker.jobs.map(({ state }) => state)).toEqual(['RUN']);
    release();
    reruns.open();
    const second = reruns.job({ attempt: 2 });
    expect(await second.run()).toMatchObject({ code: 0, stderr: '' });
    expect([statesOf(second), reruns.ran.slice(2)]).toEqual([
      all.map((name) => `${name} FINISHED`),
      ['after 1', 'last 1'],
    ]);
  });

  it('from the beginning cannot be started, and that is said', async () => {
    const disk = smallDisk(100);
    const filler = path.join(disk, 'filler');
    mkdirSync(path.join(disk, 'study'));
    fill(filler);
    const reruns = new Reruns(() => [counted('a')], { 'output-path': path.join(disk, 'study') });
    const ended = await reruns.job().run();
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    expect(ended.stdout).toContain('No space left on device');
    rmSync(filler);
    expect(await reruns.job({ attempt: 2 }).run()).toMatchObject({ code: 0, stderr: '' });
    expect(reruns.ran).toEqual(['a 1']);
  });
});

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandsIn, type Ended, type Job } from '../support/bundle.js';
import { startBroker } from '../support/flux/study-run.js';
import { counted, oneTask, Reruns, statesOf } from '../support/reruns.js';
import { temporaryDirectory } from '../support/temporary.js';
import { until } from '../support/wait.js';

const problemsIn = ({ stdout }: Ended) =>
  commandsIn(stdout).flatMap(({ name, message }) => (name === 'error' || name === 'warning' ? [message] : []));

/** A nightly workflow whose output-path is always the same. */
function nightly(): Reruns & { readonly place: string } {
  const place = path.join(temporaryDirectory(), 'regression');
  const reruns = new Reruns(() => [counted('a'), counted('b', { depends: ['a'] })], { 'output-path': place });
  return Object.assign(reruns, { place });
}

const runsIn = (directory: string) => readFileSync(path.join(directory, 'a/runs'), 'utf8').split('\n').length - 1;

describe('a nightly run whose output-path is the last one’s', () => {
  it('is not green without running: it says whose study that is, and all that can be chosen', async () => {
    const reruns = nightly();
    expect(await reruns.job({ runId: '1' }).run()).toMatchObject({ code: 0 });
    const before = readFileSync(path.join(reruns.place, '.conductor/journal.jsonl'), 'utf8');
    const second = reruns.job({ runId: '2' });
    const ended = await second.run();
    expect([ended.code, ended.stderr]).toEqual([1, '']);
    const [message, ...others] = problemsIn(ended);
    expect(others).toEqual([]);
    expect(message).toContain(`the study directory ${reruns.place} holds another study`);
    expect(message).toContain('https://github.invalid/octo/studies/actions/runs/1');
    for (const choice of ['resume: never', 'resume: always', 'study-key', 'output-path']) {
      expect(message).toContain(choice);
    }
    expect(second.summary).toContain('holds another study');
    expect(second.outputs).toEqual({});
    expect(readFileSync(path.join(reruns.place, '.conductor/journal.jsonl'), 'utf8')).toBe(before);
    expect(reruns.ran).toEqual(['a 1', 'b 1']);
    // Nor does what comes after it think that there is something to be looked after.
    expect(await second.post()).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('has its study beside it with `resume: never`, night after night', async () => {
    const reruns = nightly();
    for (const runId of ['1', '2', '3']) {
      const job = reruns.job({ runId, inputs: { resume: 'never' } });
      expect(await job.run()).toMatchObject({ code: 0, stderr: '' });
      expect(job.outputs['study-path']).toBe(runId === '1' ? reruns.place : `${reruns.place}.${runId}`);
    }
    expect(readdirSync(path.dirname(reruns.place)).sort()).toEqual(['regression', 'regression.2', 'regression.3']);
    for (const name of ['', '.2', '.3']) expect(runsIn(`${reruns.place}${name}`)).toBe(1);
  });

  it('continues it with `resume: always`, and from then on it is this run’s', async () => {
    const reruns = nightly();
    const failing = [counted('a'), counted('b', { depends: ['a'], cmd: 'exit 3' })];
    expect(await reruns.job({ runId: '1', steps: failing }).run()).toMatchObject({ code: 2 });
    const second = reruns.job({ runId: '2', inputs: { resume: 'always' } });
    const ended = await second.run();
    expect([ended.code, reruns.ran]).toEqual([2, ['a 1', 'b 2']]);
    expect(ended.stdout).toMatch(/^ {2}b runs again: was FAILED: exit 3$/m);
    const third = reruns.job({ runId: '2', attempt: 2 });
    expect(await third.run()).toMatchObject({ code: 2 });
    expect(reruns.ran).toEqual(['a 1', 'b 3']);
    const fourth = reruns.job({ runId: '1', attempt: 2 });
    expect(await fourth.run()).toMatchObject({ code: 1 });
  });

  it('continues it with the same `study-key`', async () => {
    const reruns = nightly();
    const inputs = { 'study-key': 'regression' };
    for (const runId of ['1', '2']) {
      expect(await reruns.job({ runId, inputs }).run()).toMatchObject({ code: 0, stderr: '' });
    }
    expect(reruns.ran).toEqual(['a 1', 'b 1']);
  });
});

describe('a study that has finished', () => {
  it('has nothing to do when its job is run again, says so, and reports it all the same', async () => {
    const reruns = new Reruns(() => [counted('a'), counted('b', { depends: ['a'] })]);
    const first = reruns.job();
    await first.run();
    const statusBefore = reruns.read('status.csv');
    const second = reruns.job({ attempt: 2 });
    const ended = await second.run();
    expect([ended.code, ended.stderr, problemsIn(ended)]).toEqual([0, '', []]);
    expect(ended.stdout).toContain('There is nothing to do');
    expect(ended.stdout).not.toContain('Staged');
    expect(second.outputs).toEqual({ ...first.outputs, 'report-path': expect.stringContaining(second.temporary) });
    expect(second.report.steps).toEqual(first.report.steps);
    expect(second.summary).toContain('## ✅ demo: FINISHED');
    expect([reruns.ran, reruns.read('status.csv')]).toEqual([['a 1', 'b 1'], statusBefore]);
  });

  it('needs no Flux for that, not even one that is there', async () => {
    const broker = await startBroker();
    const reruns = new Reruns(() => [counted('a', oneTask)], { flux: broker.uri }, { type: 'flux' });
    expect(await reruns.job().run()).toMatchObject({ code: 0, stderr: '' });
    await broker.die();
    const job = reruns.job({ attempt: 2 });
    const ended = await job.run();
    expect(ended).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('There is nothing to do') });
    expect([statesOf(job), reruns.ran]).toEqual([['a FINISHED'], ['a 1']]);
  });

  it('is over too if the only step that failed was allowed to', async () => {
    const reruns = new Reruns(() => [counted('a', { cmd: 'exit 3' }), counted('b')], { 'allow-failure': 'a' });
    expect(await reruns.job().run()).toMatchObject({ code: 0 });
    const job = reruns.job({ attempt: 2 });
    expect(await job.run()).toMatchObject({ code: 0, stdout: expect.stringContaining('There is nothing to do') });
    expect([statesOf(job), reruns.ran]).toEqual([
      ['a FAILED', 'b FINISHED'],
      ['a 1', 'b 1'],
    ]);
  });

  it('is left alone by a dry run, which has a directory of its own, every time', async () => {
    const reruns = new Reruns(() => [counted('a')]);
    const dry = { 'dry-run': 'true' };
    const paths: string[] = [];
    for (const inputs of [{}, dry, dry]) {
      const job = reruns.job({ inputs });
      expect(await job.run()).toMatchObject({ code: 0, stderr: '' });
      paths.push(job.outputs['study-path']!);
    }
    expect(paths).toEqual([paths[0], `${paths[0]}.2`, `${paths[0]}.3`]);
    expect(readFileSync(path.join(paths[0]!, 'a/runs'), 'utf8')).toBe('ran\n');
    expect(readFileSync(path.join(paths[2]!, 'a/a.sh'), 'utf8')).toContain('echo ran');
  });
});

describe('a study that somebody drives', () => {
  it('is left to him: a second run says who he is, where his run is to be seen, and since when', async () => {
    const reruns = new Reruns((own) => [{ name: 'a', cmd: own.gate() }]);
    const first = await reruns.startUntilUp(reruns.job(), 'a');
    const before = reruns.read('.conductor/journal.jsonl');
    const second = reruns.job({ attempt: 2 });
    const ended = await second.run();
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    const [message] = problemsIn(ended);
    expect(message).toContain(`is driven by process ${first.process.pid} on `);
    expect(message).toMatch(/ since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*Z/);
    expect(message).toContain('(https://github.invalid/octo/studies/actions/runs/4711)');
    expect(message).toContain(`maestro-on-flux cancel ${reruns.studyPath}`);
    expect(second.summary).toContain('is driven by process');
    // Its post step ends nothing of the other's.
    expect(await second.post()).toMatchObject({ code: 0, stdout: '' });
    expect(reruns.read('.conductor/journal.jsonl')).toBe(before);
    reruns.open();
    expect(await first.ended).toMatchObject({ code: 0, stderr: '' });
    expect(reruns.ran).toEqual(['a 1']);
  });

  it('and is cancelled while a second run is refused stays his to the end', async () => {
    const reruns = new Reruns((own) => [{ name: 'a', cmd: own.gate() }]);
    const first = await reruns.startUntilUp(reruns.job(), 'a');
    const second = reruns.job({ attempt: 2 });
    expect(await second.run()).toMatchObject({ code: 1 });
    first.process.kill('SIGINT');
    expect(await first.ended).toMatchObject({ code: 3 });
    expect(reruns.status).toEqual(['a CANCELLED']);
  });

  it('may be started by two runs at the same instant: one of them runs it', async () => {
    const reruns = new Reruns((own) => [{ name: 'a', cmd: own.gate() }, counted('b')]);
    const both: Job[] = [reruns.job(), reruns.job({ attempt: 2 })];
    const started = both.map((job) => job.start());
    await until('the step runs', () => reruns.has('a/up'), 30_000);
    // Whoever is refused has ended before the other is let go.
    const refused = await Promise.race(started.map(({ ended }) => ended));
    expect([refused.code, problemsIn(refused)]).toEqual([1, [expect.stringContaining('is driven by process ')]]);
    reruns.open();
    const codes = (await Promise.all(started.map(({ ended }) => ended))).map(({ code }) => code);
    expect([codes.sort(), reruns.ran]).toEqual([
      [0, 1],
      ['a 1', 'b 1'],
    ]);
    expect(existsSync(`${reruns.studyPath}.2`)).toBe(false);
  });
});

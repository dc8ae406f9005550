import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeJobId, encodeJobId } from '../../../src/flux/job-id.js';
import { givenUp } from '../../../src/schedulers/claims/launcher.js';
import type { Job } from '../../../src/schedulers/scheduler.js';
import { takeOverEverywhere } from '../../support/flux/cut-everywhere.js';
import { completed, FluxStudy, hurried, startBroker, waiting, wholeStory } from '../../support/flux/study-run.js';
import { Tap } from '../../support/flux/study-tap.js';
import { until } from '../../support/wait.js';

const elsewhere = 'ssh://node7/tmp/flux-gone/local-0';
/** A job's id that no broker of these tests gives. */
const gone = 'ƒzzzzzzz';

/** Writes down what a launcher does: which job has an attempt, and how its tasks ended. */
function claim(study: FluxStudy, name: string, owner: string, exits: readonly number[] = [], attempt = 1): void {
  const file = study.file(`.conductor/claims/${name}/${attempt}`);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${owner}\n`);
  for (const [task, exit] of exits.entries()) writeFileSync(`${file}.${task}.exit`, `${exit} 1795420127.9\n`);
}

/** A step that an earlier driver left, whose script says that it ran. */
function leave(
  study: FluxStudy,
  name: string,
  left: Partial<{ id: string; endpoint: string; mayBeDuplicate: boolean }>,
) {
  const job = study.step(name, 'echo ran >> ran');
  study.scheduler.reattach([{ ...job, id: '', endpoint: '', mayBeDuplicate: false, ...left }]);
  return job;
}

/** What was said of a step when its scheduler was closed, and whatever else it did. */
async function closed(study: FluxStudy, jobs: readonly Job[]): Promise<void> {
  for (const job of jobs) await study.up(job);
  study.scheduler.close();
}

describe('a job that an earlier driver left', () => {
  it('is watched as if it had been submitted here, and nothing is said of its submit', async () => {
    const broker = await startBroker({ cores: 4 });
    const first = await FluxStudy.start(broker);
    const jobs = [first.submit('good', waiting()), first.submit('bad', waiting('go', 'exit 3'))];
    await closed(first, jobs);
    const second = await first.takenOver();
    await second.has(jobs[0]!, 'started');
    second.go();
    expect(await second.outcome(jobs[0]!)).toEqual(completed);
    expect(await second.outcome(jobs[1]!)).toMatchObject({ result: 'failed', exitCode: 3 });
    for (const job of jobs) expect(second.said(job)).toEqual(wholeStory.slice(1));
    expect(broker.asked('job-ingest.submit')).toHaveLength(2);
  });

  it('that is over by then has its end told', async () => {
    const broker = await startBroker({ cores: 4 });
    const first = await FluxStudy.start(broker);
    const jobs = [first.submit('good', waiting()), first.submit('bad', waiting('go', 'exit 3'))];
    await closed(first, jobs);
    first.go();
    await until('they are over', () => broker.jobs.every(({ state }) => state === 'INACTIVE'));
    const second = await first.takenOver();
    expect(await second.outcome(jobs[0]!)).toEqual(completed);
    expect(await second.outcome(jobs[1]!)).toMatchObject({ result: 'failed', exitCode: 3 });
  });

  it('and that the broker has forgotten ended as the launcher wrote down', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker, { clock: hurried(20) });
    const endpoint = study.endpoint;
    const [good, bad, lost] = ['good', 'bad', 'lost'].map((name) => study.step(name, 'echo ran >> ran'));
    claim(study, 'good', gone, [0]);
    claim(study, 'bad', gone, [4]);
    claim(study, 'lost', gone);
    study.scheduler.reattach(
      [good!, bad!, lost!].map((job) => ({ ...job, id: gone, endpoint, mayBeDuplicate: false })),
    );
    expect(await study.outcome(good!)).toMatchObject({ ...completed, endedAt: 1_795_420_127_900 });
    expect(await study.outcome(bad!)).toMatchObject({ result: 'failed', exitCode: 4 });
    expect(await study.outcome(lost!)).toMatchObject({ result: 'node-failure' });
    expect(broker.jobs).toHaveLength(0);
  });

  it('can be cancelled at once', async () => {
    const broker = await startBroker();
    const first = await FluxStudy.start(broker);
    const job = first.submit('run', waiting());
    await closed(first, [job]);
    const second = await first.takenOver();
    second.scheduler.cancel([job]);
    expect(await second.outcome(job)).toMatchObject({ result: 'cancelled' });
  });

  it('can be cancelled though its broker is away, which is done when that is back', async () => {
    const broker = await startBroker();
    const first = await FluxStudy.start(broker);
    const job = first.submit('run', waiting());
    await closed(first, [job]);
    const second = await FluxStudy.start(broker, { after: first, clock: hurried(10) });
    await broker.die({ jobsGoOn: true });
    await until('it is noticed', () => second.told.length > 0);
    second.scheduler.reattach([first.left(job)]);
    second.scheduler.cancel([job]);
    await broker.comeBack();
    expect(await second.outcome(job)).toMatchObject({ result: 'cancelled' });
  });

  it('is attached while there is no connection, and found with the next', async () => {
    const broker = await startBroker();
    const first = await FluxStudy.start(broker);
    const [known, unknown] = [first.submit('known', waiting()), first.step('unknown', 'echo ran >> ran')];
    await closed(first, [known]);
    const second = await FluxStudy.start(broker, { after: first, clock: hurried(10) });
    await broker.die({ jobsGoOn: true });
    await until('it is noticed', () => second.told.length > 0);
    second.scheduler.reattach([first.left(known), first.left(unknown)]);
    await broker.comeBack();
    second.go();
    for (const job of [known, unknown]) expect(await second.outcome(job)).toEqual(completed);
    expect(second.read('unknown/ran')).toBe('ran\n');
  });

  it('and that ended with its instance, which was restarted while nobody looked, was lost', async () => {
    // Whoever owns the instance is told when it ends, and a guest has to ask.
    for (const isOwner of [true, false]) {
      const broker = await startBroker({ cores: 4 });
      const first = await FluxStudy.start(broker);
      const [running, meant] = [first.submit('running', waiting()), first.submit('meant', waiting())];
      await closed(first, [running, meant]);
      broker.cancel(decodeJobId(first.ids(meant)[0]!)!, 'not wanted');
      await broker.shutDown();
      // The time of the start has hundredths of a second.
      await new Promise((resolve) => setTimeout(resolve, 20));
      await broker.comeBack();
      const second = await first.takenOver(undefined, { isOwner });
      expect(await second.outcome(running)).toMatchObject({
        result: 'node-failure',
        note: 'it was ended with its Flux instance',
      });
      expect(await second.outcome(meant)).toMatchObject({ result: 'cancelled' });
    }
  });

  it('and that somebody cancelled while nobody looked is cancelled, whatever was said', async () => {
    const broker = await startBroker({ cores: 4 });
    const first = await FluxStudy.start(broker);
    const jobs = [first.submit('quiet', waiting()), first.submit('told', waiting())];
    await closed(first, jobs);
    broker.cancel(decodeJobId(first.ids(jobs[0]!)[0]!)!);
    broker.cancel(decodeJobId(first.ids(jobs[1]!)[0]!)!, 'not wanted');
    await until('they are over', () => broker.jobs.every(({ state }) => state === 'INACTIVE'));
    const second = await first.takenOver();
    for (const job of jobs) expect(await second.outcome(job)).toMatchObject({ result: 'cancelled' });
  });

  it('of an instance that has another name here is found by what its jobspec says', async () => {
    const broker = await startBroker({ cores: 4 });
    const tap = await Tap.start(broker.uri);
    const first = await FluxStudy.start(broker);
    const [runs, waits] = [first.submit('runs', waiting()), first.submit('waits', 'echo ran >> ran', { procs: 4 })];
    await closed(first, [runs]);
    const second = await first.takenOver(tap);
    await second.has(runs, 'started');
    second.go();
    for (const job of [runs, waits]) {
      expect(await second.outcome(job)).toEqual(completed);
      expect(second.of(job)[0]).toMatchObject({ type: 'submitted', endpoint: tap.uri, id: first.ids(job)[0] });
    }
    expect(broker.jobs).toHaveLength(2);
  });
});

describe('an attempt of which no job is known', () => {
  it('is submitted', async () => {
    const study = await FluxStudy.start(await startBroker());
    const job = leave(study, 'run', {});
    expect(await study.outcome(job)).toEqual(completed);
    expect(study.said(job)).toEqual(wholeStory);
    expect(study.of(job)[0]).toMatchObject({ endpoint: study.endpoint, mayBeDuplicate: true });
    expect(study.read('run/ran')).toBe('ran\n');
  });

  it('is found where it runs, if the submit was heard, and not submitted again', async () => {
    const broker = await startBroker();
    const first = await FluxStudy.start(broker);
    const job = first.submit('run', `echo ran >> ran; ${waiting()}`);
    await closed(first, [job]);
    const second = await FluxStudy.start(broker, { after: first });
    second.scheduler.reattach([{ ...job, id: '', endpoint: '', mayBeDuplicate: false }]);
    await second.has(job, 'started');
    expect(second.of(job)[0]).toMatchObject({ type: 'submitted', id: first.ids(job)[0], mayBeDuplicate: false });
    second.go();
    expect(await second.outcome(job)).toEqual(completed);
    expect(broker.jobs).toHaveLength(1);
  });

  it('runs once if the submit was heard, and its job still waits', async () => {
    const broker = await startBroker({ cores: 1 });
    const first = await FluxStudy.start(broker);
    const [gate, job] = [first.submit('gate', waiting()), first.submit('run', 'echo ran >> ran')];
    await first.has(job, 'queued');
    await closed(first, [gate]);
    const second = await FluxStudy.start(broker, { after: first });
    second.scheduler.reattach([{ ...job, id: '', endpoint: '', mayBeDuplicate: false }]);
    await until('it is submitted again', () => broker.jobs.length === 3);
    second.go();
    expect(await second.outcome(job)).toEqual(completed);
    expect(second.read('run/ran')).toBe('ran\n');
    expect(second.ids(job).at(-1)).toBe(first.ids(job)[0]);
  });

  it('is said to run as soon as that is sure, not only when it is over', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker, { clock: hurried(10) });
    const job = study.step('run', waiting());
    study.scheduler.reattach([{ ...job, id: '', endpoint: '', mayBeDuplicate: false }]);
    await study.has(job, 'started');
    expect(study.exists('go')).toBe(false);
    study.go();
    expect(await study.outcome(job)).toEqual(completed);
    expect(study.said(job)).toEqual(wholeStory);
  });

  it('is withdrawn if it is cancelled, and then runs in no job', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker);
    const job = leave(study, 'run', {});
    study.scheduler.cancel([job]);
    expect(await study.has(job, 'not-submitted')).toMatchObject({ reason: 'it was cancelled before' });
    expect(study.read('.conductor/claims/run/1')).toBe('conductor\n');
    expect(broker.jobs).toHaveLength(0);
  });

  it('that we had given up was not run, and the next attempt runs', async () => {
    const study = await FluxStudy.start(await startBroker());
    const job = study.step('run', 'echo ran >> ran');
    claim(study, 'run', 'conductor');
    study.scheduler.reattach([{ ...job, id: '', endpoint: '', mayBeDuplicate: false }]);
    expect(await study.outcome(job)).toMatchObject({ result: 'not-run', note: givenUp });
    // As by a driver that does not know.
    const same = study.step('same', 'echo ran >> ran');
    claim(study, 'same', 'conductor');
    study.scheduler.submit([same]);
    expect(await study.outcome(same)).toMatchObject({ result: 'not-run', note: givenUp });
    expect(study.exists('same/ran')).toBe(false);
    const next = study.submit('run', 'echo ran >> ran', {}, 2);
    expect((await study.has(next, 'ended')).outcome).toEqual(completed);
  });
});

describe('a job of an instance that is gone', () => {
  it('ended as the launcher wrote down, or is lost', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker);
    const left = { id: gone, endpoint: elsewhere };
    for (const [name, exits] of [
      ['good', [0]],
      ['bad', [5]],
      ['killed', [137]],
      ['begun', []],
    ] as const) {
      claim(study, name, gone, exits);
    }
    const note = `the Flux instance ${elsewhere} of its job ${gone} is gone`;
    const lost = { result: 'node-failure', exitCode: null, signal: null, note };
    expect(await study.outcome(leave(study, 'good', left))).toMatchObject({ ...completed, endedAt: 1_795_420_127_900 });
    expect(await study.outcome(leave(study, 'bad', left))).toMatchObject({
      endedAt: 1_795_420_127_900,
      result: 'failed',
      exitCode: 5,
      signal: null,
      note,
    });
    expect(await study.outcome(leave(study, 'killed', left))).toEqual(lost);
    expect(await study.outcome(leave(study, 'begun', left))).toEqual(lost);
    expect(broker.jobs).toHaveLength(0);
  });

  it('that never began is submitted here, as the same attempt', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker);
    const job = leave(study, 'run', { id: gone, endpoint: elsewhere });
    expect(await study.outcome(job)).toEqual(completed);
    expect(study.of(job)[0]).toMatchObject({
      type: 'submitted',
      attempt: 1,
      endpoint: study.endpoint,
      mayBeDuplicate: true,
    });
    expect(study.read('run/ran')).toBe('ran\n');
    expect(study.read('.conductor/claims/run/1')).toBe(`${study.ids(job)[0]}\n`);
  });

  it('whose id is that of a job here which is not ours is not taken for it', async () => {
    const broker = await startBroker();
    const other = await FluxStudy.start(broker);
    const stranger = other.submit('run', waiting());
    await other.up(stranger);
    const study = await FluxStudy.start(broker);
    const [id] = other.ids(stranger);
    // Of another study that is called the same, and so is its step.
    const job = study.step('run', 'echo ran >> ran');
    claim(study, 'run', id!);
    study.scheduler.reattach([{ ...job, id: id!, endpoint: elsewhere, mayBeDuplicate: false }]);
    expect(await study.outcome(job)).toMatchObject({ result: 'node-failure' });
    other.go();
    expect(await other.outcome(stranger)).toEqual(completed);
  });

  it('is told with the id of the one that had the attempt, by which its outputs are called', async () => {
    const study = await FluxStudy.start(await startBroker());
    const job = study.step('run', 'true');
    claim(study, 'run', gone, [0]);
    study.scheduler.reattach([{ ...job, id: '', endpoint: '', mayBeDuplicate: false }]);
    expect(await study.outcome(job)).toMatchObject(completed);
    expect(study.ids(job)).toEqual([gone]);
  });
});

describe('a doubtful job', () => {
  it('gives way to the one that has the attempt', async () => {
    const broker = await startBroker({ cores: 4 });
    const first = await FluxStudy.start(broker);
    const job = first.submit('run', `echo ran >> ran; ${waiting()}`);
    await closed(first, [job]);
    const [real] = first.ids(job);
    // The same again, which ends at once: somebody has the attempt.
    const again = broker.submit(broker.jobs[0]!.submission.jobspec as never);
    await until('it is over', () => again.state === 'INACTIVE');
    const second = await FluxStudy.start(broker, { after: first });
    second.scheduler.reattach([{ ...job, id: encodeJobId(again.id), endpoint: second.endpoint, mayBeDuplicate: true }]);
    await second.has(job, 'started');
    expect(second.ids(job)).toEqual([real]);
    second.go();
    expect(await second.outcome(job)).toEqual(completed);
  });

  it('that waits, and may be the only one, is waited for', async () => {
    const broker = await startBroker({ cores: 1 });
    const first = await FluxStudy.start(broker);
    const [gate, job] = [first.submit('gate', waiting()), first.submit('run', 'echo ran >> ran')];
    await first.has(job, 'queued');
    await closed(first, [gate]);
    const second = await FluxStudy.start(broker, { after: first });
    second.scheduler.reattach([{ ...first.left(job), mayBeDuplicate: true }]);
    await second.has(job, 'queued');
    second.go();
    expect(await second.outcome(job)).toEqual(completed);
    expect(broker.jobs).toHaveLength(2);
    expect(second.read('run/ran')).toBe('ran\n');
  });
});

describe('a driver that goes at any moment', () => {
  for (const hasOtherName of [false, true]) {
    it(`leaves each step to run once${hasOtherName ? ', though the broker has another name for the next' : ''}`, async () => {
      const { uri } = await startBroker();
      expect(await takeOverEverywhere(uri, { hasOtherName })).toBeGreaterThan(10);
    });
  }

  it('with submits that were heard, and not answered, leaves each step to run once', async () => {
    const broker = await startBroker({ cores: 8 });
    const tap = await Tap.start(broker.uri);
    const first = await FluxStudy.start(tap);
    let heard = 0;
    const jobs = Array.from({ length: 12 }, (_, i) => first.step(`s${i}`, 'echo ran >> ran'));
    for (let i = 0; i < 12; i++) broker.spoilNextAnswer('cut', 'job-ingest.submit');
    first.onTold = () => first.scheduler.close();
    for (const job of jobs) first.scheduler.submit([job]);
    await until('the connection is cut', () => first.told.length > 0);
    heard = broker.jobs.length;
    const second = await first.takenOver(tap, { clock: hurried(10) });
    for (const job of jobs) expect(await second.outcome(job)).toEqual(completed);
    for (const job of jobs) expect(second.read(`${job.step.name}/ran`)).toBe('ran\n');
    expect(heard).toBeGreaterThan(0);
    for (const { step } of jobs) {
      const claims = readdirSync(second.file(`.conductor/claims/${step.name}`));
      expect(claims.filter((name) => name.endsWith('.exit'))).toEqual(['1.0.exit']);
    }
  });
});

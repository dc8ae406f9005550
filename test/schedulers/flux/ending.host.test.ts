import { describe, expect, it } from 'vitest';
import { ConnectionError } from '../../../src/flux/errors.js';
import type { Submitter } from '../../../src/schedulers/flux/submitter.js';
import {
  type Choices,
  completed,
  FluxStudy,
  hurried,
  startBroker,
  waiting,
  wholeStory,
} from '../../support/flux/study-run.js';
import { Tap } from '../../support/flux/study-tap.js';
import { until } from '../../support/wait.js';

/** A broker with a job that runs, one that runs on when it is told to end, and one that waits in the queue. */
async function busy(choices: Choices = {}, asGuest = false) {
  const broker = await startBroker({ cores: 2, killTimeout: 300, ...(asGuest ? { user: 4242 } : {}) });
  const submitter: Submitter = {
    window: 8,
    submit: async (_, jobspec) => broker.submit(JSON.parse(jobspec)).id,
  };
  const study = await FluxStudy.start(broker, {
    clock: hurried(10),
    ...(asGuest ? { isOwner: false, submitter } : {}),
    ...choices,
  });
  const running = study.submit('running', waiting());
  const stubborn = study.submit('stubborn', `trap '' TERM ALRM; ${waiting()}`, { walltime: '01:00:00' });
  for (const job of [running, stubborn]) await study.up(job);
  const queued = study.submit('queued', 'true');
  await study.has(queued, 'queued');
  return { broker, study, running, stubborn, queued };
}

/** Nothing was said of how any step ended. */
function expectNoEnd({ study, running, stubborn, queued }: Awaited<ReturnType<typeof busy>>): void {
  for (const job of [running, stubborn, queued]) expect(study.said(job)).not.toContain('ended');
}

describe('an instance that is told to end', () => {
  for (const asGuest of [false, true]) {
    it(`interrupts the study${asGuest ? ' of a guest' : ''}, whose steps are neither cancelled nor failed`, async () => {
      const all = await busy({}, asGuest);
      await all.broker.shutDown();
      expect(await all.study.interruption()).toMatchObject({
        type: 'interrupt',
        reason: `the Flux instance ${all.broker.uri} ended before the study did`,
        hasBackendEnded: true,
      });
      expectNoEnd(all);
      expect(all.study.told).toContain(
        `the Flux instance ${all.broker.uri} is ending: nothing more is submitted to it`,
      );
    });
  }

  it('is sent nothing more', async () => {
    const { broker, study } = await busy();
    const asked = () => broker.asked('job-ingest.submit').length;
    const before = asked();
    const end = broker.shutDown(300);
    await until('that is known', () => study.told.length > 0);
    study.submit('late', 'true');
    await study.interruption();
    await end;
    expect(asked()).toBe(before);
  });

  it('still has what is well done meanwhile told of', async () => {
    const { broker, study, running } = await busy();
    const end = broker.shutDown(1000);
    await until('that is known', () => study.told.length > 0);
    study.go();
    expect(await study.outcome(running)).toEqual(completed);
    await study.interruption();
    await end;
  });

  it('and does not, for a minute, is not waited for any longer', async () => {
    const broker = await startBroker();
    const tap = await Tap.start(broker.uri);
    const study = await FluxStudy.start(tap, { clock: hurried(60) });
    const job = study.submit('run', waiting());
    await study.up(job);
    tap.answer = (topic) => (topic === 'state-machine.get' ? { payload: { state: 'cleanup' } } : undefined);
    const failed = study.submit('failed', 'exit 3');
    expect(await study.interruption()).toMatchObject({ reason: `the Flux instance ${tap.uri} is ending` });
    expect(study.said(failed)).not.toContain('ended');
  });

  it('and comes back has the jobs that it took with it told as lost, so that their steps run again', async () => {
    const { broker, study, running, queued } = await busy({ comesBack: true, refusedPatience: 300_000 });
    await broker.shutDown();
    await broker.comeBack();
    expect(await study.outcome(running)).toMatchObject({
      result: 'node-failure',
      note: 'it was ended with its Flux instance',
    });
    expect(study.said(running).filter((type) => type === 'ended')).toHaveLength(1);
    expect(study.said(queued)).toEqual(['submitted', 'queued']);
    expect(study.events.filter(({ type }) => type === 'interrupt')).toEqual([]);
  });

  it("and takes minutes to come back, as the machine's own may, is waited for as long as one that just went", async () => {
    const { broker, study } = await busy({
      comesBack: true,
      clock: hurried(30),
      patience: 300_000,
      refusedPatience: 300_000,
    });
    await broker.shutDown();
    // A minute of five: a machine that stands still for some seconds is not past them.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await broker.comeBack();
    await until('it is connected again', () => study.told.some((line) => line.startsWith('connected')));
    expect(study.events.filter(({ type }) => type === 'interrupt')).toEqual([]);
  });

  it('and comes back is not taken for one that is ending while it starts', async () => {
    const broker = await startBroker();
    const tap = await Tap.start(broker.uri);
    const study = await FluxStudy.start(tap, { clock: hurried(60), comesBack: true, refusedPatience: 300_000 });
    await study.run('first', 'true');
    // Recorded from 0.88: connections are let in, and rc1 still runs.
    let state = 'init';
    tap.answer = (topic) => (topic === 'state-machine.get' ? { payload: { state } } : undefined);
    broker.cutConnections();
    await until('it is connected again', () => study.told.some((line) => line.startsWith('connected')));
    state = 'run';
    const job = study.submit('run', 'true');
    expect(await study.outcome(job, 3000)).toEqual(completed);
  });
});

describe("the end of an instance's time", () => {
  for (const lead of [50, -50]) {
    it(`is not that of its steps, ${lead > 0 ? 'which learn of it first' : 'of which we learn first'}`, async () => {
      const all = await busy();
      await all.broker.endOfTime(lead);
      expect(await all.study.interruption()).toMatchObject({
        reason: `the Flux instance ${all.broker.uri} ended before the study did`,
        hasBackendEnded: true,
      });
      expectNoEnd(all);
    });
  }

  it('is told from a timeout before its time in an instance that lives on, which is one after some seconds', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker, { clock: hurried(10) });
    const job = study.submit('run', waiting(), { walltime: '01:00:00' });
    await study.up(job);
    broker.raise(broker.jobs[0]!.id, 'timeout', 'resource allocation expired');
    await study.has(job, 'finishing');
    expect(study.said(job)).not.toContain('ended');
    expect(await study.outcome(job)).toMatchObject({ result: 'timeout', note: 'resource allocation expired' });
  });

  it('is told from a timeout with the last second of its instance, which has the job lost and not timed out', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker, { clock: hurried(10), expiration: Date.now() / 1000 });
    const job = study.submit('run', waiting());
    await study.up(job);
    broker.raise(broker.jobs[0]!.id, 'timeout', 'resource allocation expired');
    expect(await study.outcome(job)).toMatchObject({
      result: 'node-failure',
      note: 'the time of its Flux instance was over',
    });
  });

  it("is told from a step's own, which is one at once", async () => {
    const study = await FluxStudy.start(await startBroker());
    const job = study.submit('run', 'exec sleep 60', { walltime: '00:01' });
    const finishing = await study.has(job, 'finishing');
    await study.outcome(job);
    expect(Date.now() - finishing.at).toBeLessThan(5000);
  });
});

describe('a broker that dies', () => {
  it('for good interrupts the study', async () => {
    const all = await busy();
    await all.broker.die();
    expect(await all.study.interruption()).toMatchObject({
      reason: expect.stringMatching(new RegExp(`^the Flux broker ${all.broker.uri} is lost: .*ECONNREFUSED`)),
    });
    expectNoEnd(all);
    expect(all.study.told).toHaveLength(1);
  });

  it('and leaves nothing interrupts it too', async () => {
    const all = await busy();
    await all.broker.die();
    await all.broker.stop();
    const interruption = await all.study.interruption();
    expect(interruption).toMatchObject({ reason: expect.stringContaining('is lost: ') });
    expect(interruption).not.toHaveProperty('hasBackendEnded');
    expectNoEnd(all);
  });

  it('and comes back has everything go on', async () => {
    const { broker, study, running, stubborn, queued } = await busy({ comesBack: true, refusedPatience: 300_000 });
    await broker.die({ jobsGoOn: true });
    await until('it is noticed', () => study.told.length > 0);
    const late = study.submit('late', 'true');
    await broker.comeBack();
    study.go();
    for (const job of [running, stubborn, queued, late]) {
      expect(await study.outcome(job)).toEqual(completed);
      expect(study.said(job)).toEqual(wholeStory);
    }
  });
});

describe('a scheduler that is closed', () => {
  it('tells nothing more, and leaves the jobs as they are', async () => {
    const { broker, study } = await busy();
    const before = [...study.events];
    study.scheduler.close();
    study.go();
    await until('all jobs are over', () => broker.jobs.every(({ state }) => state === 'INACTIVE'));
    await until('the connection is closed', () => broker.connections === 0);
    await broker.shutDown();
    expect(study.events).toEqual(before);
    expect(study.told).toEqual([]);
    expect(broker.asked('job-manager.raise')).toEqual([]);
  });

  it('does not connect again', async () => {
    const { broker, study } = await busy();
    await broker.die({ jobsGoOn: true });
    await until('it is noticed', () => study.told.length > 0);
    study.scheduler.close();
    await broker.comeBack();
    const { accepted } = broker;
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(broker.accepted).toBe(accepted);
    expect(study.told).toHaveLength(1);
  });

  it('tells of an interruption once', async () => {
    const { study } = await busy();
    study.scheduler.suspend('enough', 'time-over');
    study.scheduler.suspend('again', 'time-over');
    await study.interruption();
    expect(study.events.filter(({ type }) => type === 'interrupt')).toEqual([
      { type: 'interrupt', at: expect.any(Number), reason: 'enough', kind: 'time-over', ended: [] },
    ]);
  });

  it('tells with an interruption of what ended well before it was seen', async () => {
    const broker = await startBroker({ cores: 4, paces: { finish: 600_000 } });
    const study = await FluxStudy.start(broker);
    const [good, bad] = [study.submit('good', 'exit 0'), study.submit('bad', 'exit 3')];
    const hasEnded = (name: string) => study.exists(`.conductor/claims/${name}/1.0.exit`);
    await until('both have ended', () => hasEnded('good') && hasEnded('bad'));
    study.scheduler.suspend('enough', 'time-over');
    expect(await study.interruption()).toMatchObject({
      ended: [{ type: 'ended', step: good.step.index, attempt: 1, outcome: { result: 'completed', exitCode: 0 } }],
    });
    expect(study.said(bad)).not.toContain('ended');
  });

  it('sends nothing more, not even what was on its way', async () => {
    const broker = await startBroker();
    let calls = 0;
    let fail: (error: Error) => void = () => {};
    const study = await FluxStudy.start(broker, {
      submitter: {
        window: 1,
        // Not for ever: whoever repeats it without end would stop this process.
        submit: () =>
          ++calls === 1
            ? new Promise((_, reject) => (fail = reject))
            : calls < 50
              ? Promise.reject(new ConnectionError('closed'))
              : new Promise(() => {}),
      },
    });
    study.submit('first', 'true');
    study.submit('second', 'true');
    await until('one is on its way', () => calls === 1);
    study.scheduler.close();
    fail(new ConnectionError('the connection was closed'));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(calls).toBe(1);
  });
});

import { rmSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { errno } from '../../../src/flux/errors.js';
import { HostError } from '../../../src/hosts/host.js';
import { LeaseLostError } from '../../../src/store/lease.js';
import { cutEverywhere, expectOneStory } from '../../support/flux/cut-everywhere.js';
import type { SimulatedBroker, Spoiling } from '../../support/flux/simulated-broker.js';
import { completed, FluxStudy, hurried, startBroker, waiting, wholeStory } from '../../support/flux/study-run.js';
import { Tap } from '../../support/flux/study-tap.js';
import { until } from '../../support/wait.js';

/** From now on jobs are followed by their eventlogs, as for guests. */
function withoutJournal(broker: SimulatedBroker): void {
  broker.behaviour.missing.add('job-manager.events-journal');
}

describe('a connection that is lost', () => {
  it('is made again; the jobs go on, and nothing is told of them twice', async () => {
    const broker = await startBroker({ cores: 4 });
    const study = await FluxStudy.start(broker, { clock: hurried(10) });
    const jobs = ['good', 'bad'].map((name) => study.submit(name, waiting('go', name === 'bad' ? 'exit 3' : '')));
    for (const job of jobs) await study.up(job);
    broker.cutConnections();
    await until('it is connected again', () => study.told.length === 2);
    expect(study.told).toEqual([
      expect.stringMatching(new RegExp(`^lost the Flux broker ${broker.uri}: .*; looking for it$`)),
      `connected to the Flux broker ${broker.uri} again`,
    ]);
    study.go();
    expect(await study.outcome(jobs[0]!)).toEqual(completed);
    expect(await study.outcome(jobs[1]!)).toMatchObject({ result: 'failed', exitCode: 3 });
    for (const job of jobs) expect(study.said(job)).toEqual(wholeStory);
    expect(broker.jobs).toHaveLength(2);
  });

  it('at any moment changes nothing of how steps end', async () => {
    expect(await cutEverywhere((await startBroker()).uri)).toBeGreaterThan(10);
  });

  it('in the middle of a frame is one like any other', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker, { clock: hurried(10) });
    const job = study.submit('run', waiting());
    await study.up(job);
    broker.cutWithinFrame();
    await until('it is connected again', () => study.told.length === 2);
    study.go();
    expect(await study.outcome(job)).toEqual(completed);
    expect(study.said(job)).toEqual(wholeStory);
  });

  it('while jobs wait to be submitted is waited for with them', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker, { clock: hurried(10) });
    await broker.die({ jobsGoOn: true });
    const job = study.submit('run', 'true');
    await until('it is noticed', () => study.told.length > 0);
    await broker.comeBack();
    expect(await study.outcome(job)).toEqual(completed);
    expect(broker.jobs).toHaveLength(1);
  });

  it('while a cancelled job runs is made again to cancel it', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker, { clock: hurried(10) });
    const job = study.submit('run', waiting());
    await study.up(job);
    await broker.die({ jobsGoOn: true });
    await until('it is noticed', () => study.told.length > 0);
    study.scheduler.cancel([job]);
    expect(study.said(job)).toEqual(['submitted', 'queued', 'started']);
    await broker.comeBack();
    expect(await study.outcome(job)).toMatchObject({ result: 'cancelled' });
  });

  /** A job that is cancelled while there is no connection, and what there is once there is one again. */
  async function cancelledWhileAway(confirm: () => Promise<void>) {
    let asked = 0;
    const broker = await startBroker();
    const study = await FluxStudy.start(broker, {
      clock: hurried(10),
      confirm: () => {
        asked += 1;
        return confirm();
      },
    });
    const job = study.submit('run', waiting());
    await study.up(job);
    await broker.die({ jobsGoOn: true });
    await until('it is noticed', () => study.told.length > 0);
    study.scheduler.cancel([job]);
    await broker.comeBack();
    await until('it is connected again', () => study.told.length === 2);
    return { broker, study, job, asked: () => asked };
  }

  it('ends no job of a study that somebody else has by then', async () => {
    const lost = () => Promise.reject(new LeaseLostError('/study', undefined));
    const { study, job, asked } = await cancelledWhileAway(lost);
    await until('that is asked', () => asked() === 1);
    study.go();
    expect(await study.outcome(job)).toEqual(completed);
    expect(asked()).toBe(1);
  });

  it.each<[string, () => Promise<void>]>([
    ['is still ours', () => Promise.resolve()],
    ['may be ours, which cannot be found out', () => Promise.reject(new HostError('no space left'))],
    ['may be ours, which nobody says', () => new Promise(() => {})],
  ])('ends jobs of a study that %s', async (_, confirm) => {
    const { study, job, asked } = await cancelledWhileAway(confirm);
    expect(await study.outcome(job)).toMatchObject({ result: 'cancelled' });
    expect(asked()).toBe(1);
  });

  it('was not lost yet: then nobody is asked', async () => {
    const never = () => Promise.reject(new LeaseLostError('/study', undefined));
    const study = await FluxStudy.start(await startBroker(), { confirm: never });
    const job = study.submit('run', waiting());
    await study.up(job);
    study.scheduler.cancel([job]);
    expect(await study.outcome(job)).toMatchObject({ result: 'cancelled' });
  });

  it('again and again is told each time, and does no harm', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker, { clock: hurried(20), patience: 1_000_000 });
    const job = study.submit('run', waiting());
    await study.up(job);
    for (let i = 1; i <= 5; i++) {
      broker.cutConnections();
      await until('it is connected again', () => study.told.length === 2 * i);
    }
    study.go();
    expect(await study.outcome(job)).toEqual(completed);
    expect(study.said(job)).toEqual(wholeStory);
    expect(broker.watches).toBe(2);
  });
});

describe('an answer that is', () => {
  const spoilings: [Spoiling, string][] = [
    ['wrong-matchtag', 'for a request that nobody made'],
    ['huge-frame', 'of four gigabytes'],
    ['garbage', 'not of this protocol'],
    ['not-json', 'no JSON'],
    ['cut-within', 'cut in the middle'],
    ['cut', 'cut off'],
  ];
  for (const [spoiling, words] of spoilings) {
    for (const topic of ['job-ingest.submit', 'job-manager.events-journal', 'job-info.eventlog-watch'] as const) {
      it(`${words} (to ${topic}) costs the connection, and not the step, which runs once`, async () => {
        const broker = await startBroker();
        if (topic === 'job-info.eventlog-watch') withoutJournal(broker);
        const study = await FluxStudy.start(broker, { clock: hurried(10) });
        broker.spoilNextAnswer(spoiling, topic);
        const job = study.submit('run', 'echo ran >> ran');
        expect(await study.outcome(job)).toEqual(completed);
        expect(study.read('run/ran')).toBe('ran\n');
        expectOneStory(study.said(job));
        expect(study.told[0]).toMatch(/^lost the Flux broker /);
      });
    }
  }

  it('lost, to the cancel of a job, has it cancelled all the same', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker, { clock: hurried(10) });
    const job = study.submit('run', waiting());
    await study.up(job);
    broker.spoilNextAnswer('cut', 'job-manager.raise');
    study.scheduler.cancel([job]);
    expect(await study.outcome(job)).toMatchObject({ result: 'cancelled' });
    expect(study.said(job).filter((type) => type === 'ended')).toHaveLength(1);
  });

  it('an eventlog that is none costs the connection, and not the step', async () => {
    const broker = await startBroker();
    withoutJournal(broker);
    const tap = await Tap.start(broker.uri);
    let spoilt = 0;
    tap.answer = (topic) =>
      topic === 'job-info.eventlog-watch' && spoilt++ < 2
        ? { payload: spoilt === 1 ? { event: 'no JSON\n' } : { nothing: 1 } }
        : undefined;
    const study = await FluxStudy.start(tap, { clock: hurried(10) });
    const job = study.submit('run', 'exit 3');
    expect(await study.outcome(job)).toMatchObject({ result: 'failed', exitCode: 3 });
    expect(study.told.filter((line) => line.includes('not'))).toHaveLength(2);
  });
});

describe('the journal of the broker', () => {
  it.each(['0.39.0', '0.88.0'])(
    'tells all of the jobs of its owner, whose eventlogs are not asked for (%s)',
    async (version) => {
      const broker = await startBroker({ version });
      const study = await FluxStudy.start(broker);
      const jobs = ['one', 'two'].map((name) => study.submit(name, 'exit 3'));
      for (const job of jobs) {
        expect(await study.outcome(job)).toMatchObject({ result: 'failed', exitCode: 3 });
        expect(study.said(job)).toEqual(wholeStory);
      }
      expect(broker.asked('job-info.eventlog-watch')).toEqual([]);
    },
  );

  it.each([
    ['do not have', errno.ENOSYS],
    ['refuse us', errno.EPERM],
  ])('that brokers %s is replaced by the eventlogs, without a word', async (_, errnum) => {
    const broker = await startBroker();
    const tap = await Tap.start(broker.uri);
    tap.answer = (topic) => (topic === 'job-manager.events-journal' ? { errnum } : undefined);
    const study = await FluxStudy.start(tap);
    expect(await study.run('run', 'true')).toEqual(completed);
    expect(broker.asked('job-info.eventlog-watch')).toHaveLength(1);
    expect(study.told).toEqual([]);
  });

  it('that does not answer does not hold up what the eventlogs tell', async () => {
    const broker = await startBroker();
    const tap = await Tap.start(broker.uri);
    tap.answer = (topic) => (topic === 'job-manager.events-journal' ? 'kept' : undefined);
    const study = await FluxStudy.start(tap);
    expect(await study.run('run', 'exit 3')).toMatchObject({ result: 'failed', exitCode: 3 });
    expect(broker.asked('job-info.eventlog-watch')).toHaveLength(1);
  });

  it('that has all of a job before the answer to its submit is enough', async () => {
    const broker = await startBroker();
    const tap = await Tap.start(broker.uri);
    const study = await FluxStudy.start(tap);
    tap.delay('job-ingest.submit', () => broker.jobs.at(-1)?.state === 'INACTIVE');
    const job = study.submit('run', 'exit 3');
    expect(await study.outcome(job)).toMatchObject({ result: 'failed', exitCode: 3 });
    expect(study.said(job)).toEqual(wholeStory);
    expect(broker.asked('job-info.eventlog-watch')).toEqual([]);
  });

  it.each([
    ['ends', { errnum: errno.ENODATA }],
    ['fails', { errnum: errno.ENOSYS }],
    ['cannot be understood', { payload: { entries: [] } }],
    ['has a job without an id', { payload: { id: 'none', events: [{ timestamp: 1, name: 'submit' }] } }],
    ['has what is no event', { payload: { id: 1, events: [{ timestamp: 'now', name: 'submit' }] } }],
  ])('that %s while a job runs is replaced by its eventlog, over the same connection', async (_, answer) => {
    const broker = await startBroker();
    const tap = await Tap.start(broker.uri);
    const study = await FluxStudy.start(tap, { clock: hurried(10) });
    const job = study.submit('run', waiting());
    await study.up(job);
    await until('it has started', () => study.said(job).includes('started'));
    expect(broker.asked('job-info.eventlog-watch')).toEqual([]);
    tap.say('job-manager.events-journal', answer);
    await until('its eventlog is read', () => broker.asked('job-info.eventlog-watch').length === 1);
    study.go();
    expect(await study.outcome(job)).toEqual(completed);
    expect(study.said(job)).toEqual(wholeStory);
    expect(await study.run('next', 'true')).toEqual(completed);
    expect(study.told).toEqual([]);
  });

  it('that tells nothing of a job before its id is known is not waited for', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker);
    // The event `submit` comes after the answer to the submit.
    broker.behaviour.eventDelay = 200;
    const job = study.submit('run', 'true');
    expect(await study.outcome(job)).toEqual(completed);
    expect(study.said(job)).toEqual(wholeStory);
    expect(broker.asked('job-info.eventlog-watch')).toHaveLength(1);
  });
});

describe('a broker that does not answer', () => {
  it('is given up for another connection, and the job submitted again', async () => {
    const broker = await startBroker();
    const clock = hurried(200);
    const study = await FluxStudy.start(broker, { handleClock: clock, clock: hurried(10) });
    await study.run('first', 'true');
    broker.behaviour.isStalled = true;
    const job = study.submit('run', 'echo ran >> ran');
    await until('its patience ends', () => study.told.length > 0);
    expect(study.told[0]).toContain('job-ingest.submit: no answer within 300 s');
    broker.behaviour.isStalled = false;
    expect(await study.outcome(job)).toEqual(completed);
    expect(study.read('run/ran')).toBe('ran\n');
  });

  it('is asked on another connection to cancel a job', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker, { handleClock: hurried(200), clock: hurried(10) });
    const job = study.submit('run', waiting());
    await study.up(job);
    broker.spoilNextAnswer('swallow', 'job-manager.raise');
    broker.behaviour.isStalled = true;
    study.scheduler.cancel([job]);
    await until('its patience ends', () => study.told.length > 0);
    expect(study.told[0]).toContain('job-manager.raise: no answer within 60 s');
    broker.behaviour.isStalled = false;
    expect(await study.outcome(job)).toMatchObject({ result: 'cancelled' });
  });

  it('when it is asked whether its instance lives is asked again, so that a job that failed is told of', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker, { handleClock: hurried(100), clock: hurried(10) });
    await study.run('first', 'exit 3');
    broker.spoilNextAnswer('swallow', 'state-machine.get');
    const job = study.submit('run', 'exit 3');
    expect(await study.outcome(job, 3000)).toMatchObject({ result: 'failed', exitCode: 3 });
  });
});

describe('a broker that answers in another language', () => {
  it('when it is sent a job is of no use, and the study is interrupted', async () => {
    const broker = await startBroker();
    const tap = await Tap.start(broker.uri);
    tap.answer = (topic) => (topic === 'job-ingest.submit' ? { payload: { something: 'else' } } : undefined);
    const study = await FluxStudy.start(tap, { clock: hurried(60) });
    const job = study.submit('run', 'true');
    expect(await study.interruption()).toMatchObject({
      reason: expect.stringContaining("the broker's answer to job-ingest.submit is not understood"),
    });
    expect(study.said(job)).toEqual([]);
  });

  it('when it is asked how it is is of no use, and not waited for in silence', async () => {
    const broker = await startBroker();
    const tap = await Tap.start(broker.uri);
    tap.answer = (topic) => (topic === 'state-machine.get' ? { payload: { something: 'else' } } : undefined);
    const study = await FluxStudy.start(tap, { clock: hurried(60) });
    study.submit('run', 'true');
    await until('it is told', () => study.told.length + study.events.length > 0);
  });
});

describe('a submission whose answer is lost', () => {
  it('is made again, and the script runs exactly once', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker, { clock: hurried(10) });
    broker.spoilNextAnswer('swallow', 'job-ingest.submit');
    const job = study.submit('run', `echo ran >> ran; ${waiting()}`);
    await study.up(job);
    expect(study.said(job)).toEqual([]);
    broker.cutConnections();
    await until('there is a second job', () => broker.jobs.length === 2);
    await until('which is over', () => broker.jobs[1]!.state === 'INACTIVE');
    study.go();
    expect(await study.outcome(job)).toEqual(completed);
    expect(study.read('run/ran')).toBe('ran\n');
    expectOneStory(study.said(job));
    // What is left of it in the end is the job that ran the script.
    expect(study.ids(job)).toEqual([broker.jobs[1]!.name, broker.jobs[0]!.name]);
  });

  it('ends as the job that has the claim does, whichever of the two ends first', async () => {
    for (const cores of [1, 2]) {
      const broker = await startBroker({ cores });
      const study = await FluxStudy.start(broker, { clock: hurried(10) });
      broker.spoilNextAnswer('cut', 'job-ingest.submit');
      const job = study.submit('run', 'echo ran >> ran; sleep 0.3; exit 7');
      expect(await study.outcome(job)).toMatchObject({ result: 'failed', exitCode: 7 });
      expect(broker.jobs.map(({ submission: { jobspec } }) => jobspec)).toHaveLength(2);
      expect(study.read('run/ran')).toBe('ran\n');
      expect(study.ids(job).at(-1)).toBe(study.read('.conductor/claims/run/1').trim());
    }
  });

  it('runs once even if the second job gets there first', async () => {
    const broker = await startBroker({ cores: 1 });
    const study = await FluxStudy.start(broker, { clock: hurried(10) });
    // It waits for the core of a job that is nobody's, and is overtaken.
    const blocker = study.submit('blocker', waiting('unblock'));
    await study.up(blocker);
    broker.spoilNextAnswer('cut', 'job-ingest.submit');
    const job = study.submit('run', 'echo $FLUX_JOB_ID >> ran');
    await study.has(job, 'queued');
    const [, first, second] = broker.jobs;
    broker.cancel(first!.id);
    study.go('unblock');
    expect(await study.outcome(job)).toEqual(completed);
    expect(study.read('run/ran')).toBe(`${second!.name}\n`);
    expect(study.ids(job)).toEqual([second!.name]);
  });

  it('of several tasks runs them all, once each', async () => {
    const broker = await startBroker({ cores: 6 });
    const study = await FluxStudy.start(broker, { clock: hurried(10) });
    broker.spoilNextAnswer('cut', 'job-ingest.submit');
    const job = study.submit('run', 'echo $FLUX_TASK_RANK >> ran', { procs: 3 });
    expect(await study.outcome(job)).toEqual(completed);
    await until('both jobs are over', () => broker.jobs.every(({ state }) => state === 'INACTIVE'));
    expect(study.read('run/ran').trim().split('\n').sort()).toEqual(['0', '1', '2']);
  });

  it('and is cancelled meanwhile is cancelled, whichever job has it', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker, { clock: hurried(10) });
    broker.spoilNextAnswer('swallow', 'job-ingest.submit');
    const job = study.submit('run', waiting());
    await study.up(job);
    study.scheduler.cancel([job]);
    expect(study.said(job)).toEqual([]);
    broker.cutConnections();
    expect(await study.outcome(job)).toMatchObject({ result: 'cancelled', signal: 'SIGTERM' });
    await until('both jobs are over', () => broker.jobs.every(({ state }) => state === 'INACTIVE'));
  });

  it('leaves no job in the queue when the step is cancelled before either has begun', async () => {
    const broker = await startBroker({ cores: 1 });
    const study = await FluxStudy.start(broker, { clock: hurried(10) });
    const blocker = study.submit('blocker', waiting('unblock'));
    await study.up(blocker);
    broker.spoilNextAnswer('cut', 'job-ingest.submit');
    const job = study.submit('run', 'echo ran >> ran');
    await study.has(job, 'queued');
    study.scheduler.cancel([job]);
    await study.outcome(job);
    study.go('unblock');
    await study.outcome(blocker);
    await until('all jobs are over', () => broker.jobs.every(({ state }) => state === 'INACTIVE'));
    expect(study.exists('run/ran')).toBe(false);
  });

  it('did not begin after it ended, though the job that was watched first did', async () => {
    const broker = await startBroker({ cores: 1, paces: { start: 50 } });
    const study = await FluxStudy.start(broker, { clock: hurried(10) });
    broker.spoilNextAnswer('cut', 'job-ingest.submit');
    const job = study.submit('run', 'sleep 0.3');
    await study.outcome(job);
    const times = Object.fromEntries(study.of(job).map(({ type, at }) => [type, at]));
    expect(times.started).toBeLessThanOrEqual(times.ended!);
  });

  it('is not said to be refused when only its repetition is', async () => {
    const broker = await startBroker();
    const tap = await Tap.start(broker.uri);
    const study = await FluxStudy.start(tap, { clock: hurried(10) });
    broker.spoilNextAnswer('cut', 'job-ingest.submit');
    tap.answer = (topic) =>
      topic === 'job-ingest.submit' && broker.jobs.length === 1
        ? { errnum: errno.EINVAL, words: 'user has max number of jobs submitted' }
        : undefined;
    const job = study.submit('run', 'echo ran >> ran');
    await until('it runs', () => study.exists('run/ran'));
    await until('it is told of', () => study.of(job).length > 0);
    expect(study.said(job)).not.toContain('not-submitted');
  });

  it('interrupts the study if it cannot be found out which job has the step', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker, { clock: hurried(10) });
    broker.spoilNextAnswer('cut', 'job-ingest.submit');
    const job = study.submit('run', `mv ${study.path} ${study.path}.away`);
    onTestFinished(() => rmSync(`${study.path}.away`, { recursive: true, force: true }));
    expect(await study.interruption()).toMatchObject({
      reason: expect.stringContaining('cannot find out which job has a step'),
    });
    expect(study.said(job)).not.toContain('ended');
  });
});

describe('a job that the broker does not know any more', () => {
  /** A job whose script has run, at a broker that then loses it. */
  async function forgotten(body: string, run: Record<string, number> = {}) {
    const broker = await startBroker({ cores: 4, paces: { finish: 600_000 } });
    const study = await FluxStudy.start(broker, { clock: hurried(10) });
    const job = study.submit('run', body, run);
    await until('it has run as far as it does', () => study.exists('run/up'));
    return { broker, study, job };
  }

  /** A whole line: the file is there a moment before it. */
  function untilWrittenDown(study: FluxStudy) {
    const exit = '.conductor/claims/run/1.0.exit';
    return until('its exit is written down', () => study.exists(exit) && study.read(exit).endsWith('\n'));
  }

  async function restart({ broker }: Awaited<ReturnType<typeof forgotten>>) {
    await broker.die();
    await broker.comeBack({ jobsForgotten: true });
  }

  for (const [code, outcome] of [
    [0, { ...completed }],
    [3, { result: 'failed', exitCode: 3, signal: null, note: '' }],
  ] as const) {
    it(`ended with ${code} if the launcher says so`, async () => {
      const started = await forgotten(`touch up; exit ${code}`);
      const { study, job } = started;
      await untilWrittenDown(study);
      await restart(started);
      expect(await study.outcome(job)).toMatchObject({
        ...outcome,
        note: code === 0 ? '' : `the broker does not know its job ${study.ids(job)[0]} any more`,
      });
    });
  }

  it('is lost if it ended by a signal, which may have been meant for its broker', async () => {
    const started = await forgotten('touch up; kill -KILL $$');
    const { study, job } = started;
    await untilWrittenDown(study);
    await restart(started);
    expect(await study.outcome(job)).toMatchObject({ result: 'node-failure', exitCode: null });
  });

  it('is lost if it was nested and failed: that may have been its own broker', async () => {
    const started = await forgotten('touch up; exit 3', { nested: true as unknown as number });
    const { study, job } = started;
    await untilWrittenDown(study);
    await restart(started);
    expect(await study.outcome(job)).toMatchObject({ result: 'node-failure', exitCode: null });
  });

  it('is lost, as with its node, if nobody says how it ended', async () => {
    const started = await forgotten(waiting());
    await restart(started);
    const { study, job } = started;
    expect(await study.outcome(job)).toEqual({
      result: 'node-failure',
      exitCode: null,
      signal: null,
      note: `the broker does not know its job ${study.ids(job)[0]} any more`,
    });
  });

  it('is lost if it never began', async () => {
    const broker = await startBroker({ cores: 1 });
    const study = await FluxStudy.start(broker, { clock: hurried(10) });
    await study.up(study.submit('first', waiting()));
    const job = study.submit('run', 'true');
    await study.has(job, 'queued');
    await broker.die();
    await broker.comeBack({ jobsForgotten: true });
    expect(await study.outcome(job)).toMatchObject({ result: 'node-failure', exitCode: null });
  });

  it('is lost if only some of its tasks had ended', async () => {
    const started = await forgotten(`[ $FLUX_TASK_RANK = 0 ] || { ${waiting()}; }`, { procs: 3 });
    const { study, job } = started;
    await until('one has ended', () => study.exists('.conductor/claims/run/1.0.exit'));
    await restart(started);
    expect(await study.outcome(job)).toMatchObject({ result: 'node-failure' });
  });

  it('is looked for again before that: a broker may learn of its jobs late', async () => {
    const broker = await startBroker();
    withoutJournal(broker);
    const tap = await Tap.start(broker.uri);
    let asked = 0;
    tap.answer = (topic) =>
      topic === 'job-info.eventlog-watch' && ++asked <= 4 ? { errnum: errno.ENOENT } : undefined;
    const study = await FluxStudy.start(tap, { clock: hurried(10) });
    const job = study.submit('run', 'exit 3');
    expect(await study.outcome(job)).toMatchObject({ result: 'failed', exitCode: 3 });
    expect(study.said(job)).toEqual(wholeStory);
  });

  it('is not one that a broker merely cannot tell of for some seconds', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker, { clock: hurried(10) });
    const job = study.submit('run', waiting());
    await study.up(job);
    broker.behaviour.missing.add('job-info.eventlog-watch');
    broker.cutConnections();
    await until('it is asked often', () => broker.asked('job-info.eventlog-watch').length >= 7, 2000).catch(() => {});
    broker.behaviour.missing.clear();
    study.go();
    expect(await study.outcome(job)).toEqual(completed);
  });
});

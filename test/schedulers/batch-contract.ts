import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Job, JobOutcome } from '../../src/schedulers/scheduler.js';
import { ContractStudy } from '../support/batch/contract-study.js';
import { shownOtherwiseTable } from '../support/batch/shown-otherwise.js';
import type { BatchSite } from '../support/batch/site.js';
import { waiting } from '../support/flux/study-run.js';
import { until } from '../support/wait.js';

const completed: Partial<JobOutcome> = { result: 'completed', exitCode: 0, signal: null };

/** The events of a job, in the only order that they may have. */
const order = ['submitted', 'queued', 'started', 'finishing', 'ended'];

/** Notes that the script ran, and lets a test kill it together with its launcher. */
const noted = (then = ':') => `echo ran >> ran; echo $PPID $$ > pids; ${then}`;

/** What every batch system owes to a study, from `Backend` and `BatchScheduler` on. Every one has to pass. */
export function batchContract(start: () => Promise<BatchSite>): void {
  let site: BatchSite;

  beforeAll(async () => {
    site = await start();
  });
  afterAll(async () => {
    console.warn(shownOtherwiseTable());
    await site?.stop();
  });

  const studyOf = (steps: Parameters<typeof ContractStudy.make>[1]) => ContractStudy.make(site, steps);

  /** A step that has all cores once it runs, until `first` is there. */
  const gate = () => ({ cmd: waiting('first'), ...site.whole });

  describe('a job', () => {
    it('is reported once for each thing that happens to it, in order, and its outputs are where the scheduler says', async () => {
      const study = await studyOf({ only: 'echo to stdout; echo to stderr >&2' });
      const driver = await study.driver();
      const begin = Date.now();
      const job = study.job('only');
      driver.scheduler.submit([job]);
      expect(await driver.outcome(job)).toMatchObject({ ...completed, note: '' });
      const types = driver.types(job);
      expect(types).toEqual(order.filter((type) => type !== 'finishing' || types.includes(type)));
      // A batch system may tell times in seconds only, by a clock of its own.
      const times = [begin, ...driver.of(job).map(({ at }) => at), Date.now()];
      for (const [i, time] of times.entries()) expect(time).toBeGreaterThanOrEqual((times[i - 1] ?? 0) - 1000);
      const id = await driver.id(job);
      const { stdout, stderr } = driver.scheduler.outputs({ step: job.step, id });
      // LSF adds a report.
      await until('its output is there', () => study.read(stdout).startsWith('to stdout\n'));
      expect(study.read(stderr)).toBe('to stderr\n');
    });

    it('has the variables of the study in its environment, as they are, and nothing of the runner', async () => {
      const study = await studyOf({ only: 'env -0 > environment' });
      const value = ` it's "one"\nand $TWO, \\ ü `;
      const driver = await study.driver({ stepEnvironment: new Map([['OF_STUDY', value]]) });
      driver.scheduler.submit(study.jobs('only'));
      expect(await driver.outcome(study.job('only'))).toMatchObject(completed);
      const environment = study.read('only/environment').split('\0');
      expect(environment).toContain(`OF_STUDY=${value}`);
      expect(environment.filter((entry) => /^(INPUT|GITHUB|ACTIONS|RUNNER|CONDUCTOR|_maestro)_/.test(entry))).toEqual(
        [],
      );
    });

    it('ends as its script does', async () => {
      const cases: Readonly<Record<string, readonly [cmd: string, outcome: object]>> = {
        good: ['true', completed],
        bad: ['exit 3', { result: 'failed', exitCode: 3, signal: null }],
        killed: ['kill -9 $$', { result: 'failed', exitCode: 137, signal: 'SIGKILL' }],
        terminated: ['kill -15 $$', { result: 'failed', exitCode: 143, signal: 'SIGTERM' }],
        // As of a launcher that could not claim its attempt.
        odd: ['exit 73', { result: 'failed', exitCode: 73, signal: null }],
        highest: ['exit 255', { result: 'failed', exitCode: 255, signal: null }],
      };
      const names = Object.keys(cases);
      const study = await studyOf(Object.fromEntries(names.map((name) => [name, cases[name]![0]])));
      const driver = await study.driver();
      driver.scheduler.submit(study.jobs(...names));
      const outcomes = await Promise.all(study.jobs(...names).map((job) => driver.outcome(job)));
      expect(Object.fromEntries(outcomes.map((outcome, i) => [names[i], outcome]))).toMatchObject(
        Object.fromEntries(names.map((name) => [name, cases[name]![1]])),
      );
    });

    it('whose launcher is killed has failed, and the next attempt runs', async () => {
      const study = await studyOf({ only: noted(waiting()) });
      const driver = await study.driver();
      driver.scheduler.submit(study.jobs('only'));
      await study.up('only');
      study.killLauncher('only');
      const outcome = await driver.outcome(study.job('only'));
      expect(outcome).toMatchObject({ result: 'failed', exitCode: 137, signal: 'SIGKILL' });
      study.go();
      driver.scheduler.submit([study.job('only', 2)]);
      expect(await driver.outcome(study.job('only', 2))).toMatchObject(completed);
      expect(study.read('only/ran')).toBe('ran\nran\n');
    });

    it('whose node fails is lost, and the next attempt runs', async () => {
      const study = await studyOf({ only: noted(waiting()) });
      const driver = await study.driver();
      driver.scheduler.submit(study.jobs('only'));
      await study.up('only');
      await site.failNode(await driver.id(study.job('only')));
      expect(await driver.outcome(study.job('only'))).toMatchObject({ result: 'node-failure' });
      study.go();
      driver.scheduler.submit([study.job('only', 2)]);
      expect(await driver.outcome(study.job('only', 2))).toMatchObject(completed);
      expect(study.read('only/ran')).toBe('ran\nran\n');
    });

    it('whose time is over has timed out, and its study goes on with the restart script', async () => {
      const study = await studyOf({
        only: { cmd: noted('touch up; exec sleep 600'), restart: 'echo restarted > restarted', walltime: '00:01' },
      });
      const { driver, ended } = await study.conduct();
      await study.up('only');
      await site.expire(await driver.id(study.job('only')));
      const [record] = (await ended).steps;
      const outcomes = driver.events.flatMap((event) => (event.type === 'ended' ? [event.outcome] : []));
      expect(outcomes).toMatchObject([{ result: 'timeout' }, completed]);
      expect(record).toMatchObject({ state: 'FINISHED', restarts: 1 });
      expect(record!.jobs.map(({ script, result }) => [script, result])).toEqual([
        ['main', 'timeout'],
        ['restart', 'completed'],
      ]);
      expect([study.read('only/ran'), study.read('only/restarted')]).toEqual(['ran\n', 'restarted\n']);
    });
  });

  describe('a submit', () => {
    it('of many jobs at once runs each of them once', async () => {
      const names = Array.from({ length: 27 }, (_, i) => `s${i}`);
      const study = await studyOf(Object.fromEntries(names.map((name) => [name, noted()])));
      const driver = await study.driver();
      const jobs = study.jobs(...names);
      driver.scheduler.submit(jobs);
      for (const job of jobs) expect(await driver.outcome(job)).toMatchObject(completed);
      expect(names.map((name) => study.read(`${name}/ran`))).toEqual(names.map(() => 'ran\n'));
      const ids = jobs.map((job) => driver.left(job).id);
      expect(new Set(ids).size).toBe(names.length);
    });

    it('whose answer is lost runs its job once', async () => {
      const study = await studyOf({ one: noted(), two: noted('exit 3') });
      const { options, wasLost } = await site.loseNextAnswer();
      const driver = await study.driver(options);
      driver.scheduler.submit(study.jobs('one', 'two'));
      expect(await driver.outcome(study.job('one'))).toMatchObject(completed);
      expect(await driver.outcome(study.job('two'))).toMatchObject({ result: 'failed', exitCode: 3 });
      await noActiveJobs();
      expect([study.read('one/ran'), study.read('two/ran')]).toEqual(['ran\n', 'ran\n']);
      expect(await wasLost()).toBe(true);
      for (const job of study.jobs('one', 'two')) {
        expect(driver.types(job).filter((type) => type === 'ended')).toEqual(['ended']);
      }
    });

    it('whose answer is lost together with its driver runs its job once', async () => {
      const study = await studyOf({ one: noted(), two: noted('exit 3') });
      const { options, wasLost } = await site.loseNextAnswer();
      const first = await study.driver(options);
      const jobs = study.jobs('one', 'two');
      first.scheduler.submit(jobs);
      for (const end = Date.now() + 20_000; !(await wasLost()) && Date.now() < end; ) await sleep(10);
      first.vanish();
      const second = await study.driver();
      // Of what it was told nothing has come into the journal.
      second.scheduler.reattach(jobs.map((job) => ({ ...job, id: '', endpoint: '', mayBeDuplicate: false })));
      expect(await second.outcome(jobs[0]!)).toMatchObject(completed);
      expect(await second.outcome(jobs[1]!)).toMatchObject({ result: 'failed', exitCode: 3 });
      await noActiveJobs();
      expect([study.read('one/ran'), study.read('two/ran')]).toEqual(['ran\n', 'ran\n']);
    });
  });

  /** Waits until the site has nothing to do, so that nothing can run any more. */
  async function noActiveJobs(): Promise<void> {
    for (const end = Date.now() + 20_000; (await site.activeJobs()).length > 0; await sleep(50)) {
      if (Date.now() > end) throw new Error(`these jobs do not end: ${(await site.activeJobs()).join(', ')}`);
    }
  }

  describe('a cancel', () => {
    it('ends jobs that run and jobs that wait, which never run', async () => {
      const study = await studyOf({ gate: gate(), waits: noted() });
      const driver = await study.driver();
      const [running, waits] = study.jobs('gate', 'waits') as [Job, Job];
      driver.scheduler.submit([running]);
      await study.up('gate');
      driver.scheduler.submit([waits]);
      await driver.has(waits, 'queued');
      driver.scheduler.cancel([running, waits]);
      expect(await driver.outcome(running)).toMatchObject({ result: 'cancelled', note: '' });
      expect(await driver.outcome(waits)).toMatchObject({ result: 'cancelled', exitCode: null, note: '' });
      await noActiveJobs();
      expect(study.has('waits/ran')).toBe(false);
    });

    it('right after the submit, or while it is under way, leaves nothing behind', async () => {
      const moments = [0, 20, 60, 150, 300];
      const study = await studyOf(Object.fromEntries(moments.map((_, i) => [`s${i}`, waiting()])));
      const driver = await study.driver();
      for (const [i, moment] of moments.entries()) {
        driver.scheduler.submit(study.jobs(`s${i}`));
        await sleep(moment);
        driver.scheduler.cancel(study.jobs(`s${i}`));
      }
      for (const i of moments.keys()) {
        const ends = () => driver.of(study.job(`s${i}`)).filter(({ type }) => /^(ended|not-submitted)$/.test(type));
        await until(`s${i} is over`, () => ends().length > 0, 20_000);
        expect(ends()).toHaveLength(1);
      }
      await noActiveJobs();
    });

    it('by a later driver, of what it has only begun to look for, ends it all', async () => {
      const study = await studyOf({ gate: gate(), waits: noted(), unknown: noted(), lost: noted() });
      const jobs = study.jobs('gate', 'waits', 'unknown', 'lost');
      const [running, waits, unknown, lost] = jobs as [Job, Job, Job, Job];
      const first = await study.driver();
      first.scheduler.submit([running]);
      await study.up('gate');
      first.scheduler.submit([waits, lost]);
      await first.has(waits, 'queued');
      await first.has(lost, 'queued');
      first.vanish();
      const second = await study.driver();
      const forgotten = { ...lost, id: '', endpoint: '', mayBeDuplicate: false };
      second.scheduler.reattach([first.left(running), first.left(waits), first.left(unknown), forgotten]);
      second.scheduler.cancel(jobs);
      const isOver = (job: Job) => second.types(job).some((type) => /^(ended|not-submitted)$/.test(type));
      for (const job of jobs) await until(`${job.step.name} is over`, () => isOver(job), 20_000);
      await noActiveJobs();
      expect(await second.outcome(running)).toMatchObject({ result: 'cancelled' });
      expect(['waits', 'unknown', 'lost'].filter((name) => study.has(`${name}/ran`))).toEqual([]);
    });

    it('of a whole study in the midst of its submits leaves no job behind, and nothing runs later', async () => {
      const names = Array.from({ length: 12 }, (_, i) => `s${i}`);
      const study = await studyOf(Object.fromEntries(names.map((name) => [name, noted(waiting())])));
      const { driver, ended, cancel } = await study.conduct();
      await until('one is submitted', () => driver.events.some(({ type }) => type === 'submitted'), 20_000);
      cancel();
      const { steps } = await ended;
      expect(steps.map(({ state, reason }) => `${state} ${reason}`)).toEqual(
        names.map(() => 'CANCELLED cancelled by the test'),
      );
      await noActiveJobs();
      const ran = names.map((name) => study.has(`${name}/ran`));
      await sleep(500);
      expect(names.map((name) => study.has(`${name}/ran`))).toEqual(ran);
    });

    it('by somebody else ends jobs that run and jobs that wait just so', async () => {
      const study = await studyOf({ gate: gate(), waits: noted() });
      const driver = await study.driver();
      const [running, waits] = study.jobs('gate', 'waits') as [Job, Job];
      driver.scheduler.submit([running]);
      await study.up('gate');
      driver.scheduler.submit([waits]);
      await driver.has(waits, 'queued');
      await site.cancel(await driver.id(waits));
      expect(await driver.outcome(waits)).toMatchObject({ result: 'cancelled', exitCode: null });
      await site.cancel(await driver.id(running));
      expect(await driver.outcome(running)).toMatchObject({ result: 'cancelled' });
      await noActiveJobs();
      expect(study.has('waits/ran')).toBe(false);
    });

    it('of a job that no step has any more ends it, and it cannot begin later', async () => {
      const study = await studyOf({ gate: gate(), waits: noted() });
      const first = await study.driver();
      const jobs = study.jobs('gate', 'waits');
      first.scheduler.submit([jobs[0]!]);
      await study.up('gate');
      first.scheduler.submit([jobs[1]!]);
      await first.has(jobs[1]!, 'queued');
      await first.leave();
      const second = await study.driver();
      await second.scheduler.cancelObsolete(
        jobs.map((job) => {
          const { step, attempt, id, endpoint } = first.left(job);
          return { step: step.name, scheduled: true, workspace: step.workspace, attempt, id, place: endpoint };
        }),
      );
      await noActiveJobs();
      expect(second.events).toEqual([]);
      expect(study.has('waits/ran')).toBe(false);
    });
  });

  describe('a later driver', () => {
    it('goes on with jobs that run, that wait, that have ended, and that were never submitted', async () => {
      const study = await studyOf({
        good: noted(),
        bad: noted('exit 3'),
        runs: { cmd: waiting(), ...site.whole },
        waits: noted(),
        unknown: noted(),
      });
      const first = await study.driver();
      first.scheduler.submit(study.jobs('runs'));
      await study.up('runs');
      first.scheduler.submit(study.jobs('waits'));
      await first.has(study.job('waits'), 'queued');
      const left = study.jobs('runs', 'waits', 'unknown').map((job) => first.left(job));
      first.vanish();
      const second = await study.driver();
      second.scheduler.reattach(left);
      await second.has(study.job('runs'), 'started');
      await second.has(study.job('waits'), 'queued');
      second.scheduler.submit(study.jobs('good', 'bad'));
      await second.has(study.job('bad'), 'queued');
      second.vanish();
      const more = study.jobs('good', 'bad').map((job) => second.left(job));
      const same = study.jobs('runs', 'waits').map((job) => first.left(job));
      const unknown = second.left(study.job('unknown'));
      // It all ends while nobody drives the study.
      study.go();
      await noActiveJobs();
      const third = await study.driver();
      third.scheduler.reattach([...same, ...more, unknown]);
      for (const job of study.jobs('good', 'runs', 'waits', 'unknown')) {
        expect(await third.outcome(job)).toMatchObject(completed);
      }
      expect(await third.outcome(study.job('bad'))).toMatchObject({ result: 'failed', exitCode: 3, signal: null });
      for (const name of ['good', 'bad', 'waits', 'unknown']) expect(study.read(`${name}/ran`)).toBe('ran\n');
      // Those whose id was known are not said to be submitted again.
      expect(third.types(study.job('runs'))).not.toContain('submitted');
    });

    it('finds a job whose id nobody has written down', async () => {
      const study = await studyOf({ runs: noted(waiting()) });
      const first = await study.driver();
      first.scheduler.submit(study.jobs('runs'));
      await study.up('runs');
      const id = await first.id(study.job('runs'));
      first.vanish();
      const second = await study.driver();
      second.scheduler.reattach([{ ...study.job('runs'), id: '', endpoint: '', mayBeDuplicate: false }]);
      expect(await second.id(study.job('runs'))).toBe(id);
      study.go();
      expect(await second.outcome(study.job('runs'))).toMatchObject(completed);
      await noActiveJobs();
      expect(study.read('runs/ran')).toBe('ran\n');
    });

    it('lets each script run once, at whatever moment the first one went', async () => {
      const moments = [0, 60, 150, 400, 1000];
      const studies = await Promise.all(moments.map(() => studyOf({ good: noted('sleep 0.3'), bad: noted('exit 3') })));
      await Promise.all(
        studies.map(async (study, i) => {
          const jobs = study.jobs('good', 'bad');
          const first = await study.driver();
          first.scheduler.submit(jobs);
          await sleep(moments[i]!);
          first.vanish();
          const second = await study.driver();
          const open = jobs.filter((job) => !first.types(job).includes('ended'));
          second.scheduler.reattach(open.map((job) => first.left(job)));
          const [good, bad] = await Promise.all(jobs.map((job) => (open.includes(job) ? second : first).outcome(job)));
          expect([moments[i], good, bad]).toMatchObject([moments[i], completed, { result: 'failed', exitCode: 3 }]);
        }),
      );
      await noActiveJobs();
      const ran = studies.map((study) => [study.read('good/ran'), study.read('bad/ran')]);
      expect(ran).toEqual(studies.map(() => ['ran\n', 'ran\n']));
    });

    it('is not disturbed by one that was frozen: that one cancels nothing, and nothing runs twice', async () => {
      const study = await studyOf({ runs: noted(waiting()), next: noted() });
      const [runs, next] = study.jobs('runs', 'next') as [Job, Job];
      const frozen = await study.conduct();
      await study.up('runs');
      await frozen.driver.has(runs, 'started');
      await frozen.driver.has(next, 'ended');
      const second = await study.driver();
      second.scheduler.reattach([frozen.driver.left(runs)]);
      await second.has(runs, 'started');
      // It comes back, and does what it had in mind.
      frozen.cancel();
      const again = study.job('next', 2);
      frozen.driver.scheduler.submit([again]);
      second.scheduler.submit([again]);
      expect(await second.outcome(again)).toMatchObject(completed);
      expect((await frozen.ended).interruption).toContain('is driven by');
      expect(second.types(runs)).not.toContain('ended');
      study.go();
      expect(await second.outcome(runs)).toMatchObject(completed);
      await noActiveJobs();
      expect([study.read('runs/ran'), study.read('next/ran')]).toEqual(['ran\n', 'ran\nran\n']);
    });
  });

  it('a scheduler that is suspended says why, reports nothing more, and leaves its jobs running', async () => {
    const study = await studyOf({ runs: noted(waiting()) });
    const first = await study.driver();
    const job = study.job('runs');
    first.scheduler.submit([job]);
    await study.up('runs');
    await first.has(job, 'started');
    await first.scheduler.suspend('the time of the run is over', 'time-over');
    expect(first.events.at(-1)).toMatchObject({ type: 'interrupt', reason: 'the time of the run is over' });
    const count = first.events.length;
    await first.leave();
    study.go();
    await noActiveJobs();
    expect(first.events).toHaveLength(count);
    const second = await study.driver();
    second.scheduler.reattach([first.left(job)]);
    expect(await second.outcome(job)).toMatchObject(completed);
    expect(study.read('runs/ran')).toBe('ran\n');
  });
}

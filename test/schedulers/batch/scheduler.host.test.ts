import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { QueueScheduler } from '../../../src/schedulers/batch/scheduler.js';
import { launcherPath, launcherText } from '../../../src/schedulers/claims/launcher.js';
import type { InheritedJob, InterruptEvent, Job, JobEvent } from '../../../src/schedulers/scheduler.js';
import { headerOf } from '../../../src/scripts/render.js';
import { LeaseLostError } from '../../../src/store/lease.js';
import { systemClock } from '../../../src/util/clock.js';
import { DirectoryQueue } from '../../support/directory-queue.js';
import { WatchedHost } from '../../support/hosts.js';
import { slurm, validPlan } from '../../support/plan.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { until } from '../../support/wait.js';

type Event = JobEvent | InterruptEvent;

/** A study of steps `a`, `b`, ... in a directory, whose jobs are in a queue that the test plays. */
class Study {
  readonly path = temporaryDirectory();
  readonly queue = new DirectoryQueue(path.join(this.path, 'queue'));
  readonly host = new WatchedHost();
  readonly plan;
  readonly told: string[] = [];
  /** Whether another driver has the study. */
  isLost = false;
  /** How many milliseconds the drivers' clock is ahead. */
  ahead = 0;

  constructor(commands: readonly string[] = ['true']) {
    this.plan = validPlan({
      batch: slurm,
      steps: commands.map((cmd, i) => ({ name: 'abcdefghijklmnopqrstuvwxyz'[i]!, cmd, procs: 1 })),
    });
    mkdirSync(path.join(this.path, '.conductor/fences'), { recursive: true });
    writeFileSync(path.join(this.path, launcherPath), launcherText, { mode: 0o755 });
    for (const [i, { main }] of this.plan.scripts.entries()) {
      mkdirSync(path.join(this.path, this.plan.graph.steps[i]!.workspace), { recursive: true });
      writeFileSync(path.join(this.path, main.path), main.text, { mode: 0o755 });
    }
  }

  /** A driver of the study. */
  driver({ env = {}, fence = 1 }: { env?: Readonly<Record<string, string>>; fence?: number } = {}): Driver {
    return new Driver(this, new Map(Object.entries(env)), fence);
  }

  job(name = 'a', attempt = 1): Job {
    const step = this.plan.graph.steps.find((step) => step.name === name)!;
    return { step, attempt, script: this.plan.scripts[step.index]!.main.path };
  }

  inherited(id: string, more: Partial<InheritedJob> = {}): InheritedJob {
    return { ...this.job(), id, endpoint: 'slurm:test', mayBeDuplicate: false, ...more };
  }

  claim(name: string): string | undefined {
    const file = path.join(this.path, '.conductor/claims', name);
    return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
  }
}

class Driver {
  readonly events: Event[] = [];
  readonly scheduler: QueueScheduler;

  constructor(study: Study, env: ReadonlyMap<string, string>, fence: number) {
    const { system } = study.queue;
    const { batch } = study.plan.spec;
    this.scheduler = new QueueScheduler(
      {
        ...{ host: study.host, system, studyPath: study.path, studyName: 'demo' },
        clock: { ...systemClock, now: () => Date.now() + study.ahead },
        headerOf: ({ step }) => headerOf(step, batch),
        wordsOf: ({ step }, label, shown) => system.submitWords(step, batch, label, shown),
        ...{ env, endpoint: 'slurm:test', fence },
        log: (line) => study.told.push(line),
        confirm: async () => {
          if (study.isLost) throw new LeaseLostError(study.path, undefined);
        },
      },
      (event) => this.events.push(event),
    );
    onTestFinished(() => this.scheduler.close());
  }

  /** The types of the events of a job, and what they say besides. */
  of(step = 0): readonly string[] {
    return this.events.flatMap((event) => {
      if (event.type === 'interrupt') return [`interrupt ${event.reason}`];
      if (event.step !== step) return [];
      switch (event.type) {
        case 'submitted':
          return [`submitted ${event.id}${event.mayBeDuplicate ? ' perhaps twice' : ''}`];
        case 'not-submitted':
          return [`not-submitted ${event.reason}`];
        case 'queued':
          return [['queued', event.reason].filter((part) => part !== undefined).join(' ')];
        case 'ended': {
          const { result, exitCode, note } = event.outcome;
          return [`ended ${[result, exitCode, note].filter((part) => part !== null && part !== '').join(' ')}`];
        }
        default:
          return [event.type];
      }
    });
  }

  async has(event: string, step = 0): Promise<void> {
    await until(`it reports ${event}; it has reported ${this.of(step).join(', ')}`, () =>
      this.of(step).some((each) => each.startsWith(event)),
    );
  }
}

const usual = (id: string) => [`submitted ${id}`, 'queued', 'started', 'ended completed 0'];

describe('a job', () => {
  it('is submitted, starts and ends, and the queue is not asked about it', async () => {
    const study = new Study(['echo "$LANGUAGE_OF_STEP" > said']);
    const driver = study.driver({ env: { LANGUAGE_OF_STEP: "it's C" } });
    driver.scheduler.submit([study.job()]);
    await driver.has('queued');
    expect(study.queue.textOf('1')).toContain('#SBATCH --partition=pbatch');
    const before = Date.now();
    expect(await study.queue.run('1', undefined, { LANGUAGE_OF_STEP: 'x' })).toBe(0);
    await driver.has('ended');
    expect(driver.of()).toEqual(usual('1'));
    const [started, ended] = driver.events.slice(2) as readonly JobEvent[];
    expect(started!.at).toBeGreaterThanOrEqual(before);
    expect(ended!.at).toBeGreaterThanOrEqual(started!.at);
    expect(ended!.at).toBeLessThanOrEqual(Date.now());
    expect(study.claim('a/1')).toBe('1');
    expect(study.host.commands.filter((command) => command.includes('explain_jobs '))).toEqual([]);
    // What its bells announced has been heard.
    await until('its bells are gone', () => readdirSync(path.join(study.path, '.conductor/bells')).length === 0);
  });

  it.each([
    ['exit 3', undefined, 'ended failed 3'],
    ['kill -9 $$', undefined, 'ended failed 137'],
    ['exit 1', 'TIMEOUT', 'ended timeout 1 its time limit was reached'],
    ['exit 1', 'NODE_FAIL', 'ended node-failure 1 its node failed'],
    ['exit 1', 'CANCELLED', 'ended cancelled 1 its job was cancelled'],
    ['exit 0', 'TIMEOUT', 'ended completed 0'],
  ])('whose script does `%s`, of which the queue says %s: %s', async (cmd, state, end) => {
    const study = new Study([cmd]);
    const driver = study.driver();
    driver.scheduler.submit([study.job()]);
    await study.queue.submitted(1);
    await study.queue.run('1', state);
    await driver.has('ended');
    expect(driver.of().at(-1)).toBe(end);
    expect(driver.of().filter((event) => event.startsWith('ended'))).toHaveLength(1);
  });

  it('that the queue ends before its launcher runs is found by asking the queue', async () => {
    const study = new Study();
    const driver = study.driver();
    driver.scheduler.submit([study.job()]);
    await driver.has('queued');
    study.queue.set('1', 'CANCELLED');
    await driver.has('ended');
    expect(driver.of().at(-1)).toBe('ended cancelled its job was cancelled');
  });

  it('that the queue forgets is lost, and cannot begin later', async () => {
    const study = new Study();
    const driver = study.driver();
    driver.scheduler.submit([study.job()]);
    await driver.has('queued');
    study.queue.forget('1');
    await driver.has('ended');
    expect(driver.of().at(-1)).toContain('ended node-failure the script was not run: the queue does not know the job');
    expect(study.claim('a/1')).toBe('conductor');
    expect(await study.queue.run('1')).toBe(73);
  });

  it('that is lost with its node does not come back, if it is on its way into the queue', async () => {
    const study = new Study(['sleep 60']);
    const driver = study.driver();
    driver.scheduler.submit([study.job()]);
    await study.queue.submitted(1);
    const run = study.queue.run('1');
    await driver.has('started');
    study.queue.set('1', 'NODE_FAIL');
    await driver.has('ended node-failure');
    await until('it is told to end', () => study.host.commands.some((each) => /\nend_jobs 1\b/.test(each)));
    void run.catch(() => {});
  });

  it('that is requeued after it has begun is cancelled, and its second incarnation runs nothing', async () => {
    const study = new Study(['echo ran >> ran; [ -e done ] || sleep 60']);
    const driver = study.driver();
    driver.scheduler.submit([study.job()]);
    await study.queue.submitted(1);
    const first = study.queue.run('1');
    await driver.has('started');
    study.queue.set('1', 'PENDING');
    await driver.has('ended');
    expect(driver.of().at(-1)).toBe('ended node-failure the queue requeued the job');
    await until('it is cancelled', () => study.queue.cancelled.includes('1'));
    writeFileSync(path.join(study.path, 'a/done'), '');
    expect(await study.queue.run('1', undefined, { RESTART: '1' })).toBe(0);
    expect(readFileSync(path.join(study.path, 'a/ran'), 'utf8')).toBe('ran\n');
    void first.catch(() => {});
    const pid = study.claim('a/1');
    expect(pid).toBe('1');
  });

  it('tells why it waits, and warns if it may wait for ever', async () => {
    const study = new Study();
    const driver = study.driver();
    driver.scheduler.submit([study.job()]);
    await driver.has('queued');
    study.queue.set('1', 'PENDING', { reason: 'Held' });
    await driver.has('queued Held');
    expect(study.told).toEqual(['job 1 of a may never start (Held): release it']);
  });

  it('that no other node can run is taken back, cannot begin any more, and is to be submitted anew', async () => {
    const study = new Study(['echo ran > ran']);
    const driver = study.driver();
    driver.scheduler.submit([{ ...study.job(), excluded: ['n1'] }]);
    await driver.has('queued');
    study.ahead = 6_000;
    study.queue.set('1', 'PENDING', { reason: 'NoNodes' });
    await driver.has('queued NoNodes');
    study.ahead = 320_000;
    await driver.has('not-submitted NoNodes');
    expect(driver.events.at(-1)).toMatchObject({ attempt: 1, blame: { cause: 'queue' } });
    await until('it is cancelled', () => study.queue.cancelled.includes('1'));
    expect(study.claim('a/1')).toBe('conductor');
    expect(await study.queue.run('1')).toBe(73);
    expect(existsSync(path.join(study.path, 'a/ran'))).toBe(false);
  });

  it('has an owner of its own, even if it was submitted from within a job of another batch system', async () => {
    const study = new Study(['echo "${FLUX_JOB_ID-none}" > said']);
    const driver = study.driver();
    driver.scheduler.submit([study.job(), study.job('a', 2)]);
    await study.queue.submitted(2);
    const around = { FLUX_JOB_ID: 'ƒ1', FLUX_TASK_RANK: '3' };
    expect(await study.queue.run('1', undefined, around)).toBe(0);
    expect(await study.queue.run('2', undefined, around)).toBe(0);
    expect([study.claim('a/1'), study.claim('a/2')]).toEqual(['1', '2']);
    expect(study.claim('a/1.0.exit')).toMatch(/^0 /);
    expect(readFileSync(path.join(study.path, 'a/said'), 'utf8')).toBe('ƒ1\n');
  });
});

describe('a submit', () => {
  it('of many jobs is few commands', async () => {
    const study = new Study(Array.from({ length: 20 }, () => 'true'));
    const driver = study.driver();
    driver.scheduler.submit(study.plan.graph.steps.map(({ name }) => study.job(name)));
    await study.queue.submitted(20);
    expect(study.queue.ids).toHaveLength(20);
    expect(study.host.commands.filter((command) => command.includes('_maestro_submit'))).toHaveLength(1);
  });

  it('that is refused for good is reported, and the others go on', async () => {
    const study = new Study(['true', 'true']);
    study.queue.refuse('invalid partition', { times: 1 });
    const driver = study.driver();
    driver.scheduler.submit([study.job('a'), study.job('b')]);
    await driver.has('queued', 1);
    expect(driver.of(0)).toEqual(['not-submitted invalid partition']);
  });

  it('at a limit waits until a job has ended, and the log says once for what', async () => {
    const study = new Study(['true', 'true']);
    const driver = study.driver();
    driver.scheduler.submit([study.job('a')]);
    await driver.has('queued');
    study.queue.refuse('job limit reached');
    driver.scheduler.submit([study.job('b')]);
    await until('the log says it', () => study.told.length > 0);
    study.queue.accept();
    await study.queue.run('1');
    await driver.has('queued', 1);
    expect(study.told).toEqual(['no job can be submitted for now, and all wait: job limit reached']);
  });

  it('whose answer is lost finds its job by the label', async () => {
    const study = new Study();
    study.queue.refuse('Socket timed out', { isTaken: true, times: 1 });
    const driver = study.driver();
    driver.scheduler.submit([study.job()]);
    await driver.has('submitted 1 perhaps twice');
    await study.queue.run('1');
    await driver.has('ended');
    expect(study.queue.ids).toEqual(['1']);
    expect(driver.of().at(-1)).toBe('ended completed 0');
  });

  it('whose answer is lost, of a job that cannot be found, is repeated: one job runs it, the other ends at once', async () => {
    const study = new Study(['echo ran >> ran']);
    study.queue.refuse('Socket timed out', { isTaken: true, times: 1 });
    study.queue.answers = false;
    const driver = study.driver();
    driver.scheduler.submit([study.job()]);
    await study.queue.submitted(2);
    study.queue.answers = true;
    await driver.has('submitted 2 perhaps twice');
    // The first one begins first.
    await study.queue.run('1');
    await driver.has('ended');
    expect(driver.of().filter((event) => event.startsWith('submitted'))).toEqual([
      'submitted 2 perhaps twice',
      'submitted 1 perhaps twice',
    ]);
    expect(driver.of().at(-1)).toBe('ended completed 0');
    expect(study.queue.cancelled).toEqual(['2']);
    expect(await study.queue.run('2')).toBe(0);
    expect(readFileSync(path.join(study.path, 'a/ran'), 'utf8')).toBe('ran\n');
  });

  it('from a workspace that is gone is refused with the reason', async () => {
    const study = new Study();
    rmSync(path.join(study.path, 'a'), { recursive: true });
    const driver = study.driver();
    driver.scheduler.submit([study.job()]);
    await driver.has('not-submitted');
    expect(driver.of()[0]).toContain('No such file or directory');
  });
});

describe('a cancel', () => {
  it('ends jobs that wait and jobs that run, with one command', async () => {
    const study = new Study(['sleep 60', 'true', 'true']);
    const driver = study.driver();
    const jobs = ['a', 'b', 'c'].map((name) => study.job(name));
    driver.scheduler.submit(jobs);
    await study.queue.submitted(3);
    await driver.has('queued', 2);
    study.queue.set('1', 'RUNNING');
    driver.scheduler.cancel(jobs);
    for (const step of [0, 1, 2]) await driver.has('ended', step);
    expect([0, 1, 2].map((step) => driver.of(step).at(-1))).toEqual(Array(3).fill('ended cancelled'));
    expect(study.queue.cancelled).toEqual(['1', '2', '3']);
    expect(study.host.commands.filter((command) => /\nend_jobs /.test(command))).toHaveLength(1);
  });

  it('of a job that was not submitted yet submits nothing', async () => {
    const study = new Study();
    study.queue.refuse('job limit reached');
    const driver = study.driver();
    driver.scheduler.submit([study.job()]);
    await until('it was refused', () => study.told.length > 0);
    driver.scheduler.cancel([study.job()]);
    await driver.has('not-submitted it was cancelled before');
    expect(study.queue.ids).toEqual([]);
  });

  it('ends both jobs of a submit that was repeated', async () => {
    const study = new Study();
    study.queue.refuse('Socket timed out', { isTaken: true, times: 1 });
    study.queue.answers = false;
    const driver = study.driver();
    driver.scheduler.submit([study.job()]);
    await study.queue.submitted(2);
    study.queue.answers = true;
    await driver.has('submitted 2');
    driver.scheduler.cancel([study.job()]);
    await driver.has('ended');
    expect(study.queue.cancelled).toEqual(['1', '2']);
  }, 20_000);

  it('ends a job whose submit is never answered, once it is heard of', async () => {
    const study = new Study(['sleep 5']);
    study.queue.slowDown();
    study.queue.refuse('Socket timed out', { isTaken: true, times: 1 });
    const driver = study.driver();
    driver.scheduler.submit([study.job()]);
    await study.queue.submitted(1);
    driver.scheduler.cancel([study.job()]);
    void study.queue.run('1').catch(() => {});
    await driver.has('started');
    await until('it is cancelled', () => study.queue.cancelled.includes('1'), 3000);
    expect(study.queue.ids).toEqual(['1']);
  });

  it('is repeated until the queue answers', async () => {
    const study = new Study();
    const driver = study.driver();
    driver.scheduler.submit([study.job()]);
    await driver.has('queued');
    study.queue.answers = false;
    driver.scheduler.cancel([study.job()]);
    await until('it is told', () => study.told.some((line) => line.includes('did not cancel jobs')));
    study.queue.answers = true;
    await driver.has('ended cancelled');
    expect(study.queue.cancelled).toEqual(['1']);
  });

  it('is left out once another driver has the study', async () => {
    const study = new Study();
    const driver = study.driver();
    driver.scheduler.submit([study.job()]);
    await driver.has('queued');
    study.isLost = true;
    driver.scheduler.cancel([study.job()]);
    await driver.has('queued');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(study.queue.cancelled).toEqual([]);
  });
});

describe('a later driver', () => {
  /** A job that an earlier driver submitted, which has gone. */
  async function left(study: Study): Promise<void> {
    const driver = study.driver();
    driver.scheduler.submit([study.job()]);
    await driver.has('queued');
    driver.scheduler.close();
  }

  it('takes over a job that waits', async () => {
    const study = new Study();
    await left(study);
    const driver = study.driver({ fence: 2 });
    driver.scheduler.reattach([study.inherited('1')]);
    await driver.has('queued');
    await study.queue.run('1');
    await driver.has('ended');
    expect(driver.of()).toEqual(['queued', 'started', 'ended completed 0']);
    expect(study.queue.ids).toEqual(['1']);
  });

  it.each([
    ['true', undefined, 'ended completed 0'],
    ['exit 3', undefined, 'ended failed 3'],
    ['exit 1', 'TIMEOUT', 'ended timeout 1 its time limit was reached'],
  ])('finds how a job ended meanwhile: `%s`, %s', async (cmd, state, end) => {
    const study = new Study([cmd]);
    await left(study);
    await study.queue.run('1', state);
    const driver = study.driver({ fence: 2 });
    driver.scheduler.reattach([study.inherited('1')]);
    await driver.has('ended');
    expect(driver.of().at(-1)).toBe(end);
  });

  it('finds a job whose id was not written down', async () => {
    const study = new Study();
    await left(study);
    const driver = study.driver({ fence: 2 });
    driver.scheduler.reattach([study.inherited('')]);
    await driver.has('submitted 1');
    expect(study.queue.ids).toEqual(['1']);
  });

  it('that hears of a job before it has found it reports each thing once, and in order', async () => {
    const study = new Study();
    await left(study);
    study.queue.answers = false;
    const driver = study.driver({ fence: 2 });
    // The id is in the journal, but the queue is asked for twins.
    driver.scheduler.reattach([study.inherited('1', { mayBeDuplicate: true })]);
    await until('it has looked for it', () => study.told.some((line) => line.startsWith('cannot look for the jobs')));
    await study.queue.run('1');
    await driver.has('ended');
    study.queue.answers = true;
    await new Promise((resolve) => setTimeout(resolve, 3000));
    expect(driver.of()).toEqual(['started', 'ended completed 0']);
  });

  it('cancels the twin of a job only once one of them has begun', async () => {
    const study = new Study(['echo ran >> ran']);
    study.queue.refuse('Socket timed out', { isTaken: true, times: 2 });
    const first = study.driver();
    first.scheduler.submit([study.job()]);
    await study.queue.submitted(1);
    first.scheduler.close();
    const label = study.queue.textOf('1');
    study.queue.accept();
    study.queue.copy('1');
    const driver = study.driver({ fence: 2 });
    driver.scheduler.reattach([study.inherited('')]);
    await driver.has('submitted');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect([study.queue.cancelled, label]).toEqual([[], study.queue.textOf('2')]);
    await study.queue.run('2');
    await driver.has('ended');
    expect(driver.of().at(-1)).toBe('ended completed 0');
    expect(study.queue.cancelled).toEqual(['1']);
    expect(await study.queue.run('1')).toBe(0);
    expect(readFileSync(path.join(study.path, 'a/ran'), 'utf8')).toBe('ran\n');
  });

  it('submits a job that was not submitted', async () => {
    const study = new Study();
    const driver = study.driver({ fence: 2 });
    driver.scheduler.reattach([study.inherited('', { endpoint: '' })]);
    await driver.has('submitted 1 perhaps twice');
  });

  it('waits until the queue answers', async () => {
    const study = new Study();
    await left(study);
    study.queue.answers = false;
    const driver = study.driver({ fence: 2 });
    driver.scheduler.reattach([study.inherited('')]);
    await until('it is told', () => study.told.some((line) => line.startsWith('cannot look for the jobs')));
    study.queue.answers = true;
    await driver.has('submitted 1');
  });

  it('does not take the job of that number elsewhere for its own', async () => {
    const study = new Study();
    const driver = study.driver({ fence: 2 });
    mkdirSync(path.join(study.path, '.conductor/claims/a'), { recursive: true });
    writeFileSync(path.join(study.path, '.conductor/claims/a/1'), '1\n');
    const other = study.job('a', 2);
    driver.scheduler.submit([other]);
    await driver.has('queued');
    driver.scheduler.reattach([study.inherited('1', { endpoint: 'slurm:elsewhere' })]);
    await driver.has('ended');
    expect(driver.of().at(-1)).toBe('ended node-failure the queue does not know the job any more');
  });

  it('hears the bells of its jobs, which the watch of the earlier driver leaves to it', async () => {
    const study = new Study();
    const frozen = study.driver();
    frozen.scheduler.submit([study.job()]);
    await frozen.has('queued');
    writeFileSync(path.join(study.path, '.conductor/fences/2'), 'x\n');
    const driver = study.driver({ fence: 2 });
    driver.scheduler.reattach([study.inherited('1')]);
    await driver.has('queued');
    await new Promise((resolve) => setTimeout(resolve, 600));
    await study.queue.run('1');
    await driver.has('ended completed');
  });

  it('cancels jobs that no step has any more, which then cannot begin', async () => {
    const study = new Study();
    await left(study);
    const driver = study.driver({ fence: 2 });
    const job = { step: 'a', scheduled: true, workspace: 'a', attempt: 1, id: '1', place: 'slurm:test' };
    await driver.scheduler.cancelObsolete([job]);
    expect(study.queue.cancelled).toEqual(['1']);
    expect(study.told).toEqual(['cancelled job 1 of a, which is no longer part of the study']);
    expect(await study.queue.run('1')).toBe(73);
  });
});

it('goes on when the command that hears bells is killed', async () => {
  const study = new Study();
  const driver = study.driver();
  driver.scheduler.submit([study.job()]);
  await driver.has('queued');
  // No bell is heard of this job.
  rmSync(path.join(study.path, '.conductor/bells'), { recursive: true });
  await study.queue.run('1');
  await driver.has('ended');
  expect(driver.of().at(-1)).toBe('ended completed 0');
});

it('is interrupted with a reason when it is suspended, and reports nothing more', async () => {
  const study = new Study();
  const driver = study.driver();
  driver.scheduler.submit([study.job()]);
  await driver.has('queued');
  await driver.scheduler.suspend('the time is over', 'time-over');
  await study.queue.run('1');
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(driver.of()).toEqual(['submitted 1', 'queued', 'interrupt the time is over']);
});

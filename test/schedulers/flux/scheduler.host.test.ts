import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeJobId } from '../../../src/flux/job-id.js';
import { launcherPath } from '../../../src/schedulers/claims/launcher.js';
import { stubFlux } from '../../support/flux/study-flux.js';
import { completed, FluxStudy, hurried, startBroker, waiting, wholeStory } from '../../support/flux/study-run.js';
import { Tap } from '../../support/flux/study-tap.js';
import { at } from '../../support/flux/submission.js';
import { plainEnvironment } from '../../support/hosts.js';
import { isAlive, until } from '../../support/wait.js';

describe('a job of Flux', () => {
  it('is submitted, queued, started, finishing and completed, its outputs in its workspace under its id', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker);
    const before = Date.now();
    const job = study.submit('run', 'pwd; echo err >&2');
    expect(await study.outcome(job)).toEqual(completed);
    expect(study.said(job)).toEqual(wholeStory);
    const times = study.of(job).map(({ at }) => at);
    expect(times.every((time) => time >= before - 1 && time <= Date.now() + 1)).toBe(true);
    expect(times.slice(1)).toEqual([...times.slice(1)].sort((one, other) => one - other));
    const [id] = study.ids(job);
    expect(id).toBe(broker.jobs[0]!.name);
    expect(readdirSync(study.file('run')).sort()).toEqual(['run.flux.sh', `run.${id}.err`, `run.${id}.out`]);
    const { stdout, stderr } = study.scheduler.outputs({ step: job.step, id: id! });
    expect([study.read(stdout), study.read(stderr)]).toEqual([`${study.path}/run\n`, 'err\n']);
    expect(study.told).toEqual([]);
  });

  it('fails with its exit status, or the signal that ended it', async () => {
    const study = await FluxStudy.start(await startBroker());
    expect(await study.run('exits', 'exit 3')).toEqual({ result: 'failed', exitCode: 3, signal: null, note: '' });
    expect(await study.run('killed', 'kill -KILL $$')).toEqual({
      result: 'failed',
      exitCode: 137,
      signal: 'SIGKILL',
      note: '',
    });
  });

  it('of several tasks runs its script once for each, and fails with the worst of them', async () => {
    const study = await FluxStudy.start(await startBroker({ cores: 4 }));
    expect(await study.run('good', 'echo $FLUX_TASK_RANK >> ../ranks', { procs: 3 })).toEqual(completed);
    expect(study.read('ranks').trim().split('\n').sort()).toEqual(['0', '1', '2']);
    expect(await study.run('bad', '[ $FLUX_TASK_RANK != 1 ] || exit 5', { procs: 3 })).toMatchObject({
      result: 'failed',
      exitCode: 5,
    });
  });

  it('that is nested is an instance of its own, which runs the script by its name', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker, { environment: { ...plainEnvironment, ...stubFlux('').environment } });
    expect(await study.run('run', 'echo ran >> ran; echo "$0" > name', { nested: true })).toEqual(completed);
    expect(broker.jobs[0]!.submission.command).toContain('broker');
    expect(study.read('run/ran')).toBe('ran\n');
    expect(study.read('run/name')).toBe(`${study.path}/run/run.flux.sh\n`);
  });

  it('that cannot ever run fails with the reason', async () => {
    const study = await FluxStudy.start(await startBroker({ cores: 2 }));
    const job = study.submit('run', 'true', { procs: 64 });
    expect(await study.outcome(job)).toEqual({
      result: 'failed',
      exitCode: null,
      signal: null,
      note: expect.stringContaining('unsatisfiable request'),
    });
    expect(study.said(job)).toEqual(['submitted', 'queued', 'ended']);
  });

  it('whose launcher cannot be started is lost to its machine, and not failed, with the reason', async () => {
    const study = await FluxStudy.start(await startBroker());
    rmSync(study.file(launcherPath));
    expect(await study.run('run', 'true')).toMatchObject({
      result: 'node-failure',
      note: expect.stringMatching(/^the script was not run: .*No such file or directory/),
    });
  });

  it('whose launcher ends before it has claimed the attempt is lost to its machine, with the last words of its stderr', async () => {
    const study = await FluxStudy.start(await startBroker());
    const fails = 'echo fork: Resource temporarily unavailable >&2; exit 254';
    writeFileSync(study.file(launcherPath), study.read(launcherPath).replace('shift 2', fails));
    expect(await study.run('run', 'touch ran')).toMatchObject({
      result: 'node-failure',
      note: 'the script was not run: fork: Resource temporarily unavailable',
    });
    expect(study.exists('run/ran')).toBe(false);
  });

  it('whose launcher wrote down that the script never began is lost to its machine', async () => {
    const study = await FluxStudy.start(await startBroker());
    const fails = `shift 2; trap 'echo "254 1.5 never-began" > "$_maestro_claim.0.exit"; echo no process >&4; exit 254' EXIT`;
    const launcher = study.read(launcherPath).replace('shift 2', fails).replace('trap _maestro_over EXIT', 'exit 254');
    writeFileSync(study.file(launcherPath), launcher);
    expect(await study.run('run', 'touch ran')).toMatchObject({
      result: 'node-failure',
      note: 'the script was not run: no process',
    });
  });

  it.each([['1'], ['126'], ['127'], ['254']])(
    'whose script ends with %s by itself has failed with that',
    async (status) => {
      const study = await FluxStudy.start(await startBroker());
      expect(await study.run('run', `exit ${status}`)).toEqual({
        result: 'failed',
        exitCode: Number(status),
        signal: null,
        note: '',
      });
    },
  );

  it('whose shell is not there has failed, and the reason says so', async () => {
    const study = await FluxStudy.start(await startBroker());
    const job = study.step('run', 'true');
    writeFileSync(study.file(job.script), '#!/no/such/shell\ntrue\n');
    study.scheduler.submit([job]);
    expect(await study.outcome(job)).toMatchObject({
      result: 'failed',
      note: 'the script cannot be executed: its shell /no/such/shell (batch.shell) is not there, or cannot be run',
    });
  });

  it('whose prolog fails is lost to its machine', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker);
    const job = study.submit('run', waiting());
    await study.up(job);
    rmSync(study.file('.conductor/claims/run/1'));
    broker.raise(broker.jobs[0]!.id, 'prolog', 'prolog exited with code=1 on node1 (rank 0)');
    expect(await study.outcome(job)).toMatchObject({
      result: 'node-failure',
      note: 'the script was not run: prolog exited with code=1 on node1 (rank 0)',
    });
  });

  it('that could not be claimed, as on a full disk, was not run, and has not failed', async () => {
    const study = await FluxStudy.start(await startBroker());
    const job = study.step('run', 'touch ran');
    rmSync(study.file('.conductor/claims/run'), { recursive: true });
    writeFileSync(study.file('.conductor/claims/run'), 'no directory');
    study.scheduler.submit([job]);
    expect(await study.outcome(job)).toEqual({
      result: 'not-run',
      exitCode: null,
      signal: null,
      note: 'the script was not run: it could not be claimed; is the disk full, or the study directory read-only?',
    });
    expect(study.exists('run/ran')).toBe(false);
  });

  it('that could not be claimed, and is to end, is cancelled', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker, { clock: hurried(10) });
    const fails = `shift 2; touch up; until [ -e ../go ]; do sleep 0.02; done; exit 73`;
    writeFileSync(study.file(launcherPath), study.read(launcherPath).replace('shift 2', fails));
    const job = study.submit('run', 'true');
    await study.up(job);
    await broker.die({ jobsGoOn: true });
    await until('that is noticed', () => study.told.length > 0);
    study.scheduler.cancel([job]);
    study.go();
    await until('it is over', () => broker.jobs[0]!.state === 'INACTIVE');
    await broker.comeBack();
    expect(await study.outcome(job)).toEqual({ result: 'cancelled', exitCode: null, signal: null, note: '' });
  });

  it('whose outputs cannot be made, as on a full disk, was not run', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker);
    const job = study.submit('run', waiting());
    await study.up(job);
    rmSync(study.file('.conductor/claims/run/1'));
    broker.raise(broker.jobs[0]!.id, 'exec', 'could not open run/run.out: No space left on device');
    expect(await study.outcome(job)).toEqual({
      result: 'not-run',
      exitCode: null,
      signal: null,
      note: 'the script was not run: could not open run/run.out: No space left on device',
    });
  });

  it('that has one task which could not be claimed is lost', async () => {
    const study = await FluxStudy.start(await startBroker({ cores: 4 }));
    const launcher = study.read(launcherPath);
    writeFileSync(
      study.file(launcherPath),
      launcher.replace('shift 2', 'shift 2; [ $FLUX_TASK_RANK != 1 ] || exit 73'),
    );
    expect(await study.run('run', 'true', { procs: 3 })).toMatchObject({ result: 'node-failure' });
  });

  it('fails if its script ends with the number that says so', async () => {
    const study = await FluxStudy.start(await startBroker());
    expect(await study.run('run', 'exit 73')).toEqual({ result: 'failed', exitCode: 73, signal: null, note: '' });
  });

  it('that ended well although another had the attempt, which was none of Flux, is lost', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker);
    const job = study.step('run', 'touch ran');
    writeFileSync(study.file('.conductor/claims/run/1'), 'login1:4711:99\n');
    broker.spoilNextAnswer('cut', 'job-ingest.submit');
    study.scheduler.submit([job]);
    expect(await study.outcome(job)).toMatchObject({ result: 'node-failure' });
  });

  it('that the broker refuses is not submitted, in its words', async () => {
    const broker = await startBroker({ queues: { debug: { duration: 60 }, batch: {} } });
    const wrong = await FluxStudy.start(broker, { queue: 'nosuch' });
    expect(await wrong.has(wrong.submit('run', 'true'), 'not-submitted')).toMatchObject({
      reason: "Invalid queue 'nosuch' specified",
    });
    const long = await FluxStudy.start(broker, { queue: 'debug' });
    expect(await long.has(long.submit('run', 'true', { walltime: '02:00:00' }), 'not-submitted')).toMatchObject({
      reason: 'requested duration (2h) exceeds policy limit of 1m for queue debug',
    });
    expect(broker.jobs).toEqual([]);
  });

  it('goes to its queue, with its priority as its urgency', async () => {
    const broker = await startBroker({ queues: ['debug', 'batch'] });
    const study = await FluxStudy.start(broker, { queue: 'batch' });
    await study.run('run', 'true', { priority: 'low' });
    const [{ submission }] = broker.jobs as [(typeof broker.jobs)[0]];
    expect(submission.urgency).toBe(9);
    expect(at(submission.jobspec, 'attributes', 'system', 'queue')).toBe('batch');
  });

  it('times out when its own time is over', async () => {
    const study = await FluxStudy.start(await startBroker());
    const job = study.submit('run', 'exec sleep 60', { walltime: '00:01' });
    expect(await study.outcome(job)).toEqual({
      result: 'timeout',
      exitCode: 142,
      signal: 'SIGALRM',
      note: 'its walltime (1 s) ran out',
    });
  });

  it('is cancelled by somebody else, who is named', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker);
    const job = study.submit('run', waiting());
    await study.up(job);
    broker.cancel(broker.jobs[0]!.id, 'node maintenance');
    expect(await study.outcome(job)).toEqual({
      result: 'cancelled',
      exitCode: 143,
      signal: 'SIGTERM',
      note: `its job was cancelled by user ${broker.owner}: node maintenance`,
    });
  });

  it('that lost its node is told to have', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker);
    const job = study.submit('run', waiting());
    await study.up(job);
    broker.raise(broker.jobs[0]!.id, 'node-failure', 'node1 went away');
    expect(await study.outcome(job)).toMatchObject({ result: 'node-failure', note: 'node1 went away' });
  });

  it('may have an id beyond 2^53', async () => {
    const firstId = 9_007_199_254_740_993n;
    const broker = await startBroker({ firstId });
    const study = await FluxStudy.start(broker);
    const job = study.submit('run', waiting());
    await study.up(job);
    expect(study.ids(job).map(decodeJobId)).toEqual([firstId]);
    expect(study.read('.conductor/claims/run/1')).toBe(`${study.ids(job)[0]}\n`);
    study.scheduler.cancel([job]);
    expect(await study.outcome(job)).toMatchObject({ result: 'cancelled' });
  });

  it('of the same step may be followed by another, from within the report of its end', async () => {
    const study = await FluxStudy.start(await startBroker());
    const second = study.step('run', 'echo $0 >> ran; exit 1', {}, 2);
    study.onEvent = (event) => {
      if (event.type === 'ended' && event.attempt === 1) study.scheduler.submit([second]);
    };
    study.submit('run', 'echo one >> ran; exit 1');
    await study.has(second, 'ended');
    expect(study.of(second).map(({ attempt, type }) => `${attempt} ${type}`)).toEqual(
      [1, 2].flatMap((attempt) => wholeStory.map((type) => `${attempt} ${type}`)),
    );
  });

  it('is told of in the same words by brokers that say several things at once, or say them late', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker);
    broker.behaviour.eventsTogether = true;
    broker.behaviour.eventDelay = 100;
    const job = study.submit('run', 'exit 4');
    expect(await study.outcome(job)).toMatchObject({ result: 'failed', exitCode: 4 });
    expect(study.said(job)).toEqual(wholeStory);
  });

  for (const version of ['0.26.0', '0.39.0', '0.50.0']) {
    it(`is run by Flux ${version} too`, async () => {
      const study = await FluxStudy.start(await startBroker({ version }));
      const job = study.submit('run', 'exit 2');
      expect(await study.outcome(job)).toMatchObject({ result: 'failed', exitCode: 2 });
      expect(study.said(job).filter((type) => type !== 'queued')).toEqual(
        wholeStory.filter((type) => type !== 'queued'),
      );
    });
  }

  it('has of the environment what it is given, and the variables of its job', async () => {
    const study = await FluxStudy.start(await startBroker(), {
      environment: { ...plainEnvironment, GREETING: `it's "é"\nand more` },
    });
    await study.run('run', 'printf %s "$GREETING" > greeting; env | cut -d= -f1 > names');
    expect(study.read('run/greeting')).toBe(`it's "é"\nand more`);
    const names = study.read('run/names').split('\n');
    expect(names).toContain('FLUX_JOB_ID');
    expect(names.filter((name) => /^(INPUT|GITHUB|ACTIONS|RUNNER|STATE|VITEST|npm)_/.test(name))).toEqual([]);
  });
});

describe('cancelling jobs of Flux', () => {
  it('ends one that runs', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker);
    const job = study.submit('run', `echo $$ > pid; ${waiting()}`);
    await study.up(job);
    study.scheduler.cancel([job]);
    // Why, the study itself knows best.
    expect(await study.outcome(job)).toEqual({ result: 'cancelled', exitCode: 143, signal: 'SIGTERM', note: '' });
    expect(broker.asked('job-manager.raise')).toMatchObject([{ type: 'cancel', note: 'the study was cancelled' }]);
    await until('its script is gone', () => !isAlive(Number(study.read('run/pid'))));
  });

  it('ends one that waits in the queue before it starts', async () => {
    const broker = await startBroker({ cores: 1 });
    const study = await FluxStudy.start(broker);
    const first = study.submit('first', waiting());
    await study.up(first);
    const second = study.submit('second', 'touch ran');
    await study.has(second, 'queued');
    study.scheduler.cancel([second]);
    expect(await study.outcome(second)).toMatchObject({ result: 'cancelled', exitCode: null, signal: null });
    expect(study.said(second)).toEqual(['submitted', 'queued', 'ended']);
    study.go();
    expect(await study.outcome(first)).toEqual(completed);
    expect(study.exists('second/ran')).toBe(false);
  });

  it('ends one that is on its way as soon as it has arrived', async () => {
    const broker = await startBroker();
    broker.behaviour.answerDelay = 200;
    const study = await FluxStudy.start(broker);
    const job = study.submit('run', waiting());
    await until('it is on its way', () => broker.jobs.length === 1);
    expect(study.said(job)).toEqual([]);
    study.scheduler.cancel([job]);
    expect(await study.outcome(job)).toMatchObject({ result: 'cancelled' });
    expect(study.said(job)[0]).toBe('submitted');
  });

  it('does not send one that waits to be sent', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker, {
      submitter: { window: 1, submit: () => new Promise(() => {}) },
    });
    study.submit('first', 'true');
    const second = study.submit('second', 'true');
    study.scheduler.cancel([second]);
    expect(study.of(second)).toMatchObject([{ type: 'not-submitted', reason: 'it was cancelled before' }]);
  });

  it('asks once, however often it is told', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker);
    const job = study.submit('run', waiting());
    await study.up(job);
    for (let i = 0; i < 3; i++) study.scheduler.cancel([job]);
    await study.outcome(job);
    study.scheduler.cancel([job]);
    expect(broker.asked('job-manager.raise')).toHaveLength(1);
    expect(study.said(job).filter((type) => type === 'ended')).toHaveLength(1);
  });

  it('kills one that will not end', async () => {
    const study = await FluxStudy.start(await startBroker({ killTimeout: 200 }));
    const job = study.submit('run', `trap '' TERM; ${waiting()}`);
    await study.up(job);
    study.scheduler.cancel([job]);
    expect(await study.outcome(job)).toMatchObject({ result: 'cancelled', exitCode: 137, signal: 'SIGKILL' });
  });

  it('says how one ended that was done before', async () => {
    const broker = await startBroker({ paces: { finish: 300 } });
    const study = await FluxStudy.start(broker);
    broker.behaviour.eventDelay = 500;
    const job = study.submit('run', 'true');
    await until('its job is over', () => broker.jobs[0]?.state === 'INACTIVE');
    study.scheduler.cancel([job]);
    expect(await study.outcome(job)).toEqual(completed);
    expect(study.told).toEqual([]);
  });

  it('says so if the broker does not let us', async () => {
    const broker = await startBroker();
    const tap = await Tap.start(broker.uri);
    tap.answer = (topic) => (topic === 'job-manager.raise' ? { errnum: 1, words: 'guests may not' } : undefined);
    const study = await FluxStudy.start(tap);
    const job = study.submit('run', waiting());
    await study.up(job);
    study.scheduler.cancel([job]);
    await until('it is told', () => study.told.length > 0);
    expect(study.told).toEqual([`cannot cancel job ${study.ids(job)[0]} of run: guests may not`]);
    study.go();
    expect(await study.outcome(job)).toEqual(completed);
  });
});

describe('very many jobs', () => {
  it('are all submitted, with no more than 256 on their way at once', async () => {
    const broker = await startBroker();
    const tap = await Tap.start(broker.uri);
    broker.behaviour.answerDelay = 50;
    const study = await FluxStudy.start(tap);
    const shape = study.step('s', 'true', { priority: 'held' });
    const jobs = Array.from({ length: 2000 }, (_, index) => ({ ...shape, step: { ...shape.step, index } }));
    for (const job of jobs) study.scheduler.submit([job]);
    const count = (type: string) => study.events.filter((event) => event.type === type).length;
    await until('all are submitted', () => count('submitted') === 2000, 20_000);
    expect(tap.most('job-ingest.submit')).toBe(256);
    expect(broker.jobs).toHaveLength(2000);
    broker.behaviour.answerDelay = 0;
    study.scheduler.cancel(jobs);
    await until('all have ended', () => count('ended') === 2000, 20_000);
    const ends = study.events.flatMap((event) => (event.type === 'ended' ? [event.outcome.result] : []));
    expect(new Set(ends)).toEqual(new Set(['cancelled']));
    expect(new Set(study.events.flatMap((event) => (event.type === 'submitted' ? [event.id] : []))).size).toBe(2000);
  });
});

it('knows where outputs are before anything ran', async () => {
  const study = await FluxStudy.start(await startBroker());
  const { step } = study.step('run', 'true');
  const named = { ...step, workspace: 'run/A.1', jobName: 'run_A/1' };
  expect(study.scheduler.outputs({ step: named, id: 'ƒ1' })).toEqual({
    stdout: path.posix.join('run/A.1', 'run_A1.ƒ1.out'),
    stderr: path.posix.join('run/A.1', 'run_A1.ƒ1.err'),
  });
});

describe('a job that ends badly', () => {
  it.each([
    ['exec', 'lost contact with job shell on node1 (shell rank 0)', 'node'],
    ['node-failure', 'broker rank 1 is lost', 'node'],
    ['cancel', 'enough', 'cancelled'],
    ['preempt', 'for somebody else', 'preempted'],
    ['mine', 'a user can raise anything', 'code'],
  ])('by an exception %s (%s) is the fault of: %s', async (type, note, cause) => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker);
    const job = study.submit('run', waiting());
    await study.up(job);
    broker.raise(broker.jobs[0]!.id, type, note);
    expect(await study.cause(job)).toBe(cause);
  });

  it('by itself is the fault of the code, by its time limit that of its time', async () => {
    const study = await FluxStudy.start(await startBroker());
    expect(await study.cause(study.submit('exits', 'exit 3'))).toBe('code');
    expect(await study.cause(study.submit('late', waiting(), { walltime: '0:1' }))).toBe('timeout');
    expect(await study.cause(study.submit('good', 'true'))).toBeUndefined();
  });

  it('is refused for what its step asks for, or for something else', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker);
    const big = study.submit('big', 'true', { procs: 99n });
    expect((await study.has(big, 'ended')).outcome.blame).toEqual({ cause: 'submission', isOfSpec: true });
  });
});

describe('the nodes of a job', () => {
  it.each(['0.88.0', '0.50.0'])(
    'are told when it starts, or when it ends at the latest, by Flux %s',
    async (version) => {
      const study = await FluxStudy.start(await startBroker({ version, hosts: 'node[1-2]', cores: 2 }));
      const [one, other] = [study.submit('one', waiting()), study.submit('other', waiting())];
      for (const job of [one, other]) await study.up(job);
      study.go();
      const nodes = [];
      for (const job of [one, other]) nodes.push((await study.has(job, 'ended')).nodes);
      expect(nodes).toEqual([['node1'], ['node2']]);
    },
  );

  it('are not waited for', async () => {
    const broker = await startBroker({ version: '0.50.0' });
    broker.behaviour.missing.add('job-info.lookup');
    const study = await FluxStudy.start(broker);
    const job = study.submit('run', 'true');
    expect(await study.outcome(job)).toEqual(completed);
    expect(await study.has(job, 'ended')).not.toHaveProperty('nodes');
    expect(study.told).toEqual([]);
  });

  it('are not those that it was not to run on', async () => {
    const study = await FluxStudy.start(await startBroker({ hosts: 'node[1-2]', cores: 2 }));
    const job = { ...study.step('run', 'true'), excluded: ['node1'] };
    study.scheduler.submit([job]);
    expect((await study.has(job, 'ended')).nodes).toEqual(['node2']);
    const nowhere = { ...study.step('nowhere', 'true'), excluded: ['node1', 'node2'] };
    study.scheduler.submit([nowhere]);
    expect((await study.has(nowhere, 'ended')).outcome.blame?.cause).toBe('submission');
    const stranger = { ...study.step('stranger', 'true'), excluded: ['node9'] };
    study.scheduler.submit([stranger]);
    expect((await study.has(stranger, 'not-submitted')).blame?.cause).toBe('submission');
  });
});

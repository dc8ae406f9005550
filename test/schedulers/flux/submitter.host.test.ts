import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { errno, FluxError } from '../../../src/flux/errors.js';
import { Handle } from '../../../src/flux/handle.js';
import { encodeJobId } from '../../../src/flux/job-id.js';
import { HostError } from '../../../src/hosts/host.js';
import { GuestSubmitter, OwnerSubmitter, SubmitError } from '../../../src/schedulers/flux/submitter.js';
import { systemClock } from '../../../src/util/clock.js';
import type { SimulatedBroker } from '../../support/flux/simulated-broker.js';
import { type Answer, SubmitStub, stubFlux } from '../../support/flux/study-flux.js';
import { completed, FluxStudy, hurried, startBroker } from '../../support/flux/study-run.js';
import { plainHost } from '../../support/hosts.js';
import { until } from '../../support/wait.js';

async function handleOf({ uri }: SimulatedBroker): Promise<Handle> {
  const handle = await Handle.connect(connect(uri.replace('local://', '')), systemClock);
  onTestFinished(() => handle.close());
  return handle;
}

const jobspec = JSON.stringify({
  version: 1,
  resources: [{ type: 'slot', count: 1, label: 'task', with: [{ type: 'core', count: 1 }] }],
  tasks: [{ command: ['true'], slot: 'task', count: { per_slot: 1 } }],
  attributes: { system: { duration: 0 } },
});

describe('the owner of an instance', () => {
  it('submits a job, and learns its id', async () => {
    const broker = await startBroker({ firstId: 2n ** 53n + 1n });
    const submitter = new OwnerSubmitter(process.getuid!());
    expect(await submitter.submit(await handleOf(broker), jobspec, 9)).toBe(2n ** 53n + 1n);
    expect(broker.jobs[0]!.submission.urgency).toBe(9);
  });

  it('is told why a job is refused', async () => {
    const broker = await startBroker();
    const submitted = new OwnerSubmitter(process.getuid!()).submit(await handleOf(broker), '{}', 16);
    await expect(submitted).rejects.toBeInstanceOf(FluxError);
    await expect(submitted).rejects.toMatchObject({ message: expect.stringContaining('Missing key') });
  });

  it('who is none is refused', async () => {
    const broker = await startBroker({ owner: 4242, user: process.getuid!() });
    await expect(
      new OwnerSubmitter(process.getuid!()).submit(await handleOf(broker), jobspec, 16),
    ).rejects.toMatchObject({ errno: errno.EPERM, message: 'only instance owner can use sign-type=none' });
  });
});

describe('a guest', () => {
  /** What becomes of a job that is submitted by a `flux` which says and does that. */
  async function submit(script: string) {
    const handle = await handleOf(await startBroker());
    const submitter = new GuestSubmitter(plainHost(), `${stubFlux(script).directory}/flux`, "local:///with a 'quote'");
    return submitter.submit(handle, jobspec, 9);
  }

  it('submits by the installed `flux`, at the right broker, with the urgency', async () => {
    const check =
      '[ "$*" = "job submit --urgency=9" ] && [ "$FLUX_URI" = "local:///with a \'quote\'" ] && cat | grep -q per_slot';
    expect(await submit(`${check} && echo ƒkMPzwq`)).toBe(28_454_158_336n);
  });

  it('may have an id without its special letter', async () => {
    expect(await submit('cat >/dev/null; echo fkMPzwq')).toBe(28_454_158_336n);
  });

  it('is told why a job is refused, in the words of `flux`', async () => {
    const refused = submit('cat >/dev/null; echo "flux-job: Invalid queue \'x\' specified" >&2; exit 1');
    await expect(refused).rejects.toBeInstanceOf(SubmitError);
    await expect(refused).rejects.toMatchObject({ message: "Invalid queue 'x' specified" });
  });

  it.each([
    ['fails without a word', 'exit 3', 'flux job submit: exit 3'],
    ['prints nonsense', 'echo done', 'flux job submit: it printed no job id'],
    ['prints nothing', 'true', 'flux job submit: it printed no job id'],
    ['is not there', 'exec /nonexistent/flux-job', expect.stringContaining('No such file or directory')],
  ])('is told so if that %s', async (_, script, message) => {
    await expect(submit(`cat >/dev/null; ${script}`)).rejects.toMatchObject({ name: 'SubmitError', message });
  });

  /** A study of a guest, whose submissions the test answers. */
  async function study(answer?: (jobspec: object) => Answer) {
    const broker = await startBroker({ owner: 4242, user: process.getuid!(), cores: 4 });
    const stub = new SubmitStub(answer ?? ((jobspec) => ({ prints: encodeJobId(broker.submit(jobspec).id) })));
    const submitter = new GuestSubmitter(plainHost(), stub.flux, broker.uri);
    return { broker, stub, study: await FluxStudy.start(broker, { submitter, isOwner: false, comesBack: true }) };
  }

  it('has his steps run, and cancelled', async () => {
    const { broker, stub, study: guests } = await study();
    expect(await guests.run('run', 'echo ran >> ran')).toEqual(completed);
    expect(guests.read('run/ran')).toBe('ran\n');
    expect(stub.calls).toEqual([{ words: 'job submit --urgency=16', uri: broker.uri }]);
    const job = guests.submit('long', 'sleep 60');
    await guests.has(job, 'started');
    guests.scheduler.cancel([job]);
    expect(await guests.outcome(job)).toMatchObject({ result: 'cancelled' });
  });

  it('has his steps followed by their eventlogs: the journal of all jobs is for the owner', async () => {
    const { broker, study: guests } = await study();
    expect(await guests.run('run', 'exit 3')).toMatchObject({ result: 'failed', exitCode: 3 });
    expect(broker.asked('job-manager.events-journal')).toEqual([]);
    expect(broker.asked('job-info.eventlog-watch')).toHaveLength(1);
  });

  it('has his steps fail with the words of `flux`', async () => {
    const { study: guests } = await study(() => ({ fails: 'flux-job: user 7 may not' }));
    expect(await guests.has(guests.submit('run', 'true'), 'not-submitted')).toMatchObject({
      reason: 'user 7 may not',
    });
  });

  it('has his steps fail if there is no bash to submit with', async () => {
    const { study: guests } = await study();
    const submitter = new GuestSubmitter(plainHost('exit 4'), 'flux', guests.path);
    const broker = await startBroker();
    const without = await FluxStudy.start(broker, { submitter });
    expect(await without.has(without.submit('run', 'true'), 'not-submitted')).toMatchObject({
      reason: 'flux job submit: exit 4',
    });
  });

  it('has his study interrupted, and no step fail, if there is no way to the host any more', async () => {
    const broker = await startBroker();
    const submitter = { window: 8, submit: () => Promise.reject(new HostError('login1 was given up')) };
    const guests = await FluxStudy.start(broker, { submitter });
    const job = guests.submit('run', 'true');
    expect(await guests.interruption()).toMatchObject({
      reason: 'no job can be submitted any more: login1 was given up',
      alsoLocal: true,
    });
    expect(guests.of(job)).toEqual([]);
  });

  it('starts no more than eight at once', async () => {
    const { stub, study: guests } = await study();
    stub.isHeld = true;
    const jobs = Array.from({ length: 12 }, (_, i) => guests.submit(`s${i}`, 'true'));
    await until('eight wait', () => stub.open === 8);
    stub.isHeld = false;
    for (const job of jobs) expect(await guests.outcome(job)).toEqual(completed);
    expect(stub.mostOpen).toBe(8);
    expect(stub.calls).toHaveLength(12);
  });

  it('submits nothing more once the study is closed', async () => {
    const { stub, study: guests } = await study();
    stub.isHeld = true;
    for (let i = 0; i < 12; i++) guests.submit(`s${i}`, 'true');
    await until('eight wait', () => stub.open === 8);
    guests.scheduler.close();
    stub.isHeld = false;
    await until('they are answered', () => stub.open === 0);
    await until('there are others', () => stub.calls.length > 8, 1000).catch(() => {});
    expect(stub.calls).toHaveLength(8);
  });
});

describe('a broker that takes no jobs for the moment', () => {
  it('is tried again until it does, and that is said once', async () => {
    const broker = await startBroker();
    const owner = new OwnerSubmitter(process.getuid!());
    let refusals = 4;
    const submitter = {
      window: 10,
      submit: (...job: Parameters<OwnerSubmitter['submit']>) =>
        refusals-- > 0
          ? Promise.reject(new FluxError('job-ingest.submit', errno.EINVAL, 'job submission is disabled: maintenance'))
          : owner.submit(...job),
    };
    const study = await FluxStudy.start(broker, { submitter, clock: hurried(100) });
    const [one, two] = [study.submit('one', 'true'), study.submit('two', 'true')];
    expect([await study.outcome(one), await study.outcome(two)]).toEqual([completed, completed]);
    expect(study.told).toEqual([
      'no job can be submitted for now, and all wait: job submission is disabled: maintenance',
    ]);
  });

  it('does not hold up a cancellation', async () => {
    const broker = await startBroker();
    broker.behaviour.missing.add('job-ingest.submit');
    const study = await FluxStudy.start(broker);
    const job = study.submit('one', 'true');
    await until('it is refused', () => study.told.length > 0);
    study.scheduler.cancel([job]);
    await study.has(job, 'not-submitted');
    expect(broker.jobs).toEqual([]);
  });
});

describe('a refusal that is not the end of a step', () => {
  /** A study whose first submits are answered so; all others get to the broker. */
  async function refusing(times: number, error: () => Error, speed = 100) {
    const broker = await startBroker();
    const owner = new OwnerSubmitter(process.getuid!());
    const submit = (...job: Parameters<OwnerSubmitter['submit']>) =>
      times-- > 0 ? Promise.reject(error()) : owner.submit(...job);
    return {
      broker,
      study: await FluxStudy.start(broker, { submitter: { window: 8, submit }, clock: hurried(speed) }),
    };
  }

  it.each([
    ['a validator that was killed', () => new FluxError('x', errno.EPROTO, 'worker unexpectedly exited')],
    ['munge that is away', () => new SubmitError('sign-munge-sign: Failed to access "/run/munge/munge.socket.2"', 1)],
    ['a command that was killed', () => new SubmitError('flux job submit: exit 137', 137)],
    ['a command that cannot fork', () => new SubmitError('bash: fork: Resource temporarily unavailable', 254)],
    ['a command that was not let in', () => new SubmitError('flux_open: Connection refused', 1)],
    ['a machine without processes to spare', () => new HostError('cannot run bash on this machine: spawn EAGAIN')],
  ])('%s has the job submitted again, and that is said once', async (_, error) => {
    const { broker, study } = await refusing(3, error);
    expect(await study.run('run', 'echo ran >> ran')).toEqual(completed);
    expect(study.read('run/ran')).toBe('ran\n');
    expect(study.told).toEqual([`a job could not be submitted yet: ${error().message}; it is tried again`]);
    expect(broker.jobs).toHaveLength(1);
  });

  it('a command that died after the broker had heard it does not have the step run twice', async () => {
    const broker = await startBroker();
    const owner = new OwnerSubmitter(process.getuid!());
    let isFirst = true;
    const submit = async (...job: Parameters<OwnerSubmitter['submit']>) => {
      const id = await owner.submit(...job);
      if (!isFirst) return id;
      isFirst = false;
      throw new SubmitError('flux job submit: exit 143', 143);
    };
    const study = await FluxStudy.start(broker, { submitter: { window: 8, submit }, clock: hurried(20) });
    expect(await study.run('run', 'echo ran >> ran')).toEqual(completed);
    expect(study.read('run/ran')).toBe('ran\n');
  });

  it('one that lasts for minutes interrupts the study, and fails no step', async () => {
    const { study } = await refusing(1e6, () => new SubmitError('flux job submit: exit 254', 254), 2000);
    const job = study.submit('run', 'true');
    expect(await study.interruption()).toMatchObject({
      reason: 'no job can be submitted any more, for 5 minutes now: flux job submit: exit 254',
    });
    expect(study.of(job)).toEqual([]);
  });

  it('a job that ends a validator each time fails alone, once others got through', async () => {
    const broker = await startBroker();
    const owner = new OwnerSubmitter(process.getuid!());
    const submit = (...job: Parameters<OwnerSubmitter['submit']>) =>
      job[1].includes('poison')
        ? Promise.reject(new FluxError('x', errno.EPROTO, 'worker unexpectedly exited'))
        : owner.submit(...job);
    const study = await FluxStudy.start(broker, { submitter: { window: 8, submit }, clock: hurried(2000) });
    const poison = study.submit('poison', 'true');
    await until('it is told', () => study.told.length > 0);
    expect(await study.run('good', 'true')).toEqual(completed);
    expect(await study.has(poison, 'not-submitted')).toMatchObject({ reason: 'worker unexpectedly exited' });
  });

  it('a named queue that is disabled has its jobs wait, until it is enabled', async () => {
    const broker = await startBroker({ queues: ['pdebug', 'pbatch'] });
    broker.behaviour.disabled.set('pdebug', 'maintenance');
    const study = await FluxStudy.start(broker, { queue: 'pdebug', clock: hurried(100) });
    const job = study.submit('run', 'true');
    await until('it is tried again', () => broker.asked('job-ingest.submit').length >= 3);
    expect(study.of(job)).toEqual([]);
    broker.behaviour.disabled.clear();
    expect(await study.outcome(job)).toEqual(completed);
    expect(study.told).toEqual([
      'no job can be submitted for now, and all wait: job submission to pdebug is disabled: maintenance',
    ]);
  });

  it('a limit of active jobs has the others wait, each for the end of one before, and is said once', async () => {
    const broker = await startBroker({ cores: 4 });
    broker.behaviour.mostActive = 2;
    const study = await FluxStudy.start(broker);
    const jobs = Array.from({ length: 6 }, (_, i) => study.submit(`s${i}`, 'true'));
    for (const job of jobs) expect(await study.outcome(job)).toEqual(completed);
    expect(study.told).toEqual(['no job can be submitted for now, and all wait: user has max active jobs']);
  });

  it('an instance whose rest is too short has the step told as deferred, not as refused', async () => {
    const broker = await startBroker({ expiration: Date.now() / 1000 + 30 });
    const study = await FluxStudy.start(broker);
    const [long, short] = [
      study.submit('long', 'true', { walltime: '00:45' }),
      study.submit('short', 'true', { walltime: '00:10' }),
    ];
    expect(await study.outcome(short)).toEqual(completed);
    expect(study.of(long)).toMatchObject([
      { type: 'deferred', mayRenew: false, reason: expect.stringMatching(/^job duration \(45s\) exceeds remaining/) },
    ]);
  });

  it('resources that the instance never had fail the step in the words of Flux', async () => {
    const study = await FluxStudy.start(await startBroker());
    expect(await study.run('huge', 'true', { procs: 100_000 })).toMatchObject({
      result: 'failed',
      note: expect.stringMatching(/^unsatisfiable request/),
    });
  });
});

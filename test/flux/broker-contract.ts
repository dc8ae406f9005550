import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { errno, FluxError } from '../../src/flux/errors.js';
import { endOf, exitCodeOf, type FluxEvent, type JobView, newJob } from '../../src/flux/eventlog.js';
import { watchJournal } from '../../src/flux/events-journal.js';
import type { Handle } from '../../src/flux/handle.js';
import { decodeJobId, encodeJobId } from '../../src/flux/job-id.js';
import { type JobRequest, jobspecOf, signNone } from '../../src/flux/jobspec.js';
import { property } from '../../src/flux/json.js';
import {
  cancelJob,
  getAttribute,
  getConfig,
  getInstanceState,
  getResources,
  lookUpNodes,
  queuesIn,
  submitJob,
  watchInstance,
} from '../../src/flux/requests.js';
import { connectTo, jobRequest, run, shell, signed, submit, Watch } from '../support/flux/client.js';
import { at } from '../support/flux/submission.js';
import { temporaryDirectory } from '../support/temporary.js';
import { until } from '../support/wait.js';

/** A broker that belongs to whoever runs the tests, with nothing in it. */
export interface ContractBroker {
  readonly uri: string;
  /** Ends the instance as SIGTERM does; resolves when it is gone. */
  shutDown(): Promise<void>;
  stop(): Promise<void>;
}

const unknownId = 60n;
const ended = ({ state, waitStatus }: JobView) => ({
  state,
  exitCode: waitStatus === null ? null : exitCodeOf(waitStatus),
});

/** What the client and the broker owe each other. Every broker has to pass, simulated or not. */
export function brokerContract(start: () => Promise<ContractBroker>): void {
  let broker: ContractBroker;
  let minor: number;

  beforeAll(async () => {
    broker = await start();
  });
  afterAll(() => broker.stop());

  /** A connection of the test's own. */
  const connected = async () => {
    const handle = await connectTo(broker.uri);
    minor = Number((await getAttribute(handle, 'version')).split('.')[1]);
    return handle;
  };
  const needing = (version: number, names: readonly string[]) => (minor >= version ? names : []);
  const whole = () => ['submit', ...needing(41, ['validate']), 'depend', 'priority', 'alloc', 'start'];

  describe('an instance', () => {
    it('tells its attributes', async () => {
      const handle = await connected();
      expect(await getAttribute(handle, 'version')).toMatch(/^0\.\d+\.\d+/);
      expect(await getAttribute(handle, 'size')).toBe('1');
      expect(await getAttribute(handle, 'security.owner')).toBe(String(process.getuid!()));
      expect(await getAttribute(handle, 'local-uri')).toBe(broker.uri);
      await expect(getAttribute(handle, 'nosuch')).rejects.toMatchObject({ errno: errno.ENOENT, topic: 'attr.get' });
    });

    it('runs, has no named queues, and never ends', async () => {
      const handle = await connected();
      expect(await getInstanceState(handle, 10_000)).toBe('run');
      expect(queuesIn(await getConfig(handle))).toEqual([]);
      const resources = getResources(handle, 10_000);
      if (minor >= 61) expect(await resources).toEqual({ expiration: 0 });
      else await expect(resources).rejects.toMatchObject({ errno: errno.ENOSYS });
    });

    it('says of a service that it has not that it has it not', async () => {
      const handle = await connected();
      await expect(handle.rpc('nosuch.service', {})).rejects.toMatchObject({
        errno: errno.ENOSYS,
        message: 'No service matching nosuch.service is registered',
      });
    });

    it('answers many requests at once, each its own', async () => {
      const handle = await connected();
      const names = Array.from({ length: 500 }, (_, index) => ['size', 'version', 'nosuch'][index % 3]!);
      const answers = await Promise.allSettled(names.map((name) => getAttribute(handle, name)));
      const version = await getAttribute(handle, 'version');
      for (const [index, answer] of answers.entries()) {
        if (names[index] === 'nosuch') expect(answer.status).toBe('rejected');
        else expect(answer).toMatchObject({ value: names[index] === 'size' ? '1' : version });
      }
    });
  });

  describe('a job', () => {
    it('is submitted, runs and completes', async () => {
      const watch = await run(await connected());
      expect(watch.names).toEqual([...whole(), 'finish', 'release', 'free', 'clean']);
      const { view } = watch;
      expect(view).toMatchObject({ state: 'INACTIVE', waitStatus: 0, exception: null, uri: null });
      expect(endOf(view)).toBe('completed');
      const times = [view.submitted!, view.started!, view.finished!, view.cleaned!];
      expect([...times].sort((one, other) => one - other)).toEqual(times);
      expect(times.at(-1)! - Date.now() / 1000).toBeLessThan(60);
    });

    it.each([
      ['exits with 3', 'exit 3', 3],
      // Job shells say of a task that a signal ended what shells say.
      ['is killed', 'kill -9 $$', 137],
      ['crashes', 'kill -11 $$', 139],
    ])('that %s has failed', async (_, script, code) => {
      const { view } = await run(await connected(), { command: shell(script) });
      expect(ended(view)).toEqual({ state: 'INACTIVE', exitCode: code });
      expect(view.exception).toBeNull();
      expect(endOf(view)).toBe('failed');
    });

    it('whose command is not there has failed, and says so', async () => {
      const watch = await run(await connected(), { command: ['/no/such/prog'] });
      expect(watch.names).toEqual([...whole(), 'exception', 'finish', 'release', 'free', 'clean']);
      expect(watch.view.exception).toMatchObject({
        type: 'exec',
        note: expect.stringMatching(/^task 0 \(host .+\): start failed: \/no\/such\/prog: No such file or directory$/),
      });
      expect(ended(watch.view)).toEqual({ state: 'INACTIVE', exitCode: 127 });
      expect(endOf(watch.view)).toBe('failed');
    });

    it('whose output cannot be opened has failed', async () => {
      const { view } = await run(await connected(), { stdout: '/no/such/directory/out' });
      expect(view.exception).toMatchObject({
        type: 'exec',
        note: expect.stringContaining('No such file or directory'),
      });
      expect(endOf(view)).toBe('failed');
    });

    it('runs where it is told, in the environment that it is given, and writes where it is told', async () => {
      const cwd = temporaryDirectory();
      const handle = await connected();
      const id = await submit(handle, {
        cwd,
        command: shell('pwd; echo "$MARK $FLUX_JOB_ID $FLUX_TASK_RANK $FLUX_JOB_SIZE"; echo err >&2'),
        environment: { PATH: '/usr/bin:/bin', MARK: 'a mark' },
        stdout: 'test.{{id}}.out',
        stderr: 'test.{{id}}.err',
      });
      await new Watch(handle, id).over();
      const name = encodeJobId(id);
      expect(readdirSync(cwd).sort()).toEqual([`test.${name}.err`, `test.${name}.out`]);
      expect(readFileSync(path.join(cwd, `test.${name}.out`), 'utf8')).toBe(`${cwd}\na mark ${name} 0 1\n`);
      expect(readFileSync(path.join(cwd, `test.${name}.err`), 'utf8')).toBe('err\n');
    });

    it('finds the instance that runs it', async () => {
      const cwd = temporaryDirectory();
      await run(await connected(), { cwd, command: shell('echo $FLUX_URI'), stdout: 'out' });
      expect(readFileSync(path.join(cwd, 'out'), 'utf8')).toBe(`${broker.uri}\n`);
    });

    it('of several tasks runs its command several times, and is as bad as the worst of them', async () => {
      const cwd = temporaryDirectory();
      const command = shell('echo $FLUX_TASK_RANK of $FLUX_JOB_SIZE; exit $FLUX_TASK_RANK');
      const { view } = await run(await connected(), { cwd, command, procs: 2, stdout: 'out' });
      const lines = readFileSync(path.join(cwd, 'out'), 'utf8').split('\n');
      expect(lines.sort()).toEqual(['', '0 of 2', '1 of 2']);
      expect(ended(view)).toEqual({ state: 'INACTIVE', exitCode: 1 });
    });

    it('whose time is over is told to end', async () => {
      const { view, names } = await run(await connected(), { command: ['sleep', '60'], duration: 0.5 });
      expect(names).toEqual([...whole(), 'exception', 'finish', 'release', 'free', 'clean']);
      expect(view.exception).toMatchObject({ type: 'timeout', note: 'resource allocation expired' });
      expect(endOf(view)).toBe('timeout');
      expect(view.finished! - view.started!).toBeGreaterThan(0.3);
    });

    it('that fits nowhere fails at once', async () => {
      const { view, names } = await run(await connected(), { procs: 9999 });
      expect(names).toEqual([...whole().slice(0, -2), 'exception', 'clean']);
      expect(view).toMatchObject({ state: 'INACTIVE', started: null, finished: null, waitStatus: null });
      expect(view.exception).toMatchObject({ type: 'alloc', note: expect.stringMatching(/^unsatisfiable request/) });
      expect(endOf(view)).toBe('failed');
    });

    it('of nested kind runs its command under an instance of its own, and tells where that is', async () => {
      const cwd = temporaryDirectory();
      writeFileSync(path.join(cwd, 'script.sh'), '#!/bin/sh\necho "$MARK $1"\nexit 5\n', { mode: 0o755 });
      const { view } = await run(await connected(), {
        cwd,
        nested: true,
        command: ['./script.sh', 'word'],
        prefix: ['/usr/bin/env', 'MARK=set'],
        environment: { PATH: process.env.PATH! },
        stdout: 'out',
        stderr: 'err',
      });
      expect(view.uri).toMatch(/^ssh:\/\/[^/]+\/.+\/local-0$/);
      expect(readFileSync(path.join(cwd, 'out'), 'utf8')).toBe('set word\n');
      expect(ended(view)).toEqual({ state: 'INACTIVE', exitCode: 5 });
    });
  });

  describe('ids of jobs', () => {
    it('are different, and all their bits are kept on the way', async () => {
      const handle = await connected();
      const ids = await Promise.all(Array.from({ length: 20 }, () => submit(handle)));
      expect(new Set(ids).size).toBe(20);
      for (const id of ids) expect(decodeJobId(encodeJobId(id))).toBe(id);
      const views = await Promise.all(ids.map((id) => new Watch(handle, id).over()));
      expect(views.map(endOf)).toEqual(ids.map(() => 'completed'));
    });
  });

  /** Takes all cores until it is cancelled. */
  async function occupied(handle: Handle): Promise<{ id: bigint; watch: Watch }> {
    const id = await submit(handle, { command: ['sleep', '60'], procs: await coresOf(handle) });
    const watch = new Watch(handle, id);
    await watch.until('start');
    return { id, watch };
  }

  describe('to cancel', () => {
    it('ends a job that runs', async () => {
      const handle = await connected();
      const cwd = temporaryDirectory();
      const id = await submit(handle, { cwd, command: shell('echo up; exec sleep 60'), stdout: 'out' });
      const watch = new Watch(handle, id);
      // A job shell that is told to end before it has started its tasks dies of the signal itself.
      await until(
        'the task runs',
        () => readdirSync(cwd).includes('out') && readFileSync(path.join(cwd, 'out')).length > 0,
      );
      await cancelJob(handle, id, 'no longer wanted');
      const view = await watch.over();
      expect(watch.names).toEqual([...whole(), 'exception', 'finish', 'release', 'free', 'clean']);
      expect(view.exception).toMatchObject({ type: 'cancel', note: 'no longer wanted', userid: process.getuid!() });
      expect(view.waitStatus).toBe(36608);
      expect(endOf(view)).toBe('cancelled');
    });

    it('ends a job that has only just begun', async () => {
      const handle = await connected();
      const id = await submit(handle, { command: ['sleep', '60'] });
      const watch = new Watch(handle, id);
      await cancelJob(handle, id, 'at once');
      const view = await watch.over();
      expect(view.exception).toMatchObject({ type: 'cancel', note: 'at once' });
      expect(endOf(view)).toBe('cancelled');
    });

    it('ends a job that waits', async () => {
      const handle = await connected();
      const first = await occupied(handle);
      const id = await submit(handle);
      const watch = new Watch(handle, id);
      await watch.until('priority');
      expect(watch.view.state).toBe('SCHED');
      await cancelJob(handle, id, 'no longer wanted');
      const view = await watch.over();
      expect(watch.names).toEqual([...whole().slice(0, -2), 'exception', 'clean']);
      expect(view).toMatchObject({ state: 'INACTIVE', started: null, waitStatus: null });
      expect(endOf(view)).toBe('cancelled');
      await cancelJob(handle, first.id, '');
      await first.watch.over();
    });

    it('is no error for a job that is over, or that is none', async () => {
      const handle = await connected();
      const id = await submit(handle);
      await new Watch(handle, id).over();
      await cancelJob(handle, id, '');
      await cancelJob(handle, unknownId, '');
      const raise = (id: bigint) => handle.rpc('job-manager.raise', { id, type: 'cancel', severity: 0 });
      await expect(raise(id)).rejects.toMatchObject({ errno: errno.ENOENT, message: 'job is inactive' });
      await expect(raise(unknownId)).rejects.toMatchObject({ errno: errno.ENOENT, message: 'unknown job id' });
    });
  });

  describe('to signal', () => {
    it('is for jobs that run', async () => {
      const handle = await connected();
      const kill = (id: bigint) => handle.rpc('job-manager.kill', { id, signum: 15 });
      const held = await submit(handle, {}, 0);
      await new Watch(handle, held).until('priority');
      await expect(kill(held)).rejects.toMatchObject({ errno: errno.EINVAL, message: 'job is not running' });
      await cancelJob(handle, held, '');
      await expect(kill(held)).rejects.toMatchObject({ errno: errno.EINVAL, message: 'job is inactive' });
      await expect(kill(unknownId)).rejects.toMatchObject({ errno: errno.EINVAL, message: 'unknown job id' });
    });
  });

  describe('the queue', () => {
    it('starts the most urgent job first, and one of urgency 0 never', async () => {
      const handle = await connected();
      const first = await occupied(handle);
      const procs = await coresOf(handle);
      const held = await submit(handle, { procs }, 0);
      const low = await submit(handle, { procs }, 8);
      const high = await submit(handle, { procs }, 24);
      const watches = [low, high, held].map((id) => new Watch(handle, id));
      const [lowWatch, highWatch, heldWatch] = watches as [Watch, Watch, Watch];
      await Promise.all(watches.map((watch) => watch.until('priority')));
      await cancelJob(handle, first.id, '');
      await Promise.all([first.watch.over(), lowWatch.over(), highWatch.over()]);
      const allocated = ({ events }: Watch) => events.find(({ name }) => name === 'alloc')!.timestamp;
      expect(allocated(highWatch)).toBeLessThanOrEqual(allocated(lowWatch));
      expect(heldWatch.view).toMatchObject({ state: 'SCHED', started: null });
      await cancelJob(handle, held, '');
      expect(endOf(await heldWatch.over())).toBe('cancelled');
    });
  });

  describe('an eventlog', () => {
    it('is told from its beginning, also of a job that is over', async () => {
      const handle = await connected();
      const id = await submit(handle, { command: shell('exit 7') });
      const first = new Watch(handle, id);
      await first.over();
      const second = new Watch(handle, id);
      await second.over();
      expect(second.events).toEqual(first.events);
      const third = new Watch(await connected(), id);
      await third.over();
      expect(third.events).toEqual(first.events);
    });

    it('is told no more to who gave it up, and goes on for others', async () => {
      const handle = await connected();
      const id = await submit(handle, { command: ['sleep', '60'] });
      const [one, other] = [new Watch(handle, id), new Watch(handle, id)];
      await Promise.all([one.until('start'), other.until('start')]);
      one.stop();
      one.stop();
      await cancelJob(handle, id, '');
      await other.over();
      expect(one.names.at(-1)).toBe('start');
      expect(one.ends).toBe(0);
      expect(handle.pending).toBe(0);
    });

    it('of a job that is none is not found', async () => {
      const watch = new Watch(await connected(), unknownId);
      expect(await watch.end).toMatchObject({ name: 'FluxError', errno: errno.ENOENT });
      expect(watch.view).toEqual(newJob);
    });
  });

  describe('the journal', () => {
    const follow = (handle: Handle) => {
      const events = new Map<bigint, FluxEvent[]>();
      const ends: (Error | undefined)[] = [];
      const stop = watchJournal(handle, {
        onEvents: (id, more) => events.set(id, [...(events.get(id) ?? []), ...more]),
        onEnd: (error) => ends.push(error),
      });
      onTestFinished(stop);
      return { events, ends };
    };
    // An eventlog does not tell the nodes.
    const plain = (told: readonly FluxEvent[]) => told.map(({ nodes: _, ...event }) => event);
    // Of what else is in an eventlog nothing follows.
    const counted = ({ events }: Watch) => events.filter(({ name }) => name !== 'release' && name !== 'free');

    it('tells of jobs what their eventlogs tell, whoever submitted them', async () => {
      const { events, ends } = follow(await connected());
      const handle = await connected();
      const watches = await Promise.all([
        run(handle),
        run(handle, { command: shell('exit 3') }),
        run(handle, { command: ['/no/such/prog'] }),
        run(handle, { procs: 9999 }),
      ]);
      for (const watch of watches) {
        await until('its last event is told', () => events.get(watch.id)?.at(-1)?.name === 'clean');
        expect(plain(events.get(watch.id)!)).toEqual(counted(watch));
      }
      expect(ends).toEqual([]);
    });

    it('begins with all that was told of a job that is not over', async () => {
      const handle = await connected();
      const id = await submit(handle, { command: ['sleep', '60'] });
      const watch = new Watch(handle, id);
      await watch.until('start');
      const { events } = follow(handle);
      await cancelJob(handle, id, 'no longer wanted');
      await watch.over();
      await until('its last event is told', () => events.get(id)?.at(-1)?.name === 'clean');
      expect(plain(events.get(id)!)).toEqual(counted(watch));
    });

    it('tells which nodes a job got, as its R does, if the broker is new enough', async () => {
      const handle = await connected();
      const { events } = follow(handle);
      const watch = await run(handle);
      await until('its last event is told', () => events.get(watch.id)?.at(-1)?.name === 'clean');
      const nodes = await lookUpNodes(handle, watch.id);
      expect(nodes).toEqual([expect.stringMatching(/./)]);
      const told = events.get(watch.id)!.find(({ name }) => name === 'alloc')!.nodes;
      expect([undefined, nodes]).toContainEqual(told);
      if (minor >= 88) expect(told).toEqual(nodes);
    });
  });

  describe('a submission', () => {
    const good = jobspecOf(jobRequest());
    it.each<[string, unknown, number, RegExp]>([
      ['no JSON', 'this is none', errno.EINVAL, /^jobspec: invalid JSON/],
      ['an empty jobspec', {}, errno.EPERM, /^Missing key \((attributes|tasks|resources|version)\)$/],
      ['another version', { ...good, version: 7 }, errno.EPERM, /^version must be 1$/],
      ['an empty command', jobspecOf(jobRequest({ command: [] })), errno.EPERM, /cannot have length of zero$/],
      ['no attributes', { ...good, attributes: {} }, errno.EPERM, /^attributes.system is a required key$/],
      [
        'no duration',
        { ...good, attributes: { system: {} } },
        errno.EPERM,
        /^attributes.system.duration is a required/,
      ],
    ])('of %s is refused', async (_, jobspec, errnum, words) => {
      const text = typeof jobspec === 'string' ? jobspec : JSON.stringify(jobspec);
      const submission = submitJob(await connected(), signNone(text, process.getuid!()), 16);
      await expect(submission).rejects.toMatchObject({ errno: errnum, message: expect.stringMatching(words) });
    });

    const submission = async (request: JobRequest, { userid = process.getuid!(), urgency = 16 } = {}) =>
      submitJob(await connected(), signed(request, userid), urgency);

    it('of an unknown queue is refused', async () => {
      const refused = submission(jobRequest({ queue: 'pbatch' }));
      // Long ago nobody looked.
      const outcome = await refused.then(String, (error: FluxError) => error);
      if (minor < 50) expect(outcome).toMatch(/^\d+$/);
      else expect(outcome).toMatchObject({ errno: errno.EINVAL, message: "'pbatch' is not a valid queue" });
    });

    it('that somebody else signed is refused', async () => {
      const userid = process.getuid!() + 1;
      await expect(submission(jobRequest(), { userid })).rejects.toMatchObject({
        errno: errno.EPERM,
        message: `signer=${userid} != requestor=${process.getuid!()}`,
      });
    });

    it('of an impossible urgency is refused', async () => {
      await expect(submission(jobRequest(), { urgency: 32 })).rejects.toMatchObject({
        errno: errno.EINVAL,
        message: 'urgency range is [0:31]',
      });
    });

    it('that is not signed is refused', async () => {
      const handle = await connected();
      await expect(submitJob(handle, 'not signed', 16)).rejects.toMatchObject({
        errno: errno.EINVAL,
        message: expect.stringMatching(/^could not unwrap jobspec/),
      });
    });
  });

  describe('the end of an instance', () => {
    it('is seen by who watches it before jobs are cancelled, and by every watch of a job', async () => {
      const own = await start();
      try {
        const handle = await connectTo(own.uri);
        const cores = await coresOf(handle);
        const seen: string[] = [];
        let ends = 0;
        const closed = new Promise<Error>((resolve) => {
          handle.onClose = resolve;
        });
        watchInstance(
          handle,
          () => seen.push('left'),
          () => {
            ends += 1;
          },
        );
        const cwd = temporaryDirectory();
        const script = 'echo up > up.$FLUX_TASK_RANK; exec sleep 60';
        const running = new Watch(handle, await submit(handle, { cwd, command: shell(script), procs: cores }));
        const waiting = new Watch(handle, await submit(handle));
        await until('all tasks run', () => readdirSync(cwd).length === cores);
        await waiting.until('priority');
        expect(seen).toEqual([]);
        running.end.then(() => seen.push('ended'));
        const gone = own.shutDown();

        const view = await running.over();
        expect(view.exception).toMatchObject({ type: 'cancel', note: '', userid: process.getuid!() });
        expect(view.waitStatus).toBe(36608);
        expect(await waiting.end).toMatchObject({ name: 'FluxError', errno: errno.ENOSYS });
        expect(waiting.view.state).toBe('SCHED');
        await gone;
        expect((await closed).name).toBe('ConnectionError');
        expect(seen.slice(0, 1)).toEqual(['left']);
        expect(seen).toContain('ended');
        expect(ends).toBe(1);
        expect(handle.pending).toBe(0);
        await expect(connectTo(own.uri)).rejects.toThrow(/ENOENT|ECONNREFUSED/);
      } finally {
        await own.stop();
      }
    });
  });
}

/** How many cores the instance has: `resource.sched-status`, which was called differently before 0.61. */
async function coresOf(handle: Handle): Promise<number> {
  const status = await handle
    .rpc('resource.sched-status', undefined, { rank: 0 })
    .catch((error) => (error instanceof FluxError ? handle.rpc('sched.resource-status') : Promise.reject(error)));
  const lite = at(property(status, 'all'), 'execution', 'R_lite', 0, 'children', 'core');
  return String(lite)
    .split(',')
    .map((range) => range.split('-').map(Number))
    .reduce((sum, [first, last]) => sum + (last ?? first!) - first! + 1, 0);
}

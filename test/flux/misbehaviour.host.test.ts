import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ConnectionError, errno, RequestTimeout } from '../../src/flux/errors.js';
import { endOf } from '../../src/flux/eventlog.js';
import { Handle } from '../../src/flux/handle.js';
import { cancelJob, getAttribute, getInstanceState, getResources, watchInstance } from '../../src/flux/requests.js';
import { connectTo, run, socketOf, submit, Watch } from '../support/flux/client.js';
import { SimulatedBroker, type SimulatedBrokerOptions, type Spoiling } from '../support/flux/simulated-broker.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { isAlive, until } from '../support/wait.js';

async function started(options: SimulatedBrokerOptions = {}): Promise<SimulatedBroker> {
  const broker = await SimulatedBroker.start(options);
  onTestFinished(() => broker.stop());
  return broker;
}

/** A connection with a watch on a job that runs, and what becomes of the two. */
async function watching(broker: SimulatedBroker) {
  const handle = await connectTo(broker.uri);
  const closes: Error[] = [];
  handle.onClose = (error) => closes.push(error);
  const id = await submit(handle, { command: ['sleep', '60'] });
  const watch = new Watch(handle, id);
  await watch.until('start');
  return { handle, closes, id, watch };
}

describe('one clear error, and all that is pending ends with it', () => {
  it.each<[Spoiling, RegExp]>([
    ['wrong-matchtag', /^the broker answered a request that was not made \(\d+\)$/],
    ['huge-frame', /^a message of 4294967280 bytes was announced, and none may have more than \d+$/],
    ['garbage', /^what came is not Flux's protocol: it begins with "H/],
    ['not-json', /^the broker's answer to attr.get is not JSON$/],
    ['cut-within', /^the broker closed the connection$/],
    ['cut', /^the broker closed the connection$|ECONNRESET/],
  ])('an answer that goes wrong: %s', async (how, words) => {
    const broker = await started();
    const { handle, closes, watch } = await watching(broker);
    const others = [getInstanceState(handle, 0), getInstanceState(handle, 0)];
    await Promise.all(others);
    broker.spoilNextAnswer(how, 'attr.get');
    broker.spoilNextAnswer('swallow', 'state-machine.get');
    const pending = [getInstanceState(handle, 0), getAttribute(handle, 'version')];
    const outcomes = await Promise.allSettled(pending);
    const [first] = closes;
    expect(first).toBeInstanceOf(ConnectionError);
    expect(first!.message).toMatch(words);
    expect(outcomes).toEqual(pending.map(() => ({ status: 'rejected', reason: first })));
    expect(await watch.end).toBe(first);
    expect([closes.length, watch.ends, handle.pending]).toEqual([1, 1, 0]);
  });

  it.each<[string, (broker: SimulatedBroker) => unknown]>([
    ['connections are cut', (broker) => broker.cutConnections()],
    ['connections are cut in the middle of a message', (broker) => broker.cutWithinFrame()],
    ['the broker dies', (broker) => broker.die()],
  ])('%s', async (_, act) => {
    const broker = await started();
    const { handle, closes, watch } = await watching(broker);
    broker.behaviour.isStalled = true;
    const pending = Array.from({ length: 100 }, () => getAttribute(handle, 'version'));
    const outcomes = Promise.allSettled(pending);
    await until('the requests have come', () => broker.asked('attr.get').length === 100);
    await act(broker);
    for (const outcome of await outcomes) expect(outcome).toEqual({ status: 'rejected', reason: closes[0] });
    expect(await watch.end).toBe(closes[0]);
    expect(closes).toEqual([new ConnectionError('the broker closed the connection')]);
    expect(watch.ends).toBe(1);
  });
});

describe('at the door', () => {
  it.each([
    [errno.EPERM, /EPERM/],
    [errno.EACCES, /EACCES/],
  ])('errno %i refuses', async (code, words) => {
    const broker = await started();
    broker.behaviour.auth = code;
    await expect(connectTo(broker.uri)).rejects.toThrow(words);
    broker.behaviour.auth = 0;
    await connectTo(broker.uri);
  });

  it('silence is given up after a while', async () => {
    const broker = await started();
    broker.behaviour.auth = undefined;
    const clock = new VirtualClock();
    const connecting = Handle.connect(connect(socketOf(broker.uri)), clock);
    const outcome = connecting.catch((error) => error);
    await until('the broker has taken the connection', () => broker.connections === 1);
    clock.advance(10_000);
    expect(await outcome).toMatchObject({ name: 'ConnectionError' });
    await until('the connection is gone', () => broker.connections === 0);
  });

  it('nobody is there while a broker is dead, and again when it is back', async () => {
    const broker = await started();
    await broker.die();
    await expect(connectTo(broker.uri)).rejects.toThrow(/ECONNREFUSED/);
    await broker.comeBack();
    await connectTo(broker.uri);
  });
});

describe('a broker that is slow', () => {
  it('answers late, and in order', async () => {
    const broker = await started();
    broker.behaviour.answerDelay = 100;
    const handle = await connectTo(broker.uri);
    const start = Date.now();
    const answers = await Promise.all(['version', 'size'].map((name) => getAttribute(handle, name)));
    expect(answers).toEqual(['0.88.0', '1']);
    expect(Date.now() - start).toBeGreaterThanOrEqual(90);
  });

  it('or answers not at all is given up, request by request, and is still asked the next', async () => {
    const broker = await started();
    const handle = await connectTo(broker.uri);
    broker.behaviour.isStalled = true;
    await expect(getResources(handle, 50)).rejects.toThrow(RequestTimeout);
    broker.behaviour.isStalled = false;
    expect(await getInstanceState(handle, 5000)).toBe('run');
  });

  it.each([
    ['late', 50, false],
    ['together', 30, true],
  ])('tells events %s, and all of them', async (_, delay, together) => {
    const broker = await started();
    Object.assign(broker.behaviour, { eventDelay: delay, eventsTogether: together });
    const watch = await run(await connectTo(broker.uri));
    expect(watch.names).toEqual(broker.jobs[0]!.events);
    expect(endOf(watch.view)).toBe('completed');
  });
});

describe('a submission whose answer is lost', () => {
  it('may have happened', async () => {
    const broker = await started();
    const handle = await connectTo(broker.uri);
    broker.spoilNextAnswer('cut', 'job-ingest.submit');
    await expect(submit(handle)).rejects.toThrow(ConnectionError);
    expect(broker.jobs).toHaveLength(1);
    const again = await connectTo(broker.uri);
    const watch = new Watch(again, broker.jobs[0]!.id);
    expect(endOf(await watch.over())).toBe('completed');
  });

  it('is not yet listed at once, if the broker is slow in that', async () => {
    const broker = await started();
    broker.behaviour.listDelay = 200;
    const handle = await connectTo(broker.uri);
    const id = await submit(handle, {}, 0);
    const list = () => handle.rpc('job-list.list-id', { id, attrs: ['name', 'state'] });
    await expect(list()).rejects.toMatchObject({ errno: errno.ENOENT });
    await until('it is listed', () => Date.now() - broker.jobs[0]!.acceptedAt > 200);
    expect(await list()).toEqual({ job: { id: Number(id), name: 'test', state: 8 } });
  });
});

describe('jobs outlive', () => {
  it('a lost connection', async () => {
    const broker = await started();
    const { id } = await watching(broker);
    broker.cutConnections();
    const handle = await connectTo(broker.uri);
    const watch = new Watch(handle, id);
    await watch.until('start');
    await cancelJob(handle, id, '');
    expect(endOf(await watch.over())).toBe('cancelled');
  });

  it('a broker, if they are to', async () => {
    const broker = await started();
    const handle = await connectTo(broker.uri);
    const id = await submit(handle, { command: ['sleep', '0.3'] });
    await new Watch(handle, id).until('start');
    await broker.die({ jobsGoOn: true });
    await broker.comeBack();
    expect(endOf(await new Watch(await connectTo(broker.uri), id).over())).toBe('completed');
  });

  it('no broker that has forgotten them', async () => {
    const broker = await started();
    const { id } = await watching(broker);
    await broker.die();
    await broker.comeBack({ jobsForgotten: true });
    const handle = await connectTo(broker.uri);
    expect(await new Watch(handle, id).end).toMatchObject({ errno: errno.ENOENT });
    await cancelJob(handle, id, 'no error');
    expect(await submit(handle)).toBeGreaterThan(id);
  });
});

describe('a guest', () => {
  const uid = process.getuid!();
  const guest = () => started({ owner: uid + 1, user: uid, queues: { pdebug: { duration: 3600 }, pbatch: {} } });

  it('may not sign by himself, nor watch the instance', async () => {
    const handle = await connectTo((await guest()).uri);
    await expect(submit(handle)).rejects.toMatchObject({
      errno: errno.EPERM,
      message: 'only instance owner can use sign-type=none',
    });
    const ended = await new Promise<Error | undefined>((resolve) => watchInstance(handle, () => {}, resolve));
    expect(ended).toMatchObject({ errno: errno.EPERM, message: 'Request requires owner credentials' });
    expect(await getInstanceState(handle, 5000)).toBe('run');
  });

  it('sees and cancels his jobs', async () => {
    const broker = await guest();
    const system = { duration: 0, environment: {}, cwd: '/tmp' };
    const job = broker.submit({
      resources: [{ type: 'slot', count: 1, label: 'task', with: [{ type: 'core', count: 1 }] }],
      tasks: [{ command: ['sleep', '60'], slot: 'task', count: { per_slot: 1 } }],
      attributes: { system },
      version: 1,
    });
    const handle = await connectTo(broker.uri);
    const watch = new Watch(handle, job.id);
    await watch.until('start');
    await cancelJob(handle, job.id, '');
    expect((await watch.over()).exception).toMatchObject({ type: 'cancel', userid: uid });
  });
});

describe('queues', () => {
  const queues = { pdebug: { duration: 3600 }, pbatch: {} };

  it.each<[string, object, number, string]>([
    ['that there is none of', { queue: 'nosuch' }, errno.EPERM, "Invalid queue 'nosuch' specified"],
    [
      'for shorter jobs',
      { queue: 'pdebug', duration: 999_999 },
      errno.EINVAL,
      'requested duration (12d) exceeds policy limit of 1h for queue pdebug',
    ],
  ])('%s refuse', async (_, changes, errnum, message) => {
    const handle = await connectTo((await started({ queues })).uri);
    await expect(submit(handle, changes)).rejects.toMatchObject({ errno: errnum, message });
  });

  it('take what belongs there', async () => {
    const handle = await connectTo((await started({ queues })).uri);
    await run(handle, { queue: 'pbatch', duration: 999_999 });
    await run(handle);
  });
});

describe("the end of an instance's time", () => {
  it.each([
    ['before the instance says that it ends', 50],
    ['after the instance says that it ends', -50],
  ])('times its jobs out %s', async (_, lead) => {
    const broker = await started();
    const handle = await connectTo(broker.uri);
    const watches: Watch[] = [];
    for (let count = 0; count < 3; count++) {
      watches.push(new Watch(handle, await submit(handle, { command: ['sleep', '60'] })));
    }
    await Promise.all([watches[0]!.until('start'), watches[1]!.until('start'), watches[2]!.until('priority')]);
    const order: string[] = [];
    watchInstance(
      handle,
      () => order.push('left'),
      () => {},
    );
    watches[0]!.end.then(() => order.push('ended'));
    // Whoever begins to watch in this moment takes the next state for the usual one.
    await until('the instance is watched', () => broker.asked('state-machine.monitor').length > 0);
    await broker.endOfTime(lead);
    for (const watch of watches) {
      expect((await watch.over()).exception).toMatchObject({ type: 'timeout', note: 'resource allocation expired' });
    }
    expect(order[0]).toBe(lead > 0 ? 'ended' : 'left');
    expect(watches.map(({ view }) => view.waitStatus)).toEqual([36352, 36352, 14]);
    await until('the connection is closed', () => handle.isClosed);
  });

  it('looks different to a job that waits, for old brokers', async () => {
    const broker = await started({ version: '0.50.0', cores: 1 });
    const handle = await connectTo(broker.uri);
    const first = new Watch(handle, await submit(handle, { command: ['sleep', '60'] }));
    await first.until('start');
    const second = new Watch(handle, await submit(handle));
    await second.until('priority');
    await broker.endOfTime();
    expect((await second.over()).exception).toMatchObject({ type: 'exec', note: 'job started after expiration' });
  });
});

describe('what is left of a simulated broker', () => {
  it('is nothing: no process, no file, no connection', async () => {
    const broker = await SimulatedBroker.start();
    const { handle } = await watching(broker);
    const { pids } = broker.jobs[0]!;
    expect(pids.map(isAlive)).toEqual([true]);
    await broker.stop();
    expect(pids.map(isAlive)).toEqual([false]);
    expect(existsSync(path.dirname(socketOf(broker.uri)))).toBe(false);
    await until('the connection is closed', () => handle.isClosed);
    await broker.stop();
  });
});

describe('a service that is not there', () => {
  it('is told so', async () => {
    const broker = await started();
    broker.behaviour.missing.add('state-machine.get');
    const handle = await connectTo(broker.uri);
    await expect(getInstanceState(handle, 5000)).rejects.toMatchObject({ errno: errno.ENOSYS });
  });
});

import { describe, expect, it, onTestFinished } from 'vitest';
import { ageWarning, type Broker, connectTo, describeBroker, openBroker } from '../../../src/flux/connect/broker.js';
import type { BrokerAddress } from '../../../src/flux/connect/resolve.js';
import { errno } from '../../../src/flux/errors.js';
import type { HostFacts } from '../../../src/hosts/facts.js';
import { type Clock, systemClock } from '../../../src/util/clock.js';
import { BackendError } from '../../../src/util/errors.js';
import type { Spoiling } from '../../support/flux/simulated-broker.js';
import { hurried, startBroker } from '../../support/flux/study-run.js';
import { Tap } from '../../support/flux/study-tap.js';
import { plainHost } from '../../support/hosts.js';
import { until } from '../../support/wait.js';

const own = process.getuid!();
const facts: HostFacts = { environment: {}, userid: own, leftOut: [], names: ['localhost'], flux: '' };
const why = '`flux: here`';

const addressOf = (uri: string): BrokerAddress => ({ uri, socket: uri.slice('local://'.length), why, isSystem: false });

async function open({ uri }: { readonly uri: string }, clock: Clock = systemClock): Promise<Broker> {
  const { broker, handle } = await openBroker(plainHost(), facts, addressOf(uri), clock);
  onTestFinished(() => handle.close());
  return broker;
}

async function failure(at: { readonly uri: string }, clock: Clock = systemClock): Promise<string> {
  const error = await open(at, clock).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(BackendError);
  const { message } = error as Error;
  expect(message).toMatch(new RegExp(`^cannot use the Flux broker ${at.uri}, ${why}: `));
  return message.slice(`cannot use the Flux broker ${at.uri}, ${why}: `.length);
}

describe('a broker', () => {
  it('is ours, and says what it is', async () => {
    const broker = await startBroker({ version: '0.88.0' });
    expect(await open(broker)).toEqual({
      address: addressOf(broker.uri),
      version: '0.88.0',
      size: 1,
      isOwner: true,
      queues: [],
      config: {},
      inventory: { nodes: [{ rank: 0, cores: 2, gpus: 0 }], starttime: 0, expiration: 0 },
      expiration: 0,
      pid: 999_999_999,
    });
  });

  it("is somebody else's, to a guest", async () => {
    expect(await open(await startBroker({ owner: own + 1, user: own }))).toMatchObject({ isOwner: false });
  });

  it('names its queues', async () => {
    const broker = await startBroker({ queues: { batch: { duration: 3600 }, debug: {} } });
    expect(await open(broker)).toMatchObject({ queues: ['batch', 'debug'] });
  });

  it('says when its time is over', async () => {
    expect(await open(await startBroker({ expiration: 1_795_420_127.5 }))).toMatchObject({
      expiration: 1_795_420_127.5,
    });
  });

  it.each(['0.26.0', '0.39.0', '0.50.0', '0.61.0'])('of version %s is understood', async (version) => {
    expect(await open(await startBroker({ version }))).toMatchObject({ version, isOwner: true });
  });

  it('may be so old that it does not say when its time is over', async () => {
    const broker = await startBroker({ version: '0.39.0', expiration: 1_795_420_127 });
    expect(await open(broker)).toMatchObject({ expiration: 0 });
  });

  it.each([
    ['resource.sched-status', errno.ENOSYS],
    ['resource.sched-status', errno.EPERM],
    ['config.get', errno.ENOSYS],
    ['config.get', errno.EPERM],
  ])('need not answer %s (%i)', async (topic, errnum) => {
    const tap = await Tap.start((await startBroker({ queues: ['debug'], expiration: 17 })).uri);
    tap.answer = (asked) => (asked === topic ? { errnum } : undefined);
    expect(await open(tap)).toMatchObject(topic === 'config.get' ? { queues: undefined } : { expiration: 0 });
  });

  it('need not say which process it is', async () => {
    const tap = await Tap.start((await startBroker()).uri);
    tap.answer = (_, payload) =>
      JSON.stringify(payload) === '{"name":"broker.pid"}' ? { errnum: errno.ENOENT } : undefined;
    expect(await open(tap)).toMatchObject({ pid: undefined });
  });
});

describe('a broker that cannot be used says why, and what to do', () => {
  it('when its socket is not there', async () => {
    expect(await failure({ uri: 'local:///nonexistent/local-0' })).toMatch(
      /ENOENT.* \(its instance has ended, or is not on this machine: name another with `flux`\)$/,
    );
  });

  it('when nobody listens', async () => {
    const broker = await startBroker();
    await broker.die();
    expect(await failure(broker)).toMatch(/ECONNREFUSED.* \(its instance has ended, or is not on this machine/);
  });

  it('when it does not let us in', async () => {
    const broker = await startBroker();
    broker.behaviour.auth = errno.EPERM;
    expect(await failure(broker)).toBe(
      'the broker does not let this user in (EPERM) (is it a Flux broker, and is this user allowed to use it?)',
    );
  });

  it('when it never says whether it lets us in', async () => {
    const broker = await startBroker();
    broker.behaviour.auth = undefined;
    expect(await failure(broker, hurried(50))).toContain('did not say within 10 s whether it lets us in');
  });

  it('when it does not answer', async () => {
    const broker = await startBroker();
    broker.behaviour.isStalled = true;
    expect(await failure(broker, hurried(200))).toMatch(/: no answer within \d+ s \(/);
  });

  it.each<[Spoiling]>([['wrong-matchtag'], ['huge-frame'], ['garbage'], ['not-json'], ['cut-within'], ['cut']])(
    'when its answer is %s',
    async (spoiling) => {
      const broker = await startBroker();
      broker.spoilNextAnswer(spoiling, 'attr.get');
      expect(await failure(broker)).toMatch(/ \(is it a Flux broker, and is this user allowed to use it\?\)$/);
      await until('the connection is closed', () => broker.connections === 0);
    },
  );

  it.each(['version', 'size', 'security.owner'])('when it refuses to tell its %s', async (name) => {
    const broker = await startBroker();
    const tap = await Tap.start(broker.uri);
    tap.answer = (_, payload) =>
      JSON.stringify(payload) === JSON.stringify({ name })
        ? { errnum: errno.EPERM, words: 'none of yours' }
        : undefined;
    expect(await failure(tap)).toMatch(/^none of yours \(/);
    await until('the connection is closed', () => broker.connections === 0);
  });

  it('when it answers in another language', async () => {
    const tap = await Tap.start((await startBroker()).uri);
    tap.answer = () => ({ payload: { wert: 'ja' } });
    expect(await failure(tap)).toContain("the broker's answer to attr.get is not understood");
  });
});

describe('what a person is told of a broker', () => {
  const broker: Broker = {
    address: addressOf('local:///run/flux/local'),
    version: '0.88.0',
    size: 1,
    isOwner: true,
    queues: [],
    config: {},
    inventory: undefined,
    expiration: 0,
    pid: undefined,
  };

  it('is one line', () => {
    expect(describeBroker(broker)).toBe(
      'Flux broker local:///run/flux/local, `flux: here`: version 0.88.0, 1 node, our own instance, no named queues',
    );
    expect(describeBroker({ ...broker, size: 4, isOwner: false, queues: ['a', 'b'], expiration: 1_795_420_127 })).toBe(
      'Flux broker local:///run/flux/local, `flux: here`: version 0.88.0, 4 nodes, as a guest, queues a, b, until 2026-11-23T07:48:47.000Z',
    );
  });

  it('owns up to what the broker does not say', () => {
    expect(describeBroker({ ...broker, queues: undefined })).toContain('queues unknown');
  });

  it.each([
    ['0.25.0', true],
    ['0.17.0-12-gabcdef', true],
    ['0.26.0', false],
    ['0.88.0-1-g123', false],
    ['1.0.0', false],
  ])('is a warning if it is too old: %s %s', (version, isOld) => {
    const warning = ageWarning({ ...broker, version });
    if (isOld) expect(warning).toMatch(new RegExp(`${version}.*0\\.26`));
    else expect(warning).toBeUndefined();
  });
});

it('a broker is connected to by its socket', async () => {
  const broker = await startBroker();
  const handle = await connectTo(plainHost(), addressOf(broker.uri), facts, systemClock);
  expect(handle.isClosed).toBe(false);
  handle.close();
});

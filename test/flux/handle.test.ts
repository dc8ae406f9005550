import { describe, expect, it, vi } from 'vitest';
import { ConnectionError, errno, FluxError, RequestTimeout } from '../../src/flux/errors.js';
import { encodeMessage, type Message, messageFlags, messageTypes } from '../../src/flux/frames.js';
import { Handle } from '../../src/flux/handle.js';
import { responseTo, ScriptedPeer } from '../support/flux/scripted-peer.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { until } from '../support/wait.js';

/** A stream's listener that remembers. */
function listener() {
  const responses: unknown[] = [];
  const ends: (Error | undefined)[] = [];
  return {
    responses,
    ends,
    onResponse: (payload: unknown) => responses.push(payload),
    onEnd: (error: Error | undefined) => ends.push(error),
  };
}

const textOf = ({ payload }: Message) => payload?.toString();
/** Until what was written has been read. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

describe('a connection', () => {
  it('begins with a byte that lets us in', async () => {
    const peer = new ScriptedPeer();
    const handle = await peer.accept();
    expect(handle.isClosed).toBe(false);
    expect(handle.pending).toBe(0);
  });

  it('may begin with more than that byte', async () => {
    const peer = new ScriptedPeer();
    const connecting = Handle.connect(peer.stream, new VirtualClock());
    const event = encodeMessage({ ...response, type: messageTypes.event });
    peer.send(Buffer.concat([Buffer.of(0), event.subarray(0, 5)]));
    const handle = await connecting;
    peer.send(event.subarray(5));
    await settled();
    expect(handle.isClosed).toBe(false);
    handle.close();
  });

  it.each([
    [1, 'the broker does not let this user in (EPERM)'],
    [13, 'the broker does not let this user in (EACCES)'],
    [99, 'the broker does not let this user in (errno 99)'],
  ])('is refused by errno %i', async (code, message) => {
    const peer = new ScriptedPeer();
    peer.send(Buffer.of(code));
    await expect(Handle.connect(peer.stream, new VirtualClock())).rejects.toThrow(new ConnectionError(message));
    expect(peer.stream.destroyed).toBe(true);
  });

  it('is given up if that byte does not come', async () => {
    const clock = new VirtualClock();
    const peer = new ScriptedPeer();
    const connecting = Handle.connect(peer.stream, clock);
    clock.advance(10_000);
    await expect(connecting).rejects.toThrow('the broker did not say within 10 s whether it lets us in');
    expect(peer.stream.destroyed).toBe(true);
  });

  it('leaves no timer behind', async () => {
    const clock = new VirtualClock();
    await new ScriptedPeer().accept(clock);
    expect(clock.pending).toBe(0);
  });

  it.each<[string, (peer: ScriptedPeer) => void, string]>([
    ['ends', (peer) => peer.end(), 'the broker closed the connection'],
    ['breaks', (peer) => peer.stream.destroy(new Error('read ECONNRESET')), 'read ECONNRESET'],
    ['is destroyed', (peer) => peer.stream.destroy(), 'the connection to the broker was closed'],
  ])('that %s before that byte is no connection', async (_, act, message) => {
    const peer = new ScriptedPeer();
    const connecting = Handle.connect(peer.stream, new VirtualClock());
    act(peer);
    await expect(connecting).rejects.toThrow(new ConnectionError(message));
  });

  it.each<[string, (peer: ScriptedPeer, handle: Handle) => void, string]>([
    ['ends', (peer) => peer.end(), 'the broker closed the connection'],
    ['breaks', (peer) => peer.stream.destroy(new Error('read ECONNRESET')), 'read ECONNRESET'],
    ['is closed', (_, handle) => handle.close(), 'the connection was closed'],
  ])('that %s ends everything that is pending, once', async (_, act, message) => {
    const clock = new VirtualClock();
    const peer = new ScriptedPeer();
    const handle = await peer.accept(clock);
    const requests = Array.from({ length: 50 }, () => handle.rpc('attr.get', { name: 'size' }));
    const streams = Array.from({ length: 50 }, () => {
      const told = listener();
      handle.stream('a.stream', {}, told);
      return told;
    });
    const onClose = vi.fn();
    handle.onClose = onClose;
    expect(handle.pending).toBe(100);
    act(peer, handle);
    const outcomes = await Promise.allSettled(requests);
    for (const outcome of outcomes)
      expect(outcome).toEqual({ status: 'rejected', reason: new ConnectionError(message) });
    for (const { ends, responses } of streams) {
      expect(ends).toEqual([new ConnectionError(message)]);
      expect(responses).toEqual([]);
    }
    handle.close();
    await settled();
    expect(onClose.mock.calls).toEqual([[new ConnectionError(message)]]);
    expect([handle.pending, handle.isClosed, clock.pending]).toEqual([0, true, 0]);
  });

  it('that is closed tells so at once to who asks then', async () => {
    const handle = await new ScriptedPeer().accept();
    handle.close();
    const onClose = vi.fn();
    handle.onClose = onClose;
    expect(onClose).toHaveBeenCalledTimes(1);
    await expect(handle.rpc('attr.get', {})).rejects.toThrow(ConnectionError);
    const told = listener();
    const stop = handle.stream('a.stream', {}, told, 'a.stream-cancel');
    expect(told.ends).toHaveLength(1);
    stop();
    expect(told.ends).toHaveLength(1);
  });
});

const response: Message = {
  type: messageTypes.response,
  flags: messageFlags.topic | messageFlags.route,
  userid: 0,
  rolemask: 0,
  control: 0,
  matchtag: 1,
  routes: [],
  topic: 'attr.get',
  payload: undefined,
};

describe('what the broker may not send', () => {
  it.each<[string, Buffer, RegExp]>([
    ['another protocol', Buffer.from('HTTP/1.1 400 Bad Request\r\n'), /not Flux's protocol: it begins with "HTTP/],
    ['a huge message', Buffer.from([0x12, 0, 0xee, 0xff, 0xff, 0, 0, 0]), /4278190080 bytes was announced/],
    ['a request', encodeMessage({ ...response, type: messageTypes.request }), /sent a request, which no client serves/],
    ['an answer to nothing', encodeMessage({ ...response, matchtag: 77 }), /a request that was not made \(77\)/],
    [
      'an answer that is no JSON',
      responseTo({ ...response, matchtag: 1 }, '{"a":\0'),
      /answer to attr.get is not JSON/,
    ],
    ['an answer with an empty payload', responseTo({ ...response, matchtag: 1 }, ''), /answer to attr.get is not JSON/],
  ])('%s ends the connection', async (_, bytes, words) => {
    const peer = new ScriptedPeer();
    const handle = await peer.accept();
    const onClose = vi.fn();
    handle.onClose = onClose;
    const told = listener();
    const request = handle.rpc('attr.get', { name: 'size' });
    handle.stream('a.stream', {}, told);
    // One in the same chunk, after what is wrong, counts no more.
    peer.send(Buffer.concat([bytes, responseTo({ ...response, matchtag: 2 }, { late: true })]));
    const error: unknown = await request.catch((error) => error);

    expect(error).toBeInstanceOf(ConnectionError);
    expect((error as Error).message).toMatch(words);
    expect(told.ends).toEqual([error]);
    expect(told.responses).toEqual([]);
    expect(onClose).toHaveBeenCalledTimes(1);
    expect(peer.stream.destroyed).toBe(true);
  });

  it('is not an event or a control message: these are nothing to us', async () => {
    const peer = new ScriptedPeer();
    const handle = await peer.accept();
    peer.send(encodeMessage({ ...response, type: messageTypes.event }));
    peer.send(encodeMessage({ ...response, type: messageTypes.control }));
    await settled();
    expect(handle.isClosed).toBe(false);
  });
});

describe('a request', () => {
  it('is a message, its payload JSON that ends in a NUL', async () => {
    const peer = new ScriptedPeer();
    const handle = await peer.accept();
    handle.rpc('attr.get', { name: 'ƒ', id: 9007199254740993n }).catch(() => {});
    expect(await peer.request(1)).toEqual({
      type: messageTypes.request,
      flags: messageFlags.topic | messageFlags.payload | messageFlags.route,
      userid: 0xffffffff,
      rolemask: 0,
      control: 0xffffffff,
      matchtag: 1,
      routes: [],
      topic: 'attr.get',
      payload: Buffer.from('{"name":"ƒ","id":9007199254740993}\0'),
    });
  });

  it('may be for one rank, and without a payload', async () => {
    const peer = new ScriptedPeer();
    const handle = await peer.accept();
    handle.rpc('resource.sched-status', undefined, { rank: 0 }).catch(() => {});
    const request = await peer.request(1);
    expect(request).toMatchObject({ control: 0, payload: undefined, flags: messageFlags.topic | messageFlags.route });
  });

  it('is answered with a payload, or without', async () => {
    const peer = new ScriptedPeer();
    const handle = await peer.accept();
    const answers = [handle.rpc('one'), handle.rpc('two'), handle.rpc('three')];
    peer.answer(await peer.request(1), { id: 1 });
    peer.answer(await peer.request(2));
    peer.answer(await peer.request(3), '{"id":18446744073709551615}');
    expect(await Promise.all(answers)).toEqual([{ id: 1 }, undefined, { id: 18446744073709551615n }]);
  });

  it.each<[number, string | undefined, string]>([
    [errno.EINVAL, 'requested duration (12d) exceeds policy limit\0', 'requested duration (12d) exceeds policy limit'],
    [errno.EPERM, undefined, 'attr.get: not permitted (EPERM)'],
    [errno.ENOENT, undefined, 'attr.get: not found (ENOENT)'],
    [errno.ENOSYS, undefined, 'attr.get: this broker has no such service (ENOSYS)'],
    [errno.ENODATA, undefined, 'attr.get: ENODATA'],
    [123, undefined, 'attr.get: errno 123'],
    [errno.EINVAL, '\0', 'attr.get: EINVAL'],
  ])('fails by errno %i with the words %j', async (errnum, words, message) => {
    const peer = new ScriptedPeer();
    const handle = await peer.accept();
    const answer = handle.rpc('attr.get', {});
    peer.answer(await peer.request(1), words, errnum);
    const error = await answer.catch((error) => error);
    expect(error).toBeInstanceOf(FluxError);
    expect(error).toMatchObject({ message, errno: errnum, topic: 'attr.get' });
    expect(handle.isClosed).toBe(false);
  });

  it('gets its own answer, in whatever order thousands of them are answered', async () => {
    const peer = new ScriptedPeer();
    const handle = await peer.accept();
    const count = 5000;
    const answers = Array.from({ length: count }, (_, index) => handle.rpc('echo', { index }));
    await peer.request(count);
    expect(new Set(peer.requests.map(({ matchtag }) => matchtag)).size).toBe(count);
    expect(peer.requests.every(({ matchtag }) => matchtag !== 0)).toBe(true);
    const shuffled = [...peer.requests].sort(
      (one, other) => ((one.matchtag * 7919) % 4999) - ((other.matchtag * 7919) % 4999),
    );
    peer.send(Buffer.concat(shuffled.map((request) => responseTo(request, textOf(request)))));
    expect(await Promise.all(answers)).toEqual(answers.map((_, index) => ({ index })));
    expect(handle.pending).toBe(0);
  });

  it('times out, and its late answer is for nobody', async () => {
    const clock = new VirtualClock();
    const peer = new ScriptedPeer();
    const handle = await peer.accept(clock);
    const [slow, other] = [handle.rpc('slow', {}, { timeout: 5000 }), handle.rpc('other', {})];
    const outcome = slow.catch((error) => error);
    clock.advance(4999);
    expect(handle.pending).toBe(2);
    clock.advance(1);
    const error = await outcome;
    expect(error).toBeInstanceOf(RequestTimeout);
    expect(error).toMatchObject({ message: 'slow: no answer within 5 s' });
    expect(handle.pending).toBe(1);
    peer.answer(await peer.request(1), { late: true });
    peer.answer(await peer.request(2), { id: 2 });
    expect(await other).toEqual({ id: 2 });
    expect([handle.pending, handle.isClosed, clock.pending]).toEqual([0, false, 0]);
  });

  it('waits a minute unless told, or for ever', async () => {
    const clock = new VirtualClock();
    const handle = await new ScriptedPeer().accept(clock);
    const usual = handle.rpc('usual').catch((error) => error);
    handle.rpc('patient', {}, { timeout: 0 }).catch(() => {});
    clock.advance(60_000);
    expect(await usual).toMatchObject({ message: 'usual: no answer within 60 s' });
    clock.runOut();
    expect(handle.pending).toBe(1);
  });

  it('does not take the answer of one that was given up', async () => {
    const clock = new VirtualClock();
    const peer = new ScriptedPeer();
    const handle = await peer.accept(clock);
    const given = Array.from({ length: 100 }, () => handle.rpc('slow', {}, { timeout: 1 }).catch(() => 'given up'));
    clock.advance(1);
    expect(new Set(await Promise.all(given))).toEqual(new Set(['given up']));
    const answers = Array.from({ length: 100 }, () => handle.rpc('fast', {}));
    await peer.request(200);
    for (const request of peer.requests) peer.answer(request, { topic: request.topic });
    expect(new Set((await Promise.all(answers)).map((answer) => JSON.stringify(answer)))).toEqual(
      new Set(['{"topic":"fast"}']),
    );
  });
});

describe('a stream', () => {
  async function opened(cancelTopic?: string) {
    const peer = new ScriptedPeer();
    const handle = await peer.accept();
    const told = listener();
    const stop = handle.stream('a.stream', { id: 1 }, told, cancelTopic);
    return { peer, handle, told, stop, request: await peer.request(1) };
  }

  it('is asked for as one, and tells every response', async () => {
    const { peer, handle, told, request } = await opened();
    expect(request.flags & messageFlags.streaming).toBe(messageFlags.streaming);
    for (let number = 1; number <= 3; number++) peer.answer(request, { number });
    peer.answer(request);
    await until('all is told', () => told.responses.length === 4);
    expect(told.responses).toEqual([{ number: 1 }, { number: 2 }, { number: 3 }, undefined]);
    expect(told.ends).toEqual([]);
    expect(handle.pending).toBe(1);
  });

  it('ends regularly with ENODATA', async () => {
    const { peer, handle, told, request } = await opened();
    peer.answer(request, { number: 1 });
    peer.answer(request, undefined, errno.ENODATA);
    await until('it has ended', () => told.ends.length > 0);
    expect(told).toMatchObject({ responses: [{ number: 1 }], ends: [undefined] });
    expect(handle.pending).toBe(0);
  });

  it('ends with any other error as an error', async () => {
    const { peer, told, request } = await opened();
    peer.answer(request, undefined, errno.ENOSYS);
    await until('it has ended', () => told.ends.length > 0);
    expect(told.ends).toEqual([expect.objectContaining({ name: 'FluxError', errno: errno.ENOSYS, topic: 'a.stream' })]);
  });

  it('that is given up tells no more, and lets the broker know once', async () => {
    const { peer, handle, told, stop, request } = await opened('a.stream-cancel');
    stop();
    stop();
    const cancel = await peer.request(2);
    expect(cancel).toMatchObject({ topic: 'a.stream-cancel', matchtag: 0 });
    expect(cancel.flags & messageFlags.noResponse).toBe(messageFlags.noResponse);
    expect(textOf(cancel)).toBe(`{"matchtag":${request.matchtag}}\0`);
    peer.answer(request, { late: true });
    peer.answer(request, undefined, errno.ENODATA);
    await settled();
    expect(told).toMatchObject({ responses: [], ends: [] });
    expect([handle.pending, handle.isClosed, peer.requests.length]).toEqual([0, false, 2]);
  });

  it('that nothing cancels is given up silently', async () => {
    const { peer, handle, told, stop, request } = await opened();
    stop();
    peer.answer(request, { late: true });
    await settled();
    expect(peer.requests).toHaveLength(1);
    expect([told.responses, told.ends, handle.isClosed]).toEqual([[], [], false]);
  });

  it('may be given up while it tells: what came in the same breath is not told', async () => {
    const peer = new ScriptedPeer();
    const handle = await peer.accept();
    const told: unknown[] = [];
    const onEnd = vi.fn();
    const onResponse = (payload: unknown) => {
      told.push(payload);
      stop();
    };
    const stop = handle.stream('a.stream', {}, { onResponse, onEnd }, 'a.stream-cancel');
    const request = await peer.request(1);
    peer.send(Buffer.concat([1, 2, 3].map((number) => responseTo(request, { number }))));
    await settled();
    expect(told).toEqual([{ number: 1 }]);
    expect(onEnd).not.toHaveBeenCalled();
    expect(handle.isClosed).toBe(false);
  });

  it('may be given up after its end', async () => {
    const { peer, told, stop, request } = await opened('a.stream-cancel');
    peer.answer(request, undefined, errno.ENODATA);
    await until('it has ended', () => told.ends.length > 0);
    stop();
    await settled();
    expect(peer.requests).toHaveLength(1);
  });

  it('answered by what is no JSON ends with the connection', async () => {
    const { peer, handle, told, request } = await opened();
    peer.answer(request, 'nonsense');
    await until('it has ended', () => told.ends.length > 0);
    await settled();
    expect(told.ends).toEqual([new ConnectionError("the broker's answer to a.stream is not JSON")]);
    expect(handle.isClosed).toBe(true);
  });
});

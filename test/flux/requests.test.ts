import { describe, expect, it } from 'vitest';
import { EventlogError, type FluxEvent } from '../../src/flux/eventlog.js';
import type { Handle } from '../../src/flux/handle.js';
import {
  AnswerError,
  cancelJob,
  getAttribute,
  getConfig,
  getInstanceState,
  getResources,
  queuesIn,
  submitJob,
  watchEventlog,
  watchInstance,
} from '../../src/flux/requests.js';
import { ScriptedPeer } from '../support/flux/scripted-peer.js';
import { until } from '../support/wait.js';

/** What a request makes of an answer. */
async function made<T>(
  ask: (handle: Handle) => Promise<T>,
  answer: object | string | undefined,
  errnum = 0,
): Promise<T> {
  const peer = new ScriptedPeer();
  const handle = await peer.accept();
  const result = ask(handle);
  result.catch(() => {});
  peer.answer(await peer.request(1), answer, errnum);
  return result;
}

describe('an answer that is not what the protocol says', () => {
  const submit = (handle: Handle) => submitJob(handle, 'J', 16);
  const state = (handle: Handle) => getInstanceState(handle, 1000);
  const version = (handle: Handle) => getAttribute(handle, 'version');
  it.each<[string, (handle: Handle) => Promise<unknown>, object | undefined]>([
    ['attr.get', version, {}],
    ['attr.get', version, { value: 7 }],
    ['attr.get', version, undefined],
    ['state-machine.get', state, { state: 5 }],
    ['job-ingest.submit', submit, {}],
    ['job-ingest.submit', submit, { id: '28454158336' }],
    ['job-ingest.submit', submit, { id: -1 }],
    ['job-ingest.submit', submit, { id: 1.5 }],
  ])('to %s is an error of its own', async (topic, ask, answer) => {
    const error = await made(ask, answer).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(AnswerError);
    expect((error as Error).message).toContain(`the broker's answer to ${topic} is not understood: `);
  });

  it('is not shown in full', async () => {
    const error = await made(submit, { id: 'x'.repeat(10_000) }).catch((error: unknown) => error);
    expect((error as Error).message.length).toBeLessThan(300);
  });

  it('is shown with ids beyond 2^53', async () => {
    const answer = made(submit, '{"ids":[9007199254740993]}');
    await expect(answer).rejects.toThrow(
      /^the broker's answer to job-ingest.submit is not understood: .*9007199254740993/,
    );
  });
});

describe('an answer', () => {
  it.each<[object | undefined, string[]]>([
    [{}, []],
    [undefined, []],
    [{ queues: null }, []],
    [{ queues: {} }, []],
    [{ queues: { pdebug: {}, pbatch: { policy: {} } } }, ['pdebug', 'pbatch']],
  ])('%j names the queues %j', async (answer, queues) => {
    expect(await made(getConfig, answer).then(queuesIn)).toEqual(queues);
  });

  it.each<[object | undefined, number]>([
    [{ all: { execution: { expiration: 1795374642.5 } } }, 1795374642.5],
    [{ all: { execution: { expiration: 0 } } }, 0],
    [{ all: null }, 0],
    [{}, 0],
    [undefined, 0],
  ])('%j tells when the instance ends: %d', async (answer, expiration) => {
    expect(await made((handle) => getResources(handle, 1000), answer)).toEqual({ expiration });
  });

  it('has ids of 64 bits', async () => {
    const submit = (handle: Handle) => submitJob(handle, 'J', 16);
    expect(await made(submit, '{"id":18446744073709551615}\0')).toBe(18446744073709551615n);
    expect(await made(submit, '{"id":1}')).toBe(1n);
  });
});

describe('to cancel', () => {
  const cancel = (handle: Handle) => cancelJob(handle, 9007199254740993n, 'a note');

  it.each([['unknown job id'], ['job is inactive']])('what is "%s" is no error', async (words) => {
    await made(cancel, `${words}\0`, 2);
  });

  it('what is not ours is one', async () => {
    await expect(made(cancel, 'not your job\0', 1)).rejects.toMatchObject({ errno: 1, message: 'not your job' });
  });

  it('names the job with all its digits', async () => {
    const peer = new ScriptedPeer();
    const handle = await peer.accept();
    cancel(handle).catch(() => {});
    expect((await peer.request(1)).payload!.toString()).toBe(
      '{"id":9007199254740993,"type":"cancel","severity":0,"note":"a note"}\0',
    );
  });
});

describe('a watch of an eventlog', () => {
  async function watched() {
    const peer = new ScriptedPeer();
    const handle = await peer.accept();
    const events: FluxEvent[] = [];
    const ends: (Error | undefined)[] = [];
    const stop = watchEventlog(handle, 1n, {
      onEvents: (more) => events.push(...more),
      onEnd: (error) => ends.push(error),
    });
    return { peer, handle, events, ends, stop, request: await peer.request(1) };
  }

  it.each<[string, object | undefined, new (...words: never[]) => Error]>([
    ['has no event', {}, AnswerError],
    ['has nothing', undefined, AnswerError],
    ['is none', { event: 'nonsense\n' }, EventlogError],
    ['begins well', { event: '{"timestamp":1,"name":"submit"}\n{"timestamp":' }, EventlogError],
  ])('whose answer %s ends at once, and is cancelled at the broker', async (_, answer, kind) => {
    const { peer, handle, events, ends, request } = await watched();
    peer.answer(request, answer);
    await until('it has ended', () => ends.length > 0);
    expect(ends[0]).toBeInstanceOf(kind);
    expect((await peer.request(2)).topic).toBe('job-info.eventlog-watch-cancel');
    peer.answer(request, { event: '{"timestamp":1,"name":"submit"}\n' });
    peer.answer(request, undefined, 61);
    expect(await handle.rpc('attr.get', {}, { timeout: 50 }).catch((error) => error.name)).toBe('RequestTimeout');
    expect([events, ends.length, handle.isClosed]).toEqual([[], 1, false]);
  });

  it('tells what the broker tells, and then its end', async () => {
    const { peer, events, ends, request } = await watched();
    peer.answer(request, { event: '{"timestamp":1,"name":"submit"}\n{"timestamp":2,"name":"validate"}\n' });
    peer.answer(request, { event: '{"timestamp":3,"name":"clean"}\n' });
    peer.answer(request, undefined, 61);
    await until('it has ended', () => ends.length > 0);
    expect(events.map(({ name }) => name)).toEqual(['submit', 'validate', 'clean']);
    expect(ends).toEqual([undefined]);
  });
});

describe('a watch of the instance', () => {
  it('tells of the state that comes after the present one, whatever its number', async () => {
    for (const run of [4, 5]) {
      const peer = new ScriptedPeer();
      const handle = await peer.accept();
      let left = 0;
      const ends: unknown[] = [];
      watchInstance(
        handle,
        () => {
          left += 1;
        },
        (error) => ends.push(error),
      );
      const request = await peer.request(1);
      peer.answer(request, { state: run });
      peer.answer(request, { state: run });
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(left).toBe(0);
      peer.answer(request, { state: run + 1 });
      peer.answer(request, undefined, 61);
      await until('it has ended', () => ends.length > 0);
      expect([left, ends]).toEqual([1, [undefined]]);
    }
  });
});

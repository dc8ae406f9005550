import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { isDoneWithin, sleep } from '../../src/util/sleep.js';
import { VirtualClock } from '../support/virtual-clock.js';

const tick = () => new Promise((resolve) => setImmediate(resolve));

describe('a sleep', () => {
  it('ends when its time is over, and not before', async () => {
    const clock = new VirtualClock();
    let isOver = false;
    void sleep(clock, 1000).then(() => (isOver = true));
    clock.advance(999);
    await tick();
    expect(isOver).toBe(false);
    clock.advance(1);
    await tick();
    expect(isOver).toBe(true);
  });

  it('ends when its signal is aborted, and leaves no timer', async () => {
    const clock = new VirtualClock();
    const cancel = new AbortController();
    const over = sleep(clock, 1000, cancel.signal);
    expect(clock.pending).toBe(1);
    cancel.abort();
    await over;
    expect(clock.pending).toBe(0);
  });

  it('does not begin with a signal that is aborted already', async () => {
    const clock = new VirtualClock();
    await sleep(clock, 1000, AbortSignal.abort());
    expect(clock.pending).toBe(0);
  });

  it('does not stay in the list of listeners of a signal that outlives it', async () => {
    const clock = new VirtualClock();
    const { signal } = new AbortController();
    const over = sleep(clock, 10, signal);
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    clock.runOut();
    await over;
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('work that is waited for within a time', () => {
  it('is done in time, and its timer is stopped', async () => {
    const clock = new VirtualClock();
    expect(await isDoneWithin(clock, 1000, Promise.resolve('done'))).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('is not waited for any longer', async () => {
    const clock = new VirtualClock();
    const isDone = isDoneWithin(clock, 1000, new Promise(() => {}));
    clock.advance(1000);
    expect(await isDone).toBe(false);
  });

  it('fails with the error of the work, and stops its timer', async () => {
    const clock = new VirtualClock();
    await expect(isDoneWithin(clock, 1000, Promise.reject(new Error('broken')))).rejects.toThrow('broken');
    expect(clock.pending).toBe(0);
  });

  it('may fail later without being heard', async () => {
    const clock = new VirtualClock();
    let fail = (_: Error) => {};
    const work = new Promise<void>((_, reject) => {
      fail = reject;
    });
    const isDone = isDoneWithin(clock, 1000, work);
    clock.advance(1000);
    expect(await isDone).toBe(false);
    fail(new Error('too late'));
    await tick();
  });
});

import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { anyAborted, deadline } from '../../src/util/abort.js';
import { collectGarbage } from '../support/held-memory.js';
import { VirtualClock } from '../support/virtual-clock.js';

/** What a signal's listener hears, while nothing but the listener remembers the signal, and garbage is collected. */
async function heard(listen: (listener: (reason: string) => void) => void, abort: () => void): Promise<string[]> {
  const reasons: string[] = [];
  // In a function of its own, so that no variable keeps the signal.
  (() => listen((reason) => reasons.push(reason)))();
  for (let round = 0; round < 5; round++) {
    collectGarbage();
    await sleep(5);
  }
  abort();
  await sleep(50);
  return reasons;
}

describe('a signal that follows others', () => {
  it('is aborted for the reason of the first of them', () => {
    const [one, two] = [new AbortController(), new AbortController()];
    const { signal } = anyAborted(one.signal, two.signal);
    expect(signal.aborted).toBe(false);
    two.abort('second');
    one.abort('first');
    expect([signal.aborted, signal.reason]).toEqual([true, 'second']);
  });

  it('is aborted from the beginning if one of them is', () =>
    expect(anyAborted(new AbortController().signal, AbortSignal.abort('before')).signal.reason).toBe('before'));

  it('follows nothing any more once it is released', () => {
    const source = new AbortController();
    const { signal, release } = anyAborted(source.signal);
    release();
    source.abort();
    expect(signal.aborted).toBe(false);
  });

  it('is not garbage while somebody listens to it', async () => {
    const source = new AbortController();
    const listen = (listener: (reason: string) => void) => {
      const { signal } = anyAborted(source.signal, new AbortController().signal);
      signal.addEventListener('abort', () => listener(signal.reason));
    };
    expect(await heard(listen, () => source.abort('over'))).toEqual(['over']);
  });
});

describe('a deadline', () => {
  it('aborts its signal when the time is over, and tells that it was time', () => {
    const clock = new VirtualClock();
    const limit = deadline(60_000, { clock });
    clock.advance(59_999);
    expect([limit.signal.aborted, limit.hasPassed]).toEqual([false, false]);
    clock.advance(1);
    expect([limit.signal.reason.name, limit.hasPassed]).toEqual(['TimeoutError', true]);
  });

  it('aborts its signal with another one, and that was not time, however late it is', () => {
    const clock = new VirtualClock();
    const parent = new AbortController();
    const limit = deadline(1000, { parent: parent.signal, clock });
    parent.abort('cancelled');
    clock.advance(5000);
    expect([limit.signal.reason, limit.hasPassed]).toEqual(['cancelled', false]);
  });

  it('never passes once it is released', () => {
    const clock = new VirtualClock();
    const limit = deadline(1000, { clock });
    limit.release();
    clock.advance(5000);
    expect([limit.signal.aborted, limit.hasPassed]).toEqual([false, false]);
  });

  it('is not garbage before it has passed', async () => {
    const listen = (listener: (reason: string) => void) => {
      const { signal } = deadline(40, { parent: new AbortController().signal });
      signal.addEventListener('abort', () => listener(signal.reason.name));
    };
    expect(await heard(listen, () => {})).toEqual(['TimeoutError']);
  });
});

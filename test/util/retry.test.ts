import { describe, expect, it } from 'vitest';
import { backOffMs, type RetryOptions, retry } from '../../src/util/retry.js';
import { VirtualClock } from '../support/virtual-clock.js';

const tick = () => new Promise((resolve) => setImmediate(resolve));

/** When each attempt began, and what came of all, where the first attempts fail with these errors. */
async function attempts(errors: readonly Error[], options: Omit<RetryOptions, 'clock'>) {
  const clock = new VirtualClock();
  const begun: number[] = [];
  const counts: number[] = [];
  const attempt = async (failures: number) => {
    begun.push(clock.now());
    counts.push(failures);
    const error = errors[failures];
    if (error !== undefined) throw error;
    return 'done';
  };
  const result = retry(attempt, { clock, ...options }).catch((error: unknown) => error);
  for (let i = 0; i < 10; i++) {
    await tick();
    clock.runOut();
  }
  return { begun, counts, result: await result };
}

const broken = new Error('broken');

describe('a retry', () => {
  it('waits the delays that are given, one after the other', async () => {
    const { begun, counts, result } = await attempts([broken, broken], { delays: [100, 500, 900] });
    expect(begun).toEqual([0, 100, 600]);
    expect(counts).toEqual([0, 1, 2]);
    expect(result).toBe('done');
  });

  it('has one attempt more than delays, and ends with the last error', async () => {
    const last = new Error('the last');
    const { begun, result } = await attempts([broken, broken, last, broken], { delays: [100, 500] });
    expect(begun).toEqual([0, 100, 600]);
    expect(result).toBe(last);
  });

  it('asks for each delay, and ends when there is none', async () => {
    const asked: unknown[] = [];
    const delays = (failures: number, error: unknown) => {
      asked.push([failures, error]);
      return failures < 3 ? failures * 10 : undefined;
    };
    const { begun, result } = await attempts([broken, broken, broken, broken], { delays });
    expect(begun).toEqual([0, 10, 30]);
    expect(asked).toEqual([
      [1, broken],
      [2, broken],
      [3, broken],
    ]);
    expect(result).toBe(broken);
  });

  it('ends with an error that another attempt would not mend', async () => {
    const hopeless = new Error('hopeless');
    const options = { delays: [100, 100, 100], shouldRetry: (error: unknown) => error !== hopeless };
    const { begun, result } = await attempts([broken, hopeless], options);
    expect(begun).toEqual([0, 100]);
    expect(result).toBe(hopeless);
  });

  it('tells of each error that another attempt follows, and of no other', async () => {
    const told: [unknown, number][] = [];
    const last = new Error('the last');
    const onRetry = (error: unknown, failures: number) => told.push([error, failures]);
    await attempts([broken, broken, last], { delays: [100, 100], onRetry });
    expect(told).toEqual([
      [broken, 1],
      [broken, 2],
    ]);
  });

  it('has no other attempt once it is cancelled', async () => {
    const { begun, result } = await attempts([broken], { delays: [100], signal: AbortSignal.abort() });
    expect(begun).toEqual([0]);
    expect(result).toBe(broken);
  });

  it('is cancelled in the middle of a wait', async () => {
    const clock = new VirtualClock();
    const cancel = new AbortController();
    let begun = 0;
    const attempt = async () => {
      begun += 1;
      throw broken;
    };
    const result = retry(attempt, { clock, delays: [60_000], signal: cancel.signal });
    await tick();
    cancel.abort();
    await expect(result).rejects.toBe(broken);
    expect(begun).toBe(1);
    expect(clock.pending).toBe(0);
  });
});

describe('the delay after failures in a row', () => {
  const all = (chance: number, options: Parameters<typeof backOffMs>[1]) => {
    const clock = new VirtualClock();
    clock.chance = chance;
    return [1, 2, 3, 4, 5].map((failures) => backOffMs(failures, options, clock));
  };

  it('is twice as long each time, up to a longest', () =>
    expect(all(0.5, { firstMs: 100, maxMs: 1000 })).toEqual([100, 200, 400, 800, 1000]));

  it('grows by another factor', () =>
    expect(all(0.5, { firstMs: 1, maxMs: 100, factor: 3 })).toEqual([1, 3, 9, 27, 81]));

  it('is half as long at least, and half as long again at most', () => {
    expect(all(0, { firstMs: 100, maxMs: 200 })).toEqual([50, 100, 100, 100, 100]);
    expect(all(1, { firstMs: 100, maxMs: 200 })).toEqual([150, 300, 300, 300, 300]);
  });

  it('is left to chance as much as it is to be', () => {
    expect(all(1, { firstMs: 100, maxMs: 100, jitter: 0.25 })[0]).toBe(125);
    expect(all(1, { firstMs: 100, maxMs: 100, jitter: 0 })[0]).toBe(100);
  });
});

import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/util/clock.js';

const day = 24 * 3600 * 1000;
/** The longest timer of Node; it calls at once after a longer one. */
const longest = 2 ** 31 - 1;

describe('a timer of the system clock', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  /** Sets one; `calls` is how often it has called. */
  function timerOf(milliseconds: number) {
    const timer = { calls: 0, stop: () => {} };
    timer.stop = systemClock.after(milliseconds, () => {
      timer.calls += 1;
    });
    return timer;
  }

  it('calls once when its time is over, and not before, even if that is longer than a timer of Node can be', () => {
    const set = vi.spyOn(globalThis, 'setTimeout');
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 * day }), (milliseconds) => {
        const timer = timerOf(milliseconds);
        vi.advanceTimersByTime(milliseconds - 1);
        expect(timer.calls).toBe(0);
        vi.advanceTimersByTime(1);
        expect(timer.calls).toBe(1);
        expect(vi.getTimerCount()).toBe(0);
      }),
      {
        numRuns: 200,
        examples: [[longest - 1], [longest], [longest + 1], [2 * longest], [2 * longest + 1], [400 * day]],
      },
    );
    expect(Math.max(...set.mock.calls.map(([, milliseconds]) => milliseconds!))).toBeLessThanOrEqual(longest);
  });

  it('never calls after it was stopped, and leaves no timer of Node', () => {
    for (const days of [0, 20, 25, 60]) {
      const timer = timerOf(70 * day);
      vi.advanceTimersByTime(days * day);
      timer.stop();
      expect(vi.getTimerCount()).toBe(0);
      vi.advanceTimersByTime(70 * day);
      expect(timer.calls).toBe(0);
    }
  });

  it('goes on for ever if its time is endless', () => {
    const timer = timerOf(Number.POSITIVE_INFINITY);
    vi.advanceTimersByTime(4000 * day);
    expect([timer.calls, vi.getTimerCount()]).toEqual([0, 1]);
    timer.stop();
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backOff } from '../../src/conductor/policy.js';

describe('the wait before another attempt', () => {
  it('doubles from one second to one minute', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8, 1000].map((failures) => backOff(failures, 0.5))).toEqual([
      1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000,
    ]);
  });

  it('is by chance half as much more or less, so that steps that failed together do not return together', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2000 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (n, random) => {
          const middle = backOff(n, 0.5);
          const wait = backOff(n, random);
          expect(wait).toBeGreaterThanOrEqual(middle * 0.5);
          expect(wait).toBeLessThanOrEqual(middle * 1.5);
        },
      ),
    );
  });
});

import { describe, expect, it } from 'vitest';
import { untilNextUpdate } from '../../src/github/check-run.js';

const minute = 60_000;
const hour = 60 * minute;

/** How many updates there are in a time in which something changes always. */
function updatesIn(time: number): number {
  let updates = 0;
  for (let age = untilNextUpdate(0, undefined, 0); age <= time; age += untilNextUpdate(age, undefined, age)) updates++;
  return updates;
}

describe('updates of a check run', () => {
  it('come every 15 seconds at first, then ever more rarely', () => {
    expect(updatesIn(2 * minute)).toBe(8);
    expect(updatesIn(hour)).toBeLessThan(50);
    expect(updatesIn(24 * hour)).toBeLessThan(90);
    expect(untilNextUpdate(10 * hour, undefined, 0)).toBe(hour);
  });

  it('come more rarely the less the repository has left of its hour, and leave the last tenth to the ends of studies', () => {
    const quota = (remaining: number) => ({ limit: 1000, remaining, reset: hour });
    expect(untilNextUpdate(0, quota(900), 0)).toBe(15_000);
    expect(untilNextUpdate(0, quota(499), 0)).toBe(minute);
    expect(untilNextUpdate(0, quota(99), 20 * minute)).toBe(40 * minute);
    expect(untilNextUpdate(0, quota(0), hour)).toBe(15_000);
    expect(untilNextUpdate(0, { ...quota(0), reset: 1e15 }, 0)).toBe(hour);
  });
});

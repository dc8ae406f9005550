import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slurmMinutes, walltimeSeconds } from '../../src/scripts/walltime.js';

describe('a walltime', () => {
  it.each([
    ['', 0],
    ['inf', 0],
    ['0', 0],
    ['5', 300],
    ['090', 5400],
    ['1:30', 90],
    ['01:00:00', 3600],
    ['00:00:01', 1],
    ['100:00:00', 360_000],
    ['1:0:0:0', 216_000],
    ['0:1.5', 1.5],
    ['1.5:00', 90],
    ['0:90', 90],
  ])('of %j is %d seconds', (text, seconds) => expect(walltimeSeconds(text)).toBe(seconds));

  it.each(['abc', '1h', '-5', '1:', ':1', '1:-1', '1:x', '1.5', ' 10', '1 :2', '1e3', 'INF', 'None', '$(T)', '1:2:'])(
    '%j is none',
    (text) => expect(walltimeSeconds(text)).toBeUndefined(),
  );

  it('of hours, minutes and seconds is their sum', () =>
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(59), fc.nat(59), (hours, minutes, seconds) => {
        const two = (value: number) => String(value).padStart(2, '0');
        expect(walltimeSeconds(`${hours}:${two(minutes)}:${two(seconds)}`)).toBe(hours * 3600 + minutes * 60 + seconds);
      }),
    ));
});

it.each([
  ['30', 30],
  ['30:00', 30],
  ['30:01', 31],
  ['02:30:00', 150],
  ['1-0', 1440],
  ['1-2', 1560],
  ['1-2:30', 1590],
  ['1-02:30:30', 1591],
  ['0', Number.POSITIVE_INFINITY],
  ['UNLIMITED', Number.POSITIVE_INFINITY],
  ['-1', Number.POSITIVE_INFINITY],
  ['soon', undefined],
])('sbatch takes %s for minutes: %s', (walltime, minutes) => expect(slurmMinutes(walltime)).toBe(minutes));

import { describe, expect, it } from 'vitest';
import { alternatives, inSeries, isoTime, shortDuration, wrap } from '../../src/util/format.js';

describe('a time for programs', () => {
  it('is ISO 8601 in UTC, or null for what never came', () => {
    expect([isoTime(0), isoTime(Date.UTC(2026, 11, 31, 23, 59, 59, 7)), isoTime(null)]).toEqual([
      '1970-01-01T00:00:00.000Z',
      '2026-12-31T23:59:59.007Z',
      null,
    ]);
  });
});

describe('a duration for people', () => {
  const second = 1000;
  const minute = 60 * second;
  const hour = 60 * minute;
  const day = 24 * hour;

  const cases: [milliseconds: number, text: string][] = [
    [-5, '0.0s'],
    [0, '0.0s'],
    [449, '0.4s'],
    [9949, '9.9s'],
    [9950, '10s'],
    [12_400, '12s'],
    [59_499, '59s'],
    [59_500, '1m 00s'],
    [3 * minute + 5 * second, '3m 05s'],
    [59 * minute + 59_500, '1h 00m'],
    [2 * hour + 7 * minute + 59 * second, '2h 07m'],
    [day - 500, '1d 00h'],
    [4 * day + 6 * hour + 59 * minute, '4d 06h'],
    [400 * day, '400d 00h'],
  ];

  for (const [milliseconds, text] of cases) {
    it(`of ${milliseconds} ms is ${text}`, () => expect(shortDuration(milliseconds)).toBe(text));
  }
});

describe('names', () => {
  it('are put in series, and beside each other', () => {
    expect([inSeries([]), inSeries(['a']), inSeries(['a', 'b']), inSeries(['a', 'b', 'c'])]).toEqual([
      '',
      'a',
      'a and b',
      'a, b and c',
    ]);
    expect(alternatives(['a', 'b', 'c'])).toBe('a, b or c');
  });
});

describe('a text', () => {
  it('is wrapped at its blanks, and longer words have lines of their own', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('a much-too-long-word b', 5)).toEqual(['a', 'much-too-long-word', 'b']);
    expect(wrap('', 5)).toEqual(['']);
  });
});

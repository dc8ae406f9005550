import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstBytes, firstLines, lastBytes, lastLines } from '../../src/github/bytes.js';

const bytes = (text: string) => Buffer.byteLength(text);
const anyText = fc.string({ unit: 'binary', maxLength: 40 }).map((text) => text.replaceAll('\u0000', '\n'));
const most = fc.integer({ min: 0, max: 60 });

describe('a limit in bytes', () => {
  it('keeps a text that fits, and the beginning or end of one that does not', () => {
    fc.assert(
      fc.property(anyText, most, (text, limit) => {
        const [first, last] = [firstBytes(text, limit), lastBytes(text, limit)];
        const whole = Buffer.from(text).toString();
        for (const part of [first, last]) expect(bytes(part)).toBeLessThanOrEqual(limit);
        expect(whole.startsWith(first)).toBe(true);
        expect(whole.endsWith(last)).toBe(true);
        if (bytes(whole) <= limit) expect([first, last]).toEqual([whole, whole]);
        // No more than a character is lost.
        else for (const part of [first, last]) expect(bytes(part)).toBeGreaterThan(limit - 4);
      }),
    );
  });

  it('cuts between characters', () => {
    expect(firstBytes('a😀b', 4)).toBe('a');
    expect(firstBytes('a😀b', 5)).toBe('a😀');
    expect(lastBytes('a😀b', 4)).toBe('b');
    expect(lastBytes('a😀b', 5)).toBe('😀b');
  });

  it('cuts at a line, and says so', () => {
    expect(firstLines('one\ntwo\nthree', 13, '[cut]')).toBe('one\ntwo\nthree');
    expect(firstLines('one\ntwo\nthree', 12, '[cut]')).toBe('one\n[cut]');
    expect(lastLines('one\ntwo\nthree', 12, '[cut]')).toBe('[cut]\nthree');
    fc.assert(
      fc.property(anyText, fc.integer({ min: 10, max: 60 }), (text, limit) => {
        for (const cut of [firstLines, lastLines]) expect(bytes(cut(text, limit, '[cut]'))).toBeLessThanOrEqual(limit);
      }),
    );
  });

  it('is quick with a line of ten million characters', () => {
    const text = 'ä'.repeat(10_000_000);
    expect(bytes(firstBytes(text, 255))).toBe(254);
    expect(bytes(lastLines(text, 65_536, '[cut]'))).toBeLessThanOrEqual(65_536);
  });
});

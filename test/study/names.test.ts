import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteLength, compareCodePoints, safeName } from '../../src/study/names.js';

describe('a name made safe for a path', () => {
  it.each([
    ['run', 'run'],
    ['run-sim_2.1 (b)', 'run-sim_2.1_(b)'],
    ['SIZE.10.ITER.20', 'SIZE.10.ITER.20'],
    ['a/b', 'ab'],
    ['../../etc/passwd', '....etcpasswd'],
    ['a\tb\nc', 'abc'],
    ["[1, 'b']", '1_b'],
    ['$(N)', '(N)'],
    ['é', ''],
    ['größe 5', 'gre_5'],
    ['😀x', 'x'],
    ['a~b#c%d&e*f', 'abcdef'],
    [' ', '_'],
    ['..', '..'],
    ['', ''],
  ])('%j is %j', (name, safe) => expect(safeName(name)).toBe(safe));

  it('is safe already when it is made safe again', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        expect(safeName(safeName(name))).toBe(safeName(name));
      }),
    ));

  it('never has another character, whatever the name', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        expect(safeName(name)).toMatch(/^[-_.()a-zA-Z0-9]*$/);
      }),
    ));
});

describe("Python's order of text", () => {
  it('puts capitals before `_` before small letters, and digits before letters', () =>
    expect(['b', 'a2', '_c', 'B', 'a10', 'a', 'A', '9', 'aa', 'é', ''].sort(compareCodePoints)).toEqual([
      '',
      '9',
      'A',
      'B',
      '_c',
      'a',
      'a10',
      'a2',
      'aa',
      'b',
      'é',
    ]));

  it('goes by code point where JavaScript goes by UTF-16 unit', () => {
    const texts = ['\u{1f600}', '\uff21', '\u{1f601}', 'a'];
    expect([...texts].sort(compareCodePoints)).toEqual(['a', '\uff21', '\u{1f600}', '\u{1f601}']);
    expect([...texts].sort()).not.toEqual([...texts].sort(compareCodePoints));
  });

  it('is that of the lists of code points', () => {
    const points = (text: string) => Array.from(text, (character) => character.codePointAt(0)!);
    const expected = (a: number[], b: number[]): number => {
      const i = a.findIndex((point, at) => point !== b[at]);
      return i === -1 ? a.length - b.length : i >= b.length ? 1 : a[i]! - b[i]!;
    };
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '\uffff', '\u{10000}', '\u{10ffff}', '\u{1f600}') });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareCodePoints(a, b))).toBe(Math.sign(expected(points(a), points(b))));
      }),
    );
  });
});

it('the length of a name is in bytes of UTF-8', () =>
  expect(['abc', 'é', '€', '😀', ''].map(byteLength)).toEqual([3, 2, 3, 4, 0]));

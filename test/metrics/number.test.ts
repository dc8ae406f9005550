import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseNumber } from '../../src/metrics/number.js';
import { conversion } from '../../src/metrics/units.js';

describe('a number in a text', () => {
  it.each<[string, number, string]>([
    ['3.1', 3.1, ''],
    ['  -3', -3, ''],
    ['+.5', 0.5, ''],
    ['5.', 5, ''],
    ['1e3', 1000, ''],
    ['4.2E-06', 4.2e-6, ''],
    ['1.0D-3', 0.001, ''],
    ['1.0d+03', 1000, ''],
    ['2.5q2', 250, ''],
    ['1.5-103', 1.5e-103, ''],
    ['1.5+103', 1.5e103, ''],
    ['3.1 ns/zone', 3.1, 'ns/zone'],
    ['12ms', 12, 'ms'],
    ['12e3 s', 12000, 's'],
    ['5 eV', 5, 'eV'],
    ['5eV', 5, 'eV'],
    ['98.5%', 98.5, '%'],
    ['(4.2e6)', 4.2e6, ''],
    ['= 7,', 7, ''],
    ['7.5; done', 7.5, '; done'],
    ['1.2e+06 (z/s)', 1.2e6, '(z/s'],
    ['5/s', 5, '/s'],
    ['3x', 3, 'x'],
    ['5°C', 5, '°C'],
    ['5[s]', 5, '[s'],
    ['3.1±0.2', 3.1, '±0.2'],
    ['"3.1", more', 3.1, '", more'],
    ['12 m2', 12, 'm2'],
    ['12.5 s on 4 ranks', 12.5, 's on 4 ranks'],
  ])('%j is %d, and behind it stands %j', (text, value, unit) =>
    expect(parseNumber(text)).toEqual({ is: 'number', value, unit }),
  );

  it.each([
    ['nan', 'is nan'],
    ['-NaN', 'is -NaN'],
    ['NaN(ind)', 'is NaN'],
    ['info', "'info' is not a number"],
    ['inf', 'is inf'],
    ['-Infinity', 'is -Infinity'],
    ['********', "is '********': the number did not fit into its Fortran field"],
    ['1,234.5', "'1,234.5' has a comma, which may be of thousands or of decimals"],
    ['3,14', "'3,14' has a comma, which may be of thousands or of decimals"],
    ['', 'is empty'],
    ['   ', 'is empty'],
    ['fast', "'fast' is not a number"],
    ['12:34:56', "'12:34:56' is not a number"],
    ['00:01:23', "'00:01:23' is not a number"],
    ['0x1F', "'0x1F' is not a number"],
    ['1_000', "'1_000' is not a number"],
    ["1'000", "'1'000' is not a number"],
    ['3/4', "'3/4' is not a number"],
    ['0m3.2s', "'0m3.2s' is not a number"],
    ['1h 30m', "'1h 30m' is not a number"],
    ['2026-01-31', "'2026-01-31' is not a number"],
    ['100-200', "'100-200' is not a number"],
    ['1.5e12345', "'1.5e12345' is not a number"],
    ['1.5e+12345', "'1.5e+12345' is not a number"],
    ['1 234', "'1 234' has a blank, which may be of thousands or between two numbers"],
    ['1\u202f234.5', "'1\u202f234.5' has a blank, which may be of thousands or between two numbers"],
    ['1.2.3', "'1.2.3' is not a number"],
    ['1e9999', '1e9999 is too large'],
    ['x'.repeat(100), `'${'x'.repeat(40)}...' is not a number`],
  ])('%j is none: it %s', (text, why) => expect(parseNumber(text)).toEqual({ is: 'none', why }));

  it('is what was printed, whatever the format', () =>
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        for (const text of [String(value), value.toExponential(), value.toExponential().replace('e', 'D')]) {
          expect(parseNumber(text)).toEqual({ is: 'number', value: Number(String(value)), unit: '' });
        }
      }),
    ));

  it('is looked for in any text without an error', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(parseNumber(text).is).toMatch(/^(number|none)$/);
      }),
    ));
});

describe('a unit in another', () => {
  it.each<[string, string, number]>([
    ['s', 'ms', 1000],
    ['us', 's', 1e-6],
    ['µs', 'us', 1],
    ['min', 's', 60],
    ['seconds', 's', 1],
    ['GB/s', 'MB/s', 1000],
    ['KiB', 'B', 1024],
    ['GFLOPS', 'GFLOP/s', 1],
    ['ns/zone', 'ns/zone', 1],
    ['(z/s', 'z/s', 1],
    ['[s]', 's', 1],
  ])('%s in %s is multiplied by %d', (from, to, factor) => expect(conversion(from, to)).toBeCloseTo(factor, 12));

  it.each([
    ['s', 'B'],
    ['ns/zone', 'us/zone'],
    ['b', 'B'],
    ['fast', 's'],
    ['', 's'],
    ['toString', 's'],
    ['constructor', 's'],
    ['__proto__', 's'],
    ['hasOwnProperty', '__proto__'],
  ])('%j in %j is not known', (from, to) => expect(conversion(from, to)).toBeUndefined());
});

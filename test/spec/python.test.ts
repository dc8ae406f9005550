import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  keyIdentity,
  PyBytes,
  PyDate,
  PySet,
  type PyValue,
  pyRepr,
  pyStr,
  pyTypeName,
  truthy,
} from '../../src/spec/python.js';

const date = new PyDate('date', '2024-01-01', 'datetime.date(2024, 1, 1)');
const datetime = new PyDate('datetime', '2024-01-01 00:00:00', 'datetime.datetime(2024, 1, 1, 0, 0)');

describe('str()', () => {
  const cases: readonly [PyValue, string][] = [
    ['as it is', 'as it is'],
    [5n, '5'],
    [-(10n ** 40n), `-1${'0'.repeat(40)}`],
    [1, '1.0'],
    [0, '0.0'],
    [-0, '-0.0'],
    [1.5, '1.5'],
    [-2.25, '-2.25'],
    [0.1, '0.1'],
    [123456789.125, '123456789.125'],
    [0.0001, '0.0001'],
    [0.00012345, '0.00012345'],
    [0.00001, '1e-05'],
    [1.5e-7, '1.5e-07'],
    [1e15, '1000000000000000.0'],
    [2 ** 53, '9007199254740992.0'],
    [1e16, '1e+16'],
    [1.25e22, '1.25e+22'],
    [1e100, '1e+100'],
    [5e-324, '5e-324'],
    [Number.POSITIVE_INFINITY, 'inf'],
    [Number.NEGATIVE_INFINITY, '-inf'],
    [Number.NaN, 'nan'],
    [true, 'True'],
    [false, 'False'],
    [null, 'None'],
    [date, '2024-01-01'],
    [datetime, '2024-01-01 00:00:00'],
    [[], '[]'],
    [[1n, 'b'], "[1, 'b']"],
    [[[1], null, date], '[[1.0], None, datetime.date(2024, 1, 1)]'],
    [new Map(), '{}'],
    [new Map<PyValue, PyValue>([['k', 'v']]), "{'k': 'v'}"],
    [
      new Map<PyValue, PyValue>([
        [1n, [true]],
        [null, new Map()],
      ]),
      '{1: [True], None: {}}',
    ],
    [new PySet([]), 'set()'],
    [new PySet(['a', 1n]), "{'a', 1}"],
    [new PyBytes(Uint8Array.of(0, 9, 10, 13, 65, 92, 127, 255)), "b'\\x00\\t\\n\\rA\\\\\\x7f\\xff'"],
  ];
  for (const [value, text] of cases) it(`is ${text}`, () => expect(pyStr(value)).toBe(text));
});

describe('repr() of a str', () => {
  const cases: readonly [string, string][] = [
    ['', "''"],
    ['plain', "'plain'"],
    ["it's", '"it\'s"'],
    ['say "x"', `'say "x"'`],
    [`it's "x"`, `'it\\'s "x"'`],
    ['a\\b', "'a\\\\b'"],
    ['a\nb\rc\td', "'a\\nb\\rc\\td'"],
    ['\x00\x1b\x7f', "'\\x00\\x1b\\x7f'"],
    ['\x85\xa0\xad', "'\\x85\\xa0\\xad'"],
    ['é ü ß', "'é ü ß'"],
    ['\u2028\u200b\u3000\ufeff', "'\\u2028\\u200b\\u3000\\ufeff'"],
    ['\ud800', "'\\ud800'"],
    ['😀', "'😀'"],
    ['\u{e0001}\u{10ffff}', "'\\U000e0001\\U0010ffff'"],
  ];
  it.each(cases)('of %j', (value, text) => expect(pyRepr(value)).toBe(text));

  it('uses double quotes around a bytes with a single one', () => {
    expect(pyRepr(new PyBytes(Uint8Array.of(0x27)))).toBe(`b"'"`);
    expect(pyRepr(new PyBytes(Uint8Array.of(0x27, 0x22)))).toBe(`b'\\'"'`);
  });
});

it('a float is printed so that it reads back the same', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      const text = pyStr(value);
      expect(text).toMatch(/^-?(?:[0-9]+\.[0-9]+|[0-9](?:\.[0-9]+)?e[-+][0-9]{2,})$/);
      expect(Number(text)).toBe(value);
    }),
  );
});

it('types have the names that Python gives them', () => {
  const values: readonly PyValue[] = [
    '',
    1n,
    1,
    true,
    null,
    [],
    new Map(),
    date,
    datetime,
    new PyBytes(new Uint8Array()),
    new PySet([]),
  ];
  const names = ['str', 'int', 'float', 'bool', 'NoneType', 'list', 'dict', 'date', 'datetime', 'bytes', 'set'];
  expect(values.map(pyTypeName)).toEqual(names);
});

describe('truth', () => {
  const bytes = (...values: number[]) => new PyBytes(Uint8Array.from(values));

  it('is not in what is empty or zero', () => {
    const values: readonly PyValue[] = ['', 0n, 0, -0, false, null, [], new Map(), bytes(), new PySet([])];
    expect(values.filter(truthy)).toEqual([]);
  });

  it('is in all else', () => {
    const containers: readonly PyValue[] = [[null], new Map([[null, null]]), bytes(0), new PySet([null])];
    const values: readonly PyValue[] = ['False', '0', -1n, 0.1, Number.NaN, true, date, datetime, ...containers];
    expect(values.filter((value) => !truthy(value))).toEqual([]);
  });
});

describe('dict keys', () => {
  it('are one key when Python finds them equal', () => {
    expect(new Set([1n, 1, true].map(keyIdentity)).size).toBe(1);
    expect(new Set([0n, 0, -0, false].map(keyIdentity)).size).toBe(1);
    expect(keyIdentity(2n ** 60n)).toBe(keyIdentity(2 ** 60));
  });

  it('are two keys otherwise', () => {
    const keys: readonly PyValue[] = ['1', 1n, 1.5, null, 'None', '', date, '2024-01-01', datetime, Number.NaN, 'nan'];
    expect(new Set(keys.map(keyIdentity)).size).toBe(keys.length);
  });

  it('cannot be lists, dicts or sets', () => {
    const values: readonly PyValue[] = [[], new Map(), new PySet([])];
    expect(values.map(keyIdentity)).toEqual([undefined, undefined, undefined]);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PyValue, pyRepr, pyStr } from '../../../src/spec/python.js';
import { PyYamlError, resolvePlain, resolveTagged } from '../../../src/spec/yaml/pyyaml-scalars.js';

const text = (...texts: string[]): [string, string][] => texts.map((each) => [each, each]);

describe('unquoted text', () => {
  const booleans: [string, PyValue][] = ['yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON']
    .map((word): [string, PyValue] => [word, true])
    .concat(['no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'].map((word) => [word, false]));

  const cases: Readonly<Record<string, readonly (readonly [string, PyValue])[]>> = {
    'is a bool in three casings, but not as y, n or any other way': [
      ...booleans,
      ...text('y', 'n', 'Y', 'N', 'yEs', 'tRUE', 'oN', 'yes ', 'yess'),
    ],
    'is None as ~, null or nothing': [
      ...['', '~', 'null', 'Null', 'NULL'].map((each) => [each, null] as const),
      ...text('None', 'nULL', '~~'),
    ],
    'is a decimal int': [
      ['0', 0n],
      ['-0', 0n],
      ['+12', 12n],
      ['-7', -7n],
      ['1_000', 1000n],
      ['1__', 1n],
      ['123456789012345678901234567890', 123456789012345678901234567890n],
      ...text('_1', '1a', '1 2', '--1', '+-1', '12e03', '٣'),
    ],
    'is a binary, octal or hexadecimal int': [
      ['0b1010', 10n],
      ['-0b1_1', -3n],
      ['010', 8n],
      ['0_7', 7n],
      ['00', 0n],
      ['0_', 0n],
      ['-017', -15n],
      ['0x1F', 31n],
      ['+0xf_f', 255n],
      ...text('0o17', '08', '0129', '0B1', '0X1F', '0b2', '0xg'),
    ],
    'is an int to the base of 60, if it does not start with 0': [
      ['1:00:00', 3600n],
      ['12:00:00', 43200n],
      ['10:00', 600n],
      ['1:5', 65n],
      ['-1:30', -90n],
      ['100:59', 6059n],
      ['1_0:00', 600n],
      ['1:0:0:0', 216000n],
      ...text('01:00:00', '00:10:00', '0:10', '1:60', '1:000', '1:', ':1', '1::1'),
    ],
    'is a float only with a point, and with a sign in its exponent': [
      ['1.0', 1],
      ['1.', 1],
      ['.5', 0.5],
      ['-1.5', -1.5],
      ['+1.5', 1.5],
      ['-0.0', -0],
      ['1_0.5_0', 10.5],
      ['1.0e+3', 1000],
      ['1.0E-3', 0.001],
      ['1.e+2', 100],
      ['.5e+1', 5],
      ['01.5', 1.5],
      ['1.0e+400', Number.POSITIVE_INFINITY],
      ...text('1e3', '1.0e3', '1e+3', '-.5', '+.5', '.', '._', '._5', '1.5.5', '1.0e+1_0', '.e+1'),
    ],
    'is a float to the base of 60': [
      ['1:30.5', 90.5],
      ['-1:30.5', -90.5],
      ['1:30.', 90],
      ['0:30.5', 30.5],
      ['1:1:1.25', 3661.25],
      ...text('1:60.5', '1:30.5e+1', ':30.5'),
    ],
    'is infinite or not a number': [
      ['.inf', Number.POSITIVE_INFINITY],
      ['+.Inf', Number.POSITIVE_INFINITY],
      ['-.INF', Number.NEGATIVE_INFINITY],
      ['.nan', Number.NaN],
      ['.NaN', Number.NaN],
      ['.NAN', Number.NaN],
      ...text('inf', 'nan', '-.nan', '.iNF', '.Nan'),
    ],
    'is otherwise a str': text(
      'a',
      '1a',
      '$(X)',
      '<',
      '<<<',
      '==',
      '!',
      'a: b',
      '2024',
      '-',
      '+',
      '1.2.3',
      'v1',
    ).filter(([each]) => each !== '2024'),
  };
  describe.each(Object.entries(cases))('%s', (_, rows) => {
    it.each(rows)('%j', (plain, value) => expect(resolvePlain(plain)).toStrictEqual(value));
  });
});

describe('an unquoted date', () => {
  const cases: readonly [plain: string, str: string, repr: string][] = [
    ['2024-01-01', '2024-01-01', 'datetime.date(2024, 1, 1)'],
    ['2024-02-29', '2024-02-29', 'datetime.date(2024, 2, 29)'],
    ['0001-01-01', '0001-01-01', 'datetime.date(1, 1, 1)'],
    ['2001-12-14 21:59:43', '2001-12-14 21:59:43', 'datetime.datetime(2001, 12, 14, 21, 59, 43)'],
    ['2001-12-14t21:59:00', '2001-12-14 21:59:00', 'datetime.datetime(2001, 12, 14, 21, 59)'],
    ['2001-1-2T3:00:00', '2001-01-02 03:00:00', 'datetime.datetime(2001, 1, 2, 3, 0)'],
    ['2001-12-14 \t 21:59:43.1', '2001-12-14 21:59:43.100000', 'datetime.datetime(2001, 12, 14, 21, 59, 43, 100000)'],
    ['2001-12-14 21:59:00.1234567', '2001-12-14 21:59:00.123456', 'datetime.datetime(2001, 12, 14, 21, 59, 0, 123456)'],
    ['2001-12-14 21:59:43.', '2001-12-14 21:59:43', 'datetime.datetime(2001, 12, 14, 21, 59, 43)'],
    [
      '2001-12-14t21:59:43.10Z',
      '2001-12-14 21:59:43.100000+00:00',
      'datetime.datetime(2001, 12, 14, 21, 59, 43, 100000, tzinfo=datetime.timezone.utc)',
    ],
    [
      '2001-12-14 21:59:43 -05:30',
      '2001-12-14 21:59:43-05:30',
      'datetime.datetime(2001, 12, 14, 21, 59, 43, tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds=66600)))',
    ],
    [
      '2001-12-14 21:59:43+1',
      '2001-12-14 21:59:43+01:00',
      'datetime.datetime(2001, 12, 14, 21, 59, 43, tzinfo=datetime.timezone(datetime.timedelta(seconds=3600)))',
    ],
    [
      '2001-12-14 21:59:43-0',
      '2001-12-14 21:59:43+00:00',
      'datetime.datetime(2001, 12, 14, 21, 59, 43, tzinfo=datetime.timezone.utc)',
    ],
  ];
  it.each(cases)('is typed as PyYAML types it: %s', (plain, str, repr) => {
    expect(pyStr(resolvePlain(plain))).toBe(str);
    expect(pyRepr(resolvePlain(plain))).toBe(repr);
  });

  it.each(['2024-1-1', '24-01-01', '2024-01-01T', '2024-01-01 1:2:3', '2024/01/01', '2001-12-14 21:59'])(
    'is a str when written %s',
    (plain) => expect(resolvePlain(plain)).toBe(plain),
  );

  it.each(['2024-13-01', '2023-02-29', '0000-01-01', '2024-00-10', '2024-01-01 24:00:00', '2024-01-01 00:00:00+24:00'])(
    'is refused when there is no %s',
    (plain) => expect(() => resolvePlain(plain)).toThrow(PyYamlError),
  );
});

describe('what PyYAML refuses', () => {
  it.each(['0b_', '0x_', '-0b_', '<<', '='])('%s as a value', (plain) =>
    expect(() => resolvePlain(plain)).toThrow(PyYamlError),
  );

  it('is a number of more than 4300 digits', () => {
    expect(resolvePlain('9'.repeat(4300))).toBe(BigInt('9'.repeat(4300)));
    for (const plain of ['9'.repeat(4301), `0x${'f'.repeat(4000)}`, '9'.repeat(10 ** 6), `1${':1'.repeat(20_000)}`]) {
      expect(() => resolvePlain(plain)).toThrow(PyYamlError);
    }
  });
});

describe('a tag', () => {
  const cases: readonly [tag: string, text: string, value: PyValue][] = [
    ['!!str', '12', '12'],
    ['!!str', '', ''],
    ['tag:yaml.org,2002:str', '~', '~'],
    ['!!int', '12', 12n],
    ['!!int', ' 12\n', 12n],
    ['!!int', '0o17', 15n],
    ['!!int', '-0x1F', -31n],
    ['!!float', '3', 3],
    ['!!float', '1e3', 1000],
    ['!!float', 'inf', Number.POSITIVE_INFINITY],
    ['!!float', '-Infinity', Number.NEGATIVE_INFINITY],
    ['!!float', '1:30', 90],
    ['!!bool', 'yEs', true],
    ['!!bool', 'off', false],
    ['!!null', 'anything', null],
  ];
  it.each(cases)('%s makes %j its own', (tag, value, expected) =>
    expect(resolveTagged(tag, value)).toStrictEqual(expected),
  );

  it('reads a date that plain text would not be', () => {
    expect(pyStr(resolveTagged('!!timestamp', '2024-1-1')!)).toBe('2024-01-01');
  });

  it('reads base64 as Python does', () => {
    expect(pyRepr(resolveTagged('!!binary', 'aGVs\n bG8=\n')!)).toBe("b'hello'");
    expect(pyRepr(resolveTagged('!!binary', '')!)).toBe("b''");
    expect(pyRepr(resolveTagged('!!binary', 'aGk=xxxx')!)).toBe("b'hi'");
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const value = resolveTagged('!!binary', Buffer.from(bytes).toString('base64'));
        expect(value).toEqual({ bytes: Uint8Array.from(bytes) });
      }),
    );
  });

  it.each([
    ['!!int', 'abc'],
    ['!!int', ''],
    ['!!int', '1.5'],
    ['!!int', '08'],
    ['!!int', '01:30'],
    ['!!float', 'abc'],
    ['!!float', ''],
    ['!!bool', 'maybe'],
    ['!!timestamp', 'today'],
    ['!!binary', 'a'],
    ['!!binary', 'ab'],
    ['!!binary', 'é'],
  ])('%s refuses %j', (tag, value) => expect(() => resolveTagged(tag, value)).toThrow(PyYamlError));

  it.each(['!!seq', '!!map', '!!set', '!!python/name:os.system', '!!strx', '!foo', '!', ''])(
    '%j is none of a scalar',
    (tag) => expect(resolveTagged(tag, 'x')).toBeUndefined(),
  );
});

it('any text has a value, or is refused with a PyYamlError', () => {
  const piece = fc.constantFrom(
    '0',
    '1',
    '9',
    '_',
    ':',
    '.',
    '-',
    '+',
    'e',
    '0x',
    '0b',
    'inf',
    ' ',
    'T',
    'Z',
    '2024-01-01',
  );
  const plain = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(piece, { maxLength: 8 }).map((each) => each.join('')),
  );
  fc.assert(
    fc.property(plain, fc.constantFrom('int', 'float', 'bool', 'timestamp', 'binary', 'null', 'str'), (value, tag) => {
      for (const read of [() => resolvePlain(value), () => resolveTagged(`!!${tag}`, value)]) {
        try {
          pyRepr(read()!);
        } catch (error) {
          expect(error).toBeInstanceOf(PyYamlError);
        }
      }
    }),
    { numRuns: 1000 },
  );
});

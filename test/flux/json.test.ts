import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJson, property, toJson } from '../../src/flux/json.js';
import { recordedConnections } from '../support/flux/recordings.js';

const beyond = 9007199254740993n;

describe('JSON', () => {
  it('keeps integers beyond 2^53, both ways', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }), (id) => {
        const text = `{"id":${id},"ids":[-${id}],"0":{"${id}":"${id}"}}`;
        const value = { '0': { [`${id}`]: `${id}` }, id, ids: [-id] };
        expect(parseJson(text)).toEqual(value);
        expect(parseJson(toJson(value))).toEqual(value);
        expect(toJson({ id, path: 'eventlog' })).toBe(`{"id":${id},"path":"eventlog"}`);
      }),
    );
  });

  it('has numbers for integers up to that', () => {
    expect(parseJson('[28454158336, -1, 9007199254740991]')).toEqual([28454158336, -1, 9007199254740991]);
    expect(parseJson(`[28454158336, ${beyond}]`)).toEqual([28454158336, beyond]);
  });

  it.each([
    '1795374642.2424624',
    '0.017283467000000004',
    '1e20',
    '-0.5',
    '1E-7',
    '12345678901234567890.5',
    '1.7976931348623157e308',
  ])('leaves the float %s as it is', (text) => {
    expect(parseJson(text)).toBe(Number(text));
    expect(parseJson(`[${text},${beyond}]`)).toEqual([Number(text), beyond]);
  });

  it('reads everything else as the engine does, beside a long integer too', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const value = JSON.parse(text, (_, entry) => (isLongInteger(entry) ? BigInt(String(entry)) : entry));
        expect(parseJson(text)).toEqual(value);
        expect(parseJson(`[${beyond},${text}]`)).toEqual([beyond, value]);
      }),
      { numRuns: 300 },
    );
  });

  /** fast-check makes doubles, and some of them look like integers. */
  const isLongInteger = (value: unknown) =>
    typeof value === 'number' && /^-?\d+$/.test(String(value)) && !Number.isSafeInteger(value);

  it('writes everything else as the engine does', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(toJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    expect(toJson({ a: undefined, b: [1, 'ƒ', null, true] })).toBe('{"b":[1,"ƒ",null,true]}');
  });

  it.each(['', '{', '{"a":1', 'nul', '[1,]', `{"id":${beyond}`, `${beyond} x`, '\0', '{}\0'])(
    'does not read %j',
    (text) => {
      expect(() => parseJson(text)).toThrow(SyntaxError);
    },
  );

  it('reads every payload that was recorded', () => {
    for (const { messages } of recordedConnections) {
      for (const { payload, errnum } of messages) {
        if (payload !== undefined && (errnum ?? 0) === 0) expect(parseJson(payload)).toEqual(JSON.parse(payload));
      }
    }
  });
});

describe('a property', () => {
  it.each<[unknown, unknown]>([
    [{ key: 1 }, 1],
    [{ key: undefined }, undefined],
    [{}, undefined],
    [null, undefined],
    ['key', undefined],
    [7, undefined],
    [undefined, undefined],
    [[], undefined],
  ])('of %j is %j', (value, expected) => {
    expect(property(value, 'key')).toBe(expected);
  });

  it('is never an inherited one', () => {
    expect(property({}, 'toString')).toBeUndefined();
    expect(property(parseJson('{"__proto__": {"key": 1}}'), 'key')).toBeUndefined();
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeJobId, encodeJobId, toJobId } from '../../src/flux/job-id.js';
import { parseJson } from '../../src/flux/json.js';

describe('F58', () => {
  it.each([
    [0n, 'ƒ1'],
    [1n, 'ƒ2'],
    [27n, 'ƒU'],
    [57n, 'ƒz'],
    [58n, 'ƒ21'],
    [3363n, 'ƒzz'],
    [3364n, 'ƒ211'],
    [28454158336n, 'ƒkMPzwq'],
    [512225181696n, 'ƒETQawrw'],
    [9007199254740993n, 'ƒ2DLNrMSKui'],
    [18446744073709551614n, 'ƒjpXCZedGfVP'],
    [18446744073709551615n, 'ƒjpXCZedGfVQ'],
  ])('of %s is %s', (id, text) => {
    expect(encodeJobId(id)).toBe(text);
    expect(decodeJobId(text)).toBe(id);
    expect(decodeJobId(text.replace('ƒ', 'f'))).toBe(id);
  });

  it('is undone by reading it, for all 64 bits', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (id) => {
        expect(decodeJobId(encodeJobId(id))).toBe(id);
        expect(decodeJobId(encodeJobId(id).replace('ƒ', 'f'))).toBe(id);
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    '',
    'ƒ',
    'f',
    '1',
    '28454158336',
    'kMPzwq',
    'ƒ0',
    'ƒO',
    'ƒI',
    'ƒl',
    'ƒ-1',
    'ƒkMP zwq',
    ' ƒkMPzwq',
    'ƒkMPzwq\n',
  ])('is not %j', (text) => {
    expect(decodeJobId(text)).toBeUndefined();
  });

  it('has no more than 64 bits', () => {
    expect(decodeJobId('ƒjpXCZedGfVR')).toBeUndefined();
    expect(decodeJobId(`ƒ${'z'.repeat(1000)}`)).toBeUndefined();
    expect(() => encodeJobId(2n ** 64n)).toThrow(RangeError);
    expect(() => encodeJobId(-1n)).toThrow(RangeError);
  });

  it('is read with any text but never throws', () => {
    fc.assert(fc.property(fc.string(), (text) => void decodeJobId(text)));
    fc.assert(fc.property(fc.string(), (text) => void decodeJobId(`ƒ${text}`)));
  });
});

describe('an id in JSON', () => {
  it.each([
    ['0', 0n],
    ['28454158336', 28454158336n],
    ['9007199254740991', 9007199254740991n],
    ['9007199254740992', 9007199254740992n],
    ['9007199254740993', 9007199254740993n],
    ['18446744073709551615', 18446744073709551615n],
  ])('%s is read', (text, id) => {
    expect(toJobId(parseJson(text))).toBe(id);
  });

  it.each([
    '18446744073709551616',
    '-1',
    '-9007199254740993',
    '1.5',
    '1e300',
    '"28454158336"',
    'null',
    '[]',
    '{}',
    'true',
  ])('%s is none', (text) => {
    expect(toJobId(parseJson(text))).toBeUndefined();
  });

  it('that has lost digits is none', () => {
    expect(toJobId(Number('9007199254740993'))).toBeUndefined();
    expect(toJobId(undefined)).toBeUndefined();
  });
});

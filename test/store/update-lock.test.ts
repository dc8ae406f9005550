import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limitsGoingOn, readLimits } from '../../src/store/update-lock.js';

const limitsOf = (text: string) => readLimits(text).limits;
const told = (text: string) => readLimits(text).told.replace('Updated on the host (`maestro update`): ', '');
const unknown = 'nothing that is known here';

describe('what `maestro update` leaves', () => {
  it('is read as Maestro writes it: what was not given is null', () => {
    // yaml.dump of Maestro 1.1: keys in the order of the alphabet.
    expect(limitsOf('rlimit: null\nsleep: null\nthrottle: 7\n')).toEqual({ throttle: 7 });
    expect(limitsOf('rlimit: 3\nsleep: null\nthrottle: null\n')).toEqual({ restartLimit: 3 });
    expect(limitsOf('rlimit: 3\nsleep: 30\nthrottle: 7\n')).toEqual({ throttle: 7, restartLimit: 3 });
    expect(limitsOf('{rlimit: 3, throttle: 7}')).toEqual({ throttle: 7, restartLimit: 3 });
    expect(limitsOf('{"throttle": 7}')).toEqual({ throttle: 7 });
  });

  it('may take limits away: 0 is none', () => {
    expect(limitsOf('rlimit: 0\nthrottle: 0\n')).toEqual({ throttle: 0, restartLimit: 0 });
    expect(told('rlimit: 0\nthrottle: 0\n')).toBe('throttle 0, restart limit 0');
  });

  it('is told to people', () => {
    expect(readLimits('throttle: 7').told).toBe('Updated on the host (`maestro update`): throttle 7');
    expect(told('rlimit: 3\nsleep: null\nthrottle: 7\n')).toBe('throttle 7, restart limit 3');
    expect(told('rlimit: 3\nsleep: 30\nthrottle: null')).toBe(
      'restart limit 3, the sleep time means nothing here, where nothing is polled',
    );
    expect(told('sleep: 30')).toBe('the sleep time means nothing here, where nothing is polled');
  });

  it.each([
    ['nothing', ''],
    ['nulls', 'rlimit: null\nsleep: null\nthrottle: null\n'],
    ['a comment', '# throttle: 7\n'],
    ['no mapping', '- throttle: 7\n'],
    ['a word', 'throttle'],
    ['no YAML', 'throttle: [7'],
    ['no YAML at all', '\u0000\u0001{{{'],
    ['other keys', 'Throttle: 7\nrestart: 3\n'],
  ])('says nothing that is known here, if it is %s', (_, text) => {
    expect(readLimits(text)).toEqual({
      limits: {},
      told: `Updated on the host (\`maestro update\`): ${unknown}`,
    });
  });

  it.each([
    '-1',
    '1.5',
    '.inf',
    '.nan',
    'many',
    '[7]',
    '{a: 7}',
    '99999999999999999999',
    '~',
    'true',
    "''",
    '"7"',
    '2024-01-01',
  ])('leaves a limit as it is that is no whole number: %s', (value) => {
    expect(limitsOf(`throttle: ${value}\nrlimit: 3`)).toEqual({ restartLimit: 3 });
    expect(limitsOf(`rlimit: ${value}\nthrottle: 3`)).toEqual({ throttle: 3 });
  });

  it('is read without a failure whatever it is, and gives whole numbers only', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'throttle',
        'rlimit',
        'sleep',
        ': ',
        '\n',
        '- ',
        '{',
        '}',
        '[',
        ',',
        '"',
        "'",
        '&a',
        '*a',
        '!!int',
        '0',
        '7',
      ),
      fc.string({ unit: 'binary', maxLength: 4 }),
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
        (text) => {
          const { limits, told } = readLimits(text);
          expect(told.split('\n')).toHaveLength(1);
          for (const value of Object.values(limits)) expect(Number.isSafeInteger(value) && value >= 0).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('limits that somebody changed while an earlier run drove the study', () => {
  const at = Date.UTC(2026, 0, 31, 12);
  const inputs = { throttle: 2, restartLimit: 1 };

  it('hold for the next run, which says so', () =>
    expect(limitsGoingOn({ throttle: { value: 5, input: 2, at } }, inputs)).toEqual({
      limits: { throttle: 5 },
      overruled: {},
      told: ['The throttle is 5, as `maestro update` set it on 2026-01-31 12:00:00 UTC; the input says 2'],
    }));

  it('hold if it is not known what the inputs were', () =>
    expect(limitsGoingOn({ restartLimit: { value: 0, input: undefined, at } }, inputs)).toMatchObject({
      limits: { restartLimit: 0 },
      overruled: {},
    }));

  it('hold no more once the input has changed, which is said, and for the journal', () =>
    expect(limitsGoingOn({ throttle: { value: 5, input: 3, at } }, inputs)).toEqual({
      limits: {},
      overruled: { throttle: 2 },
      told: [
        'The throttle is 2, as the input says now: the 5 that `maestro update` set on 2026-01-31 12:00:00 UTC counts no more',
      ],
    }));

  it('are not worth a word if the input says the same', () =>
    expect(limitsGoingOn({ throttle: { value: 2, input: 7, at } }, inputs)).toEqual({
      limits: {},
      overruled: {},
      told: [],
    }));
});

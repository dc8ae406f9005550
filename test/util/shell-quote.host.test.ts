import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { quote, quoteAll } from '../../src/util/shell-quote.js';

/** The words that bash makes of a command line's arguments. */
function wordsOf(line: string): string[] {
  const { stdout, stderr, status } = spawnSync('bash', ['--noprofile', '--norc'], {
    input: `printf '%s\\0' begin ${line}\n`,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', x: 'expanded' },
    cwd: '/',
    maxBuffer: 1 << 28,
  });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return stdout.split('\0').slice(1, -1);
}

const awkward = [
  '',
  ' ',
  "'",
  "''",
  "'\\''",
  '"',
  '\\',
  '\n',
  '\n\n',
  '\t',
  '\r\n',
  '$x',
  '${x}',
  '$(id)',
  '`id`',
  '!!',
  '*',
  '?',
  '[a]',
  '/*',
  '~',
  '~root',
  'a=~',
  '{a,b}',
  '-n',
  '--',
  '#',
  '&',
  ';',
  '|',
  '<',
  '>',
  '(',
  ')',
  '\u0001',
  '\u007f',
  'é',
  '😀',
  '\u2028',
  '\ufeff',
  'x=1',
  '%1',
];

describe('a quoted word', () => {
  it.each([
    ['plain', 'plain'],
    ['/a/b-c_d.e', '/a/b-c_d.e'],
    ['KEY=1,2:3@%+', 'KEY=1,2:3@%+'],
    ['', "''"],
    ['a b', "'a b'"],
    ['$x', "'$x'"],
    ['~', "'~'"],
    ["it's", "'it'\\''s'"],
    ['a\nb', "'a\nb'"],
  ])('%j is written %s', (word, expected) => expect(quote(word)).toBe(expected));

  it('is that word again to bash, whatever is in it', () => expect(wordsOf(quoteAll(awkward))).toEqual(awkward));

  it('is that word again to bash, for any words', () => {
    const character = fc.oneof(
      fc.constantFrom(...awkward.filter((word) => word !== '')),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).filter((unit) => unit !== '\0'),
    );
    const word = fc.array(character, { maxLength: 8 }).map((characters) => characters.join(''));
    // One bash for many words: starting it takes much longer than what it does.
    fc.assert(
      fc.property(fc.array(word, { minLength: 200, maxLength: 400 }), (words) => {
        expect(wordsOf(quoteAll(words))).toEqual(words);
      }),
      { numRuns: 20 },
    );
  });

  it('cannot hold a NUL', () => {
    for (const word of ['\0', 'a\0b', "'\0"]) expect(() => quote(word)).toThrow(RangeError);
    expect(() => quoteAll(['a', 'b\0'])).toThrow('a NUL cannot be part of a command');
  });
});

describe('a command line', () => {
  it('has its words quoted, with a blank between', () =>
    expect(quoteAll(['cp', '-r', "it's", '/a b'])).toBe("cp -r 'it'\\''s' '/a b'"));
  it('of no words is empty', () => expect(quoteAll([])).toBe(''));
});

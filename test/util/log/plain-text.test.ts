import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { oneLine, printable, table, tailText } from '../../../src/util/log/plain-text.js';
import { hostileText } from '../../support/hostile.js';

describe('printable text', () => {
  it('is text as it was, tabs and newlines included', () => {
    expect(printable('a\tb\nc é 😀 日本 "x"')).toBe('a\tb\nc é 😀 日本 "x"');
  });

  it('has no colours, and moves no cursor', () => {
    expect(
      printable(
        '\u001b[1;31mred\u001b[0m \u001b[2K\u001b[1Aup \u001b]0;title\u0007x\u001b]8;;http://x\u001b\\link\u001bM',
      ),
    ).toBe('red up xlink');
  });

  it('shows every other control character, and ends lines one way', () => {
    expect(printable('a\u0000b\u0007c\rd\r\ne\u007ff\u0085g\u2028h\u202ei')).toBe(
      'a␀b␇c␍d\ne\ufffdf\ufffdg\ufffdh\ufffdi',
    );
  });

  it('has no control character whatever it was made of, and stays as it is', () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const shown = printable(text);
        expect(shown).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/);
        expect(printable(shown)).toBe(shown);
      }),
    );
  });
});

describe('text on one line', () => {
  it('has a blank for each run of lines', () => {
    expect(oneLine('a\n\n  b \r\n c')).toBe('a b c');
    fc.assert(
      fc.property(hostileText, (text) => {
        expect(oneLine(text)).not.toMatch(/[\n\r\u0085\u2028\u2029]/);
      }),
    );
  });
});

describe('the end of an output', () => {
  it('is its last lines', () => {
    expect(tailText(Buffer.from('one\ntwo\nthree\n\n\n'), 2)).toBe('two\nthree');
    expect(tailText(Buffer.from('one'), 5)).toBe('one');
    expect(tailText(Buffer.from(''), 5)).toBe('');
    expect(tailText(Buffer.from('\n\n'), 5)).toBe('');
  });

  it('is readable whatever its bytes are, and wherever they were cut', () => {
    const bytes = Buffer.from('é😀\nok\n');
    for (let cut = 0; cut < bytes.length; cut++) {
      expect(tailText(bytes.subarray(cut), 1)).toMatch(/^(ok|k|)$/);
    }
    expect(tailText(Buffer.from([0xff, 0xfe, 0x41, 0x00]), 1)).toBe('\ufffd\ufffdA␀');
  });
});

describe('a table', () => {
  it('has columns as wide as what is in them, and no blanks at the end of a line', () => {
    expect(
      table([
        ['STEP', 'STATE', 'REASON'],
        ['a', 'FINISHED', ''],
        ['longer', 'X', 'why'],
      ]),
    ).toEqual(['STEP    STATE     REASON', 'a       FINISHED', 'longer  X         why']);
  });

  it('of nothing is nothing', () => {
    expect(table([])).toEqual([]);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clip, code, fenced, folded, inline, markdownTable, preformatted } from '../../src/report/markdown.js';
import { oneLine, printable } from '../../src/util/log/plain-text.js';
import { hostileText } from '../support/hostile.js';

/** What a browser shows for text with entities. */
function shown(html: string): string {
  return html
    .replace(/&#([0-9]+);/g, (_, number) => String.fromCodePoint(Number(number)))
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

describe('text in Markdown', () => {
  it('means nothing to Markdown, to HTML or to GitHub', () => {
    expect(inline('run_SIZE.10')).toBe('run&#95;SIZE.10');
    expect(inline('<b>|`x`*@team #1 [a](b) ~c~ $d$ \\ http://e')).toBe(
      '&lt;b&gt;&#124;&#96;x&#96;&#42;&#64;team &#35;1 &#91;a&#93;(b) &#126;c&#126; &#36;d&#36; &#92; http&#58;//e',
    );
  });

  it('is no link that GitHub makes of an address without a scheme', () => {
    expect(inline('see WWW.example.org, not w.w')).toBe('see WWW&#46;example.org, not w.w');
  });

  it('shows exactly itself, on one line', () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const markdown = inline(text);
        expect(shown(markdown)).toBe(oneLine(text));
        expect(markdown).not.toMatch(/[\n\r<>`|*_~@[\]\\$]/);
        // What `&` and `#` are left are those of entities.
        expect(markdown.replace(/&(#[0-9]+|lt|gt|amp);/g, '')).not.toMatch(/[&#]/);
      }),
    );
  });

  it('in the typeface of code is no code to Markdown, which would take entities as they stand', () => {
    expect(code('a`b')).toBe('<code>a&#96;b</code>');
  });
});

describe('a block of text', () => {
  it('shows its lines as they are', () => {
    expect(preformatted('a <b>\n\n  c & d')).toBe('<pre>a &lt;b&gt;\n&#8203;\n  c &amp; d</pre>');
  });

  it('is one block of HTML whatever is in it: no tag, no blank line', () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const block = preformatted(text);
        expect(block).toMatch(/^<pre>[^<>]*<\/pre>$/);
        expect(block.split('\n').filter((line) => line.trim() === '')).toEqual([]);
        expect(
          shown(block.slice(5, -6))
            .replaceAll('\u200b', '')
            .replace(/^[^\S\n]+$/gm, ''),
        ).toBe(
          printable(text)
            .replaceAll('\u200b', '')
            .replace(/^[^\S\n]+$/gm, ''),
        );
      }),
    );
  });
});

describe('a text that is cut', () => {
  it('is so many characters long, and says that it goes on', () => {
    expect([clip('abcdef', 6), clip('abcdefg', 6), clip('', 6)]).toEqual(['abcdef', 'abcde…', '']);
    expect(clip('abcd😀f', 6)).toBe('abcd…');
  });
});

describe('what is folded', () => {
  it('is Markdown, for a blank line is before it', () => {
    expect(folded('More', '- a')).toBe('<details><summary>More</summary>\n\n- a\n\n</details>');
  });
});

describe('source of another language', () => {
  it('is between fences', () => {
    expect(fenced('mermaid', 'gantt\n  a')).toBe('```mermaid\ngantt\n  a\n```');
  });
});

describe('a table', () => {
  it('has its header, a rule and a line for each row', () => {
    expect(
      markdownTable(
        ['A', 'B'],
        [
          ['1', '2'],
          ['3', ''],
        ],
      ),
    ).toBe('| A | B |\n| --- | --- |\n| 1 | 2 |\n| 3 |  |');
  });
});

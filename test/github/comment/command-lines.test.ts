import fc from 'fast-check';
import { marked, type Token } from 'marked';
import { describe, expect, it } from 'vitest';
import { commandLines } from '../../../src/github/comment/command-lines.js';

const fence = '```';

describe('a command', () => {
  it.each([
    ['alone', '/study run', ['/study run']],
    ['after a paragraph', 'Looks good.\n\n/study run a.yaml', ['/study run a.yaml']],
    ['in the middle of a paragraph', 'Looks good.\n/study run\nThanks', ['/study run']],
    ['before the signature of an e-mail', '/study run\n-- \nAda', ['/study run']],
    ['after code', `${fence}\nx\n${fence}\n/study run`, ['/study run']],
    ['after a quote and a blank line', '> /study run a\n\n/study run b', ['/study run b']],
    ['after code that ends in its paragraph', 'it is `a`\n/study run', ['/study run']],
    ['after a backtick that opens nothing', 'it is ` \n/study run', ['/study run']],
    ['after a comment of HTML', '<!-- a -->\n\n/study run', ['/study run']],
    ['with a tab and a line of Windows', '/study\trun\r\nx', ['/study\trun']],
    ['with old line ends', 'a\r/study run\rb', ['/study run']],
    ['without anything', '/study', ['/study']],
    ['twice', '/study run\n/study help', ['/study run', '/study help']],
  ])('is found %s', (_, comment, lines) => expect(commandLines(comment)).toEqual(lines));

  it.each([
    ['not at the start of a line', 'please /study run'],
    ['after a blank', ' /study run'],
    ['after a no-break space', '\u00a0/study run'],
    ['after a line separator, which ends no line', 'a\u2028/study run'],
    ['as another word', '/studyrun\n/study-run\n/studying'],
    ['in capitals', '/STUDY run'],
    ['in a quote', '> /study run'],
    ['in a quote that goes on without its mark', '> somebody wrote\n/study run'],
    ['in a quote within a quote', '> > a\n/study run'],
    ['in a list', '- a\n/study run'],
    ['in code', `${fence}\n/study run\n${fence}`],
    ['in code with a language', '~~~sh\n/study run\n~~~'],
    ['in code that does not end', `${fence}\n/study run`],
    ['in longer code', `${fence}\`\n${fence}\n/study run\n${fence}\``],
    ['in code within a paragraph', 'see `a\n/study run\n` there'],
    ['in an HTML comment', '<!--\n\n/study run\n\n-->'],
    ['in an HTML comment within a paragraph', 'a <!-- b\n/study run\n--> c'],
    ['in an HTML comment that does not end', '<!--\n/study run'],
    ['in preformatted HTML', '<pre>\n\n/study run\n\n</pre>'],
    ['in a quote of HTML', '<blockquote>\n\n/study run\n\n</blockquote>'],
    ['in HTML', '<div>\n/study run\n</div>'],
    ['in an attribute', 'a <a title="\n/study run\n">b</a>'],
    ['after HTML that hides where code begins', `<div>\n${fence}\n\n${fence}\n/study run\n${fence}`],
    ['as a heading', '# /study run'],
    ['in nothing', ''],
  ])('is none %s', (_, comment) => expect(commandLines(comment)).toEqual([]));

  it.each([
    ['quotes', `${'>'.repeat(60_000)}a`],
    ['brackets', '['.repeat(60_000)],
    ['emphasis', '*a_ '.repeat(15_000)],
    ['backticks', Array.from({ length: 340 }, (_, i) => '`'.repeat(i)).join(' ')],
    ['HTML', '<a '.repeat(20_000)],
    ['comments', '<!-- '.repeat(12_000)],
    ['commands', '/study run\n'.repeat(5900)],
  ])('in a comment that is made to take long (%s) is found, or is not, within seconds', (_, rest) => {
    const started = performance.now();
    expect(() => commandLines(`/study run\n\n${rest}`)).not.toThrow();
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

const pieces = [
  '/study run',
  '/study',
  '> ',
  '- ',
  '1. ',
  fence,
  '~~~',
  '`',
  '``',
  '\\`',
  '    ',
  ' ',
  '\t',
  'a',
  '\n',
  '\n',
];
const html = [
  '<!--',
  '-->',
  '<div>',
  '</div>',
  '<pre>',
  '</pre>',
  '<blockquote>',
  '</blockquote>',
  '<a b="',
  '">',
  '\r',
];
const comments = fc
  .array(fc.oneof(fc.constantFrom(...pieces), fc.constantFrom(...pieces, ...html), fc.string({ maxLength: 3 })), {
    maxLength: 25,
  })
  .map((parts) => parts.join(''));

describe('whatever a comment is made of', () => {
  it('only lines that begin with /study are commands', () => {
    fc.assert(
      fc.property(comments, (comment) => {
        const lines = comment.split(/\r\n|\r|\n/).map((line) => line.trimEnd());
        for (const line of commandLines(comment)) {
          expect(line).toMatch(/^\/study(?![^ \t])/);
          expect(lines).toContain(line);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('no command is shown as code or as a quote', () => {
    fc.assert(
      fc.property(comments, (comment) => {
        const text = comment.replaceAll(/\r\n?/g, '\n');
        const shown = plainText(marked.lexer(text))
          .split('\n')
          .filter((line) => line.startsWith('/study'));
        expect(commandLines(comment).length).toBeLessThanOrEqual(shown.length);
      }),
      { numRuns: 2000 },
    );
  });
});

/** What the whole parser finds in paragraphs and headings that are in nothing else, without code and HTML. */
function plainText(tokens: readonly Token[]): string {
  const own = tokens.filter(({ type }) => type === 'paragraph' || type === 'heading');
  return own.map((token) => inlineText((token as { tokens?: Token[] }).tokens ?? [])).join('\n\n');
}

function inlineText(tokens: readonly Token[]): string {
  return tokens
    .map((token) => {
      if (token.type === 'codespan' || token.type === 'html') return '·';
      const inner = (token as { tokens?: Token[] }).tokens;
      return inner === undefined ? token.raw : inlineText(inner);
    })
    .join('');
}

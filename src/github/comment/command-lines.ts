import { Lexer, type Token } from 'marked';

const command = /^\/study(?=[ \t]|$)/;

/** What shows text as somebody else's, or as code. */
const tags = /<(\/?)(?:blockquote|pre|code|textarea)\b/gi;

/**
 * The lines of a comment that are commands: those that begin with `/study` and that GitHub shows as text of the comment's own.
 * Lines in quotes, in code, in lists and in HTML are none. Never throws.
 */
export function commandLines(comment: string): string[] {
  const text = comment.replace(/\r\n?/g, '\n');
  if (!text.split('\n').some((line) => command.test(line))) return [];
  const lines: string[] = [];
  let depth = 0;
  for (const token of blocksOf(text)) {
    if (token.type !== 'paragraph' && token.type !== 'heading') {
      if (token.type === 'html') depth = depthAfter(depth, token.raw);
      continue;
    }
    const hidden = hiddenIn(token.raw);
    let start = 0;
    for (const line of token.raw.split('\n')) {
      const at = start;
      const isShown = depth === 0 && !hidden.some(([from, to]) => from < at && at < to);
      if (isShown && command.test(line)) lines.push(line.trimEnd());
      depth = depthAfter(depth, line);
      start += line.length + 1;
    }
  }
  return lines;
}

/** The blocks of a text, not what is in their lines, which takes quadratic time for texts that are made for it. */
function blocksOf(text: string): Token[] {
  // Each quote within another takes time and stack.
  if (/^[ \t]*(?:>[ \t]*){100}/m.test(text)) return [];
  try {
    return new Lexer().blockTokens(text);
  } catch {
    return [];
  }
}

function depthAfter(depth: number, html: string): number {
  const steps = html.replace(/<!--.*?-->/gs, '').matchAll(tags);
  return [...steps].reduce((sum, [, slash]) => Math.max(0, sum + (slash === '' ? 1 : -1)), depth);
}

/** Where code and HTML are in a paragraph, both of which may go over several lines: their beginnings and ends. */
function hiddenIn(text: string): [from: number, to: number][] {
  const ticks = [...text.matchAll(/`+/g)].map(({ 0: { length }, index }) => ({ length, index }));
  const hidden: [number, number][] = [];
  const openings = /\\.|`+|<!--|<[a-z/!?]/gis;
  for (let match = openings.exec(text); match !== null; match = openings.exec(text)) {
    const [opening] = match;
    if (opening.startsWith('\\')) continue;
    const end = opening.startsWith('`')
      ? endOfCode(ticks, match.index, opening.length)
      : endOf(text, opening === '<!--' ? '-->' : '>', match.index);
    if (end === undefined) continue;
    hidden.push([match.index, end]);
    openings.lastIndex = end;
  }
  return hidden;
}

function endOfCode(
  ticks: readonly { readonly length: number; readonly index: number }[],
  from: number,
  length: number,
): number | undefined {
  const closing = ticks.find((run) => run.index >= from + length && run.length === length);
  return closing && closing.index + length;
}

function endOf(text: string, closing: string, from: number): number | undefined {
  const at = text.indexOf(closing, from);
  return at === -1 ? undefined : at + closing.length;
}

import { oneLine, printable } from '../util/log/plain-text.js';

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

const escapeHtml = (text: string) => text.replace(/[&<>]/g, (character) => entities[character]!);

/** Text as Markdown that shows exactly it, on one line: fit for a table's cell, a heading, or a sentence. */
export function inline(text: string): string {
  // Besides Markdown's own characters those that GitHub makes mentions, references, emoji, links and formulas of.
  return escapeHtml(oneLine(text)).replace(
    /[\\`*_[\]|~$@:#]|(?<=www)\./gi,
    (character) => `&#${character.codePointAt(0)};`,
  );
}

/** The beginning of a text that is too long, followed by an ellipsis. */
export function clip(text: string, most: number): string {
  if (text.length <= most) return text;
  // Half of a character is none.
  return `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** Text in the typeface of code, on one line. */
export function code(text: string): string {
  return `<code>${inline(text)}</code>`;
}

/** Lines of text as they are, in a block. */
export function preformatted(text: string): string {
  // A blank line would end the block, within a <details>, and what follows would be read as Markdown.
  const lines = escapeHtml(printable(text)).split('\n');
  return `<pre>${lines.map((line) => (line.trim() === '' ? '&#8203;' : line)).join('\n')}</pre>`;
}

/** Markdown that is folded until it is opened. The title is Markdown on one line. */
export function folded(title: string, content: string): string {
  return `<details><summary>${title}</summary>\n\n${content}\n\n</details>`;
}

/** Source of another language, which has no backticks: GitHub draws `mermaid`. */
export function fenced(language: string, source: string): string {
  return `\`\`\`${language}\n${source}\n\`\`\``;
}

export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n');
}

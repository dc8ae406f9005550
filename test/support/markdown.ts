import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { marked, type Token, type Tokens } from 'marked';

/** The top of the repository. */
export const root = path.resolve(import.meta.dirname, '../..');

/** Directories that hold no documentation of ours. */
const skipped = new Set(['node_modules', 'build', 'dist', '.git']);

/** A page of the documentation: its path from the top of the repository, and its text. */
export interface Page {
  readonly file: string;
  readonly text: string;
}

/** Every Markdown file of the repository. */
export function allPages(): Page[] {
  const found = (folder: string): string[] =>
    readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
      const name = path.posix.join(folder, entry.name);
      if (entry.isDirectory()) return skipped.has(entry.name) ? [] : found(name);
      return entry.isFile() && entry.name.endsWith('.md') ? [name] : [];
    });
  return found('')
    .sort()
    .map((file) => ({ file, text: readFileSync(path.join(root, file), 'utf8') }));
}

/** What users read: the README and the pages of docs/. */
export const userPages = (): Page[] =>
  allPages().filter(({ file }) => file === 'README.md' || file.startsWith('docs/'));

/** A fenced block. */
export interface CodeBlock {
  /** `yaml`, `sh`; '' if the fence names none. */
  readonly language: string;
  readonly text: string;
  /** The line of the page on which its text begins, from 1. */
  readonly line: number;
}

export function codeBlocksOf(markdown: string): CodeBlock[] {
  const lines = markdown.split('\n');
  let line = 0;
  return tokensOf(markdown)
    .filter((token): token is Tokens.Code => token.type === 'code' && token.codeBlockStyle !== 'indented')
    .map(({ lang = '', text }) => {
      // The tokens have no positions. A block in a list is indented, so lines are compared without their indentation.
      const first = text.split('\n')[0]!.trim();
      const fence = lines.findIndex(
        (each, index) => index >= line && /^\s*```/.test(each) && lines[index + 1]?.trim() === first,
      );
      line = fence + 1 + text.split('\n').length;
      return { language: lang.split(' ')[0]!, text: `${text}\n`, line: fence + 2 };
    });
}

/** The complete workflows among the blocks of YAML: those with `on` and `jobs`. */
export function workflowsOf(markdown: string): CodeBlock[] {
  return codeBlocksOf(markdown).filter(
    ({ language, text }) => isYaml(language) && /^on:/m.test(text) && /^jobs:/m.test(text),
  );
}

export const isYaml = (language: string) => language === 'yaml' || language === 'yml';

/** A command of a block of shell text. */
export interface Command {
  /** All its lines, with what it reads by `<<`, without a comment behind it. */
  readonly text: string;
  readonly line: number;
}

/** Every command in the blocks `sh` and `bash`. Scripts, which begin with `#!`, are one command each. */
export function commandsOf(markdown: string): Command[] {
  return codeBlocksOf(markdown)
    .filter(({ language }) => language === 'sh' || language === 'bash')
    .flatMap(({ text, line }) => (text.startsWith('#!') ? [{ text: text.trimEnd(), line }] : commandsIn(text, line)));
}

function commandsIn(text: string, firstLine: number): Command[] {
  const commands: Command[] = [];
  const lines = text.split('\n');
  for (let index = 0; index < lines.length; index++) {
    const start = index;
    while (lines[index]!.endsWith('\\') && index + 1 < lines.length) index += 1;
    const end = /<<-?\s*(['"]?)(\w+)\1/.exec(lines[index]!)?.[2];
    if (end !== undefined) while (index + 1 < lines.length && lines[index]!.trim() !== end) index += 1;
    const whole = lines.slice(start, index + 1);
    const command = whole.length === 1 ? whole[0]!.replace(/(^|\s+)#.*$/, '').trim() : whole.join('\n');
    if (command !== '') commands.push({ text: command, line: firstLine + start });
  }
  return commands;
}

/** The targets of all links and pictures of a page, those in its HTML too. */
export function linksOf(markdown: string): string[] {
  return tokensOf(markdown).flatMap((token) => {
    if (token.type === 'link' || token.type === 'image') return [(token as Tokens.Link).href];
    if (token.type !== 'html') return [];
    return [...token.raw.matchAll(/\b(?:href|src|srcset)="([^"]*)"/g)].map(([, target]) => target!);
  });
}

/** What a link `#...` into a page may name, by GitHub's rules: its headings, and the ids of its HTML. */
export function anchorsOf(markdown: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  const used = new Map<string, number>();
  for (const token of tokensOf(markdown)) {
    if (token.type === 'html') {
      for (const [, id] of token.raw.matchAll(/\b(?:id|name)="([^"]*)"/g)) anchors.add(id!);
    } else if (token.type === 'heading') {
      const slug = slugOf(shownText((token as Tokens.Heading).tokens));
      const before = used.get(slug) ?? 0;
      used.set(slug, before + 1);
      anchors.add(before === 0 ? slug : `${slug}-${before}`);
    }
  }
  return anchors;
}

/** What GitHub makes of a heading: no punctuation but `-` and `_`, and a hyphen for each space. */
export function slugOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-');
}

function shownText(tokens: readonly Token[]): string {
  return tokens
    .map((token) => ('tokens' in token && token.tokens !== undefined ? shownText(token.tokens) : textOf(token)))
    .join('');
}

const textOf = (token: Token) => ('text' in token && typeof token.text === 'string' ? unescaped(token.text) : '');

/** The text of tokens has the characters that HTML reserves as entities. */
const unescaped = (text: string) =>
  text.replaceAll(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => entities[name as keyof typeof entities]);
const entities = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" } as const;

/** All tokens of a page, those inside of others too, in the order of the page. */
function tokensOf(markdown: string): Token[] {
  const all: Token[] = [];
  marked.walkTokens(marked.lexer(markdown), (token) => {
    all.push(token);
  });
  return all;
}

import { printable } from '../../util/log/plain-text.js';

/** A piece of a page: markup, in which all that came from elsewhere is escaped. Made by `html` only. */
export class Html {
  readonly text: string;

  /** @param text markup, to be trusted: not for texts of others */
  constructor(text: string) {
    this.text = text;
  }
}

export type Piece = Html | string | number | readonly Piece[];

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text that is the same text in an element and in a quoted attribute; what could hide or move others is made visible. */
export function escapeHtml(text: string): string {
  return printable(text).replace(/[&<>"']/g, (character) => entities[character]!);
}

/** Markup with texts put into it, each escaped; pieces of markup, and lists of them, as they are. Serves for SVG too. */
export function html(markup: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  let text = markup[0]!;
  for (const [i, piece] of pieces.entries()) text += render(piece) + markup[i + 1]!;
  return new Html(text);
}

export const nothing = new Html('');

/** `10,000`; `1 step`, `10,000 steps`. */
export function counted(count: number, what = ''): string {
  const number = String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
  return what === '' ? number : `${number} ${what}${count === 1 ? '' : 's'}`;
}

function render(piece: Piece): string {
  if (piece instanceof Html) return piece.text;
  if (typeof piece === 'number') return String(Math.round(piece * 100) / 100);
  return typeof piece === 'string' ? escapeHtml(piece) : piece.map(render).join('');
}

/**
 * A value as JSON that can stand in a `<script>`: nothing in it ends the element or begins a comment. Texts in it are
 * printable already, where they are to be shown.
 */
export function jsonInHtml(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

import { type Event, parseEvents, YAMLException } from 'js-yaml';
import { type Position, Source } from '../source.js';

/** Deeper than PyYAML gets within Python's recursion limit of 1000. */
export const MAX_DEPTH = 500;

/**
 * js-yaml's events, or why there are none. YAML 1.1 ends lines with more characters than YAML 1.2 does; each is replaced by
 * one, so that offsets stay true.
 */
export function tryParse(text: string): Event[] | { reason: string; offset: number } {
  try {
    const lines = text.replaceAll(/[\x85\u2028\u2029]/g, '\n').replaceAll(/[\uf8f8-\uf8fa]/g, ' ');
    return parseEvents(lines, { maxDepth: MAX_DEPTH });
  } catch (error) {
    if (!(error instanceof YAMLException)) return { reason: String(error), offset: 0 };
    return { reason: error.reason, offset: error.mark?.position ?? 0 };
  }
}

/** What js-yaml says when a text breaks off within brackets or quotes. */
export const UNFINISHED = /^(?:unexpected end of the stream within a (?:flow|single|double)|deficient indentation)/;

/** The bracket or quote within which the text breaks off at `end`: the outermost one, as indentation is the block's. */
export function openerBefore(text: string, end: number): { offset: number; cost: number } | undefined {
  let cost = 0;
  for (let offset = end - 1, tries = 0; offset >= 0 && tries < 200; offset--) {
    if (!'[{"\''.includes(text[offset]!)) continue;
    const before = tryParse(text.slice(0, offset));
    cost += offset;
    tries++;
    if (Array.isArray(before) || !UNFINISHED.test(before.reason)) return { offset, cost };
  }
  return undefined;
}

/**
 * The source with spaces put before some lines. PyYAML does not care how lines within brackets and quotes are indented
 * (scanner.py, unwind_indent and scan_flow_scalar); js-yaml wants them deeper than the block around them. As those
 * spaces mean nothing, adding them changes no value.
 */
export class Indented {
  readonly #source: Source;
  #current: Source;
  /** By line: how many columns it has more than the file's. */
  readonly #added = new Map<number, number>();
  /** By line: the column of a space that is not the file's. */
  readonly #spaces = new Map<number, number>();

  constructor(source: Source) {
    this.#source = source;
    this.#current = source;
    if (source.text.startsWith('\ufeff')) this.#added.set(1, 1); // editors do not count it either
  }

  get text(): string {
    return this.#current.text;
  }

  positionAt(offset: number): Position {
    const { file, line, column } = this.#current.positionAt(offset);
    const isAfterSpace = column > (this.#spaces.get(line) ?? Number.POSITIVE_INFINITY);
    return { file, line, column: Math.max(1, column - (this.#added.get(line) ?? 0) - (isAfterSpace ? 1 : 0)) };
  }

  /**
   * Puts a space before a comment that follows a quote, bracket or comma at once, which PyYAML reads too (scanner.py,
   * scan_to_next_token). False if that is not what is wrong at `offset`. Nothing but the comment moves, and what is after it.
   */
  separateComment(offset: number): boolean {
    const { text } = this;
    const { line, column } = this.#current.positionAt(offset);
    if (text[offset] !== '#' || !/["'\]},]/.test(text[offset - 1] ?? '')) return false;
    this.#spaces.set(line, column);
    this.#current = new Source(this.#source.file, `${text.slice(0, offset)} ${text.slice(offset)}`);
    return true;
  }

  /**
   * Lets js-yaml take the line breaks that only YAML 1.1 knows for text within quotes, and for blanks within brackets: neither
   * has an indentation. False if there are none.
   */
  #hideSeparators(start: number, end: number, spans: readonly Span[]): boolean {
    const { text } = this;
    let hidden = '';
    let at = start;
    for (const span of spans) {
      hidden += hide(text.slice(at, span.start), BLANKS) + hide(text.slice(span.start, span.end), TEXTS[span.kind]);
      at = span.end;
    }
    hidden += hide(text.slice(at, end), BLANKS);
    if (hidden === text.slice(start, end)) return false;
    this.#current = new Source(this.#source.file, text.slice(0, start) + hidden + text.slice(end));
    return true;
  }

  /** Indents what the bracket or quote at `opener` holds. False if that cannot help or would take too much memory. */
  indent(opener: number, failure: number): boolean {
    const spans: Span[] = [];
    const end = endOfFlow(this.text, opener, (span) => spans.push(span));
    if (end === undefined || end < failure) return false;
    if (this.#hideSeparators(opener, end, spans)) return true;
    const head = this.text.slice(0, opener);
    // No block collection starts further right than the blanks, dashes, question marks and colons of its line.
    let width = 0;
    for (const [index, line] of head.split('\n').entries()) {
      const start = /^\s*(?:[-?:]\s+)*/.exec(line)![0].length - (this.#added.get(index + 1) ?? 0);
      width = Math.max(width, start);
    }
    const first = this.#current.positionAt(opener).line;
    const lines = this.text.slice(opener, end).split('\n');
    if (lines.length * (width + 1) > 1_000_000) return false;
    const mended = lines.map((line, index) => {
      const isMarker = /^(?:---|\.\.\.)(?:\s|$)/.test(line);
      if (index === 0 || isMarker || this.#added.has(first + index)) return line;
      this.#added.set(first + index, width + 1);
      const space = this.#spaces.get(first + index);
      if (space !== undefined) this.#spaces.set(first + index, space + width + 1);
      return ' '.repeat(width + 1) + line;
    });
    const text = head + mended.join('\n') + this.text.slice(end);
    if (text.length === this.text.length) return false;
    this.#current = new Source(this.#source.file, text);
    return true;
  }
}

/** A quoted text, or a comment with its end of line. */
interface Span {
  readonly kind: 'quoted' | 'comment';
  readonly start: number;
  readonly end: number;
}

const SEPARATORS = '\x85\u2028\u2029';

// What stands for the separators that are hidden: private characters, restored before anything is decoded.
const QUOTED = '\uf8f5\uf8f6\uf8f7';
const BLANKS = '\uf8f8\uf8f9\uf8fa';
const TEXTS = { quoted: QUOTED, comment: SEPARATORS };

function hide(text: string, standIns: string): string {
  if (HIDDEN.test(text)) return text;
  return text.replaceAll(/[\x85\u2028\u2029]/g, (character) => standIns[SEPARATORS.indexOf(character)]!);
}

/** The text with the separators that were hidden in it. */
export function unhide(text: string): string {
  return text.replaceAll(/[\uf8f5-\uf8fa]/g, (character) => SEPARATORS[(QUOTED + BLANKS).indexOf(character) % 3]!);
}

/** Characters that stand for others. A text that has some of its own is left alone. */
export const HIDDEN = /[\uf8f5-\uf8fa]/;

/**
 * The offset after the flow collection or quoted text that starts at `start`, or undefined if it never ends.
 *
 * @param onSpan told of each quoted text and comment in it
 */
export function endOfFlow(text: string, start: number, onSpan: (span: Span) => void = () => {}): number | undefined {
  let depth = 0;
  // A quote opens quoted text only where a value can start: within unquoted text it is part of it. So is a `#`, unless
  // there is a blank before it.
  let valueStarts = true;
  let inText = false;
  for (let offset = start; offset < text.length; ) {
    const character = text[offset]!;
    if (valueStarts && (character === '"' || character === "'")) {
      const end = endOfQuoted(text, offset);
      if (end === undefined) return undefined;
      onSpan({ kind: 'quoted', start: offset, end });
      offset = end;
      valueStarts = false;
      inText = false;
    } else if (character === '#' && (!inText || /\s/.test(text[offset - 1]!))) {
      const length = text.slice(offset).search(/[\n\x85\u2028\u2029]/);
      const end = length === -1 ? text.length : offset + length;
      onSpan({ kind: 'comment', start: offset, end: end + 1 });
      offset = end;
    } else {
      if (/[[{]/.test(character)) depth++;
      if (/[\]}]/.test(character)) depth--;
      if (!/\s/.test(character)) {
        const separates = /[:?]/.test(character) && /[\s,[\]{}'"]/.test(text[offset + 1] ?? '');
        valueStarts = separates || /[[{,]/.test(character);
        inText = !separates && !/[[\]{},]/.test(character);
      }
      offset++;
    }
    if (depth === 0) return offset;
  }
  return undefined;
}

function endOfQuoted(text: string, start: number): number | undefined {
  const quote = text[start];
  for (let offset = start + 1; offset < text.length; offset++) {
    if (quote === '"' && text[offset] === '\\') offset++;
    else if (text[offset] === quote && (quote === '"' || text[offset + 1] !== quote)) return offset + 1;
    else if (text[offset] === quote) offset++;
  }
  return undefined;
}

import { type Event, parseEvents, YAMLException } from 'js-yaml';
import type { Position, Source } from '../source.js';

/** Deeper than PyYAML gets within Python's recursion limit of 1000. */
export const MAX_DEPTH = 500;

/** Why js-yaml cannot read a text. */
export interface Refusal {
  readonly reason: string;
  readonly offset: number;
}

/**
 * js-yaml's events, or why there are none. YAML 1.1 ends lines with more characters than YAML 1.2 does; each is replaced by
 * one, so that offsets stay true.
 */
export function tryParse(text: string): Event[] | Refusal {
  try {
    return parseEvents(text.replaceAll(/[\x85\u2028\u2029]/g, '\n'), { maxDepth: MAX_DEPTH });
  } catch (error) {
    if (!(error instanceof YAMLException)) return { reason: String(error), offset: 0 };
    return { reason: error.reason, offset: error.mark?.position ?? 0 };
  }
}

/** What js-yaml says of a line within brackets or quotes that is not indented deeper than the block around them. */
const SHALLOW = 'deficient indentation';

/** How many spaces may be added in all. */
const MAX_ADDED = 1_000_000;

/** Spaces that were added: where in the file, and how many. */
interface Insertion {
  readonly at: number;
  readonly length: number;
}

/**
 * A source with spaces added where js-yaml wants some and PyYAML does not, so that both read the same:
 * - before lines within brackets and quotes that are indented less than their key, such as a closing bracket in the column of
 *   the key, which is how formatters write it (PyYAML 6 scanner.py, unwind_indent and scan_flow_scalar);
 * - before a comment that follows a quote, bracket or comma at once (scan_to_next_token).
 * These spaces change no value, and positions stay those of the file.
 */
export class PaddedSource {
  readonly #source: Source;
  /** In the order of the text. */
  #insertions: readonly Insertion[] = [];
  #added = 0;
  #text: string;

  constructor(source: Source) {
    this.#source = source;
    this.#text = source.text;
  }

  get text(): string {
    return this.#text;
  }

  positionAt(offset: number): Position {
    const position = this.#source.positionAt(this.#offsetInFile(offset));
    // Editors do not count a byte order mark.
    const hasMark = position.line === 1 && this.#source.text.startsWith('\ufeff');
    return hasMark ? { ...position, column: Math.max(1, position.column - 1) } : position;
  }

  /** Adds the spaces that js-yaml misses where it failed. @returns whether there were any to add */
  pad({ reason, offset }: Refusal): boolean {
    const at = this.#offsetInFile(offset);
    if (reason === SHALLOW) return this.#indentLine(at);
    const { text } = this.#source;
    return text[at] === '#' && /["'\]},]/.test(text[at - 1] ?? '') && this.#insert(at, 1);
  }

  /** Indents the line of an offset in the file. */
  #indentLine(at: number): boolean {
    const { text } = this.#source;
    let start = at;
    while (start > 0 && !/[\n\r\x85\u2028\u2029]/.test(text[start - 1]!)) start--;
    const isMarker = /^(?:---|\.\.\.)(?:\s|$)/.test(text.slice(start, start + 4));
    const isPadded = this.#insertions.some((insertion) => insertion.at === start);
    return !isMarker && !isPadded && this.#insert(start, deepestBlock(text.slice(0, start)) + 1);
  }

  /** Whether the line of an offset of `text` had to be indented: it is within brackets or quotes. */
  isIndented(offset: number): boolean {
    const { line } = this.positionAt(offset);
    return this.#insertions.some(({ at }) => this.#source.positionAt(at).line === line);
  }

  #insert(at: number, length: number): boolean {
    this.#added += length;
    if (this.#added > MAX_ADDED) return false;
    this.#insertions = [...this.#insertions, { at, length }].sort((a, b) => a.at - b.at);
    let from = 0;
    const parts = this.#insertions.map((insertion) => {
      const part = this.#source.text.slice(from, insertion.at) + ' '.repeat(insertion.length);
      from = insertion.at;
      return part;
    });
    this.#text = parts.join('') + this.#source.text.slice(from);
    return true;
  }

  /** Of an added space it is the offset of what follows it. */
  #offsetInFile(offset: number): number {
    let added = 0;
    for (const { at, length } of this.#insertions) {
      if (offset < at + added) break;
      if (offset < at + added + length) return at;
      added += length;
    }
    return offset - added;
  }
}

/** No block collection starts further right than the blanks, dashes, question marks and colons of its line. */
function deepestBlock(text: string): number {
  let deepest = 0;
  for (const line of text.split('\n')) deepest = Math.max(deepest, /^\s*(?:[-?:]\s+)*/.exec(line)![0].length);
  return deepest;
}

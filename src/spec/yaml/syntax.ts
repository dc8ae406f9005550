import type { Event } from 'js-yaml';
import { Fatal } from '../problem.js';
import type { Position, Source } from '../source.js';
import { PaddedSource, tryParse } from './padded-source.js';
import { syntaxError } from './syntax-error.js';

/** In UTF-16 units: reading takes about a second for each million. */
const MAX_LENGTH = 100_000_000;

/** In UTF-16 units: how much text may be parsed again, whatever the text's own length. */
const MIN_BUDGET = 50_000_000;

/** A text that js-yaml has parsed, and where its offsets are in the file. */
export interface Syntax {
  readonly text: string;
  readonly events: readonly Event[];
  positionAt(offset: number): Position;
}

// PyYAML 6 reader.py, Reader.NON_PRINTABLE.
const NOT_ALLOWED = /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

/**
 * Parses a text.
 *
 * @throws Fatal at the first thing that is not YAML
 */
export function parse(source: Source): Syntax {
  if (source.text.length > MAX_LENGTH) {
    throw new Fatal(source.positionAt(0), `more than ${MAX_LENGTH.toLocaleString('en')} characters`);
  }
  const bad = NOT_ALLOWED.exec(source.text);
  if (bad) {
    const code = bad[0].codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
    throw new Fatal(source.positionAt(bad.index), `the character U+${code} is not allowed in YAML`, 'remove it');
  }
  const padded = new PaddedSource(source);
  // Each round pads one line and costs a parse: no more than a second or two in all.
  let budget = Math.max(MIN_BUDGET, source.text.length * 20);
  for (;;) {
    const result = tryParse(padded.text);
    if (Array.isArray(result)) {
      return { text: padded.text, events: result, positionAt: (offset) => padded.positionAt(offset) };
    }
    budget -= padded.text.length;
    if (budget <= 0 || !padded.pad(result)) throw syntaxError(padded, result);
  }
}

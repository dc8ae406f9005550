import type { Event } from 'js-yaml';
import type { Position, Source } from '../source.js';
import { Fatal } from './fatal.js';
import { HIDDEN, Indented, openerBefore, tryParse, unhide } from './mending.js';
import { syntaxError } from './syntax-error.js';

/** In UTF-16 units: reading takes about a second for each million. */
const MAX_LENGTH = 100_000_000;

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
  const indented = new Indented(source);
  // Characters that are the stand-ins themselves are left alone.
  const hasStandIns = HIDDEN.test(source.text);
  // Each round mends one flow collection or quoted text, and costs a few parses: no more than a second or two in all.
  let budget = Math.max(50_000_000, source.text.length * 20);
  for (;;) {
    const result = tryParse(indented.text);
    if (Array.isArray(result)) {
      return {
        text: hasStandIns ? indented.text : unhide(indented.text),
        events: result,
        positionAt: (offset) => indented.positionAt(offset),
      };
    }
    const { reason, offset } = result;
    budget -= indented.text.length;
    if (budget > 0 && indented.separateComment(offset)) continue;
    const opener = reason === 'deficient indentation' && budget > 0 ? openerBefore(indented.text, offset) : undefined;
    if (opener) budget -= opener.cost;
    if (!opener || !indented.indent(opener.offset, offset)) throw syntaxError(indented, reason, offset);
  }
}

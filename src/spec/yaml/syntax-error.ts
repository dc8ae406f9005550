import { Fatal } from '../problem.js';
import { MAX_DEPTH, type PaddedSource, type Refusal, tryParse } from './padded-source.js';

/** What js-yaml says when a text breaks off within brackets or quotes. */
const UNFINISHED = /^(?:unexpected end of the stream within a (?:flow|single|double)|deficient indentation)/;

/** The outermost bracket or quote within which the text breaks off at `end`. */
function openerBefore(text: string, end: number): number | undefined {
  for (let offset = end - 1, tries = 0; offset >= 0 && tries < 200; offset--) {
    if (!'[{"\''.includes(text[offset]!)) continue;
    const before = tryParse(text.slice(0, offset));
    tries++;
    if (Array.isArray(before) || !UNFINISHED.test(before.reason)) return offset;
  }
  return undefined;
}

/** js-yaml's error, in words that help to correct a study. */
export function syntaxError(source: PaddedSource, { reason, offset }: Refusal): Fatal {
  const { text } = source;
  const fatal = (at: number, message: string, hint?: string) => new Fatal(source.positionAt(at), message, hint);
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1;
  const before = text.slice(lineStart, offset);
  const after = /[^\r\n]*/y.exec(text.slice(offset))![0];

  // What is wrong shows on the line itself or, where a text seems to go on, on the next.
  const near = text.lastIndexOf('\n', text.slice(0, lineStart).trimEnd().length - 1) + 1;
  const separator = /[\x85\u2028\u2029](?=[^\x85\u2028\u2029]*$)/.exec(text.slice(near, offset));
  if (separator !== null) {
    const code = separator[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    return fatal(
      near + separator.index,
      `the character U+${code} ends a line in YAML, which no editor shows`,
      'remove it, or put the whole value in quotes',
    );
  }
  const tab = /^[ \t]*/.exec(before + after)![0].indexOf('\t');
  if (tab !== -1) return fatal(lineStart + tab, 'a tab is used for indentation', 'indent with spaces');
  if (/exceeded maxDepth/.test(reason)) return fatal(offset, `more than ${MAX_DEPTH} levels of nesting`);
  if (/^name of an (?:alias|anchor) node/.test(reason)) {
    return fatal(offset - 1, `a value cannot start with '${text[offset - 1]}'`, 'put the value in quotes');
  }
  const isMissingComma = /^missed comma/.test(reason);
  if (UNFINISHED.test(reason) || (isMissingComma && source.isIndented(offset))) {
    const opener = openerBefore(text, offset);
    const what = /['"]/.test(text[opener ?? offset] ?? '') ? 'quote' : 'bracket';
    if (opener !== undefined && endOfFlow(text, opener) === undefined) {
      return fatal(opener, `this ${what} is never closed`, `close it, or put text with a ${what} in it in quotes`);
    }
    if (!isMissingComma) {
      return fatal(
        offset,
        `the text within this ${what} breaks off`,
        'indent its lines further than the key it belongs to',
      );
    }
  }
  if (isMissingComma) return fatal(offset, "a ',' or a closing bracket is missing before this");
  if (/^unknown escape|^expected hexadecimal/.test(reason)) {
    return fatal(
      offset,
      'a \\ in double quotes starts an escape, and this is none',
      'use single quotes, or write \\\\',
    );
  }
  // Where an indentation or a document is wrong, js-yaml has read a value and cannot place what follows it.
  if (/^[%@`]/.test(after) && /(?:^|[-:?,[{])\s*$/.test(before)) {
    return fatal(offset, `a value cannot start with '${after[0]}'`, 'put the value in quotes');
  }
  if (/^:(?:\s|$)/.test(after) && /:\s|["']\s*$/.test(before)) {
    return fatal(offset, "a ':' followed by a blank in unquoted text", 'put the whole value in quotes');
  }
  if (/^(?:-|\?)(?:\s|$)/.test(after) && /:\s+$/.test(before)) {
    return fatal(
      offset,
      `a '${after[0]}' cannot follow a key on its line`,
      'start a new line, or put the value in quotes',
    );
  }
  if (/["']\s*$/.test(before)) {
    const opener = openerBefore(text, text.slice(0, offset).trimEnd().length - 1);
    const line = source.positionAt(offset).line;
    if (opener !== undefined && source.positionAt(opener).line !== line) {
      return fatal(opener, `this quote is closed on line ${line}, with more text behind it`, 'close it');
    }
    return fatal(offset, 'text after a closing quote', 'put the whole value in quotes, and write a quote in it twice');
  }
  if (/^:(?:\s|$)/.test(after) || /may not be an implicit key|^expected ':'/.test(reason)) {
    // The line that is no pair: the one before the offset, unless what stands before the offset is on a line with it.
    const ownLine = !/^:/.test(after) && /^[^:]*\S/.test(before);
    const above = text.slice(0, ownLine ? offset : lineStart).trimEnd();
    const aboveStart = above.lastIndexOf('\n') + 1;
    const line = above.slice(aboveStart);
    const start = aboveStart + line.length - line.trimStart().length;
    const key = /^\s*(?:-\s+)*([\w.-]+):[^\s:]/.exec(line)?.[1];
    if (key !== undefined) return fatal(start, `no space after the colon of '${key}:'`, 'put one there');
    const keyless = /^:/.test(after) ? keylessLine(text, lineStart) : undefined;
    if (keyless !== undefined) return keylessError(fatal, text, keyless);
    if (!/^:/.test(after)) return keylessError(fatal, text, aboveStart);
    const dash = /^\s*(?:-\s+)*(-[\w.]+):\s/.exec(line)?.[1];
    if (dash !== undefined) return fatal(start, `no space after the dash of '${dash}'`, 'put one there');
    return fatal(offset, 'a key where the text of the line above goes on', 'indent it like the keys beside it');
  }
  if (/indentation/.test(reason) && /^\s*$/.test(before)) {
    return fatal(offset, 'the indentation of this line fits no line above it', 'indent it like the entries beside it');
  }
  if (/^end of the stream/.test(reason)) return fatal(offset, 'text after the end of the document');
  return fatal(offset, reason);
}

/**
 * The first of the lines above `lineStart` that YAML reads as one text, though none of them is `key: value`: where a colon is
 * missing. Undefined if the text begins behind a key, where lines may well go on without one.
 */
function keylessLine(text: string, lineStart: number): number | undefined {
  let first: number | undefined;
  for (let end = lineStart - 1; end > 0; ) {
    const start = text.lastIndexOf('\n', end - 1) + 1;
    const line = text.slice(start, end);
    const isBlank = /^\s*(?:#.*)?$/.test(line);
    if (!isBlank && /:(?:\s|$)/.test(line)) {
      const isBehindKey =
        first !== undefined && /:\s+[^\s#]/.test(line) && indentOf(text, first) > keyColumn(text, start);
      return isBehindKey ? undefined : first;
    }
    if (!isBlank) first = start;
    if (/^\s*-\s/.test(line)) return first;
    end = start - 1;
  }
  return first ?? (lineStart > 0 && !/:(?:\s|$)/.test(text.slice(0, lineStart)) ? 0 : undefined);
}

function indentOf(text: string, lineStart: number): number {
  return /^ */.exec(text.slice(lineStart))![0].length;
}

/** How many columns stand before the key of a line, which may be an entry of a list. */
function keyColumn(text: string, lineStart: number): number {
  return /^ *(?:- +)*/.exec(text.slice(lineStart))![0].length;
}

function keylessError(
  fatal: (at: number, message: string, hint: string) => Fatal,
  text: string,
  lineStart: number,
): Fatal {
  const line = /[^\r\n]*/y.exec(text.slice(lineStart))![0];
  const [, before = '', key = '', rest = ''] = /^(\s*(?:-\s+)*)([^\s=;：]+)\s*[=;：]?\s*(.*)$/.exec(line) ?? [];
  const compact = /^([\w.-]+):(\S.*)$/.exec(key);
  if (compact !== null) {
    return fatal(lineStart + before.length, `no space after the colon of '${compact[1]}:'`, 'put one there');
  }
  const better = `${key}:${rest === '' ? '' : ` ${rest}`}`;
  const shown = better.length > 60 ? `${better.slice(0, 60)}...` : better;
  return fatal(lineStart + before.length, 'a colon is missing from this line', `write \`${shown}\``);
}

/** The offset after the flow collection or quoted text that starts at `start`, or undefined if it never ends. */
function endOfFlow(text: string, start: number): number | undefined {
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
      offset = end;
      valueStarts = false;
      inText = false;
    } else if (character === '#' && (!inText || /\s/.test(text[offset - 1]!))) {
      const length = text.slice(offset).search(/[\n\x85\u2028\u2029]/);
      offset = length === -1 ? text.length : offset + length;
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

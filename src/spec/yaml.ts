/**
 * YAML text → located nodes, read as Maestro reads it: PyYAML 6, FullLoader.
 *
 * js-yaml reads the structure (YAML 1.2), pyyaml.ts gives the scalars their values. What remains different from PyYAML:
 *
 * Accepted here, refused by PyYAML: tabs between tokens and within unquoted text; `?` within unquoted text in [] or {};
 * keys of more than 1024 characters; an escaped half of a surrogate pair (`"\ud800"`, which Python cannot write).
 * Refused here, accepted by PyYAML: aliases to a node that contains them; an alias or anchor with a `:` or `?` straight
 * after it; `!!omap`, `!!pairs` and `!!python/…`; more than 500 levels; very much text, or much through aliases; many
 * hundreds of lists and quoted texts that are indented less than their keys; a block of blank lines, the first of them
 * longer than the indentation of a comment that follows.
 * Read differently: U+0085, U+2028 and U+2029 are text here and line breaks to PyYAML; `{?a: b}` has the key `?a` here
 * and `a` in PyYAML; a document that is a block with an indentation indicator (`--- |2`) is indented by one less here.
 */
import {
  type DocumentEvent,
  EVENT_ID,
  type Event,
  type MappingEvent,
  parseEvents,
  SCALAR_STYLE,
  type ScalarEvent,
  type SequenceEvent,
  YAMLException,
} from 'js-yaml';
import type { Problem } from './problem.js';
import { keyIdentity, PySet, type PyValue, pyRepr, pyStr } from './python.js';
import { type Decoded, decodeScalar, PyYamlError, plainTag, resolvePlain, resolveTagged } from './pyyaml.js';
import { type Position, Source } from './source.js';

export type Node = ScalarNode | SequenceNode | MappingNode;

/** A value that is no list and no mapping. A `!!set` is one too: its value is a PySet and its text is empty. */
export interface ScalarNode {
  readonly kind: 'scalar';
  /** Where it starts: at its quote, or at the `|` or `>` of a block. */
  readonly at: Position;
  readonly value: PyValue;
  /** The characters as YAML decodes them, before they get a type. */
  readonly text: string;
  readonly style: 'plain' | 'single' | 'double' | 'literal' | 'folded';
  /** Where the character at `index` of `text` stands in the file; an index outside the text gives its nearest end. */
  positionOf(index: number): Position;
}

export interface SequenceNode {
  readonly kind: 'sequence';
  readonly at: Position;
  readonly items: readonly Node[];
}

/** A dict: one entry a key, in Python's order. A repeated key has its first place and its last value. */
export interface MappingNode {
  readonly kind: 'mapping';
  readonly at: Position;
  readonly entries: readonly Entry[];
}

export interface Entry {
  readonly key: PyValue;
  /** `str(key)` */
  readonly name: string;
  readonly keyAt: Position;
  readonly value: Node;
}

/** Deeper than PyYAML gets within Python's recursion limit of 1000. */
const MAX_DEPTH = 500;
/** How many nodes may be reached through aliases: far more than a study has, far fewer than fill the memory. */
const MAX_EXPANDED = 100_000;
const MAX_PROBLEMS = 100;
/** In UTF-16 units: reading takes about a second for each million. */
const MAX_LENGTH = 10_000_000;

/**
 * Reads the one document of a text. Never throws, whatever the text.
 *
 * @returns the root, or null if the text is empty or so wrong that there is nothing to look at; and all problems in the
 *   order of the text: errors where PyYAML would refuse it, warnings for keys given twice
 */
export function readYaml(source: Source): { readonly root: Node | null; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  try {
    const root = new Composer(parse(source), problems).compose();
    return { root, problems: problems.sort(inOrder) };
  } catch (error) {
    if (!(error instanceof Fatal)) throw error;
    return { root: null, problems: [...problems, error.problem].sort(inOrder) };
  }
}

function inOrder({ at: a }: Problem, { at: b }: Problem): number {
  return a.line - b.line || a.column - b.column;
}

/** The Python value of a node. */
export function toPyValue(node: Node): PyValue {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'sequence') return node.items.map(toPyValue);
  return new Map(node.entries.map(({ key, value }) => [key, toPyValue(value)]));
}

/** The entry whose key is, or prints as, `name`. */
export function entry(node: MappingNode, name: string): Entry | undefined {
  return node.entries.find((each) => each.key === name) ?? node.entries.find((each) => each.name === name);
}

/** Ends the reading: nothing after it could be trusted. */
class Fatal extends Error {
  readonly problem: Problem;

  constructor(at: Position, message: string, hint?: string) {
    super(message);
    this.problem = problemOf('error', at, message, hint);
  }
}

function problemOf(severity: Problem['severity'], at: Position, message: string, hint?: string): Problem {
  return hint === undefined ? { severity, at, message } : { severity, at, message, hint };
}

// ---------------------------------------------------------------------------------------------------------------------
// Text → events

/** A text that js-yaml has parsed, and where its offsets are in the file. */
interface Syntax {
  readonly text: string;
  readonly events: readonly Event[];
  positionAt(offset: number): Position;
}

// PyYAML 6 reader.py, Reader.NON_PRINTABLE.
const NOT_ALLOWED = /[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

function parse(source: Source): Syntax {
  if (source.text.length > MAX_LENGTH) {
    throw new Fatal(source.positionAt(0), `more than ${MAX_LENGTH.toLocaleString('en')} characters`);
  }
  const bad = NOT_ALLOWED.exec(source.text);
  if (bad) {
    const code = bad[0].codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
    throw new Fatal(source.positionAt(bad.index), `the character U+${code} is not allowed in YAML`, 'remove it');
  }
  const indented = new Indented(source);
  // Each round mends one flow collection or quoted text, and costs a few parses: no more than a second or two in all.
  let budget = Math.max(50_000_000, source.text.length * 20);
  for (;;) {
    const result = tryParse(indented.text);
    if (Array.isArray(result)) {
      return { text: indented.text, events: result, positionAt: (offset) => indented.positionAt(offset) };
    }
    const { reason, offset } = result;
    budget -= indented.text.length;
    if (budget > 0 && indented.separateComment(offset)) continue;
    const opener = reason === 'deficient indentation' && budget > 0 ? openerBefore(indented.text, offset) : undefined;
    if (opener) budget -= opener.cost;
    if (!opener || !indented.indent(opener.offset, offset)) throw syntaxError(indented, reason, offset);
  }
}

function tryParse(text: string): Event[] | { reason: string; offset: number } {
  try {
    return parseEvents(text, { maxDepth: MAX_DEPTH });
  } catch (error) {
    if (!(error instanceof YAMLException)) return { reason: String(error), offset: 0 };
    return { reason: error.reason, offset: error.mark?.position ?? 0 };
  }
}

const UNFINISHED = /^(?:unexpected end of the stream within a (?:flow|single|double)|deficient indentation)/;

/** The bracket or quote within which the text breaks off at `end`: the outermost one, as indentation is the block's. */
function openerBefore(text: string, end: number): { offset: number; cost: number } | undefined {
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
class Indented {
  readonly #source: Source;
  #current: Source;
  /** By line: how many columns it has more than the file's. */
  readonly #added = new Map<number, number>();

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
    return { file, line, column: Math.max(1, column - (this.#added.get(line) ?? 0)) };
  }

  /**
   * Puts a space before a comment that follows a quote, bracket or comma at once, which PyYAML reads too (scanner.py,
   * scan_to_next_token). False if that is not what is wrong at `offset`. Nothing but the comment moves.
   */
  separateComment(offset: number): boolean {
    const { text } = this;
    if (text[offset] !== '#' || !/["'\]},]/.test(text[offset - 1] ?? '')) return false;
    this.#current = new Source(this.#source.file, `${text.slice(0, offset)} ${text.slice(offset)}`);
    return true;
  }

  /** Indents what the bracket or quote at `opener` holds. False if that cannot help or would take too much memory. */
  indent(opener: number, failure: number): boolean {
    const end = endOfFlow(this.text, opener);
    if (end === undefined || end < failure) return false;
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
      return ' '.repeat(width + 1) + line;
    });
    const text = head + mended.join('\n') + this.text.slice(end);
    if (text.length === this.text.length) return false;
    this.#current = new Source(this.#source.file, text);
    return true;
  }
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
      const end = text.indexOf('\n', offset);
      offset = end === -1 ? text.length : end;
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

/** js-yaml's error in the words of someone who wants to mend a study. */
function syntaxError(source: Indented, reason: string, offset: number): Fatal {
  const { text } = source;
  const fatal = (at: number, message: string, hint?: string) => new Fatal(source.positionAt(at), message, hint);
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1;
  const before = text.slice(lineStart, offset);
  const after = /[^\r\n]*/y.exec(text.slice(offset))![0];

  const tab = /^[ \t]*/.exec(before + after)![0].indexOf('\t');
  if (tab !== -1) return fatal(lineStart + tab, 'a tab is used for indentation', 'indent with spaces');
  if (/exceeded maxDepth/.test(reason)) return fatal(offset, `more than ${MAX_DEPTH} levels of nesting`);
  if (/^name of an (?:alias|anchor) node/.test(reason)) {
    return fatal(offset - 1, `a value cannot start with '${text[offset - 1]}'`, 'put the value in quotes');
  }
  if (UNFINISHED.test(reason)) {
    const opener = openerBefore(text, offset);
    const what = /['"]/.test(text[opener?.offset ?? offset] ?? '') ? 'quote' : 'bracket';
    if (opener && endOfFlow(text, opener.offset) === undefined) {
      return fatal(
        opener.offset,
        `this ${what} is never closed`,
        `close it, or put text with a ${what} in it in quotes`,
      );
    }
    return fatal(
      offset,
      `the text within this ${what} breaks off`,
      'indent its lines further than the key it belongs to',
    );
  }
  if (/^missed comma/.test(reason)) return fatal(offset, "a ',' or a closing bracket is missing before this");
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
    if (opener && source.positionAt(opener.offset).line !== line) {
      return fatal(opener.offset, `this quote is closed on line ${line}, with more text behind it`, 'close it');
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
    if (!/^:/.test(after)) return fatal(start, 'this line is no `key: value`', 'write `key: value`');
    return fatal(offset, 'a key where the text of the line above goes on', 'indent it like the keys beside it');
  }
  if (/indentation/.test(reason) && /^\s*$/.test(before)) {
    return fatal(offset, 'the indentation of this line fits no line above it', 'indent it like the entries beside it');
  }
  if (/^end of the stream/.test(reason)) return fatal(offset, 'text after the end of the document');
  return fatal(offset, reason);
}

// ---------------------------------------------------------------------------------------------------------------------
// Events → nodes (PyYAML 6 composer.py and constructor.py)

const CORE = 'tag:yaml.org,2002:';
const MERGE = `${CORE}merge`;
const VALUE = `${CORE}value`;
const KINDS = new Map([
  ['seq', 'sequence'],
  ['map', 'mapping'],
  ['set', 'mapping'],
]);
const SCALAR_TAGS = ['str', 'int', 'float', 'bool', 'null', 'timestamp', 'binary'];

/** What kind of node a tag is for, or undefined if the tag is unknown. */
function kindOf(tag: string): string | undefined {
  const name = tag.startsWith(CORE) ? tag.slice(CORE.length) : '';
  return SCALAR_TAGS.includes(name) ? 'scalar' : KINDS.get(name);
}

type Tagged = Exclude<Event, DocumentEvent | { type: typeof EVENT_ID.POP | typeof EVENT_ID.ALIAS }>;

type Frame =
  | { readonly kind: 'document'; root: Node | null }
  | { readonly kind: 'sequence'; readonly event: SequenceEvent; readonly at: Position; readonly items: Node[] }
  | {
      readonly kind: 'mapping';
      readonly event: MappingEvent;
      readonly at: Position;
      readonly pairs: Pair[];
      key: Pick<Pair, 'keyAt' | 'keyNode'> | null;
    };

interface Pair {
  readonly keyAt: Position;
  readonly keyNode: Node;
  readonly value: Node;
}

/** A node's size with all that aliases and merges put into it, and how deep it is. */
interface Extent {
  readonly nodes: number;
  readonly depth: number;
}

const STYLES = {
  [SCALAR_STYLE.PLAIN]: 'plain',
  [SCALAR_STYLE.SINGLE_QUOTED]: 'single',
  [SCALAR_STYLE.DOUBLE_QUOTED]: 'double',
  [SCALAR_STYLE.LITERAL_BLOCK]: 'literal',
  [SCALAR_STYLE.FOLDED_BLOCK]: 'folded',
} as const;

class Scalar implements ScalarNode {
  readonly kind = 'scalar';
  readonly at: Position;
  readonly value: PyValue;
  readonly text: string;
  readonly style: ScalarNode['style'];
  readonly #runs: Decoded['runs'];
  readonly #positionAt: (offset: number) => Position;

  constructor(
    at: Position,
    value: PyValue,
    decoded: Decoded,
    style: ScalarNode['style'],
    positionAt: (offset: number) => Position,
  ) {
    this.at = at;
    this.value = value;
    this.text = decoded.text;
    this.style = style;
    this.#runs = decoded.runs;
    this.#positionAt = positionAt;
  }

  positionOf(index: number): Position {
    const wanted = Math.max(0, Math.min(index, this.text.length));
    let low = 0;
    let high = this.#runs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#runs[middle]!.index <= wanted) low = middle;
      else high = middle - 1;
    }
    const run = this.#runs[low];
    return run ? this.#positionAt(run.offset + Math.max(0, wanted - run.index)) : this.at;
  }
}

class Composer {
  readonly #syntax: Syntax;
  readonly #problems: Problem[];
  readonly #frames: Frame[] = [];
  /** Complete nodes by anchor; null while the node is being read. */
  readonly #anchors = new Map<string, Node | null>();
  readonly #extents = new WeakMap<Node, Extent>();
  /** Keys that stand for a merge: `<<`, not quoted. */
  readonly #mergeKeys = new WeakSet<Node>();
  /** What stands in for aliases of nothing, which have been reported. */
  readonly #broken = new WeakSet<Node>();
  #tagHandles = new Map<string, string>();
  #expanded = 0;
  /** Where the last node with a place ended: what empty nodes, which have none, are placed by. */
  #cursor = 0;

  constructor(syntax: Syntax, problems: Problem[]) {
    this.#syntax = syntax;
    this.#problems = problems;
  }

  compose(): Node | null {
    let root: Node | null = null;
    let documents = 0;
    for (const event of this.#syntax.events) {
      switch (event.type) {
        case EVENT_ID.DOCUMENT:
          if (++documents > 1) return this.#secondDocument(root);
          this.#openDocument(event);
          break;
        case EVENT_ID.SEQUENCE:
          this.#open({ kind: 'sequence', event, at: this.#at(event.start), items: [] });
          break;
        case EVENT_ID.MAPPING:
          this.#open({ kind: 'mapping', event, at: this.#at(event.start), pairs: [], key: null });
          break;
        case EVENT_ID.SCALAR:
          this.#scalar(event);
          break;
        case EVENT_ID.ALIAS:
          this.#alias(event.anchorStart, event.anchorEnd);
          break;
        case EVENT_ID.POP: {
          const frame = this.#frames.pop()!;
          if (frame.kind === 'document') root = frame.root;
          else this.#close(frame);
        }
      }
    }
    return root;
  }

  #at(offset: number): Position {
    return this.#syntax.positionAt(offset);
  }

  #report(severity: Problem['severity'], at: Position, message: string, hint?: string): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(problemOf(severity, at, message, hint));
  }

  #error(at: Position, message: string, hint?: string): void {
    this.#report('error', at, message, hint);
  }

  #openDocument(event: DocumentEvent): void {
    this.#tagHandles = new Map(
      event.directives.flatMap((each) => (each.kind === 'tag' ? [[each.handle, each.prefix]] : [])),
    );
    this.#frames.push({ kind: 'document', root: null });
  }

  #secondDocument(root: Node | null): Node | null {
    const marker = /^---(?=\s|$)/gm;
    marker.lastIndex = this.#cursor;
    const at = this.#at(marker.exec(this.#syntax.text)?.index ?? this.#syntax.text.length);
    this.#error(
      at,
      'a second document starts here',
      "a study is one YAML document: remove the '---' and what follows it",
    );
    return root;
  }

  #open(frame: Exclude<Frame, { kind: 'document' }>): void {
    this.#cursor = Math.max(this.#cursor, frame.event.start);
    this.#declare(frame.event);
    this.#frames.push(frame);
  }

  /** Notes that the anchor of an event is being defined (PyYAML 6 composer.py, compose_node). */
  #declare(event: Tagged): void {
    if (event.anchorStart === -1) return;
    const name = this.#syntax.text.slice(event.anchorStart, event.anchorEnd);
    const at = this.#at(event.anchorStart - 1);
    // PyYAML 6 scanner.py, scan_anchor; YAML 1.2 allows nearly every character.
    if (!/^[0-9A-Za-z_-]+$/.test(name)) {
      this.#error(
        at,
        `'${clip(name)}' is no name for an anchor`,
        "use letters, digits, '_' and '-', or put the text in quotes",
      );
    }
    if (this.#anchors.has(name)) {
      this.#error(at, `the anchor '&${clip(name)}' is defined twice`, 'give each anchor a name of its own');
    }
    this.#anchors.set(name, null);
  }

  #define(event: Tagged, node: Node): void {
    if (event.anchorStart === -1) return;
    this.#anchors.set(this.#syntax.text.slice(event.anchorStart, event.anchorEnd), node);
  }

  #alias(start: number, end: number): void {
    const name = this.#syntax.text.slice(start, end);
    const at = this.#at(start - 1);
    this.#cursor = end;
    const target = this.#anchors.get(name);
    if (!target) {
      if (target === null) this.#error(at, `the alias '*${clip(name)}' is within the node that it stands for`);
      else this.#error(at, `the alias '*${clip(name)}' stands for no anchor above it`, quoteIfText(name));
      const text = `*${name}`;
      const runs = [{ index: 0, offset: start - 1 }];
      const standIn = new Scalar(at, text, { text, runs }, 'plain', (offset) => this.#at(offset));
      this.#broken.add(standIn);
      this.#attach(standIn, at);
      return;
    }
    const extent = this.#extentOf(target);
    this.#expand(extent.nodes, at);
    if (this.#frames.length + extent.depth > MAX_DEPTH) throw new Fatal(at, `more than ${MAX_DEPTH} levels of nesting`);
    this.#attach(target, at);
  }

  #expand(nodes: number, at: Position): void {
    this.#expanded += nodes;
    if (this.#expanded > MAX_EXPANDED) {
      throw new Fatal(at, `aliases make this document larger than ${MAX_EXPANDED.toLocaleString('en')} values`);
    }
  }

  #scalar(event: ScalarEvent): void {
    const { offset, end } = this.#placeOf(event);
    this.#cursor = end;
    const at = this.#at(offset);
    const frame = this.#frames.at(-1)!;
    const isKey = frame.kind === 'mapping' && frame.key === null;
    let decoded: Decoded = { text: '', runs: [] };
    let value: PyValue = null;
    let isMerge = false;
    try {
      decoded = decodeScalar(this.#syntax.text, event);
      const tag = this.#scalarTag(event, decoded.text);
      isMerge = isKey && tag === MERGE;
      // A tag that only a key can have makes the key a str (constructor.py, flatten_mapping).
      value = isMerge || (isKey && tag === VALUE) ? decoded.text : this.#construct(event, tag, decoded.text, at);
    } catch (error) {
      if (!(error instanceof PyYamlError)) throw error;
      this.#error(at, error.message, 'put the value in quotes if it is meant as text');
      value = decoded.text;
    }
    const node = new Scalar(at, value, decoded, STYLES[event.style], (index) => this.#at(index));
    if (isMerge) this.#mergeKeys.add(node);
    this.#declare(event);
    this.#define(event, node);
    this.#attach(node, at);
  }

  /** Where a scalar starts, quote or block indicator included, and where it ends. */
  #placeOf(event: ScalarEvent): { offset: number; end: number } {
    const { text } = this.#syntax;
    const { valueStart, valueEnd, style } = event;
    if (valueStart === -1) {
      const properties = Math.max(event.anchorEnd, event.tagEnd);
      if (properties !== -1) return { offset: properties, end: properties };
      // An empty node stands after the indicator that makes it one: `key:` or `-`.
      const indicator = /(?:[ \t\r\n\]}]+|(?<=\s)#[^\r\n]*)*(?:---|[-:?,])?/y;
      indicator.lastIndex = this.#cursor;
      const end = Math.min(this.#cursor + (indicator.exec(text)?.[0].length ?? 0), text.length);
      return { offset: end, end };
    }
    if (style === SCALAR_STYLE.PLAIN) return { offset: valueStart, end: valueEnd };
    if (style === SCALAR_STYLE.SINGLE_QUOTED || style === SCALAR_STYLE.DOUBLE_QUOTED) {
      return { offset: valueStart - 1, end: valueEnd + 1 };
    }
    const head = text.slice(this.#cursor, valueStart);
    const header = /[|>][-+0-9]*[ \t]*(?:[ \t]#[^\r\n]*)?(?:\r\n?|\n)?$/.exec(head);
    return { offset: header ? this.#cursor + header.index : valueStart, end: valueEnd };
  }

  #scalarTag(event: ScalarEvent, text: string): string {
    const tag = this.#tagOf(event);
    // `!` alone asks for the type of the plain text, even of quoted text (PyYAML 6 parser.py, parse_node).
    if (tag === '!' || (tag === undefined && event.style === SCALAR_STYLE.PLAIN)) return plainTag(text);
    return tag ?? `${CORE}str`;
  }

  #construct(event: ScalarEvent, tag: string, text: string, at: Position): PyValue {
    if (event.tagStart === -1 && tag !== `${CORE}str`) return resolvePlain(text);
    const value = resolveTagged(tag, text);
    if (value !== undefined) return value;
    if (tag === MERGE || tag === VALUE) return resolvePlain(text);
    const kind = kindOf(tag);
    if (kind !== undefined) this.#error(at, `the tag ${shortTag(tag)} asks for a ${kind}, and this is a scalar`);
    else this.#unknownTag(event, tag);
    return text;
  }

  #unknownTag(event: Tagged, tag: string): void {
    const at = this.#at(event.tagStart);
    this.#error(
      at,
      `the tag ${shortTag(tag)} is not supported`,
      "remove it, or put text that starts with '!' in quotes",
    );
  }

  /** The full tag of an event, `!`, or undefined for none. */
  #tagOf(event: Tagged): string | undefined {
    if (event.tagStart === -1) return undefined;
    const raw = this.#syntax.text.slice(event.tagStart, event.tagEnd);
    if (raw.startsWith('!<')) return unescapeTag(raw.slice(2, -1));
    if (raw === '!') return raw;
    const handle = /^!(?:[^!]*!)?/.exec(raw)![0];
    const prefix = this.#tagHandles.get(handle) ?? (handle === '!!' ? CORE : handle);
    return prefix + unescapeTag(raw.slice(handle.length));
  }

  #close(frame: Exclude<Frame, { kind: 'document' }>): void {
    let node: Node =
      frame.kind === 'sequence'
        ? { kind: 'sequence', at: frame.at, items: frame.items }
        : { kind: 'mapping', at: frame.at, entries: this.#entries(frame.pairs) };
    const tag = this.#tagOf(frame.event) ?? '!';
    if (tag !== '!') {
      const kind = kindOf(tag);
      if (kind === undefined) this.#unknownTag(frame.event, tag);
      else if (kind !== node.kind) {
        this.#error(frame.at, `the tag ${shortTag(tag)} asks for a ${kind}, and this is a ${node.kind}`);
      } else if (tag === `${CORE}set` && node.kind === 'mapping') {
        const items = node.entries.map(({ key }) => key);
        node = new Scalar(frame.at, new PySet(items), { text: '', runs: [] }, 'plain', (offset) => this.#at(offset));
      }
    }
    const children =
      node.kind === 'sequence' ? node.items : node.kind === 'mapping' ? node.entries.map((e) => e.value) : [];
    let nodes = 1;
    let depth = 0;
    for (const child of children) {
      const extent = this.#extentOf(child);
      nodes += extent.nodes;
      depth = Math.max(depth, extent.depth);
    }
    this.#extents.set(node, { nodes, depth: depth + 1 });
    this.#define(frame.event, node);
    this.#attach(node, frame.at);
  }

  #extentOf(node: Node): Extent {
    return this.#extents.get(node) ?? { nodes: 1, depth: 1 };
  }

  /** Puts a node into what holds it. `at` is where it is named: an alias is elsewhere than its node. */
  #attach(node: Node, at: Position): void {
    const frame = this.#frames.at(-1)!;
    if (frame.kind === 'document') frame.root = node;
    else if (frame.kind === 'sequence') frame.items.push(node);
    else if (frame.key === null) frame.key = { keyAt: at, keyNode: node };
    else {
      frame.pairs.push({ ...frame.key, value: node });
      frame.key = null;
    }
  }

  /** A dict from its pairs (constructor.py, flatten_mapping and construct_mapping): merged pairs first, then its own. */
  #entries(pairs: readonly Pair[]): Entry[] {
    const entries = new Map<string, Entry>();
    const put = (identity: string, entry: Entry) => {
      const first = entries.get(identity);
      entries.set(identity, first ? { ...entry, key: first.key, name: first.name } : entry);
    };
    for (const pair of pairs) {
      if (!this.#mergeKeys.has(pair.keyNode)) continue;
      for (const entry of this.#merged(pair)) put(keyIdentity(entry.key)!, entry);
    }
    const own = new Map<string, Position>();
    for (const { keyAt, keyNode, value } of pairs) {
      if (this.#mergeKeys.has(keyNode)) continue;
      const key = keyNode.kind === 'scalar' ? keyNode.value : null;
      const identity = keyNode.kind === 'scalar' ? keyIdentity(keyNode.value) : undefined;
      if (identity === undefined) {
        const what = keyNode.kind === 'scalar' ? 'set' : keyNode.kind;
        this.#error(keyAt, `a ${what} cannot be a key`, 'put text that starts with { or [ in quotes');
        continue;
      }
      const first = own.get(identity);
      if (first) {
        const where = `the first is on line ${first.line}`;
        this.#report('warning', keyAt, `the key ${clip(pyRepr(key))} is given twice, and the last one counts`, where);
      } else own.set(identity, keyAt);
      put(identity, { key, name: pyStr(key), keyAt, value });
    }
    return [...entries.values()];
  }

  /** The pairs that a `<<` brings, in the order in which they are put: of several mappings the first one counts. */
  #merged({ keyAt, value }: Pair): Entry[] {
    const sources = value.kind === 'sequence' ? [...value.items].reverse() : [value];
    return sources.flatMap((source) => {
      if (this.#broken.has(source)) return [];
      if (source.kind !== 'mapping') {
        this.#error(
          keyAt,
          `'<<' merges mappings, and this is a ${source.kind}`,
          'give it an alias of a mapping: <<: *name',
        );
        return [];
      }
      this.#expand(this.#extentOf(source).nodes, keyAt);
      return source.entries;
    });
  }
}

function shortTag(tag: string): string {
  return clip(tag.startsWith(CORE) ? `!!${tag.slice(CORE.length)}` : tag);
}

function unescapeTag(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function quoteIfText(name: string): string {
  return `define &${clip(name)} above, or put text that starts with '*' in quotes`;
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

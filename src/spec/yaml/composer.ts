import {
  type DocumentEvent,
  EVENT_ID,
  type Event,
  type MappingEvent,
  SCALAR_STYLE,
  type ScalarEvent,
  type SequenceEvent,
} from 'js-yaml';
import { clip, Fatal, type Problem, problemOf } from '../problem.js';
import { keyIdentity, PySet, type PyValue, pyRepr, pyStr } from '../python.js';
import type { Position } from '../source.js';
import type { Entry, Node } from './nodes.js';
import { MAX_DEPTH } from './padded-source.js';
import { type Decoded, decodeScalar, PyYamlError, plainTag, resolvePlain, resolveTagged } from './pyyaml-scalars.js';
import { Scalar } from './scalar.js';
import type { Syntax } from './syntax.js';
import { CORE, fullTag, kindOf, MERGE, shortTag, VALUE } from './tags.js';

/** How many nodes may be reached through aliases: far more than a study has, far fewer than fill the memory. */
const MAX_EXPANDED = 100_000;
const MAX_PROBLEMS = 100;

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

/** Events → nodes (PyYAML 6 composer.py and constructor.py). */
export class Composer {
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
      const indicator = /(?:[ \t\r\n\x85\u2028\u2029\]}]+|(?<=[\s\x85])#[^\r\n\x85\u2028\u2029]*)*(?:---|[-:?,])?/y;
      indicator.lastIndex = this.#cursor;
      const end = Math.min(this.#cursor + (indicator.exec(text)?.[0].length ?? 0), text.length);
      return { offset: end, end };
    }
    if (style === SCALAR_STYLE.PLAIN) return { offset: valueStart, end: valueEnd };
    if (style === SCALAR_STYLE.SINGLE_QUOTED || style === SCALAR_STYLE.DOUBLE_QUOTED) {
      return { offset: valueStart - 1, end: valueEnd + 1 };
    }
    const head = text.slice(this.#cursor, valueStart);
    const header = /[|>][-+0-9]*[ \t]*(?:[ \t]#[^\r\n\x85\u2028\u2029]*)?(?:\r\n?|[\n\x85\u2028\u2029])?$/.exec(head);
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
    return fullTag(this.#syntax.text.slice(event.tagStart, event.tagEnd), this.#tagHandles);
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

function quoteIfText(name: string): string {
  return `define &${clip(name)} above, or put text that starts with '*' in quotes`;
}

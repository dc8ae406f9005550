import type { PyValue } from '../python.js';
import type { Position } from '../source.js';

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

/** Every scalar below a node, that of an alias once. Keys are not among them. */
export function* scalarsIn(root: Node): Generator<ScalarNode> {
  const seen = new Set<Node>();
  const waiting: Node[] = [root];
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (seen.has(node)) continue;
    seen.add(node);
    if (node.kind === 'scalar') {
      yield node;
      continue;
    }
    // The last first: what is taken next is the top of the pile.
    const children = node.kind === 'sequence' ? node.items : node.entries.map(({ value }) => value);
    for (let i = children.length - 1; i >= 0; i--) waiting.push(children[i]!);
  }
}

/** The mapping under a name; undefined if there is none, as in a document that does not fit the schema. */
export function mappingOf(node: MappingNode, name: string): MappingNode | undefined {
  const value = entry(node, name)?.value;
  return value?.kind === 'mapping' ? value : undefined;
}

/** The entries of the mapping under a name. */
export function entriesOf(node: MappingNode | undefined, name: string): readonly Entry[] {
  return (node && mappingOf(node, name)?.entries) ?? [];
}

/** The mappings in the list under a name. */
export function itemsOf(node: MappingNode | undefined, name: string): MappingNode[] {
  const value = node && entry(node, name)?.value;
  return value?.kind === 'sequence' ? value.items.filter((item) => item.kind === 'mapping') : [];
}

/** The text under a name; '' if there is none. */
export function textOf(node: MappingNode | undefined, name: string): string {
  const value = node && entry(node, name)?.value;
  return value?.kind === 'scalar' && typeof value.value === 'string' ? value.value : '';
}

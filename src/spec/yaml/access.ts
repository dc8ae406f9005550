import { type Entry, entry, type MappingNode } from './nodes.js';

/** What a mapping has under a name, if it is of the kind that is looked for: for documents that may not fit the schema. */

export function mappingOf(node: MappingNode, name: string): MappingNode | undefined {
  const value = entry(node, name)?.value;
  return value?.kind === 'mapping' ? value : undefined;
}

export function entriesOf(node: MappingNode | undefined, name: string): readonly Entry[] {
  return (node && mappingOf(node, name)?.entries) ?? [];
}

export function itemsOf(node: MappingNode | undefined, name: string): MappingNode[] {
  const value = node && entry(node, name)?.value;
  return value?.kind === 'sequence' ? value.items.filter((item) => item.kind === 'mapping') : [];
}

export function textOf(node: MappingNode | undefined, name: string): string {
  const value = node && entry(node, name)?.value;
  return value?.kind === 'scalar' && typeof value.value === 'string' ? value.value : '';
}

import type { Problem } from './problem.js';
import type { Source } from './source.js';
import { type Entry, entry, type MappingNode, type Node, readYaml } from './yaml/read-yaml.js';

/** YAML mappings that are laid over blocks of a spec, so that one spec serves several machines. Their names are the inputs'. */
export interface Overlays {
  /** Over `global.parameters`: a list of values, or a mapping of `values` and `label`, for each key. */
  readonly parameters?: Source;
  /** Over `env.variables`. */
  readonly variables?: Source;
  /** Over the `batch` block, key by key. */
  readonly batch?: Source;
}

/**
 * Lays the overlays over a spec. What comes from one keeps its own place, so that an error in it names the input.
 * Blocks of the wrong kind are left as they are: validation reports them.
 */
export function applyOverlays(
  root: MappingNode,
  overlays: Overlays,
): { root: MappingNode; problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const read = (source: Source | undefined) => readOverlay(source, problems);
  let result = root;
  const variables = read(overlays.variables);
  const env = variables && blockOf(root, 'env', variables);
  const present = env && blockOf(env, 'variables', variables);
  if (present) result = withEntry(result, 'env', withEntry(env, 'variables', merge(present, variables)));
  const batch = read(overlays.batch);
  const batchBlock = batch && blockOf(root, 'batch', batch);
  if (batchBlock) result = withEntry(result, 'batch', merge(batchBlock, batch));
  const parameters = read(overlays.parameters);
  const block = parameters && blockOf(root, 'global.parameters', parameters);
  if (block) {
    const laid = { ...parameters, entries: parameters.entries.map((item) => layParameter(block, item)) };
    result = withEntry(result, 'global.parameters', merge(block, laid));
  }
  return { root: result, problems };
}

/** What is wrong with overlays, whatever they are laid over. */
export function checkOverlays({ parameters, variables, batch }: Overlays): readonly Problem[] {
  const problems: Problem[] = [];
  for (const source of [parameters, variables, batch]) readOverlay(source, problems);
  return problems;
}

function readOverlay(source: Source | undefined, problems: Problem[]): MappingNode | undefined {
  if (source === undefined) return undefined;
  const { root, problems: found } = readYaml(source);
  problems.push(...found);
  if (root?.kind === 'mapping') return root;
  if (root !== null)
    problems.push({ severity: 'error', at: root.at, message: `${source.file} must be a YAML mapping` });
  return undefined;
}

/** A parameter's new values keep its label; a parameter that the spec does not have gets Maestro's default label. */
function layParameter(block: MappingNode, item: Entry): Entry {
  const given = item.value.kind === 'sequence' ? mappingOf(item, [['values', item.value]]) : item.value;
  if (given.kind !== 'mapping') return item;
  const present = entry(block, item.name)?.value;
  const byDefault = mappingOf(item, [['label', textNode(item, `${item.name}.%%`)]]);
  return { ...item, value: merge(present?.kind === 'mapping' ? present : byDefault, given) };
}

/** The entries of `base`, those of `over` in their stead or after them. */
function merge(base: MappingNode, over: MappingNode): MappingNode {
  const kept = base.entries.map((item) => entry(over, item.name) ?? item);
  const added = over.entries.filter((item) => entry(base, item.name) === undefined);
  return { ...base, entries: [...kept, ...added] };
}

function withEntry(node: MappingNode, name: string, value: Node): MappingNode {
  const present = entry(node, name);
  const item: Entry = present === undefined ? { key: name, name, keyAt: value.at, value } : { ...present, value };
  return merge(node, { kind: 'mapping', at: node.at, entries: [item] });
}

/** A block of the spec; empty, with the overlay's place, if the spec has none or nothing in it; undefined if it is no mapping. */
function blockOf(node: MappingNode, name: string, overlay: MappingNode): MappingNode | undefined {
  const value = entry(node, name)?.value;
  if (value?.kind === 'mapping') return value;
  const isAbsent = value === undefined || (value.kind === 'scalar' && value.value === null);
  return isAbsent ? { kind: 'mapping', at: overlay.at, entries: [] } : undefined;
}

function mappingOf(item: Entry, pairs: readonly [string, Node][]): MappingNode {
  return {
    kind: 'mapping',
    at: item.value.at,
    entries: pairs.map(([name, value]) => ({ key: name, name, keyAt: item.keyAt, value })),
  };
}

function textNode(item: Entry, text: string): Node {
  return { kind: 'scalar', at: item.keyAt, value: text, text, style: 'plain', positionOf: () => item.keyAt };
}

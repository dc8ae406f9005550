import type * as z from 'zod';
import { closest } from '../util/closest.js';
import type { Problem } from './problem.js';
import { PyBytes, PyDate, PySet, pyRepr, pyTypeName } from './python.js';
import { environmentSchema, keysOf, runSchema, stepSchema, studySchema } from './schema.js';
import type { Position } from './source.js';
import { entry, type Node, toPyValue } from './yaml/read-yaml.js';

/** Checks a document against the schema. Returns every problem it has, each at the key or value it is about. */
export function validate(root: Node): Problem[] {
  const result = studySchema.safeParse(toPlain(root));
  if (result.success) return [];
  return result.error.issues.flatMap((issue) => toProblems(root, issue, issue.path));
}

/** What the schema sees of a node: JSON's types. Python's dates and bytes are no text and no mapping, so they are symbols. */
function toPlain(node: Node): unknown {
  switch (node.kind) {
    case 'sequence':
      return node.items.map(toPlain);
    case 'mapping':
      return Object.fromEntries(node.entries.map((item) => [item.name, toPlain(item.value)]));
    case 'scalar': {
      const { value } = node;
      if (typeof value === 'bigint') return Number(value);
      // JSON has no infinity, and Python's is a number; the schema need only see on which side of a limit it is.
      if (typeof value === 'number' && !Number.isFinite(value))
        return Number.isNaN(value) ? 0 : Math.sign(value) * Number.MAX_VALUE;
      const isPython = value instanceof PyDate || value instanceof PyBytes || value instanceof PySet;
      return isPython ? Symbol.for('python') : value;
    }
  }
}

function toProblems(root: Node, issue: z.core.$ZodIssue, path: readonly PropertyKey[]): Problem[] {
  const found = follow(root, path);
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(root, key, found, path));
  if (issue.code === 'invalid_union' && found.node !== undefined && found.node.kind !== 'scalar') {
    // Of the alternatives the one for this kind of value was meant: it finds fault with what is in it, not with all.
    const meant = issue.errors.find((issues) => issues.length > 0 && issues.every((inner) => inner.path.length > 0));
    const inside = meant ?? issue.errors.find((issues) => issues.some((inner) => inner.code === 'unrecognized_keys'));
    if (inside !== undefined) return inside.flatMap((inner) => toProblems(root, inner, [...path, ...inner.path]));
  }
  if (path.length === 0) return [{ severity: 'error', at: found.at, message: `the specification ${issue.message}` }];
  if (found.node === undefined) {
    const owner = ownerOf(root, path.slice(0, -1));
    return [{ severity: 'error', at: found.at, message: `'${String(path.at(-1))}' is missing from ${owner}` }];
  }
  const value = /^must (not|have)/.test(issue.message) ? '' : `, not ${describe(found.node)}`;
  return [{ severity: 'error', at: found.at, message: `${subjectOf(root, path)} ${issue.message}${value}` }];
}

/** What a value is called: `'nodes' of step 'a'`, or by its place in a list, `item 2 of 'depends' of step 'a'`. */
function subjectOf(root: Node, path: readonly PropertyKey[]): string {
  const last = path.at(-1)!;
  if (typeof last !== 'number') return `'${String(last)}' of ${ownerOf(root, path.slice(0, -1))}`;
  return path.length === 2 && path[0] === 'study'
    ? `step ${last + 1}`
    : `item ${last + 1} of ${subjectOf(root, path.slice(0, -1))}`;
}

function unknownKey(root: Node, key: string, found: Found, path: readonly PropertyKey[]): Problem {
  const at = (found.node?.kind === 'mapping' && entry(found.node, key)?.keyAt) || found.at;
  const guess = closest(key, knownKeys(path));
  return {
    severity: 'error',
    at,
    message: `unknown key '${key}' in ${ownerOf(root, path)}`,
    ...(guess === undefined ? {} : { hint: `did you mean '${guess}'?` }),
  };
}

function knownKeys(path: readonly PropertyKey[]): readonly string[] {
  if (path[0] === 'study') return keysOf(path.at(-1) === 'run' ? runSchema : stepSchema);
  if (path[0] === 'env') return path.length === 1 ? keysOf(environmentSchema) : ['name', 'path'];
  return ['values', 'label'];
}

interface Found {
  /** The node at the path; undefined if there is none. */
  readonly node: Node | undefined;
  /** Where to point: the node, or the innermost mapping or list that should have held it. */
  readonly at: Position;
}

function follow(root: Node, path: readonly PropertyKey[]): Found {
  let node: Node = root;
  for (const part of path) {
    const next = child(node, part);
    if (next === undefined) return { node: undefined, at: node.at };
    node = next;
  }
  return { node, at: node.at };
}

function child(node: Node, part: PropertyKey): Node | undefined {
  if (node.kind === 'sequence') return node.items[Number(part)];
  return node.kind === 'mapping' ? entry(node, String(part))?.value : undefined;
}

/** Whose key it is, in words: `step 'a'`, `parameter 'SIZE'`, `env`, `the specification`. */
function ownerOf(root: Node, path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the specification';
  if (path[0] === 'study' && path.length > 1) return stepName(root, Number(path[1]));
  if (path[0] === 'global.parameters' && path.length > 1) return `parameter '${String(path[1])}'`;
  return path.map((part) => (typeof part === 'number' ? `item ${part + 1}` : String(part))).join('.');
}

function stepName(root: Node, index: number): string {
  const { node } = follow(root, ['study', index, 'name']);
  return node?.kind === 'scalar' && typeof node.value === 'string' ? `step '${node.value}'` : `step ${index + 1}`;
}

const typeNames: ReadonlyMap<string, string> = new Map([
  ['str', 'text'],
  ['bool', 'a truth value'],
]);

/** A value as a message shows it, short and with its type where the text alone would mislead: `'2' (text)`, `43200`. */
function describe(node: Node): string {
  if (node.kind !== 'scalar') return node.kind === 'sequence' ? 'a list' : 'a mapping';
  const value = toPyValue(node);
  const shown = pyRepr(value);
  const type = typeNames.get(pyTypeName(value));
  return value === null
    ? 'empty'
    : `${shown.length > 60 ? `${shown.slice(0, 57)}...` : shown}${type ? ` (${type})` : ''}`;
}

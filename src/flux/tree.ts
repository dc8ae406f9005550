/** Nested mappings, as JSON has them. */
export type Tree = Record<string, unknown>;

/** A path leads through something that is no mapping. */
export class PathError extends Error {
  constructor(path: readonly string[], at: number) {
    super(`'${path.join('.')}' cannot be set: '${path.slice(0, at + 1).join('.')}' is a value of its own`);
    this.name = 'PathError';
  }
}

/**
 * Sets a value at a path, making the mappings on the way. Keys are own ones, whatever they are called: `__proto__` is one
 * like any other.
 *
 * @throws PathError if a value that is no mapping is in the way
 */
export function assign(tree: Tree, path: readonly string[], value: unknown): void {
  set(tree, path, value, (at) => {
    throw new PathError(path, at);
  });
}

/** As `assign`, but what is in the way goes. */
export function replace(tree: Tree, path: readonly string[], value: unknown): void {
  set(tree, path, value, () => {});
}

/** Lays a tree over another: mappings are merged, anything else is replaced. */
export function merge(tree: Tree, over: Tree): void {
  for (const [key, value] of Object.entries(over)) {
    const own = Object.hasOwn(tree, key) ? tree[key] : undefined;
    if (isTree(own) && isTree(value)) merge(own, value);
    else define(tree, key, value);
  }
}

/** The values of a tree that are no mappings, each with its path. */
export function leavesOf(tree: Tree, path: readonly string[] = []): [path: readonly string[], leaf: unknown][] {
  return Object.entries(tree).flatMap(([key, value]) =>
    isTree(value) ? leavesOf(value, [...path, key]) : [[[...path, key], value] as [readonly string[], unknown]],
  );
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function set(tree: Tree, path: readonly string[], value: unknown, onConflict: (at: number) => void): void {
  let level = tree;
  for (const [at, key] of path.slice(0, -1).entries()) {
    let next = Object.hasOwn(level, key) ? level[key] : define(level, key, {});
    if (!isTree(next)) {
      onConflict(at);
      next = define(level, key, {});
    }
    level = next as Tree;
  }
  define(level, path.at(-1)!, value);
}

function define(tree: Tree, key: string, value: unknown): unknown {
  Object.defineProperty(tree, key, { value, enumerable: true, configurable: true, writable: true });
  return value;
}

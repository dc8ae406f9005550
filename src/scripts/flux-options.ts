import { type PyValue, pyStr } from '../spec/python.js';

/**
 * Options for Flux's commands from a mapping of the batch block (Maestro 1.2, `allocation_args` and `launcher_args`): of
 * a key with one letter `-k name=value`, of a longer one `--key=name=value`. Nested mappings are written with dots, truth
 * values in lower case; a name without a value, or a key without names, is a flag.
 */
export function fluxOptions(args: ReadonlyMap<PyValue, PyValue>): string[] {
  return [...args].flatMap(([key, value]) => {
    const name = longNames.get(pyStr(key)) ?? pyStr(key);
    const [prefix, separator] = name.length === 1 ? ['-', ' '] : ['--', '='];
    return leaves(value, '').map(([path, leaf]) => {
      const text = leaf === null || leaf === '' ? '' : typeof leaf === 'boolean' ? String(leaf) : pyStr(leaf);
      const assigned = [path, text].filter((part) => part !== '').join('=');
      return `${prefix}${name}${assigned === '' ? '' : `${separator}${assigned}`}`;
    });
  });
}

/** Flux's options that have a short name, as Maestro 1.2 writes them. */
const longNames = new Map([
  ['o', 'setopt'],
  ['S', 'setattr'],
]);

function leaves(value: PyValue, path: string): [path: string, leaf: PyValue][] {
  if (!(value instanceof Map)) return [[path, value]];
  return [...value].flatMap(([key, inner]) => leaves(inner, path === '' ? pyStr(key) : `${path}.${pyStr(key)}`));
}

/** What `allocation_args` may hold: what a jobspec has a place for, and `exclusive`. Maestro drops the rest. */
const allocationKeys = ['o', 'setopt', 'S', 'setattr', 'conf', 'x', 'exclusive'];

/** The entries of `allocation_args` that are used, and the keys of those that are not. */
export function splitAllocationArgs(args: ReadonlyMap<PyValue, PyValue>): {
  readonly used: ReadonlyMap<PyValue, PyValue>;
  readonly dropped: readonly string[];
} {
  const isUsed = (key: PyValue) => allocationKeys.includes(pyStr(key));
  return {
    used: new Map([...args].filter(([key]) => isUsed(key))),
    dropped: [...args.keys()].filter((key) => !isUsed(key)).map(pyStr),
  };
}

/** Takes the flag `exclusive` (or `x`) out of a mapping of options. */
export function takeExclusive(args: ReadonlyMap<PyValue, PyValue>): {
  readonly exclusive: boolean;
  readonly others: ReadonlyMap<PyValue, PyValue>;
} {
  const isFlag = (key: PyValue) => key === 'x' || key === 'exclusive';
  return {
    exclusive: [...args.keys()].some(isFlag),
    others: new Map([...args].filter(([key]) => !isFlag(key))),
  };
}

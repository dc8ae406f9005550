import { type PyValue, pyStr } from '../spec/python.js';
import { leaves } from './batch-args.js';

/**
 * Options for Flux's commands from a mapping of the batch block (Maestro 1.2, `allocation_args` and `launcher_args`): a
 * key of one letter gives `-k name=value`, a longer key `--key=name=value`. Names of nested mappings are joined with
 * dots, booleans are in lower case, and a key or name without a value is a flag.
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

/** The long names that Maestro 1.2 writes for short options. */
const longNames = new Map([
  ['o', 'setopt'],
  ['S', 'setattr'],
]);

/**
 * The keys of `allocation_args` that are used: those that a jobspec can express, and `exclusive`. Maestro ignores the
 * others.
 */
const allocationKeys = ['o', 'setopt', 'S', 'setattr', 'conf', 'x', 'exclusive'];

/** Separates the entries of `allocation_args` that are used from the keys that are ignored. */
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

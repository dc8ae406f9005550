import { type Problem, problemOf } from '../spec/problem.js';
import { type PyValue, pyRepr, pyStr } from '../spec/python.js';
import type { Batch } from '../spec/spec.js';

/** An option for the submit command from `batch.args`. */
export interface BatchArg {
  /** Without dashes. */
  readonly name: string;
  /** null for a flag. */
  readonly value: string | null;
}

/**
 * The options of `batch.args`, in the form that Maestro 1.2 has for Flux: names of nested mappings are joined with
 * dots and stand before the value (`name=value`), and an option without a value is a flag. `true` is a flag as well,
 * and `false` leaves the option out.
 */
export function batchArgs(batch: Batch): readonly BatchArg[] {
  const args = batch.values.get('args');
  if (!(args instanceof Map)) return [];
  return [...args].flatMap(([key, value]) =>
    leaves(value, '').flatMap(([path, leaf]): BatchArg[] => {
      if (leaf === false) return [];
      const text = leaf === null || leaf === true ? '' : pyStr(leaf);
      const assigned = [path, text].filter((part) => part !== '').join('=');
      return [{ name: pyStr(key), value: assigned === '' ? null : assigned }];
    }),
  );
}

/** The values of a nested mapping, each with the names that lead to it: `a.b`. */
export function leaves(value: PyValue, path: string): [path: string, leaf: PyValue][] {
  if (!(value instanceof Map)) return [[path, value]];
  return [...value].flatMap(([key, inner]) => leaves(inner, path === '' ? pyStr(key) : `${path}.${pyStr(key)}`));
}

/**
 * Checks `batch.args` for a submit command.
 *
 * @param command names it: `sbatch`
 * @param refused options that cannot be given, each with what to do instead
 */
export function checkBatchArgs(batch: Batch, command: string, refused: ReadonlyMap<string, string>): Problem[] {
  const args = batch.values.get('args') ?? null;
  if (args === null || args === '') return [];
  if (!(args instanceof Map)) {
    const message = `batch.args must be a mapping of options for ${command}`;
    return [problemOf('error', batch.placeOf('args'), message, 'write it as {option: value}')];
  }
  return [...args].flatMap(([key, value]) => {
    const name = pyStr(key);
    const problem = (message: string, hint?: string) =>
      problemOf('error', batch.placeOf('args', name), `batch.args: ${message}`, hint);
    if (name.startsWith('-')) {
      return [problem(`'${name}' begins with a dash`, `write ${name.replace(/^-+/, '')}`)];
    }
    if (!/^[A-Za-z][A-Za-z0-9_-]*$/.test(name)) {
      return [problem(`${pyRepr(key)} is no option of ${command}`)];
    }
    const hint = refused.get(name);
    if (hint !== undefined) return [problem(`'${name}' cannot be given to ${command}`, hint)];
    return leaves(value, '')
      .filter(([, leaf]) => Array.isArray(leaf))
      .map(() => problem(`'${name}' must be text, a number, true or a mapping, not a list`, 'write a,b,c'));
  });
}

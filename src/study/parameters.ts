import { type PyValue, pyStr } from '../spec/python.js';
import type { ParameterSpec } from '../spec/spec.js';
import { compareCodePoints } from './names.js';
import { textsIn } from './values.js';

/** A parameter with the texts that stand for it, one for each combination. */
export interface Parameter {
  readonly key: string;
  /** What `$(KEY.name)` becomes. */
  readonly name: string;
  /** What `$(KEY)` becomes, by combination. */
  readonly values: readonly string[];
  /** What `$(KEY.label)` becomes, by combination. */
  readonly labels: readonly string[];
  /** What counts as a use of it: Maestro's `\$\(KEY\.*\w*\)`, so `$(NX)` is a use of `N`. */
  readonly use: RegExp;
}

export function toParameter({ key, label, values: raw }: ParameterSpec): Parameter {
  const values = raw.map(pyStr);
  return {
    key,
    name: key,
    values,
    labels: values.map((value) => label.replaceAll('%%', () => value)),
    use: new RegExp(`\\$\\(${escapeRegExp(key)}\\.*[\\p{L}\\p{N}_]*\\)`, 'u'),
  };
}

/** How many combinations there are: the N-th takes the N-th value of every parameter. */
export function combinationCount(parameters: readonly Parameter[]): number {
  return parameters[0]?.values.length ?? 0;
}

/** `text` in combination `index`: all labels, then all values, then all names, in the spec's order, one pass each. */
export function applyCombination(text: string, parameters: readonly Parameter[], index: number): string {
  if (!text.includes('$(')) return text;
  let result = text;
  for (const { key, labels } of parameters) result = result.replaceAll(`$(${key}.label)`, () => labels[index]!);
  for (const { key, values } of parameters) result = result.replaceAll(`$(${key})`, () => values[index]!);
  for (const { key, name } of parameters) result = result.replaceAll(`$(${key}.name)`, () => name);
  return result;
}

/** The parameters that a step uses by itself: in its name, its description or any text of its run block. */
export function usedParameters(
  step: { readonly name: string; readonly description: string; readonly run: ReadonlyMap<string, PyValue> },
  parameters: readonly Parameter[],
): Parameter[] {
  if (parameters.length === 0) return [];
  const texts = [step.name, step.description, ...textsIn(step.run)].filter((text) => text.includes('$('));
  return parameters.filter(({ use }) => texts.some((text) => use.test(text)));
}

/** Parameters in the order of a combination's name: by key, as Python sorts text. */
export function byKey(parameters: Iterable<Parameter>): Parameter[] {
  return [...parameters].sort((a, b) => compareCodePoints(a.key, b.key));
}

/** The labels of the parameters (in `byKey` order) joined by dots: `ITER.16.SIZE.4`. */
export function combinationName(parameters: readonly Parameter[], index: number): string {
  return parameters.map(({ labels }) => labels[index]!).join('.');
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}

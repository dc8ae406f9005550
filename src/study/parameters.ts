import { type PyValue, pyStr } from '../spec/python.js';
import type { Position } from '../spec/source.js';
import type { ParameterSpec } from '../spec/spec.js';
import { compareCodePoints } from './names.js';
import { replaceToken } from './replace.js';
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
  /** Where it is defined. */
  readonly at: Position;
}

export function toParameter({ key, label, values: raw, at }: ParameterSpec): Parameter {
  const values = raw.map(pyStr);
  const labels = values.map((value) => label.replaceAll('%%', () => value));
  return makeParameter({ key, name: key, values, labels, at });
}

export function makeParameter(parameter: Omit<Parameter, 'use'>): Parameter {
  return {
    ...parameter,
    use: new RegExp(`\\$\\(${escapeRegExp(parameter.key)}\\.*[\\p{L}\\p{N}_]*\\)`, 'u'),
  };
}

/** How many combinations there are: the N-th takes the N-th value of every parameter. */
export function combinationCount(parameters: readonly Parameter[]): number {
  return parameters[0]?.values.length ?? 0;
}

/**
 * `text` in combination `index`: all labels, then all values, then all names, in the spec's order, one pass each.
 *
 * @throws TextTooLong
 */
export function applyCombination(text: string, parameters: readonly Parameter[], index: number): string {
  if (!text.includes('$(')) return text;
  let result = text;
  for (const { key, labels } of parameters) result = replaceToken(result, `$(${key}.label)`, labels[index]!);
  for (const { key, values } of parameters) result = replaceToken(result, `$(${key})`, values[index]!);
  for (const { key, name } of parameters) result = replaceToken(result, `$(${key}.name)`, name);
  return result;
}

/** What the parameters of a step are looked for in. */
interface StepTexts {
  readonly name: string;
  readonly description: string;
  readonly run: ReadonlyMap<string, PyValue>;
}

/** The step's texts that have a token in them. */
export function textsOf({ name, description, run }: StepTexts): string[] {
  return [name, description, ...textsIn(run)].filter((text) => text.includes('$('));
}

/** The parameters that a step uses by itself: in its name, its description or any text of its run block. */
export function usedParameters(step: StepTexts, parameters: readonly Parameter[]): Parameter[] {
  if (parameters.length === 0) return [];
  const texts = textsOf(step);
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
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

import { type PyValue, pyStr } from '../spec/python.js';
import type { Position } from '../spec/source.js';
import type { ParameterSpec } from '../spec/spec.js';
import { compareCodePoints } from './names.js';
import { replaceToken } from './replace.js';
import { textsIn } from './values.js';

/** A parameter with its texts, one for each combination. */
export interface Parameter {
  readonly key: string;
  /** The text of `$(KEY.name)`. */
  readonly name: string;
  /** The texts of `$(KEY)`, by combination. */
  readonly values: readonly string[];
  /** The texts of `$(KEY.label)`, by combination. */
  readonly labels: readonly string[];
  /** Matches a use of the parameter: Maestro's `\$\(KEY\.*\w*\)`, so `$(NX)` is a use of `N`. */
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

/** The number of combinations: the N-th takes the N-th value of every parameter. */
export function combinationCount(parameters: readonly Parameter[]): number {
  return parameters[0]?.values.length ?? 0;
}

/**
 * Substitutes the parameters of combination `index`: all labels, then all values, then all names, in the spec's order,
 * one pass each.
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

/** The texts of a step in which parameters are searched for. */
interface StepTexts {
  readonly name: string;
  readonly description: string;
  readonly run: ReadonlyMap<string, PyValue>;
}

/** The texts of a step that contain a token. */
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

import { type Problem, problemOf } from '../spec/problem.js';
import type { Node } from '../spec/yaml/read-yaml.js';
import { groupBy } from '../util/group-by.js';
import type { Reference } from './metric.js';
import { parseNumber } from './number.js';

/**
 * Reads `reference`: one number, or a mapping of values of parameters to numbers. A key is `SIZE=10`, or several of
 * these with commas or blanks between them; within `{}` a key with a comma needs quotes.
 */
export function readReferences(node: Node, whose: string, problems: Problem[]): readonly Reference[] {
  const error = (at: Node['at'], message: string, hint?: string): readonly Reference[] => {
    problems.push(problemOf('error', at, message, hint));
    return [];
  };
  if (node.kind !== 'mapping') {
    const value = numberOf(node);
    if (value !== undefined) return [{ params: {}, value, at: node.at }];
    return error(node.at, `'reference' ${whose} must be a number, or a mapping of parameters to numbers`);
  }
  const seen = new Set<string>();
  return node.entries.flatMap(({ name, keyAt, value: valueNode }) => {
    const params = paramsIn(name);
    if (params === undefined) {
      return error(keyAt, `'${name}' in 'reference' ${whose} is not a parameter with a value`, 'such as SIZE=10');
    }
    const identity = JSON.stringify(Object.entries(params).sort());
    if (seen.has(identity)) return error(keyAt, `'reference' ${whose} has '${name}' twice`);
    seen.add(identity);
    const value = numberOf(valueNode);
    if (value === undefined) return error(valueNode.at, `'${name}' in 'reference' ${whose} must be a number`);
    return [{ params, value, at: keyAt }];
  });
}

function numberOf(node: Node): number | undefined {
  const parsed = node.kind === 'scalar' ? parseNumber(node.text) : undefined;
  return parsed?.is === 'number' && parsed.unit === '' ? parsed.value : undefined;
}

/** `SIZE=10, TRIAL=2`. A value may have blanks and commas of its own. */
function paramsIn(text: string): Readonly<Record<string, string>> | undefined {
  const parts = text.trim().split(/(?:\s*,\s*|\s+)(?=[\p{L}\p{N}_]+=)/u);
  const pairs = parts.flatMap((part): [string, string][] => {
    const [, name, value] = /^([\p{L}\p{N}_]+)=(.+)$/su.exec(part) ?? [];
    return name === undefined ? [] : [[name, value!]];
  });
  const params = Object.fromEntries(pairs);
  return Object.keys(params).length === parts.length ? params : undefined;
}

/** A parameter's value such that two texts of one number are the same. */
function canonical(text: string): string {
  const parsed = parseNumber(text);
  return parsed.is === 'number' ? `${parsed.value} ${parsed.unit}` : text;
}

/** The parameters of an instance that some references name, as one text; undefined if it does not have them all. */
function keyOf(params: Reference['params'], names: readonly string[]): string | undefined {
  if (!names.every((name) => Object.hasOwn(params, name))) return undefined;
  return JSON.stringify(names.map((name) => canonical(params[name]!)));
}

/** References by what they say about the same parameters, with an index: both they and the instances may be 10,000. */
export class ReferenceIndex {
  /** Those with most parameters first. */
  readonly #groups: readonly { readonly names: readonly string[]; readonly byKey: Map<string, Reference[]> }[];

  constructor(references: readonly Reference[]) {
    const namesOf = ({ params }: Reference) => Object.keys(params).sort();
    const groups = [...groupBy(references, (reference) => JSON.stringify(namesOf(reference))).values()].map((group) => {
      const names = namesOf(group[0]!);
      return { names, byKey: groupBy(group, ({ params }) => keyOf(params, names)!) };
    });
    this.#groups = groups.sort((a, b) => b.names.length - a.names.length);
  }

  /**
   * The references that say most about an instance: of those that are for it, the ones with the most parameters. More than
   * one is a contradiction.
   */
  matching(params: Reference['params']): readonly Reference[] {
    const found: Reference[] = [];
    let most = 0;
    for (const { names, byKey } of this.#groups) {
      if (found.length > 0 && names.length < most) break;
      const key = keyOf(params, names);
      found.push(...((key !== undefined && byKey.get(key)) || []));
      most = names.length;
    }
    return found;
  }
}

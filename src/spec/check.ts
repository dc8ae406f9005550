import type { Problem } from './problem.js';
import { pyStr } from './python.js';
import type { Position } from './source.js';
import { type GitDependency, type Spec, schedulerTypes } from './spec.js';
import { entriesOf, entry, itemsOf, type MappingNode, mappingOf, scalarsIn, textOf } from './yaml/read-yaml.js';

/** What a schema cannot say, and Maestro's code rejects: names that clash, lengths that differ, keys that a batch type needs. */

/** A NUL, which YAML lets a text in double quotes have, ends every name and command on the way to the system. */
export function checkCharacters(root: MappingNode): Problem[] {
  return [...scalarsIn(root)]
    .filter(({ text }) => text.includes('\0'))
    .map(({ at }) => ({ severity: 'error', at, message: 'a text of a study cannot have a NUL character in it' }));
}

/** Names of the environment must be unique across its blocks (Maestro 1.1, `StudyEnvironment.add`). */
export function checkEnvironment(spec: Spec, root: MappingNode): Problem[] {
  const env = mappingOf(root, 'env');
  const dependencies = itemsOf(env && mappingOf(env, 'dependencies'), 'git');
  const problems: Problem[] = dependencies
    .filter((item) => checkoutsOf(item).length > 1)
    .map((item) => ({
      severity: 'error',
      at: item.at,
      message: `git dependency '${textOf(item, 'name')}' names more than one of hash, tag and branch`,
    }));
  for (const { name, checkout, at } of spec.git) {
    if (checkout?.name.startsWith('-')) {
      problems.push({
        severity: 'error',
        at,
        message: `'${checkout.name}' of git dependency '${name}' is no ${checkout.kind}`,
      });
    }
  }
  const spack = env && entriesOf(env, 'dependencies').find((item) => item.name === 'spack');
  if (spack !== undefined) {
    problems.push({
      severity: 'error',
      at: spack.keyAt,
      message: 'env.dependencies.spack cannot be used, by Maestro neither',
    });
  }
  for (const block of ['variables', 'labels']) {
    for (const { key, keyAt } of entriesOf(env, block)) {
      if (typeof key === 'string') continue;
      problems.push({
        severity: 'error',
        at: keyAt,
        message: `the name ${pyStr(key)} in env.${block} is no text`,
        hint: 'put it in quotes',
      });
    }
  }
  for (const { name, at } of [...spec.paths, ...spec.git]) {
    if (name === 'OUTPUT_PATH') {
      problems.push({
        severity: 'error',
        at,
        message: "a dependency cannot be called 'OUTPUT_PATH': it is the study directory",
      });
    }
  }
  const seen = new Map<string, Position>();
  for (const { name, at } of [...spec.variables, ...spec.labels, ...spec.paths, ...spec.git]) {
    const first = seen.get(name);
    if (first !== undefined) {
      problems.push({
        severity: 'error',
        at,
        message: `'${name}' is defined twice in env`,
        hint: first.file === at.file ? `first on line ${first.line}` : `first in ${first.file}, line ${first.line}`,
      });
    } else if (name === 'SPECROOT') {
      problems.push({
        severity: 'error',
        at,
        message: `'SPECROOT' cannot be defined: it is the directory of the spec`,
      });
    }
    seen.set(name, at);
  }
  return problems;
}

/** Where something is, if it is in another file than what it is compared with: ` of input 'parameters'`. */
function inFile(item: { readonly at: Position }, other: { readonly at: Position }): string {
  return item.at.file === other.at.file ? '' : ` of ${item.at.file}`;
}

/** The tag, hash and branch that a git dependency says to check out: at most one, if it is right. */
export function checkoutsOf(item: MappingNode): NonNullable<GitDependency['checkout']>[] {
  return (['hash', 'tag', 'branch'] as const)
    .map((kind) => ({ kind, name: textOf(item, kind) }))
    .filter((checkout) => checkout.name !== '');
}

export function checkParameters(spec: Spec): Problem[] {
  const [first, ...others] = spec.parameters;
  if (first === undefined) return [];
  const problems: Problem[] = others
    .filter((parameter) => parameter.values.length !== first.values.length)
    .map((parameter) => ({
      severity: 'error',
      at: parameter.at,
      message: `parameter '${parameter.key}' has ${parameter.values.length} values, but '${first.key}'${inFile(first, parameter)} has ${first.values.length}`,
      hint: 'combination N takes the N-th value of every parameter, so all must have as many',
    }));
  if (first.values.length === 0) {
    problems.push({
      severity: 'warning',
      at: first.at,
      message: `parameter '${first.key}' has no values, so every step that uses it vanishes`,
    });
  }
  return problems;
}

export function checkBatch(spec: Spec, root: MappingNode): Problem[] {
  const block = mappingOf(root, 'batch');
  if (block === undefined) return [];
  const type = entry(block, 'type');
  if (type !== undefined && !schedulerTypes.includes(spec.batch.type)) {
    return [
      {
        severity: 'error',
        at: type.value.at,
        message: `unknown batch type '${spec.batch.type}'`,
        hint: `one of ${schedulerTypes.join(', ')}`,
      },
    ];
  }
  if (spec.batch.type !== 'slurm' && spec.batch.type !== 'lsf') return [];
  // Maestro's adapters take these from the block without a default; they may be empty.
  return ['host', 'bank', 'queue']
    .filter((key) => !spec.batch.values.has(key))
    .map((key) => ({
      severity: 'error',
      at: block.at,
      message: `'${key}' is missing from batch`,
      hint: `${spec.batch.type} studies need it; it may be ""`,
    }));
}

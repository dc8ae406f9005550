import { lintSpec } from './lint.js';
import { applyOverlays, type Overlays } from './overlay.js';
import type { Problem } from './problem.js';
import { type PyValue, pyStr } from './python.js';
import type { conditions } from './schema.js';
import type { Position, Source } from './source.js';
import { validate } from './validate.js';
import { type Entry, entry, type MappingNode, type Node, readYaml, scalarsIn, toPyValue } from './yaml.js';

/** A study specification as it was written: nothing substituted, everything with its place. */
export interface Spec {
  readonly file: string;
  readonly name: string;
  readonly description: string;
  readonly variables: readonly Named[];
  readonly labels: readonly Named[];
  readonly paths: readonly PathDependency[];
  readonly git: readonly GitDependency[];
  readonly batch: Batch;
  readonly steps: readonly Step[];
  readonly parameters: readonly ParameterSpec[];
}

/** An entry of `env.variables` or `env.labels`. */
export interface Named {
  readonly name: string;
  readonly value: PyValue;
  readonly at: Position;
}

export interface PathDependency {
  readonly name: string;
  readonly path: string;
  readonly at: Position;
}

export interface GitDependency {
  readonly name: string;
  readonly path: string;
  readonly url: string;
  /** What to check out after the clone; undefined: what the repository's HEAD names. */
  readonly checkout: { readonly kind: 'tag' | 'hash' | 'branch'; readonly name: string } | undefined;
  readonly at: Position;
}

export const schedulerTypes = ['local', 'slurm', 'lsf', 'flux'] as const;
export type SchedulerType = (typeof schedulerTypes)[number];

export interface Batch {
  readonly type: SchedulerType;
  /** Every key of the block but `type`. */
  readonly values: ReadonlyMap<string, PyValue>;
  readonly at: Position;
}

export interface Step {
  readonly name: string;
  readonly description: string;
  /** The step's first line: where an annotation about it goes. */
  readonly at: Position;
  readonly nameAt: Position;
  /** What it waits for: names as written, funnels with their `*`. */
  readonly depends: readonly string[];
  /** `all-completed`: it runs whether those finished or failed, as long as none was cancelled. */
  readonly condition: Condition;
  /** The `run` block, with Maestro's empty text for every common key that was not given. */
  readonly run: ReadonlyMap<string, PyValue>;
  /**
   * Where `text` stands in the first of the keys of `run` that has it; if none has (it came there by substitution), its
   * first `$(LAUNCHER)` or else its beginning; the step's own place for a key that was not given.
   */
  placeOf(text: string, ...keys: readonly string[]): Position;
}

export type Condition = (typeof conditions)[number];

export interface ParameterSpec {
  readonly key: string;
  readonly values: readonly PyValue[];
  readonly label: string;
  readonly at: Position;
}

/** The keys that Maestro's `StudyStep` always has: empty text, not absent, when the spec says nothing. */
const runDefaults = [
  'cmd',
  'depends',
  'pre',
  'post',
  'restart',
  'nodes',
  'procs',
  'gpus',
  'cores per task',
  'walltime',
  'reservation',
].map((key): [string, PyValue] => [key, key === 'depends' ? [] : '']);

export interface ReadResult {
  /** Undefined if a problem is an error. */
  readonly spec: Spec | undefined;
  readonly problems: readonly Problem[];
  /** What of a specification with errors can still be looked at for more of them; what does not fit is empty in it. */
  readonly draft: Spec | undefined;
}

/**
 * Reads a specification. All its problems are found at once.
 * What can only be seen after expansion (dependencies, names, tokens) is checked there.
 *
 * @param overlays laid over the spec before it is looked at
 */
export function readSpec(source: Source, overlays: Overlays = {}): ReadResult {
  const read = readYaml(source);
  if (read.root === null) {
    const empty: Problem = { severity: 'error', at: source.positionAt(0), message: 'the specification is empty' };
    return { spec: undefined, draft: undefined, problems: read.problems.length > 0 ? read.problems : [empty] };
  }
  if (read.root.kind !== 'mapping') {
    return { spec: undefined, draft: undefined, problems: [...read.problems, ...validate(read.root)] };
  }
  const { root, problems: laid } = applyOverlays(read.root, overlays);
  const draft = toSpec(source.file, root);
  const problems = [
    ...read.problems,
    ...laid,
    ...validate(root),
    ...checkCharacters(root),
    ...checkEnvironment(draft, root),
    ...checkParameters(draft),
    ...checkBatch(draft, root),
    ...lintSpec(root),
  ];
  return { spec: problems.some(isError) ? undefined : draft, problems, draft };
}

const isError = (problem: Problem) => problem.severity === 'error';

/** Takes what fits; validation tells of what does not. */
function toSpec(file: string, root: MappingNode): Spec {
  const description = mappingOf(root, 'description');
  const env = mappingOf(root, 'env');
  const dependencies = env && mappingOf(env, 'dependencies');
  return {
    file,
    name: textOf(description, 'name'),
    description: textOf(description, 'description'),
    variables: entriesOf(env, 'variables').map(toNamed),
    labels: entriesOf(env, 'labels').map(toNamed),
    paths: itemsOf(dependencies, 'paths').map((item) => ({
      name: textOf(item, 'name'),
      path: textOf(item, 'path'),
      at: item.at,
    })),
    git: itemsOf(dependencies, 'git').map((item) => ({
      name: textOf(item, 'name'),
      path: textOf(item, 'path'),
      url: textOf(item, 'url'),
      checkout: checkoutsOf(item)[0],
      at: item.at,
    })),
    batch: toBatch(root),
    steps: itemsOf(root, 'study').map(toStep),
    parameters: entriesOf(root, 'global.parameters').flatMap(toParameterSpec),
  };
}

function toParameterSpec({ name, keyAt, value }: Entry): ParameterSpec[] {
  const values = value.kind === 'mapping' ? entry(value, 'values')?.value : undefined;
  if (value.kind !== 'mapping' || values?.kind !== 'sequence') return [];
  return [{ key: name, values: values.items.map(toPyValue), label: textOf(value, 'label'), at: keyAt }];
}

const checkoutsOf = (item: MappingNode) =>
  (['hash', 'tag', 'branch'] as const)
    .map((kind) => ({ kind, name: textOf(item, kind) }))
    .filter((checkout) => checkout.name !== '');

function toBatch(root: MappingNode): Batch {
  const block = mappingOf(root, 'batch');
  const values = new Map(block?.entries.map((item) => [item.name, toPyValue(item.value)]));
  const type = values.get('type') ?? 'local';
  values.delete('type');
  return { type: type as SchedulerType, values, at: block?.at ?? root.at };
}

function toStep(node: MappingNode): Step {
  const run = mappingOf(node, 'run') ?? { ...node, entries: [] };
  return {
    name: textOf(node, 'name'),
    description: textOf(node, 'description'),
    at: node.at,
    nameAt: entry(node, 'name')?.value.at ?? node.at,
    ...dependsOf(run),
    run: new Map([...runDefaults, ...run.entries.map((item): [string, PyValue] => [item.name, toPyValue(item.value)])]),
    placeOf: (text, ...keys) => placeIn(node, run, text, keys),
  };
}

function placeIn(step: MappingNode, run: MappingNode, text: string, keys: readonly string[]): Position {
  const given = keys.map((key) => entry(run, key)?.value).filter((value) => value !== undefined);
  for (const wanted of [text, '$(LAUNCHER)']) {
    for (const value of given) {
      const index = value.kind === 'scalar' && wanted !== '' ? value.text.indexOf(wanted) : -1;
      if (value.kind === 'scalar' && index !== -1) return value.positionOf(index);
    }
    if (!text.startsWith('$(LAUNCHER)')) break;
  }
  return given[0]?.at ?? step.at;
}

function dependsOf(run: MappingNode): Pick<Step, 'depends' | 'condition'> {
  const value = entry(run, 'depends')?.value;
  const names = (node: Node | undefined) =>
    node?.kind === 'sequence' ? node.items.map(toPyValue).filter((name) => typeof name === 'string') : [];
  if (value?.kind !== 'mapping') return { depends: names(value), condition: 'all-succeeded' };
  return {
    depends: names(entry(value, 'steps')?.value),
    condition: (textOf(value, 'condition') || 'all-succeeded') as Condition,
  };
}

const toNamed = (item: { name: string; keyAt: Position; value: Node }): Named => ({
  name: item.name,
  value: toPyValue(item.value),
  at: item.keyAt,
});

/** A NUL, which YAML lets a text in double quotes have, ends every name and command on the way to the system. */
function checkCharacters(root: MappingNode): Problem[] {
  return [...scalarsIn(root)]
    .filter(({ text }) => text.includes('\0'))
    .map(({ at }) => ({ severity: 'error', at, message: 'a text of a study cannot have a NUL character in it' }));
}

/** Names of the environment must be unique across its blocks (Maestro 1.1, `StudyEnvironment.add`). */
function checkEnvironment(spec: Spec, root: MappingNode): Problem[] {
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

function checkParameters(spec: Spec): Problem[] {
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

function checkBatch(spec: Spec, root: MappingNode): Problem[] {
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

function mappingOf(node: MappingNode, name: string): MappingNode | undefined {
  const value = entry(node, name)?.value;
  return value?.kind === 'mapping' ? value : undefined;
}

function entriesOf(node: MappingNode | undefined, name: string): MappingNode['entries'] {
  return (node && mappingOf(node, name)?.entries) ?? [];
}

function itemsOf(node: MappingNode | undefined, name: string): MappingNode[] {
  const value = node && entry(node, name)?.value;
  return value?.kind === 'sequence' ? value.items.filter((item) => item.kind === 'mapping') : [];
}

function textOf(node: MappingNode | undefined, name: string): string {
  const value = node && entry(node, name)?.value;
  return value?.kind === 'scalar' && typeof value.value === 'string' ? value.value : '';
}

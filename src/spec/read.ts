import { checkBatch, checkCharacters, checkEnvironment, checkoutsOf, checkParameters } from './check.js';
import { lintSpec } from './lint.js';
import { applyOverlays, type Overlays } from './overlay.js';
import type { Problem } from './problem.js';
import type { PyValue } from './python.js';
import type { Position, Source } from './source.js';
import type { Batch, Condition, Named, ParameterSpec, SchedulerType, Spec, Step } from './spec.js';
import { validate } from './validate.js';
import {
  type Entry,
  entriesOf,
  entry,
  itemsOf,
  type MappingNode,
  mappingOf,
  type Node,
  readYaml,
  textOf,
  toPyValue,
} from './yaml/read-yaml.js';

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

/** Takes what fits the schema; validation reports the rest. */
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

function toBatch(root: MappingNode): Batch {
  const block = mappingOf(root, 'batch');
  const values = new Map(block?.entries.map((item) => [item.name, toPyValue(item.value)]));
  const type = values.get('type') ?? 'local';
  values.delete('type');
  const at = block?.at ?? root.at;
  const placeOf = (key: string, name?: string) => {
    const value = block && entry(block, key)?.value;
    const inner = value?.kind === 'mapping' && name !== undefined ? entry(value, name) : undefined;
    return inner?.keyAt ?? value?.at ?? at;
  };
  return { type: type as SchedulerType, values, at, placeOf };
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

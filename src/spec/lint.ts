import { closest } from '../util/closest.js';
import { type Problem, problemOf, warning } from './problem.js';
import { entry, itemsOf, type MappingNode, mappingOf, type ScalarNode, scalarsIn } from './yaml/read-yaml.js';

/**
 * What Maestro accepts silently and is probably a mistake, as far as the text of the spec shows it.
 * Takes a document that fits the schema. Warnings, and errors for what could not run.
 */
export function lintSpec(root: MappingNode): Problem[] {
  const env = mappingOf(root, 'env');
  const dependencies = env && mappingOf(env, 'dependencies');
  return [
    ...unknownKeys(root, '', ['description', 'env', 'batch', 'study', 'global.parameters']),
    ...(dependencies === undefined
      ? []
      : unknownKeys(dependencies, ' of env.dependencies', ['paths', 'git'], ['spack'])),
    ...itemsOf(dependencies, 'git').flatMap((item) =>
      unknownKeys(item, ' of a git dependency', ['name', 'path', 'url', 'tag', 'hash', 'branch']),
    ),
    ...lintBatch(mappingOf(root, 'batch')),
    ...lintBatchType(mappingOf(root, 'batch')),
    ...lintOutputPath(env && mappingOf(env, 'variables')),
    ...ignored(
      env,
      'sources',
      'env.sources is ignored, as Maestro does',
      'source the file in the steps, or in `setup`',
    ),
    ...labelTypes(env && mappingOf(env, 'labels')),
    ...lintLabels(mappingOf(root, 'global.parameters')),
    ...itemsOf(root, 'study').flatMap(lintStep),
    ...numbersInDisguise(root),
  ];
}

/** @param told keys that another check has reported */
function unknownKeys(node: MappingNode, of: string, known: readonly string[], told: readonly string[] = []): Problem[] {
  return node.entries
    .filter(({ name }) => !known.includes(name) && !told.includes(name))
    .map(({ name, keyAt }) => {
      const guess = closest(name, known);
      const hint = guess === undefined ? `known are ${known.join(', ')}` : `did you mean '${guess}'?`;
      return warning(keyAt, `unknown key '${name}'${of} is ignored`, hint);
    });
}

/** What each batch system does with the keys of the batch block: those that are used, besides `type` and `host`. */
const usedKeys: Readonly<Record<string, readonly string[]>> = {
  slurm: ['bank', 'queue', 'shell', 'nodes', 'procs', 'reservation', 'qos', 'args'],
  lsf: ['bank', 'queue', 'reservation', 'args'],
  flux: ['bank', 'queue', 'shell', 'nodes', 'args', 'allocation_args', 'launcher_args', 'uri', 'flux_uri', 'version'],
};

const batchKeys = [
  ...['type', 'host', 'bank', 'queue', 'shell', 'nodes', 'procs', 'gpus', 'reservation', 'qos', 'exclusive', 'args'],
  ...['allocation_args', 'launcher_args', 'uri', 'flux_uri', 'version', 'gres'],
];

/** Keys that people know from their batch system, and what Maestro has for them. */
const otherNames: Readonly<Record<string, string>> = {
  partition: "Maestro's word is 'queue'",
  account: "Maestro's word is 'bank'",
  project: "Maestro's word is 'bank'",
  walltime: "set 'walltime' of the steps",
  time: "set 'walltime' of the steps",
  time_limit: "set 'walltime' of the steps",
  tasks: "set 'procs' of the steps",
  ntasks: "set 'procs' of the steps",
};

/** The batch block has no schema: sites keep keys of their own in it. Only what looks like a typing error is reported. */
function lintBatch(batch: MappingNode | undefined): Problem[] {
  const typeNode = batch && entry(batch, 'type')?.value;
  const type = typeNode?.kind === 'scalar' ? typeNode.text : 'local';
  return (batch?.entries ?? []).flatMap(({ name, keyAt, value }) => {
    const other = otherNames[name];
    if (other !== undefined) return [warning(keyAt, `unknown key '${name}' of batch is ignored`, other)];
    const guess = batchKeys.includes(name) ? undefined : closest(name, batchKeys);
    if (guess !== undefined) {
      return [warning(keyAt, `unknown key '${name}' of batch is ignored`, `did you mean '${guess}'?`)];
    }
    const isEmpty = value.kind === 'scalar' && (value.value === null || value.value === '');
    const used = usedKeys[type];
    if (used !== undefined && !isEmpty && !['type', 'host', ...used].includes(name) && batchKeys.includes(name)) {
      const hint = ['gpus', 'exclusive', 'procs', 'nodes'].includes(name)
        ? `set '${name}' of the steps`
        : name === 'allocation_args' && used.includes('args')
          ? "'args' has options for each job"
          : undefined;
      return [problemOf('warning', keyAt, `'${name}' of batch is ignored with type ${type}, as in Maestro`, hint)];
    }
    if (name === 'shell' && value.kind === 'scalar') return lintShell(value);
    // For Flux, which needs a number of nodes, this is an error at each step that it is for.
    const isTold = name === 'nodes' && type === 'flux';
    if (
      ['nodes', 'procs', 'gpus'].includes(name) &&
      !isEmpty &&
      !isTold &&
      !(value.kind === 'scalar' && /^[0-9]+$/.test(value.text))
    ) {
      return [warning(value.at, `'${name}' of batch is no whole number, and stands so in scripts`)];
    }
    const isError = name === 'args' && (type === 'slurm' || type === 'lsf');
    const isArgs = ['args', 'allocation_args', 'launcher_args'].includes(name);
    if (isArgs && !isError && !isEmpty && value.kind !== 'mapping') {
      return [warning(value.at, `'${name}' of batch is ignored, as it is no mapping`, 'write {option: value}')];
    }
    return [];
  });
}

/** Without a type all steps run locally, which nobody wants who names a queue. */
function lintBatchType(batch: MappingNode | undefined): Problem[] {
  if (batch === undefined || entry(batch, 'type') !== undefined) return [];
  const ofJobs = batch.entries.find(({ name }) => batchKeys.includes(name) && !['host', 'shell'].includes(name));
  if (ofJobs === undefined) return [];
  const hint = 'add type: slurm, lsf or flux';
  return [warning(ofJobs.keyAt, `'${ofJobs.name}' of batch is ignored without a type: all steps run locally`, hint)];
}

/** The shell stands behind the `#!` of every script. */
function lintShell({ text, at }: ScalarNode): Problem[] {
  const shell = text.trim();
  if (shell.startsWith('#!')) {
    const hint = `write ${shell.slice(2).trim() || '/bin/bash'}`;
    return [problemOf('error', at, `'shell' of batch begins with '#!', which scripts have already`, hint)];
  }
  if (shell === '' || shell.startsWith('/')) return [];
  const hint = `write /bin/${shell}, or /usr/bin/env ${shell}`;
  return [warning(at, `'shell' of batch is no absolute path, and scripts cannot be run by '#!${shell}'`, hint)];
}

/** Maestro makes a directory whose name has the token in it. */
function lintOutputPath(variables: MappingNode | undefined): Problem[] {
  const value = variables && entry(variables, 'OUTPUT_PATH')?.value;
  if (value?.kind !== 'scalar' || !value.text.includes('$')) return [];
  return [warning(value.at, `OUTPUT_PATH is taken as it is, and nothing is replaced in ${value.text}`)];
}

function ignored(node: MappingNode | undefined, name: string, message: string, hint: string): Problem[] {
  const found = node && entry(node, name);
  return found === undefined ? [] : [warning(found.keyAt, message, hint)];
}

function labelTypes(labels: MappingNode | undefined): Problem[] {
  return (labels?.entries ?? [])
    .filter(({ value }) => value.kind !== 'scalar' || typeof value.value === 'boolean')
    .map(({ name, keyAt }) =>
      warning(keyAt, `label '${name}' is no text: Python's way of printing it is used`, 'put it in quotes'),
    );
}

function lintLabels(parameters: MappingNode | undefined): Problem[] {
  return (parameters?.entries ?? []).flatMap(({ name, value }) => {
    const label = value.kind === 'mapping' ? entry(value, 'label')?.value : undefined;
    const values = value.kind === 'mapping' ? entry(value, 'values')?.value : undefined;
    if (label?.kind !== 'scalar') return [];
    if (label.text.includes('$(')) return lintToken(label, `the label of parameter '${name}'`);
    if (label.text.includes('%%') || label.text === '') return [];
    if (values?.kind !== 'sequence' || values.items.length < 2) return [];
    return [
      warning(
        label.at,
        `the label of parameter '${name}' is the same for all its values`,
        `write %% where the value goes: ${name}.%%`,
      ),
    ];
  });
}

/** A token where nothing is ever replaced. */
function lintToken({ text, at }: ScalarNode, where: string): Problem[] {
  const token = /\$\([^)]*\)/.exec(text)?.[0];
  return token === undefined ? [] : [warning(at, `${token} is not replaced in ${where}`)];
}

function lintStep(step: MappingNode): Problem[] {
  const run = mappingOf(step, 'run');
  const name = entry(step, 'name')?.value;
  return [
    ...(name?.kind === 'scalar' ? lintToken(name, 'the name of a step') : []),
    ...ignored(run, 'pre', "'pre' is ignored, as Maestro does", 'put it into cmd'),
    ...ignored(
      run,
      'post',
      "'post' is ignored, as Maestro does",
      'put it into cmd, or into a step that depends on this one',
    ),
    ...['nodes', 'procs', 'gpus', 'cores per task', 'tasks per rs', 'rs per node', 'cpus per rs'].flatMap((key) => {
      const value = run && entry(run, key)?.value;
      if (value?.kind !== 'scalar' || !Number.isInteger(value.value)) return [];
      return [
        warning(value.at, `'${key}' is the number ${value.text}, and stands so in scripts`, 'write a whole number'),
      ];
    }),
  ];
}

/** `12:00:00` and `010` without quotes: YAML 1.1 counts in sixties and eights. */
function numbersInDisguise(root: MappingNode): Problem[] {
  return [...scalarsIn(root)].flatMap(disguised);
}

function disguised({ value, text, style, at }: ScalarNode): Problem[] {
  if (style !== 'plain' || (typeof value !== 'bigint' && typeof value !== 'number')) return [];
  const base = text.includes(':') ? 60 : /^[-+]?0[0-7_]+$/.test(text) ? 8 : undefined;
  if (base === undefined) return [];
  return [
    warning(
      at,
      `${text} without quotes is the number ${value} (YAML 1.1 counts it in base ${base})`,
      `write "${text}"`,
    ),
  ];
}

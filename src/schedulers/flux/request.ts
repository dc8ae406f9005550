import { type Assignment, type JobRequest, jobspecOf } from '../../flux/jobspec.js';
import { leavesOf, merge, PathError, replace, type Tree } from '../../flux/tree.js';
import { quote } from '../../quote.js';
import { argsOf, gpusPerSlot, isExclusive } from '../../scripts/flux.js';
import { resource } from '../../scripts/script.js';
import { walltimeSeconds } from '../../scripts/walltime.js';
import type { Problem } from '../../spec/problem.js';
import { type PyValue, pyStr } from '../../spec/python.js';
import type { Batch } from '../../spec/spec.js';
import type { StepInstance } from '../../study/graph.js';
import { launcherWords } from '../launcher.js';
import { outputNames } from '../outputs.js';
import type { Job } from '../scheduler.js';

/** What every job of a study has in common. */
export interface StudyJobs {
  readonly studyPath: string;
  readonly studyName: string;
  readonly batch: Batch;
  /** Undefined: the broker's default one. */
  readonly queue: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** The highest urgency that the broker takes from us. */
  readonly mostUrgent: number;
}

/**
 * A step's job as Maestro's adapter asks for it (Maestro 1.2, `flux0_49_0.py`): all but the launcher in front and
 * `attributes.user`. Of a step that `checkResources` finds nothing wrong with.
 */
export function jobRequest({ step, attempt, script }: Job, study: StudyJobs): JobRequest {
  const { batch, studyPath } = study;
  const layout = layoutOf(step, batch);
  const command = `${studyPath}/${script}`;
  const options = argsOf(batch, 'allocation_args');
  return {
    // Of a single word a broker makes a shell's command line.
    command: [layout.nested ? quote(command) : command],
    prefix: launcherWords(studyPath, step.workspace, attempt),
    ...layout,
    duration: walltimeSeconds(resource(step.run, 'walltime')) ?? 0,
    name: step.jobName,
    cwd: `${studyPath}/${step.workspace}`,
    environment: study.environment,
    queue: study.queue,
    bank: resource(batch.values, 'bank') || undefined,
    ...outputNames(step, '{{id}}'),
    user: { [maestroAttribute]: { study: study.studyName, path: studyPath, step: step.name, attempt } },
    attributes: assignments(options, ['S', 'setattr']),
    shellOptions: assignments(options, ['o', 'setopt']),
    conf: layout.nested ? confOf(options.get('conf')) : undefined,
  };
}

/** Where a jobspec says which attempt of which step of which study it is: in `attributes.user`. */
export const maestroAttribute = 'maestro';

/** What a step asks for, in the terms of a jobspec. */
export type Layout = Pick<JobRequest, 'nested' | 'nodes' | 'procs' | 'coresPerTask' | 'gpusPerTask' | 'exclusive'>;

export function layoutOf(step: StepInstance, batch: Batch): Layout {
  const nested = step.run.get('nested') !== false;
  const exclusive = isExclusive(step, batch, 'allocation');
  const nodes = count(step, 'nodes');
  const base = { nested, exclusive, nodes };
  // Whole nodes have one slot each, with all that is in them.
  if (exclusive && nodes !== undefined) return { ...base, procs: nodes, coresPerTask: 1, gpusPerTask: 0 };
  return {
    ...base,
    procs: count(step, 'procs') ?? 1,
    coresPerTask: count(step, 'cores per task') ?? 1,
    gpusPerTask: gpus(step, nested),
  };
}

/** Of a job that nobody hurries (RFC 30). */
export const defaultUrgency = 16;

/** A guest may make his jobs less urgent, but no more. */
export const guestsUrgency = defaultUrgency;

const urgencies: Readonly<Record<string, number>> = {
  held: 0,
  minimal: 1,
  low: 9,
  medium: defaultUrgency,
  high: 24,
  expedite: 31,
  expedited: 31,
};

/** How many tasks of a job run its command: of a nested one a broker on each node, one at least if their number is Flux's choice. */
export function tasksOf({ nested, nodes, procs }: Pick<JobRequest, 'nested' | 'nodes' | 'procs'>): number {
  return nested ? (nodes ?? 1) : procs;
}

/** Flux's urgency, 0 to 31, of a step's `priority`: a word, or a part of 1 (Maestro 1.1). */
export function urgency(step: StepInstance): number {
  const priority = step.run.get('priority');
  if (typeof priority === 'string' && priority !== '') return urgencies[priority.toLowerCase()] ?? defaultUrgency;
  if (typeof priority === 'number' || typeof priority === 'bigint') return Math.ceil(Number(priority) * 31);
  return defaultUrgency;
}

/** What is wrong with a step's resources: what Flux would refuse once the step is submitted, hours later. */
export function checkResources(step: StepInstance, batch: Batch): Problem[] {
  const problem = (key: string, message: string, hint: string): Problem[] => [
    { severity: 'error', at: step.placeOf('', key), message: `step '${step.step}': ${message}`, hint },
  ];
  for (const [key, least] of [
    ['nodes', 1],
    ['procs', 1],
    ['cores per task', 0],
    ['gpus', 0],
  ] as const) {
    const text = resource(step.run, key);
    if (text !== '' && !(wholeNumber.test(text) && Number(text) >= least)) {
      const wanted = `a whole number from ${least} up`;
      return problem(key, `\`${key}\` is '${text}', which is not ${wanted}`, 'Flux needs a number to schedule by');
    }
  }
  const conflict = argsOf(batch, 'allocation_args').size === 0 ? undefined : optionConflict(step, batch);
  if (conflict !== undefined) {
    return [
      {
        severity: 'error',
        at: batch.placeOf('allocation_args'),
        message: `batch.allocation_args: ${conflict}`,
        hint: 'it must be a mapping',
      },
    ];
  }
  const [nodes, procs] = [count(step, 'nodes'), count(step, 'procs') ?? 1];
  if (isExclusive(step, batch, 'allocation')) {
    if (nodes !== undefined) return [];
    return problem('exclusive', '`exclusive` without `nodes`', 'say how many nodes the step is to have to itself');
  }
  if (nodes === undefined || nodes <= procs) return [];
  return problem('nodes', `${nodes} nodes for ${procs} procs`, 'Flux wants at least one of `procs` for each node');
}

/** 2, and 2.0 too, as Python makes both an int; by a variable with blanks around it. */
const wholeNumber = /^\s*[0-9]+(\.0*)?\s*$/;

/** Why the options of the batch block cannot be made part of the step's jobspec; undefined if they can. */
function optionConflict(step: StepInstance, batch: Batch): string | undefined {
  const anywhere = { studyPath: '/', studyName: '', batch, queue: undefined, environment: {}, mostUrgent: 0 };
  try {
    jobspecOf(jobRequest({ step, attempt: 1, script: '' }, anywhere));
    return undefined;
  } catch (error) {
    if (error instanceof PathError) return error.message;
    throw error;
  }
}

/** A number of the run block; undefined if it is absent. */
function count(step: StepInstance, key: string): number | undefined {
  const number = Number(resource(step.run, key));
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

/** GPUs of each slot. Maestro takes `gpus` for that of a plain step; of a nested one it divides them by the nodes first. */
function gpus(step: StepInstance, isNested: boolean): number {
  const own = resource(step.run, 'gpus');
  return Number(isNested ? gpusPerSlot(own, resource(step.run, 'nodes')) : own);
}

/** The options with one of these names, long and short, in the order of the file: of two the later one counts. */
function assignments(options: ReadonlyMap<PyValue, PyValue>, names: readonly string[]): Assignment[] {
  const all: Tree = {};
  for (const [name, values] of options) if (names.includes(pyStr(name))) merge(all, undotted(values));
  return leavesOf(all).map(([path, value]) => [path.join('.'), value]);
}

/** A configuration; undefined if there is none. */
function confOf(value: PyValue | undefined): unknown {
  return value instanceof Map && value.size > 0 ? undotted(value) : undefined;
}

/** A mapping as JSON has it, the dotted keys of its first level as nested mappings (Maestro 1.2, `unflatten_dotpath_dict`). */
function undotted(value: PyValue): Tree {
  const tree: Tree = {};
  if (value instanceof Map) {
    for (const [path, inner] of value) replace(tree, pyStr(path).split('.'), plain(inner, 1));
  }
  return tree;
}

/** A Python value as JSON has it. `nothing` stands for None: an option without a value is a flag, and a flag is 1. */
function plain(value: PyValue, nothing: unknown): unknown {
  if (value === null) return nothing;
  if (Array.isArray(value)) return value.map((item) => plain(item, null));
  if (value instanceof Map) {
    // As own keys, whatever they are called.
    return Object.fromEntries([...value].map(([key, item]) => [pyStr(key), plain(item, nothing)]));
  }
  const isJson =
    typeof value === 'number' ? Number.isFinite(value) : ['string', 'bigint', 'boolean'].includes(typeof value);
  return isJson ? value : pyStr(value as PyValue);
}

import type { Assignment, JobRequest } from '../../flux/jobspec.js';
import { leavesOf, merge, replace, type Tree } from '../../flux/tree.js';
import { resource } from '../../scripts/dialect.js';
import { argsOf, gpusPerSlot, isExclusive } from '../../scripts/flux.js';
import { fluxResources } from '../../scripts/flux-resources.js';
import { outputNames } from '../../scripts/outputs.js';
import { walltimeSeconds } from '../../scripts/walltime.js';
import { type PyValue, pyStr } from '../../spec/python.js';
import type { Batch } from '../../spec/spec.js';
import type { StepInstance } from '../../study/graph.js';
import { quote } from '../../util/shell-quote.js';
import { launcherWords } from '../claims/launcher.js';
import type { Job } from '../scheduler.js';

/** The settings that all jobs of a study share. */
export interface StudyJobs {
  readonly studyPath: string;
  readonly studyName: string;
  readonly batch: Batch;
  /** Undefined: the broker's default queue. */
  readonly queue: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** The highest urgency that the broker accepts from this user. */
  readonly mostUrgent: number;
}

/**
 * The request for a step's job, the same as of Maestro's adapter (Maestro 1.2, `flux0_49_0.py`) except for the launcher
 * and `attributes.user`. The step must have passed `checkResources`.
 */
export function jobRequest({ step, attempt, script, excluded = [] }: Job, study: StudyJobs): JobRequest {
  const { batch, studyPath } = study;
  const layout = layoutOf(step, batch);
  const command = `${studyPath}/${script}`;
  const options = argsOf(batch, 'allocation_args');
  return {
    // A broker runs a single word as a shell command line.
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
    excludedHosts: excluded,
    shellOptions: assignments(options, ['o', 'setopt']),
    conf: layout.nested ? confOf(options.get('conf')) : undefined,
  };
}

/** The key in `attributes.user` of a jobspec that names the study, the step and the attempt. */
export const maestroAttribute = 'maestro';

/** The resources of a step in the terms of a jobspec. */
export type Layout = Pick<JobRequest, 'nested' | 'procs' | 'coresPerTask' | 'gpusPerTask' | 'exclusive'> & {
  readonly nodes: number;
};

export function layoutOf(step: StepInstance, batch: Batch): Layout {
  const nested = step.run.get('nested') !== false;
  const exclusive = isExclusive(step, batch, 'allocation');
  const wanted = fluxResources(step, batch);
  const nodes = count(wanted.nodes);
  const base = { nested, exclusive, nodes };
  // With whole nodes, each node is one slot.
  if (exclusive) return { ...base, procs: nodes, coresPerTask: 1, gpusPerTask: 0 };
  return {
    ...base,
    procs: count(wanted.procs),
    coresPerTask: count(wanted.coresPerTask),
    // In Maestro `gpus` is per task in a plain step; in a nested step it is divided by the nodes.
    gpusPerTask: Number(nested ? gpusPerSlot(wanted.gpus, wanted.nodes) : wanted.gpus),
  };
}

/** The default of Flux (RFC 30). */
export const defaultUrgency = 16;

/** The highest urgency for guests, who may only lower it. */
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

/** How many tasks of a job run its command: a nested job runs a broker on each node. */
export function tasksOf({ nested, nodes, procs }: Layout): number {
  return nested ? nodes : procs;
}

/** Flux's urgency, 0 to 31, from a step's `priority`: a word, or a fraction of 1 (Maestro 1.1). */
export function urgency(step: StepInstance): number {
  const priority = step.run.get('priority');
  if (typeof priority === 'string' && priority !== '') return urgencies[priority.toLowerCase()] ?? defaultUrgency;
  if (typeof priority === 'number' || typeof priority === 'bigint') return Math.ceil(Number(priority) * 31);
  return defaultUrgency;
}

/** A number of nodes, tasks or cores; 1 if the text is not a number. */
function count(text: string): number {
  const number = Number(text);
  return Number.isSafeInteger(number) && number > 0 ? number : 1;
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

/**
 * A mapping as JSON has it, the dotted keys of its first level as nested mappings (Maestro 1.2,
 * `unflatten_dotpath_dict`).
 */
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

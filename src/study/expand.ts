import { createHash } from 'node:crypto';
import type { Problem } from '../spec/problem.js';
import { type PyValue, truthy } from '../spec/python.js';
import type { Spec } from '../spec/spec.js';
import { type AppliedStep, checkStudy, tooLong } from './check.js';
import type { Environment } from './environment.js';
import type { StepGraph, StepInstance } from './graph.js';
import { lintCombinations, lintLeftovers, lintParameters, lintUses, lintWorkspaces } from './lint.js';
import { byteLength, longestName, safeName } from './names.js';
import {
  applyCombination,
  byKey,
  combinationCount,
  combinationName,
  type Parameter,
  usedParameters,
} from './parameters.js';
import { mapText, textsIn } from './values.js';

export interface ExpandOptions {
  /** The absolute path of the study directory on the host. */
  readonly studyPath: string;
  /** Name workspaces, scripts and jobs by the MD5 of the combination's name (Maestro's `--hashws`). */
  readonly hashWorkspaces: boolean;
}

/** A step with the environment applied, its links, and the parameters that it is expanded by. */
interface Prepared extends AppliedStep {
  /** What of its run block has tokens in it. */
  readonly substituted: readonly (readonly [key: string, value: PyValue])[];
  /** Its own parameters and those of all linked steps except funnels, in `byKey` order. */
  readonly used: readonly Parameter[];
  /** Its instances, by the name of their combination ('' if it has no parameter). */
  readonly instances: Map<string, StepInstance>;
}

/**
 * Expands a study: every step in every combination of the parameters that it uses, as Maestro 1.1 does
 * (`Study._stage`). `graph` is undefined if a problem is an error.
 */
export function expand(
  spec: Spec,
  parameters: readonly Parameter[],
  environment: Environment,
  options: ExpandOptions,
): { graph: StepGraph | undefined; problems: readonly Problem[] } {
  const { order, applied, problems: found } = checkStudy(spec, environment);
  const problems = [...found];
  if (problems.some((problem) => problem.severity === 'error')) return { graph: undefined, problems };

  const expansion = new Expansion(spec, parameters, options);
  for (const i of order) {
    const problem = tooLong(spec.steps[i]!, () => expansion.add(applied[i]!));
    if (problem !== undefined) return { graph: undefined, problems: [...problems, ...expansion.problems, problem] };
  }
  problems.push(...lintWorkspaces(applied), ...lintCombinations(parameters));
  for (const problem of [...expansion.problems, ...lintParameters(spec, parameters, expansion.used)])
    problems.push(problem);
  const failed = problems.some((problem) => problem.severity === 'error');
  return { graph: failed ? undefined : { steps: expansion.steps }, problems };
}

/** The study as expanded so far; a step is added after the steps that it is linked to. */
class Expansion {
  readonly steps: StepInstance[] = [];
  readonly problems: Problem[] = [];
  /** Parameters that some step uses by itself. */
  readonly used = new Set<Parameter>();
  readonly #spec: Spec;
  readonly #parameters: readonly Parameter[];
  readonly #options: ExpandOptions;
  readonly #prepared = new Map<string, Prepared>();
  readonly #names = new Map<string, StepInstance>();
  readonly #workspaces = new Map<string, StepInstance>();
  readonly #told = new Set<string>();

  constructor(spec: Spec, parameters: readonly Parameter[], options: ExpandOptions) {
    this.#spec = spec;
    this.#parameters = parameters;
    this.#options = options;
  }

  add(applied: AppliedStep): void {
    const { step, description, run, links } = applied;
    const own = usedParameters({ name: step.name, description, run }, this.#parameters);
    const used = new Set(own);
    for (const parameter of own) this.used.add(parameter);
    this.problems.push(...lintUses(applied, own, this.#parameters));
    const funnels = new Set(links.funnels);
    for (const name of [...links.depends, ...links.workspaces.filter((workspace) => !funnels.has(workspace))]) {
      for (const parameter of this.#prepared.get(name)!.used) used.add(parameter);
    }
    const substituted = [...run].filter(([, value]) => [...textsIn(value)].some((text) => text.includes('$(')));
    const prepared: Prepared = { ...applied, substituted, used: byKey(used), instances: new Map() };
    this.#prepared.set(step.name, prepared);
    if (used.size === 0) {
      this.#addInstance(prepared, '', undefined);
      return;
    }
    const count = combinationCount(this.#parameters);
    const lost: string[] = [];
    for (let index = 0; index < count; index++) {
      const combination = combinationName(prepared.used, index);
      const existing = prepared.instances.get(combination);
      if (existing === undefined) this.#addInstance(prepared, combination, index);
      else if (prepared.used.some(({ key, values }) => existing.params[key] !== values[index])) lost.push(combination);
    }
    if (lost.length > 0) this.#warnOfLost(prepared, lost);
  }

  #addInstance(prepared: Prepared, combination: string, index: number | undefined): void {
    const { step, used } = prepared;
    const name = index === undefined ? step.name : `${step.name}_${combination}`;
    const hash =
      index !== undefined && this.#options.hashWorkspaces
        ? createHash('md5').update(combination).digest('hex')
        : undefined;
    // A combination whose name has no safe characters uses the directory of the step.
    const directory = index === undefined ? '' : safeName(hash ?? combination);
    const workspace = [safeName(step.name), ...(directory === '' || directory === '.' ? [] : [directory])].join('/');
    const substitute = (text: string) => (index === undefined ? text : applyCombination(text, this.#parameters, index));
    const run = new Map(prepared.run);
    for (const [key, value] of prepared.substituted) run.set(key, mapText(value, substitute));
    for (const key of ['cmd', 'restart']) {
      const own = this.#substituteWorkspaces(prepared, run.get(key) as string, index);
      run.set(
        key,
        own.replaceAll('$(WORKSPACE)', () => this.#absolute(workspace)),
      );
    }
    const instance: StepInstance = {
      index: this.steps.length,
      name,
      jobName: hash ?? name,
      step: step.name,
      description: substitute(prepared.description),
      at: step.at,
      params: Object.fromEntries(used.map(({ key, values }) => [key, values[index ?? 0]!])),
      workspace,
      run,
      placeOf: step.placeOf,
      scheduled:
        this.#spec.batch.type !== 'local' && (truthy(run.get('nodes') ?? null) || truthy(run.get('procs') ?? null)),
      dependsOn: this.#dependencies(prepared, index),
      condition: step.condition,
    };
    this.#checkInstance(instance);
    if (prepared.instances.size === 0) {
      this.problems.push(...lintLeftovers(step, instance, this.#spec, this.#parameters));
    }
    prepared.instances.set(combination, instance);
    this.steps.push(instance);
  }

  #absolute(workspace: string): string {
    return `${this.#options.studyPath}/${workspace}`;
  }

  #substituteWorkspaces({ links }: Prepared, text: string, index: number | undefined): string {
    let result = text;
    for (const name of links.workspaces) {
      const target = this.#prepared.get(name)!;
      const workspace = links.funnels.includes(name) ? safeName(name) : this.#instanceOf(target, index)?.workspace;
      if (workspace !== undefined) result = result.replaceAll(`$(${name}.workspace)`, () => this.#absolute(workspace));
    }
    return result;
  }

  #dependencies({ links }: Prepared, index: number | undefined): number[] {
    const found = new Set<number>();
    for (const name of links.depends) {
      const instance = this.#instanceOf(this.#prepared.get(name)!, index);
      if (instance !== undefined) found.add(instance.index);
    }
    for (const name of links.funnels) {
      for (const instance of this.#prepared.get(name)!.instances.values()) found.add(instance.index);
    }
    return [...found].sort((a, b) => a - b);
  }

  /** A step's instance in combination `index`: its only one if it uses no parameter. */
  #instanceOf(prepared: Prepared, index: number | undefined): StepInstance | undefined {
    const combination = prepared.used.length === 0 || index === undefined ? '' : combinationName(prepared.used, index);
    return prepared.instances.get(combination);
  }

  #checkInstance(instance: StepInstance): void {
    const { name, jobName, workspace } = instance;
    const sameName = this.#names.get(name);
    const sameWorkspace = this.#workspaces.get(workspace);
    if (workspace.endsWith('/..')) {
      this.#error(
        instance,
        'outside',
        `the directory of '${name}' would be outside its step's`,
        'give the parameters labels with letters or digits',
      );
    } else if (sameName !== undefined) {
      this.#error(
        instance,
        'name',
        `'${name}' is the name of an instance of both step '${sameName.step}' and step '${instance.step}'`,
      );
    } else if (sameWorkspace !== undefined) {
      this.#error(
        instance,
        'workspace',
        `'${sameWorkspace.name}' and '${name}' would share the workspace ${workspace}`,
        'only letters, digits, `-_.()` and blanks of a name count for its directory',
      );
    }
    if (instance.scheduled && /[\x00-\x1f\x7f]/.test(jobName)) {
      this.#error(
        instance,
        'control',
        `the name of an instance of step '${instance.step}' has a line break or control character in it`,
        'no directive of a script can hold it',
      );
    }
    const longest = Math.max(byteLength(jobName) + longestEnding, ...workspace.split('/').map(byteLength));
    if (longest > longestName) {
      this.#error(
        instance,
        'length',
        `the name '${name.slice(0, 40)}...' is too long for a file`,
        'use hash-workspaces, or shorter names and labels',
      );
    }
    this.#names.set(name, instance);
    this.#workspaces.set(workspace, instance);
  }

  /** Reports each kind of error once for a step, because thousands of instances may have the same error. */
  #error(instance: StepInstance, kind: string, message: string, hint?: string): void {
    const key = `${instance.step} ${kind}`;
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.problems.push({ severity: 'error', at: instance.at, message, ...(hint === undefined ? {} : { hint }) });
  }

  #warnOfLost({ step, used }: Prepared, lost: readonly string[]): void {
    const keys = used.map(({ key }) => key).join(', ');
    this.problems.push({
      severity: 'warning',
      at: step.at,
      message: `${lost.length} of the combinations of step '${step.name}' are not run: their labels (${lost[0]}) are those of an earlier one`,
      hint: `give ${keys} labels that contain %%`,
    });
  }
}

/** The length of the longest ending of a file name: `.restart.slurm.sh`, or a dot, a Flux job id and `.out`. */
const longestEnding = 20;

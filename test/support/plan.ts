import { planStudy } from '../../src/run/plan.js';
import type { Plan } from '../../src/scripts/plan.js';
import { formatProblem } from '../../src/spec/problem.js';
import { readSpec } from '../../src/spec/read.js';
import { Source } from '../../src/spec/source.js';
import type { Spec } from '../../src/spec/spec.js';
import type { Places } from '../../src/study/environment.js';
import type { StepInstance } from '../../src/study/graph.js';
import { toParameter } from '../../src/study/parameters.js';

/** Where the studies of the tests are. */
export const places: Places = { studyPath: '/study', specRoot: '/spec', workingDirectory: '/cwd' };

/** A study in a few words: a test says what it is about, all else gets a plain value. */
export interface Brief {
  readonly name?: string;
  readonly batch?: Readonly<Record<string, unknown>>;
  readonly variables?: Readonly<Record<string, unknown>>;
  readonly labels?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, unknown>>;
  /** Values, with the label `KEY.%%`, or values and label. */
  readonly parameters?: Readonly<Record<string, readonly unknown[] | { values: readonly unknown[]; label: string }>>;
  readonly steps: readonly StepBrief[];
}

/** The step's name and description, and the keys of its run block beside them. */
export interface StepBrief {
  readonly name: string;
  readonly description?: string;
  readonly cmd?: string;
  readonly depends?: readonly string[];
  readonly [key: string]: unknown;
}

export const slurm = { type: 'slurm', host: 'quartz', bank: 'science', queue: 'pbatch' };
export const lsf = { ...slurm, type: 'lsf' };

/** `text` without its first line break and the indentation that all its lines share. */
export function dedent(text: string): string {
  const lines = text.replace(/^\n/, '').split('\n');
  const widths = lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/));
  const width = Math.min(...widths);
  return lines
    .map((line) => line.slice(width))
    .join('\n')
    .trimEnd()
    .concat('\n');
}

/** A specification whose first line is its description; `blocks` begin on line 2. */
export function specText(blocks: string): string {
  return `description: {name: demo, description: a demo}\n${dedent(blocks)}`;
}

/** The YAML of a study. Everything but printable ASCII is escaped, so any text can be in it. */
export function yamlOf(brief: Brief): string {
  const parameters = Object.entries(brief.parameters ?? {}).map(([key, given]) => [
    key,
    Array.isArray(given) ? { values: given, label: `${key}.%%` } : given,
  ]);
  const spec = {
    description: { name: brief.name ?? 'demo', description: 'a demo' },
    env: {
      variables: brief.variables ?? {},
      labels: brief.labels ?? {},
      ...(brief.dependencies === undefined ? {} : { dependencies: brief.dependencies }),
    },
    ...(brief.batch === undefined ? {} : { batch: brief.batch }),
    study: brief.steps.map(({ name, description = 'a step', cmd = 'true', ...run }) => ({
      name,
      description,
      run: { cmd, ...run },
    })),
    ...(parameters.length === 0 ? {} : { 'global.parameters': Object.fromEntries(parameters) }),
  };
  return JSON.stringify(spec, null, 1).replace(
    /[^\n\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export interface Planned {
  readonly plan: Plan | undefined;
  /** As a person sees them, in the order in which they were found. */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

export interface PlanOptions {
  readonly hashWorkspaces?: boolean;
  /** Where it is; nowhere in particular unless given. */
  readonly places?: Places;
}

/** Plans a study, from YAML or in brief. */
export function planOf(study: string | Brief, options: PlanOptions = {}): Planned {
  const text = typeof study === 'string' ? study : yamlOf(study);
  const read = readSpec(new Source('study.yaml', text));
  const problems = [...read.problems];
  let plan: Plan | undefined;
  if (read.spec !== undefined) {
    const planned = planStudy(read.spec, read.spec.parameters.map(toParameter), options.places ?? places, {
      hashWorkspaces: options.hashWorkspaces ?? false,
    });
    plan = planned.plan;
    problems.push(...planned.problems);
  }
  const shown = (severity: string) => problems.filter((problem) => problem.severity === severity).map(formatProblem);
  return { plan, errors: shown('error'), warnings: shown('warning') };
}

/** The plan of a study that must be free of errors. */
export function validPlan(study: string | Brief, options: PlanOptions = {}): Plan {
  const { plan, errors } = planOf(study, options);
  if (plan === undefined) throw new Error(`the study is refused:\n${errors.join('\n')}`);
  return plan;
}

/** The instances of a study that must be free of errors. */
export function instancesOf(
  study: string | Brief,
  options: { readonly hashWorkspaces?: boolean } = {},
): readonly StepInstance[] {
  return validPlan(study, options).graph.steps;
}

/** A specification that must be free of errors. */
export function validSpec(study: string | Brief): Spec {
  const { spec, problems } = readSpec(new Source('study.yaml', typeof study === 'string' ? study : yamlOf(study)));
  if (spec === undefined) throw new Error(`the specification is refused:\n${problems.map(formatProblem).join('\n')}`);
  return spec;
}

/** `FILE:LINE:COLUMN: message` without the place, for studies whose layout does not matter. */
export const messagesOf = (problems: readonly string[]): string[] =>
  problems.map((problem) => problem.replace(/^[^:]*:\d+:\d+: /, ''));

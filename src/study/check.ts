import type { Problem } from '../spec/problem.js';
import type { PyValue } from '../spec/python.js';
import type { Spec, Step } from '../spec/spec.js';
import { checkSteps, linksOf, orderSteps, type StepLinks } from './dependencies.js';
import type { Environment } from './environment.js';
import { safeName } from './names.js';
import { TextTooLong } from './replace.js';
import { mapRun } from './values.js';

/** A step after the environment was applied to it. */
export interface AppliedStep {
  readonly step: Step;
  readonly description: string;
  readonly run: ReadonlyMap<string, PyValue>;
  readonly links: StepLinks;
}

/** What can be said of the steps before they are expanded: the environment applied, an order, and what is wrong. */
export function checkStudy(
  spec: Spec,
  environment: Environment,
): {
  readonly order: readonly number[];
  readonly applied: readonly AppliedStep[];
  readonly problems: readonly Problem[];
} {
  const problems: Problem[] = [];
  const applied = spec.steps.map((step): AppliedStep => {
    let { run, description, depends } = step;
    const problem = tooLong(step, () => {
      run = mapRun(step.run, (text) => environment.apply(text));
      description = environment.apply(step.description);
      depends = step.depends.map((name) => environment.apply(name));
    });
    if (problem !== undefined) problems.push(problem);
    const links = linksOf({ depends, cmd: textIn(run, 'cmd'), restart: textIn(run, 'restart') });
    return { step, description, run, links };
  });
  const links = applied.map((step) => step.links);
  const { order, cycle } = orderSteps(spec.steps, links);
  problems.push(...checkNames(spec, environment), ...checkSteps(spec.steps, links));
  if (cycle !== undefined) problems.push(cycleProblem(cycle.map((i) => spec.steps[i]!)));
  return { order, applied, problems };
}

/** Runs what may make a text too long; the problem at the step if it does. */
export function tooLong(step: Step, change: () => void): Problem | undefined {
  try {
    change();
    return undefined;
  } catch (error) {
    if (!(error instanceof TextTooLong)) throw error;
    return {
      severity: 'error',
      at: step.placeOf(error.token, ...step.run.keys()),
      message: `step '${step.name}': ${error.message}`,
    };
  }
}

function textIn(run: ReadonlyMap<string, PyValue>, key: string): string {
  const value = run.get(key);
  return typeof value === 'string' ? value : '';
}

/** Files and directories of the study itself. */
export const reserved: readonly string[] = [
  'logs',
  'meta',
  'status.csv',
  '.conductor',
  '.status.lock',
  '.cancel.lock',
  '.study.update.lock',
];

/** Names that would leave the study directory, or land on what is in it already. */
function checkNames(spec: Spec, environment: Environment): Problem[] {
  const taken = new Set([...reserved, spec.file.slice(spec.file.lastIndexOf('/') + 1)]);
  return spec.steps.flatMap((step): Problem[] => {
    const error = (message: string, hint?: string): Problem[] => [
      { severity: 'error', at: step.nameAt, message, ...(hint === undefined ? {} : { hint }) },
    ];
    const directory = safeName(step.name);
    if (step.name === '_source' || taken.has(directory)) {
      return error(`a step cannot be called '${step.name}'`, `the study has a ${directory} of its own`);
    }
    if (/^\.*$/.test(directory)) {
      return error(
        `step '${step.name}' has no directory of its own`,
        'a name needs letters, digits, `-`, `_`, or parentheses',
      );
    }
    if (environment.apply(step.name) !== step.name) {
      return error(
        `the name of step '${step.name}' uses a variable`,
        'names are not substituted, so nothing could depend on the step',
      );
    }
    return [];
  });
}

function cycleProblem(steps: readonly Step[]): Problem {
  const names = [...steps.map((step) => step.name), steps[0]!.name].join(' -> ');
  return { severity: 'error', at: steps[0]!.at, message: `the steps wait for each other in a cycle: ${names}` };
}

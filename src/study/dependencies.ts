import type { Problem } from '../spec/problem.js';
import type { Step } from '../spec/spec.js';
import { closest } from '../util/closest.js';

/** The names of the steps that a step waits for or refers to. */
export interface StepLinks {
  /** Steps whose instance in the same combination must finish first. */
  readonly depends: readonly string[];
  /** Steps all of whose instances must finish first (`depends: [run_*]`: a funnel). */
  readonly funnels: readonly string[];
  /** Steps whose `$(NAME.workspace)` the step's commands contain. */
  readonly workspaces: readonly string[];
}

/**
 * Maestro's pattern (`WSREGEX`, Maestro 1.1), but not greedy and starting at the innermost `$(`, so that a line may
 * have several and they may be nested. The name cannot contain a blank, a quote, `#`, `@` or `\`.
 */
const workspaceToken = /\$\(((?:(?!\$\()[-!$%^&*()_+|~=`{}[\]:;<>?,./\p{L}\p{N}])+?)\.workspace\)/gu;

/** Only this many unknown names get a suggestion, because searching for similar names takes time. */
const mostSuggestions = 50;

/** Finds a step's links in its texts, to which the environment must have been applied. */
export function linksOf(run: { depends: readonly string[]; cmd: string; restart: string }): StepLinks {
  const funnels = run.depends.filter((name) => name.includes('*')).map((name) => name.replace(/_\*|\*/g, ''));
  const depends = run.depends.filter((name) => !name.includes('*'));
  const commands = `${run.cmd} ${run.restart}`;
  const workspaces = commands.includes('.workspace)')
    ? [...new Set([...commands.matchAll(workspaceToken)].map((match) => match[1]!))]
    : [];
  return { depends, funnels, workspaces };
}

/** Checks the links of the steps: unknown names, a step that waits for itself, reserved or duplicate names. */
export function checkSteps(steps: readonly Step[], links: readonly StepLinks[]): Problem[] {
  const problems: Problem[] = [];
  const suggest = suggestions(steps.map((step) => step.name));
  const first = new Map<string, Step>();
  for (const step of steps) {
    const earlier = first.get(step.name);
    if (earlier !== undefined) {
      problems.push({
        severity: 'error',
        at: step.nameAt,
        message: `step '${step.name}' is defined twice`,
        hint: `first on line ${earlier.at.line}; Maestro would run only that one`,
      });
    } else first.set(step.name, step);
  }
  for (const [i, step] of steps.entries()) {
    const { depends, funnels, workspaces } = links[i]!;
    for (const name of [...depends, ...funnels]) {
      if (name === step.name) {
        problems.push({
          severity: 'error',
          at: step.placeOf('', 'depends'),
          message: `step '${step.name}' depends on itself`,
        });
      } else if (!first.has(name)) {
        problems.push(unknownStep(name, step, 'depends', suggest));
      }
    }
    for (const name of workspaces) {
      if (name === step.name) {
        problems.push({
          severity: 'error',
          at: step.placeOf(`$(${name}.workspace)`, 'cmd', 'restart'),
          message: `step '${step.name}' refers to its own workspace by name`,
          hint: 'write $(WORKSPACE)',
        });
      } else if (!first.has(name)) {
        problems.push(unknownStep(name, step, 'workspace', suggest));
      }
    }
  }
  return problems;
}

function suggestions(known: readonly string[]): (name: string) => string | undefined {
  let given = 0;
  return (name) => (given++ < mostSuggestions ? closest(name, known) : undefined);
}

function unknownStep(
  name: string,
  step: Step,
  link: 'depends' | 'workspace',
  suggest: (name: string) => string | undefined,
): Problem {
  const guess = suggest(name);
  const [what, at] =
    link === 'depends'
      ? [`depends on '${name}'`, step.placeOf('', 'depends')]
      : [`uses the workspace of '${name}'`, step.placeOf(`$(${name}.workspace)`, 'cmd', 'restart')];
  return {
    severity: 'error',
    at,
    message: `step '${step.name}' ${what}, but there is no such step`,
    ...(guess === undefined ? {} : { hint: `did you mean '${guess}'?` }),
  };
}

/**
 * Sorts the steps so that links come first, close to the order of the spec. `cycle` has the names of the steps of a
 * cycle, if there is one. Iterative, because chains may be very long.
 */
export function orderSteps(
  steps: readonly Step[],
  links: readonly StepLinks[],
): { order: number[]; cycle?: readonly number[] } {
  const indexOf = new Map(steps.map((step, i) => [step.name, i]));
  const targets = links.map(({ depends, funnels, workspaces }, own) =>
    [...depends, ...funnels, ...workspaces]
      .map((name) => indexOf.get(name))
      .filter(
        (target): target is number =>
          target !== undefined && target !== own && steps[own]!.name !== steps[target]!.name,
      ),
  );
  const order: number[] = [];
  const state = new Uint8Array(steps.length); // 0 not seen, 1 on the path, 2 done
  for (let root = 0; root < steps.length; root++) {
    if (state[root] !== 0) continue;
    const path = [root];
    const next = [0];
    state[root] = 1;
    while (path.length > 0) {
      const at = path.at(-1)!;
      const target = targets[at]![next[next.length - 1]!++];
      if (target === undefined) {
        state[at] = 2;
        order.push(at);
        path.pop();
        next.pop();
      } else if (state[target] === 1) {
        return { order, cycle: path.slice(path.indexOf(target)) };
      } else if (state[target] === 0) {
        state[target] = 1;
        path.push(target);
        next.push(0);
      }
    }
  }
  return { order };
}

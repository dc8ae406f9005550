import { type Problem, warning } from '../spec/problem.js';
import type { Position } from '../spec/source.js';
import type { Spec, Step } from '../spec/spec.js';
import { closest } from '../util/closest.js';
import type { AppliedStep } from './check.js';
import type { StepInstance } from './graph.js';
import { type Parameter, textsOf } from './parameters.js';

/**
 * What Maestro lets pass without a word and is probably not what was meant, as far as only expansion shows it. All
 * warnings, each once a step.
 */

/** Parameters that no step uses, and those that a name of the environment hides. */
export function lintParameters(spec: Spec, parameters: readonly Parameter[], used: ReadonlySet<Parameter>): Problem[] {
  const hiding = new Map(
    [...spec.variables, ...spec.labels, ...spec.paths, ...spec.git].map(({ name, at }): [string, Position] => [
      name,
      at,
    ]),
  );
  return parameters.flatMap((parameter) => {
    const { key, at } = parameter;
    const hider = hiding.get(key);
    if (hider !== undefined) {
      return [
        warning(hider, `'${key}' of env hides the parameter of that name`, `$(${key}) never is the parameter's value`),
      ];
    }
    if (used.has(parameter)) return [];
    const others = [...used].map((other) => other.key);
    // To a name of a letter or two any other is near.
    const guess = key.length > 2 ? closest(key, others) : undefined;
    return [
      warning(
        at,
        `parameter '${key}' is not used by any step`,
        guess === undefined ? undefined : `did you mean '${guess}'?`,
      ),
    ];
  });
}

/** Combinations that are there twice, in every parameter: each runs once. */
export function lintCombinations(parameters: readonly Parameter[]): Problem[] {
  const first = parameters[0];
  if (first === undefined) return [];
  const seen = new Map<string, number>();
  const repeated: number[] = [];
  for (const index of first.values.keys()) {
    const combination = JSON.stringify(parameters.map(({ values, labels }) => [values[index], labels[index]]));
    if (seen.has(combination)) repeated.push(index);
    else seen.set(combination, index);
  }
  const [one] = repeated;
  if (one === undefined) return [];
  const shown = parameters.map(({ key, values }) => `${key}=${values[one]}`).join(', ');
  const are = repeated.length === 1 ? 'a combination of the parameters is' : `${repeated.length} combinations are`;
  return [warning(first.at, `${are} there already, and not run again: ${shown}`, 'remove what is there twice')];
}

/** `$(NX)` makes Maestro expand a step by parameter N, which it is not. */
export function lintUses(
  { step, description, run }: AppliedStep,
  used: readonly Parameter[],
  all: readonly Parameter[],
): Problem[] {
  if (used.length === 0) return [];
  const texts = textsOf({ name: step.name, description, run });
  return used.flatMap(({ key, use }) => {
    const tokens = texts.flatMap((text) => text.match(new RegExp(use, 'gu')) ?? []);
    const [token] = tokens;
    if (token === undefined || tokens.some((candidate) => tokensOf(key).includes(candidate))) return [];
    const isAnother = all.some((other) => tokensOf(other.key).includes(token));
    return [
      warning(
        step.placeOf(token, ...step.run.keys()),
        `${token} makes step '${step.name}' run in every combination of parameter '${key}'${isAnother ? ' too' : ', but is not replaced'}`,
        'Maestro counts any name that begins so as a use of it',
      ),
    ];
  });
}

const tokensOf = (key: string) => [`$(${key})`, `$(${key}.label)`, `$(${key}.name)`];

/** Workspaces that are used without waiting for the steps that they belong to. */
export function lintWorkspaces(steps: readonly AppliedStep[]): Problem[] {
  const waitingFor = new Map<string, string[]>(steps.map(({ step }) => [step.name, []]));
  for (const { step, links } of steps) {
    for (const name of [...links.depends, ...links.funnels]) waitingFor.get(name)!.push(step.name);
  }
  const descendants = new Map<string, ReadonlySet<string>>();
  const isAfter = (name: string, other: string) => {
    if (!descendants.has(other)) descendants.set(other, reachable(other, waitingFor));
    return descendants.get(other)!.has(name);
  };
  return steps.flatMap(({ step, links }) => {
    const direct = new Set([...links.depends, ...links.funnels]);
    return links.workspaces
      .filter((name) => !direct.has(name) && !isAfter(step.name, name))
      .map((name) =>
        warning(
          step.placeOf(`$(${name}.workspace)`, 'cmd', 'restart'),
          `step '${step.name}' uses the workspace of '${name}' without waiting for it`,
          `add '${name}' to its depends`,
        ),
      );
  });
}

function reachable(from: string, next: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const found = new Set([from]);
  for (const name of found) for (const further of next.get(name)!) found.add(further);
  return found;
}

const token = /^\$\(([^()\s'"`$;|&<>/]+)\)/;

/** Tokens that are still there after everything was replaced: a shell takes what they name for a command. */
export function lintLeftovers(
  step: Step,
  instance: StepInstance,
  spec: Spec,
  parameters: readonly Parameter[],
): Problem[] {
  const problems = new Map<string, Problem>();
  for (const [key, value] of instance.run) {
    if (typeof value !== 'string' || !value.includes('$(')) continue;
    const isShell = key === 'cmd' || key === 'restart';
    for (const index of isShell ? expansionsIn(value) : allExpansionsIn(value)) {
      const [whole, name] = token.exec(value.slice(index)) ?? [];
      if (whole === undefined || problems.has(whole)) continue;
      const why = explain(name!, isShell, spec, parameters);
      if (why !== undefined)
        problems.set(whole, warning(step.placeOf(whole, key), `${whole} of step '${step.name}' ${why}`));
    }
  }
  return [...problems.values(), ...lintWorkspaceNames(step, instance, spec), ...lintLauncher(step, instance)];
}

/** `$(my step.workspace)`: Maestro finds no names with blanks, quotes, `#`, `@` or a backslash in them. */
function lintWorkspaceNames(step: Step, instance: StepInstance, spec: Spec): Problem[] {
  const text = ['cmd', 'restart'].map((key) => instance.run.get(key) as string).join('\n');
  if (!text.includes('.workspace)')) return [];
  return spec.steps.flatMap(({ name }) => {
    const whole = `$(${name}.workspace)`;
    if (!/[\s"'`#@\\]/.test(name) || !text.includes(whole)) return [];
    return [
      warning(
        step.placeOf(whole, 'cmd', 'restart'),
        `${whole} of step '${step.name}' is left as it is, for the shell to run: Maestro finds no workspace by a name with a blank, quote, #, @ or \\`,
        `call step '${name}' otherwise, such as '${name.replaceAll(/[\s"'`#@\\]+/g, '_')}'`,
      ),
    ];
  });
}

function* allExpansionsIn(text: string): Generator<number> {
  for (let index = text.indexOf('$('); index !== -1; index = text.indexOf('$(', index + 1)) yield index;
}

/** Where a shell would expand `$(…)`: not in single quotes (a field of awk's, a variable of make's), after `\`, or in a comment. */
function* expansionsIn(text: string): Generator<number> {
  let quoted: "'" | '"' | undefined;
  for (let index = 0; index < text.length; index++) {
    const character = text[index]!;
    if (quoted === "'") {
      if (character === "'") quoted = undefined;
    } else if (character === '\\') index++;
    else if (character === '"') quoted = quoted === undefined ? '"' : undefined;
    else if (character === "'" && quoted === undefined) quoted = "'";
    else if (character === '#' && quoted === undefined && (index === 0 || /[\s;]/.test(text[index - 1]!))) {
      const end = text.indexOf('\n', index);
      if (end === -1) return;
      index = end;
    } else if (character === '$' && text[index + 1] === '(') yield index;
  }
}

function explain(name: string, isShell: boolean, spec: Spec, parameters: readonly Parameter[]): string | undefined {
  if (name === 'LAUNCHER') return undefined;
  const inEnvironment = [...spec.variables, ...spec.labels, ...spec.paths, ...spec.git].some(
    (item) => item.name === name,
  );
  if (inEnvironment) {
    return 'is left as it is: a variable is replaced once, in the order of the spec, so only one that comes later can be in its value';
  }
  const [base, member] = name.split('.');
  if (parameters.some(({ key }) => key === name))
    return 'is left as it is: parameters are replaced once, in the order of the spec';
  if (member !== undefined && parameters.some(({ key }) => key === base)) {
    return `is left as it is: a parameter has .label and .name, but no .${member}`;
  }
  if (member === 'workspace') return 'is left as it is';
  if (!isShell) return 'is left as it is: nothing has that name';
  // Commands are seldom in capitals: `$(hostname)` is the shell's business, `$(ITER)` was hardly meant to be.
  return /[A-Z]/.test(name) ? 'is left as it is, for the shell to run: nothing has that name' : undefined;
}

function lintLauncher(step: Step, instance: StepInstance): Problem[] {
  const text = ['cmd', 'restart'].map((key) => instance.run.get(key) as string).join('\n');
  if (!text.includes('$(LAUNCHER)')) return [];
  const at = step.placeOf('$(LAUNCHER)', 'cmd', 'restart');
  if (!instance.scheduled) {
    return [
      warning(
        at,
        `$(LAUNCHER) of step '${step.name}' is left as it is, for the shell to run`,
        'it is replaced in steps with nodes or procs, of a study for slurm, lsf or flux',
      ),
    ];
  }
  for (const key of ['cmd', 'restart']) {
    const script = instance.run.get(key) as string;
    const bare = /\$\(LAUNCHER\)(?!\[).*/.exec(script)?.[0];
    if (bare === undefined || !script.includes('$(LAUNCHER)[')) continue;
    return [
      warning(
        step.placeOf(bare, key),
        `$(LAUNCHER) without brackets in step '${step.name}' is left as it is, as the step has others with brackets`,
        'give all of them brackets',
      ),
    ];
  }
  if ((instance.run.get('procs') ?? '') === '' && /\$\(LAUNCHER\)(?!\[)/.test(text)) {
    return [warning(at, `$(LAUNCHER) of step '${step.name}' has no number of tasks`, 'set procs')];
  }
  return [];
}

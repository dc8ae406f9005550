import type { Problem } from '../spec/problem.js';
import { type PyValue, pyStr, truthy } from '../spec/python.js';
import type { StepInstance } from '../study/graph.js';

/** A file that a scheduler, or a person, can run. */
export interface Script {
  /** Relative to the study directory. */
  readonly path: string;
  readonly text: string;
}

/** What one batch type contributes to a step's scripts. */
export interface Dialect {
  /** What script files end in, after the step's name: `.slurm.sh`. */
  readonly extension: string;
  /** The lines before the commands, for a step that the batch system runs: the shell's line and the directives. */
  header(step: StepInstance): string;
  /** The first line of an unscheduled step's script. */
  readonly shellLine: string;
  /**
   * What a `$(LAUNCHER)` becomes: the command that starts `procs` tasks on `nodes` nodes.
   * @throws LaunchError if the step's resources cannot be expressed
   */
  launch(step: StepInstance, procs: string, nodes: string | undefined): string;
  /** Whether `launch` must succeed even for a step that has no `$(LAUNCHER)`, as in Maestro. */
  readonly alwaysLaunches?: boolean;
  /** What is wrong with a step's resources for this batch system, before anything is written. */
  check(step: StepInstance): Problem[];
}

/** Why a `$(LAUNCHER)` cannot be written. The message completes "step 'run': ". */
export class LaunchError extends Error {
  readonly hint: string | undefined;
  /** The token that it is about. */
  readonly token: string;

  constructor(message: string, hint?: string, token = '$(LAUNCHER)') {
    super(message);
    this.name = 'LaunchError';
    this.hint = hint;
    this.token = token;
  }
}

/** A key of the run block as text; '' if it is absent, empty, zero, false or nothing. */
export function resource(values: ReadonlyMap<string, PyValue>, key: string): string {
  const value = values.get(key);
  return value !== undefined && truthy(value) ? pyStr(value) : '';
}

/** The first text that is not empty. */
export function firstOf(...texts: readonly string[]): string {
  return texts.find((text) => text !== '') ?? '';
}

/** The error for a walltime that the batch system would refuse once the step is submitted, hours later. */
export function noWalltime(step: StepInstance, walltime: string, hint: string): Problem {
  return {
    severity: 'error',
    at: step.placeOf('', 'walltime'),
    message: `step '${step.step}': '${walltime}' is no walltime`,
    hint,
  };
}

/**
 * Whether the step asks for its nodes to itself, as a job (`allocation`) or as each launch within it; undefined if it does
 * not say. A plain value is about the job only (Maestro 1.2). One that came by `$(NAME)` is text: Python's `False` is
 * false, where Maestro takes any text for true.
 */
export function ownExclusive(step: StepInstance, of: 'allocation' | 'launcher'): boolean | undefined {
  const own = step.run.get('exclusive');
  const value = own instanceof Map ? own.get(of) : of === 'allocation' ? own : undefined;
  return value === undefined || value === null ? undefined : truthy(value) && !/^false$/i.test(pyStr(value));
}

import type { Problem } from '../spec/problem.js';
import { type PyValue, pyStr, truthy } from '../spec/python.js';
import type { StepInstance } from '../study/graph.js';

/** A script that a scheduler or a user can run. */
export interface Script {
  /** Relative to the study directory. */
  readonly path: string;
  readonly text: string;
}

/** How one batch type writes a step's scripts. */
export interface Dialect {
  /** The extension of script files: `.slurm.sh`. */
  readonly extension: string;
  /** The first lines of a scheduled step's script: the shell line and the directives. */
  header(step: StepInstance): string;
  /** The first line of an unscheduled step's script. */
  readonly shellLine: string;
  /**
   * The command that replaces `$(LAUNCHER)`: it starts `procs` tasks on `nodes` nodes.
   * @throws LaunchError if the step's resources cannot be expressed
   */
  launch(step: StepInstance, procs: string, nodes: string | undefined): string;
  /** Whether `launch` must succeed even for a step that has no `$(LAUNCHER)`, as in Maestro. */
  readonly alwaysLaunches?: boolean;
  /** Checks a step's resources for this batch system. */
  check(step: StepInstance): Problem[];
}

/** A `$(LAUNCHER)` cannot be replaced. The message completes "step 'run': ". */
export class LaunchError extends Error {
  readonly hint: string | undefined;
  /** The token in the text of the step. */
  readonly token: string;

  constructor(message: string, hint?: string, token = '$(LAUNCHER)') {
    super(message);
    this.name = 'LaunchError';
    this.hint = hint;
    this.token = token;
  }
}

/** The value of a key as text; '' if it is absent, empty, zero, false or null. */
export function resource(values: ReadonlyMap<string, PyValue>, key: string): string {
  const value = values.get(key);
  return value !== undefined && truthy(value) ? pyStr(value) : '';
}

/** The first text that is not empty; '' if all are. */
export function firstOf(...texts: readonly string[]): string {
  return texts.find((text) => text !== '') ?? '';
}

/** The error for a walltime that the batch system would only refuse when the step is submitted, perhaps hours later. */
export function noWalltime(step: StepInstance, walltime: string, hint: string): Problem {
  return {
    severity: 'error',
    at: step.placeOf('', 'walltime'),
    message: `step '${step.step}': '${walltime}' is no walltime`,
    hint,
  };
}

/**
 * The step's own `exclusive`, for the whole job (`allocation`) or for each launch within it; undefined if it is not
 * set. A plain value only concerns the job (Maestro 1.2). A value from `$(NAME)` is text: `False` counts as false here,
 * while Maestro takes any text for true.
 */
export function ownExclusive(step: StepInstance, of: 'allocation' | 'launcher'): boolean | undefined {
  const own = step.run.get('exclusive');
  const value = own instanceof Map ? own.get(of) : of === 'allocation' ? own : undefined;
  return value === undefined || value === null ? undefined : truthy(value) && !/^false$/i.test(pyStr(value));
}

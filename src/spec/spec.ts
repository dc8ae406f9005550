import type { PyValue } from './python.js';
import type { conditions } from './schema.js';
import type { Position } from './source.js';

/** A study specification as it was written: nothing substituted, everything with its place. */
export interface Spec {
  readonly file: string;
  readonly name: string;
  readonly description: string;
  readonly variables: readonly Named[];
  readonly labels: readonly Named[];
  readonly paths: readonly PathDependency[];
  readonly git: readonly GitDependency[];
  readonly batch: Batch;
  readonly steps: readonly Step[];
  readonly parameters: readonly ParameterSpec[];
}

/** An entry of `env.variables` or `env.labels`. */
export interface Named {
  readonly name: string;
  readonly value: PyValue;
  readonly at: Position;
}

export interface PathDependency {
  readonly name: string;
  readonly path: string;
  readonly at: Position;
}

export interface GitDependency {
  readonly name: string;
  readonly path: string;
  readonly url: string;
  /** What to check out after the clone; undefined: what the repository's HEAD names. */
  readonly checkout: { readonly kind: 'tag' | 'hash' | 'branch'; readonly name: string } | undefined;
  readonly at: Position;
}

export const schedulerTypes = ['local', 'slurm', 'lsf', 'flux'] as const;
export type SchedulerType = (typeof schedulerTypes)[number];

/** How messages and reports call them. */
export const schedulerNames: Readonly<Record<SchedulerType, string>> = {
  local: 'local',
  slurm: 'Slurm',
  lsf: 'LSF',
  flux: 'Flux',
};

export interface Batch {
  readonly type: SchedulerType;
  /** Every key of the block but `type`. */
  readonly values: ReadonlyMap<string, PyValue>;
  readonly at: Position;
  /**
   * Where a key's value stands, or if it is a mapping the name of an entry of it; the block's own place for a key that
   * it does not have.
   */
  placeOf(key: string, name?: string): Position;
}

export interface Step {
  readonly name: string;
  readonly description: string;
  /** The step's first line: where an annotation about it goes. */
  readonly at: Position;
  readonly nameAt: Position;
  /** What it waits for: names as written, funnels with their `*`. */
  readonly depends: readonly string[];
  /** `all-completed`: it runs whether those finished or failed, as long as none was cancelled. */
  readonly condition: Condition;
  /** The `run` block, with Maestro's empty text for every common key that was not given. */
  readonly run: ReadonlyMap<string, PyValue>;
  /**
   * Where `text` stands in the first of the keys of `run` that has it; if none has (it came there by substitution), its
   * first `$(LAUNCHER)` or else its beginning; the step's own place for a key that was not given.
   */
  placeOf(text: string, ...keys: readonly string[]): Position;
}

export type Condition = (typeof conditions)[number];

export interface ParameterSpec {
  readonly key: string;
  readonly values: readonly PyValue[];
  readonly label: string;
  readonly at: Position;
}

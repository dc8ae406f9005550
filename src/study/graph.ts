import type { PyValue } from '../spec/python.js';
import type { Position } from '../spec/source.js';
import type { Condition } from '../spec/spec.js';

/** One step in one combination of its parameters: a node of the graph, and one job. */
export interface StepInstance {
  /** The index in `StepGraph.steps`. */
  readonly index: number;
  /** Unique in the study: `run_SIZE.10`, or the step's name if it uses no parameter. */
  readonly name: string;
  /** The name of its scripts, outputs and jobs: `name`, or the workspace's hash if workspaces are hashed. */
  readonly jobName: string;
  /** The name of the step in the spec. */
  readonly step: string;
  readonly description: string;
  /** Where the spec defines the step. */
  readonly at: Position;
  /** The parameters that the step or its dependencies use, with the substituted text. Sorted by key. */
  readonly params: Readonly<Record<string, string>>;
  /** Relative to the study directory: `run/SIZE.10`. */
  readonly workspace: string;
  /** The run block after all substitutions except `$(LAUNCHER)`. */
  readonly run: ReadonlyMap<string, PyValue>;
  /** Where a text of `run` is in the spec (`Step.placeOf`). */
  placeOf(text: string, ...keys: readonly string[]): Position;
  /** Whether the batch system runs it; otherwise it is a process on the host. */
  readonly scheduled: boolean;
  /** Indexes of the instances that it waits for. Ascending, each once. */
  readonly dependsOn: readonly number[];
  /** Whether its dependencies must be FINISHED, or only over and not CANCELLED, before it starts. */
  readonly condition: Condition;
}

export interface StepGraph {
  /** In topological order: dependencies come first. */
  readonly steps: readonly StepInstance[];
}

/** For each instance, the instances that wait for it. */
export function dependentsOf(graph: StepGraph): number[][] {
  const dependents: number[][] = graph.steps.map(() => []);
  for (const step of graph.steps) for (const dependency of step.dependsOn) dependents[dependency]!.push(step.index);
  return dependents;
}

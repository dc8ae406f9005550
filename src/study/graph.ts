import type { PyValue } from '../spec/python.js';
import type { Position } from '../spec/source.js';
import type { Condition } from '../spec/spec.js';

/** One step in one combination of its parameters: a node of the graph, and one job. */
export interface StepInstance {
  /** Its place in `StepGraph.steps`. */
  readonly index: number;
  /** Unique in the study: `run_SIZE.10`, or the step's name if it uses no parameter. */
  readonly name: string;
  /** What scripts, outputs and jobs are called: `name`, or the workspace's hash with hashed workspaces. */
  readonly jobName: string;
  /** The step of the spec. */
  readonly step: string;
  readonly description: string;
  /** Where the spec defines the step. */
  readonly at: Position;
  /** The parameters that it or what it depends on uses, with the text that was substituted. Sorted by key. */
  readonly params: Readonly<Record<string, string>>;
  /** Relative to the study directory: `run/SIZE.10`. */
  readonly workspace: string;
  /** The run block, everything substituted but `$(LAUNCHER)`. */
  readonly run: ReadonlyMap<string, PyValue>;
  /** Where a text of `run` stands in the spec (`Step.placeOf`). */
  placeOf(text: string, ...keys: readonly string[]): Position;
  /** Whether the batch system runs it; otherwise it runs on the host that the conductor uses. */
  readonly scheduled: boolean;
  /** Indexes of the instances that it waits for. Ascending, each once. */
  readonly dependsOn: readonly number[];
  /** Whether those must be FINISHED, or only over and not CANCELLED, for it to start. */
  readonly condition: Condition;
}

export interface StepGraph {
  /** Every dependency comes before what depends on it. */
  readonly steps: readonly StepInstance[];
}

/** For each instance, the instances that wait for it. */
export function dependentsOf(graph: StepGraph): number[][] {
  const dependents: number[][] = graph.steps.map(() => []);
  for (const step of graph.steps) for (const dependency of step.dependsOn) dependents[dependency]!.push(step.index);
  return dependents;
}

import type { Batch } from '../spec/spec.js';
import type { StepInstance } from '../study/graph.js';
import { firstOf, resource } from './dialect.js';

/**
 * The resources of a step, as text that is not checked to be numbers. Its jobspec, its `#flux:` directives and its
 * launcher all use these, so that the job has room for what its script launches.
 */
export interface FluxResources {
  /** The step's nodes, or those of the batch block but at most one for each task, or 1 (Maestro 1.1). */
  readonly nodes: string;
  /** Whether the step or the batch block sets the nodes. */
  readonly saysNodes: boolean;
  /** Tasks; 1 by default. */
  readonly procs: string;
  /** '' if the step does not set it. */
  readonly coresPerTask: string;
  /** For the whole step; '' if the step does not set it. */
  readonly gpus: string;
}

export function fluxResources(step: StepInstance, batch: Batch): FluxResources {
  const own = resource(step.run, 'nodes');
  const procs = firstOf(resource(step.run, 'procs'), '1');
  const usual = usualNodes(batch, procs);
  return {
    nodes: firstOf(own, usual, '1'),
    saysNodes: own !== '' || usual !== '',
    procs,
    coresPerTask: resource(step.run, 'cores per task'),
    gpus: resource(step.run, 'gpus'),
  };
}

/** The nodes of the batch block, but at most one for each task, because Flux needs a task on each node. */
export function usualNodes(batch: Batch, procs: string): string {
  const nodes = resource(batch.values, 'nodes');
  return Number(nodes) > Number(procs) ? String(Number(procs)) : nodes;
}

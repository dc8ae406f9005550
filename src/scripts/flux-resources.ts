import type { Batch } from '../spec/spec.js';
import type { StepInstance } from '../study/graph.js';
import { firstOf, resource } from './dialect.js';

/**
 * What a step asks of Flux, as text that need not be a number yet. Its jobspec, its `#flux:` directives and its launcher are
 * all made from this, so that the job has room for what its script launches.
 */
export interface FluxResources {
  /** The step's own; else the batch block's, but no more than there are tasks for; else one node (Maestro 1.1). */
  readonly nodes: string;
  /** Whether the step or the batch block says how many nodes. */
  readonly saysNodes: boolean;
  /** Tasks, one unless the step says more. */
  readonly procs: string;
  /** '' if the step does not say. */
  readonly coresPerTask: string;
  /** For the whole step; '' if it does not say. */
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

/** The nodes of the batch block for so many tasks: Flux wants at least one task for each. */
export function usualNodes(batch: Batch, procs: string): string {
  const nodes = resource(batch.values, 'nodes');
  return Number(nodes) > Number(procs) ? String(Number(procs)) : nodes;
}

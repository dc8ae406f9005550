import { forFlux, type Plan } from '../scripts/plan.js';
import { SpecError } from '../spec/problem.js';
import type { AllocationRequest } from './allocation/request.js';
import type { Backend, BackendContext } from './backend.js';

/**
 * Creates the backend for the scheduled steps of a study, by the type of its batch block. Only the code of that one is loaded.
 *
 * @param request the input `allocate`, if it is set
 * @param hasObsoleteJobs whether an earlier driver left jobs that need the batch system to be cancelled, whatever the
 *   plan has
 * @returns undefined if no step of the study is scheduled
 * @throws SpecError if the study's batch type does not go with `request`
 */
export async function createBackend(
  { spec, graph }: Plan,
  context: BackendContext,
  request: AllocationRequest | undefined,
  hasObsoleteJobs: boolean,
): Promise<Backend | undefined> {
  const scheduled = graph.steps.find((step) => step.scheduled);
  if (scheduled === undefined && !hasObsoleteJobs) return undefined;
  const { type, at } = spec.batch;
  if (type === 'slurm' || type === 'lsf') {
    if (request !== undefined) {
      throw new SpecError([
        {
          severity: 'error',
          at,
          message: `the input \`allocate\` gets an allocation for Flux, and the batch type of the study is ${type}`,
          hint: 'leave out `allocate`, or set batch.type to flux (the input `batch` can do that)',
        },
      ]);
    }
    const { QueueBackend } = await import(/* webpackMode: "eager" */ './batch/queue-backend.js');
    const { batchSystems } = await import(/* webpackMode: "eager" */ './batch-systems.js');
    return new QueueBackend(context, batchSystems[type]);
  }
  if (request === undefined) {
    const { RunningBackend } = await import(/* webpackMode: "eager" */ './flux/running-backend.js');
    return new RunningBackend(context);
  }
  const { AllocatedBackend } = await import(/* webpackMode: "eager" */ './allocation/allocated-backend.js');
  return new AllocatedBackend(context, request);
}

/**
 * The plan as the backend of an earlier driver prepared it, computed without a backend.
 *
 * @param version the version of the backend in the journal
 */
export function asPrepared(plan: Plan, version: string): Plan {
  return plan.spec.batch.type === 'flux' ? forFlux(plan, version) : plan;
}

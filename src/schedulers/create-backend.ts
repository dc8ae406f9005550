import { type Outputs, outputsOf } from '../scripts/outputs.js';
import { forFlux, type Plan } from '../scripts/plan.js';
import { SpecError } from '../spec/problem.js';
import type { SchedulerType } from '../spec/spec.js';
import type { StepInstance } from '../study/graph.js';
import { AllocatedBackend } from './allocation/allocated-backend.js';
import type { AllocationRequest } from './allocation/request.js';
import type { Backend, BackendContext } from './backend.js';
import { QueueBackend } from './batch/queue-backend.js';
import { RunningBackend } from './flux/running-backend.js';
import { lsf } from './lsf/lsf.js';
import { slurm } from './slurm/slurm.js';

/** The batch systems whose jobs are the steps themselves. */
export const batchSystems = { slurm, lsf };

/**
 * Creates the backend for the scheduled steps of a study, by the type of its batch block.
 *
 * @param request the input `allocate`, if it is set
 * @param hasObsoleteJobs whether an earlier driver left jobs that need the batch system to be cancelled, whatever the
 *   plan has
 * @returns undefined if no step of the study is scheduled
 * @throws SpecError if the study's batch type does not go with `request`
 */
export function createBackend(
  { spec, graph }: Plan,
  context: BackendContext,
  request: AllocationRequest | undefined,
  hasObsoleteJobs: boolean,
): Backend | undefined {
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
    return new QueueBackend(context, batchSystems[type]);
  }
  return request === undefined ? new RunningBackend(context) : new AllocatedBackend(context, request);
}

/**
 * The plan as the backend of an earlier driver prepared it, computed without a backend.
 *
 * @param version the version of the backend in the journal
 */
export function asPrepared(plan: Plan, version: string): Plan {
  return plan.spec.batch.type === 'flux' ? forFlux(plan, version) : plan;
}

/** The files with the output of a job of this type, or of a local step, as Maestro and this program name them. */
export function outputsOfJob(type: SchedulerType, step: StepInstance, id: string): Outputs {
  return step.scheduled && (type === 'slurm' || type === 'lsf')
    ? batchSystems[type].outputs(step, id)
    : outputsOf(step, id);
}

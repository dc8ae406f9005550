import { forFlux, type Plan } from '../scripts/plan.js';
import { SpecError } from '../spec/problem.js';
import { AllocatedBackend } from './allocation/allocated-backend.js';
import type { AllocationRequest } from './allocation/request.js';
import type { Backend, BackendContext } from './backend.js';
import { RunningBackend } from './flux/running-backend.js';

/**
 * Creates the backend for the scheduled steps of a study, by the type of its batch block.
 *
 * @param request the input `allocate`, if it is set
 * @param hasObsoleteJobs whether an earlier driver left jobs that need the batch system to be cancelled, whatever the
 *   plan has
 * @returns undefined if no step of the study is scheduled
 * @throws SpecError for a type whose jobs cannot be run
 */
export function createBackend(
  { spec, graph }: Plan,
  context: BackendContext,
  request: AllocationRequest | undefined,
  hasObsoleteJobs: boolean,
): Backend | undefined {
  const scheduled = graph.steps.find((step) => step.scheduled);
  if (scheduled !== undefined && spec.batch.type !== 'flux') {
    throw new SpecError([
      {
        severity: 'error',
        at: spec.batch.at,
        message: `jobs of type ${spec.batch.type} cannot be run yet, and step '${scheduled.step}' is one`,
        hint: 'a dry run stages the study and writes all its scripts',
      },
    ]);
  }
  if (scheduled === undefined && !hasObsoleteJobs) return undefined;
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

import { forFlux, type Plan } from '../scripts/plan.js';
import { SpecError } from '../spec/problem.js';
import { AllocatedBackend } from './allocation/allocated-backend.js';
import type { AllocationRequest } from './allocation/request.js';
import type { Backend, BackendContext } from './backend.js';
import { RunningBackend } from './flux/running-backend.js';

/**
 * Makes what runs the scheduled steps of a study, which is chosen by the type of its batch block.
 *
 * @param request the allocation that is wanted, if one is
 * @param hasObsoleteJobs whether an earlier driver left jobs that need the batch system to be cancelled, whatever the plan has
 * @returns undefined if nothing of the study is scheduled
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
 * The plan as a backend prepared it for an earlier driver, without asking one again.
 *
 * @param version of the backend, as the journal has it
 */
export function asPrepared(plan: Plan, version: string): Plan {
  return plan.spec.batch.type === 'flux' ? forFlux(plan, version) : plan;
}

import type { Policy } from '../conductor/policy.js';
import { type AllocationRequest, readAllocationRequest } from '../schedulers/allocation/request.js';
import { SpecError } from '../spec/problem.js';
import { Source } from '../spec/source.js';
import { matchAny } from '../util/globs.js';
import type { InputName, Inputs } from './schema.js';

/** How the inputs want a study to be driven. */
export function policyOf(inputs: Inputs): Policy {
  const allowed = matchAny(inputs['allow-failure']);
  return {
    throttle: inputs.throttle,
    localJobs: inputs['local-jobs'],
    submissionAttempts: inputs['submission-attempts'],
    restartLimit: inputs['restart-limit'],
    allowsFailure: ({ name, step }) => allowed(name) || allowed(step),
  };
}

/**
 * The allocation that the inputs want, if they want one.
 *
 * @param nameOf what messages call an input
 * @throws SpecError
 */
export function requestOf(inputs: Inputs, nameOf: (input: InputName) => string): AllocationRequest | undefined {
  if (inputs.allocate === '') return undefined;
  const { request, problems } = readAllocationRequest(new Source(nameOf('allocate'), inputs.allocate));
  if (request === undefined) throw new SpecError(problems);
  return request;
}

import type { Policy } from '../conductor/policy.js';
import { matchAny } from '../util/globs.js';
import type { Inputs } from './schema.js';

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

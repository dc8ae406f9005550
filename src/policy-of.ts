import type { Policy } from './conductor/policy.js';
import type { Inputs } from './inputs.js';
import { matchAny } from './util/globs.js';

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

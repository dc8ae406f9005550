import { type Blame, blame } from './cause.js';
import { meaningIn, ofStart, type WordTable } from './words.js';

/**
 * Refusals of `sbatch`, `bsub` and Flux brokers that are not about what the step asks for. Slurm's are those of
 * `slurm_strerror`.
 */
export const foreignRefusals: WordTable = [
  ...ofStart,
  [/Unable to contact slurm controller|Communication (connection|shutdown) failure/i, blame('connection')],
  [/Connection (reset|refused|timed out)|Broken pipe|No route to host|Host is unreachable/i, blame('connection')],
  [/LSF is down|batch daemon not responding|LIM is down|Failed in an LSF library call/i, blame('connection')],
  [/exceeds (remaining )?instance lifetime/i, blame('allocation')],
  [/Required node not available|Requested nodes are busy|Required partition not available/i, blame('queue')],
  [/Requested reservation (is in use|not usable now)|partition .* is (inactive|drained|down)/i, blame('queue')],
  [/queue (<[^>]*> )?(is|has been) (closed|inactivated?)|submission( to .*)? is disabled/i, blame('queue')],
  [/breached requested QOS usage threshold/i, blame('queue')],
  [/Requested operation is presently disabled|Slurm internal error|batch library internal error/i, blame('submission')],
  [/Invalid (job|authentication) credential|Protocol authentication error|\bmunged?\b/i, blame('submission')],
  [/Unspecified error|Cannot allocate memory|Resource temporarily unavailable/i, blame('submission')],
];

/** Why a job was not accepted. What is not known to be the site's doing is taken for the spec's. */
export function blameOfRefusal(said: string): Blame {
  return meaningIn(foreignRefusals, said) ?? blame('submission', true);
}

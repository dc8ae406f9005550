import type { BatchRefusal } from './batch-system.js';

/** Messages of Slurm 17 to 26 and of LSF 10; the first match counts. */
const words: readonly (readonly [RegExp, BatchRefusal])[] = [
  // A partition that is INACTIVE or DRAIN refuses jobs; one that is DOWN queues them.
  [/Required partition not available|partition .* is (inactive|drained|down)|System submissions disabled/i, 'wait'],
  [/\b(Assoc|QOS)\w*(Max|Grp)\w*Submit\w*|\bMaxSubmitJobs\w*/, 'wait'],
  [/temporarily unable to accept job|job queue full|MaxJobCount limit reached|Rate limit exceeded/i, 'wait'],
  [/Job creation temporarily disabled|controller in standby mode|Controller is in standby mode/i, 'wait'],
  [
    /queue (<[^>]*> )?is (closed|inactive|not accepting)|queue has been (closed|inactivated)|windows are closed/i,
    'wait',
  ],
  [
    /pending job (threshold|limit|slot limit|slots threshold)\b.*reached|job (slot )?limit (has been )?reached/i,
    'wait',
  ],
  [/has reached its job limit|No job Id can be used now/i, 'wait'],
  // Some of these only announce that bsub tries again, and the last one that it has stopped trying.
  [/please wait|still trying|concurrent (job )?query limit|LIM is down|printed no job id/i, 'doubt'],
  [/Failed in an LSF library call|batch (daemon|library) internal error|batch protocol error/i, 'doubt'],
  [/timed out|timeout|unable to contact|not responding|Zero Bytes were transmitted|LSF is down/i, 'doubt'],
  [/\bmunged?\b|Protocol authentication error|Socket communication error/i, 'doubt'],
  [/Communication (connection|shutdown) failure|Message (send|receive) failure|shutting down and closing/i, 'doubt'],
  [/Resource temporarily unavailable|Cannot allocate memory|\bfork\b|Connection (reset|refused)|Broken pipe/i, 'doubt'],
];

/**
 * What a refusal of `sbatch` or `bsub` means.
 *
 * @param said what it printed
 */
export function classifyBatchRefusal(said: string, exitCode: number): BatchRefusal {
  // A signal ended the command, or bash could not fork (254). `bsub` exits with 255 for every error.
  if ((exitCode > 128 && exitCode <= 192) || exitCode === 254) return 'doubt';
  return words.find(([pattern]) => pattern.test(said))?.[1] ?? 'never';
}

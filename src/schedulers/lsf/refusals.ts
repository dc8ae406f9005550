import type { BatchRefusal } from '../batch/batch-system.js';

/** Messages of `bsub` of LSF 10.1 that may not come again; the first match counts. Every other one will come again. */
const words: readonly (readonly [RegExp, BatchRefusal])[] = [
  // Limits of a user, a queue or the cluster.
  [
    /pending job(s| slots)? (threshold|limit)|job (slot )?limit|has reached its .*limit|maximum number of .*jobs/i,
    'wait',
  ],
  [/No job Id can be used now/i, 'wait'],
  [/queue (<[^>]*> )?(is|has been) (closed|inactive|inactivated|not accepting)|windows are closed/i, 'wait'],
  // mbatchd or LIM is down, busy or restarting.
  [/please wait|not responding|still trying|concurrent (job )?query limit|LIM is down|LSF is down/i, 'doubt'],
  [
    /timed? ?out|connection (reset|refused|closed)|broken pipe|communication|(unable|cannot|failed) to? ?connect/i,
    'doubt',
  ],
  [/Failed in an LSF library call|batch (daemon|library|protocol) .*error|XDR|Operation is in progress/i, 'doubt'],
  [/daemon cannot fork|\bfork\b|cannot allocate memory|resource temporarily unavailable|system call failed/i, 'doubt'],
  [/spool/i, 'doubt'],
];

/** @param said what `bsub` printed, on both streams */
export function classifyRefusal(said: string, exitCode: number): BatchRefusal {
  // A signal ended the command, or bash could not fork (254). `bsub` exits with 255 for every error.
  if ((exitCode > 128 && exitCode <= 192) || exitCode === 254) return 'doubt';
  if (said.trim() === '') return 'doubt';
  return words.find(([pattern]) => pattern.test(said))?.[1] ?? 'never';
}

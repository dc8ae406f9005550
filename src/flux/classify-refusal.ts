import { errno } from './errors.js';

/**
 * What a broker's refusal of a job means for its step.
 *
 * - `never`: the step fails, for the same request would be refused again
 * - `wait`: a limit is reached, or submission is switched off: it is tried again, however long that takes
 * - `instance-time`: the instance ends before the job's time limit would: another instance may take it
 * - `unsatisfiable`: the scheduler has no such resources (any more)
 * - `retry`: a part of the broker failed before it had the job: it is tried again
 * - `doubt`: it is not known whether the broker has the job: it is sent again under the same claim
 */
export type RefusalKind = 'never' | 'wait' | 'instance-time' | 'unsatisfiable' | 'retry' | 'doubt';

export interface RefusalFacts {
  /** The message that came with the refusal. */
  readonly words: string;
  /** The broker's error number; undefined if only words are known. */
  readonly errnum?: number;
  /** The exit status of the command that submits; undefined if none does. */
  readonly exitCode?: number;
}

/** In this order: the first that matches counts. Sources: flux-core 0.39 to 0.88, flux-sched, flux-accounting 0.14 to 0.60. */
const words: readonly (readonly [RegExp, RefusalKind])[] = [
  // The job-manager's validate-duration plugin.
  [/exceeds (remaining )?instance lifetime/i, 'instance-time'],
  // Schedulers and their feasibility services; flux-sched: `Unsatisfiable request`.
  [/unsatisfiable|infeasible/i, 'unsatisfiable'],
  // `flux queue disable`, with a named queue or without.
  [/\bjob submission( to .*)? is disabled\b/i, 'wait'],
  [/\bqueue .*\bis disabled\b|\bsubmission is (currently |temporarily )?disabled\b/i, 'wait'],
  // flux-accounting: `user has max active jobs`.
  [
    /\b(max(imum)?|too many)[- ](number of )?((active|running|run|scheduled|sched|queued|pending|submitted)[- ])*jobs\b/i,
    'wait',
  ],
  [/\b(active|running|pending|queued|submitted)[- ]jobs?[- ]limit\b/i, 'wait'],
  // The job-ingest module, of its workers and of what the job is written to.
  [/unexpectedly exited|Error passing job to (validator|frobnicator)/i, 'retry'],
  [/KVS commit failed|flux_kvs_commit failed|flux_future_then .*failed|hash insert failed|error posting/i, 'retry'],
  [/\bout of memory\b|Cannot allocate memory|No space left on device/i, 'retry'],
  [/Failed to process batch response|error sending job-manager\.submit/i, 'doubt'],
  // Signing needs munged, which may be restarted.
  [/\bmunged?\b|\bmunge_(en|de)code\b/i, 'retry'],
  // The command that submits, and its connection.
  [/^(flux_open|flux_job_submit|flux_reactor_run)\b/m, 'doubt'],
  [/Resource temporarily unavailable|Too many open files|\bfork\b|\bclone\b|cannot create (thread|process)/i, 'doubt'],
  [
    /Connection (reset|refused|timed out)|Broken pipe|No route to host|Transport endpoint|Host is unreachable/i,
    'doubt',
  ],
  [/Interrupted system call|Stale file handle|Input\/output error|Text file busy/i, 'doubt'],
];

/** Errors of the broker's machine rather than of the request. */
const passing: ReadonlySet<number> = new Set([
  errno.EIO,
  errno.EAGAIN,
  errno.ENOMEM,
  errno.EBUSY,
  errno.ENOSPC,
  errno.EPIPE,
  errno.EPROTO,
  errno.ECONNRESET,
  errno.ETIMEDOUT,
  errno.ECONNREFUSED,
  errno.EHOSTUNREACH,
]);

/** From here on a shell's exit status says that a command was not run (126, 127) or that a signal ended it (128 + N). */
const NOT_RUN_STATUS = 126;

export function classifyRefusal({ words: said, errnum, exitCode }: RefusalFacts): RefusalKind {
  // What it printed before it was killed is no answer of the broker's, and one that ended well has submitted something.
  if (exitCode !== undefined && (exitCode === 0 || exitCode >= NOT_RUN_STATUS)) return 'doubt';
  const known = words.find(([pattern]) => pattern.test(said))?.[1];
  if (known !== undefined) return known;
  // A service that is loaded again answers so meanwhile.
  if (errnum === errno.ENOSYS) return 'wait';
  return errnum !== undefined && passing.has(errnum) ? 'doubt' : 'never';
}

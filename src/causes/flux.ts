import { type Blame, blame } from './cause.js';
import { blameOfScript, meaningIn, type WordTable } from './words.js';

/** What a Flux broker logged of the end of a job. */
export interface FluxEnd {
  /** The exception of severity 0; null if there was none. */
  readonly exception: { readonly type: string; readonly note: string } | null;
  /** Whether the job timed out before its own time limit, so that its instance ran out of time. */
  readonly isEarlyTimeout?: boolean;
  /** The end of the step's stderr, if it was read. */
  readonly stderrTail?: string;
}

/** The types of exceptions that say enough (RFC 24; flux-core 0.39 to 0.88 and its job-manager plugins). */
export const fluxTypes: Readonly<Record<string, Blame>> = {
  cancel: blame('cancelled'),
  timeout: blame('timeout'),
  'node-failure': blame('node'),
  preempt: blame('preempted'),
  prolog: blame('node'),
  epilog: blame('node'),
  dependency: blame('submission', true),
};

/** Notes of `exec` and `alloc`. */
export const fluxNotes: Readonly<Record<'exec' | 'alloc', WordTable>> = {
  exec: [
    [/^(node failure|lost contact with job shell)/, blame('node')],
    [/terminated before first barrier/, blame('node')],
    [/^job started after expiration/, blame('allocation')],
  ],
  alloc: [
    // Of a request that could be met before, the instance has lost nodes since.
    [/unsatisfiable|infeasible/i, blame('submission', true)],
    [/./, blame('submission')],
  ],
};

/** Why a job of Flux did not complete. An exception that nothing is known of is the study's own: a user can raise any. */
export function blameOfFlux({ exception, isEarlyTimeout = false, stderrTail }: FluxEnd): Blame {
  if (exception === null) return blameOfScript(stderrTail);
  const { type, note } = exception;
  if (isEarlyTimeout) return blame('allocation');
  if (type === 'exec' || type === 'alloc') return meaningIn(fluxNotes[type], note) ?? blameOfScript(stderrTail);
  return fluxTypes[type] ?? blameOfScript(stderrTail);
}

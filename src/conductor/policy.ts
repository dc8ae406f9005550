import type { ResubmitOn } from '../causes/resubmit.js';
import type { Limits } from '../store/update-lock.js';

/** The user's choices about how a study is driven. */
export interface Policy {
  /** Most scheduled jobs in flight; 0: no limit. */
  readonly throttle: number;
  /** Most local steps at once, from 1. */
  readonly localJobs: number;
  /** How often a job is submitted before its step fails (Maestro's `-a`). A local step is run as often. */
  readonly submissionAttempts: number;
  /** After which causes a job is submitted again by itself, and how often; not counted in `submissionAttempts`. */
  readonly resubmitOn: ResubmitOn;
  /** Restarts after a timeout of a step that has a `restart` (Maestro's `-r`); 0: no limit. */
  readonly restartLimit: number;
  /** Milliseconds until the first job of a run must have begun; then it stops. 0: no limit. */
  readonly maxWaitMs: number;
  /** Whether the failure of an instance leaves the study's status alone (`allow-failure`). */
  readonly allowsFailure: (step: { readonly name: string; readonly step: string }) => boolean;
}

/** The part of the policy that `maestro update` can change while the study runs. */
export function limitsOf({ throttle, restartLimit }: Policy): Required<Limits> {
  return { throttle, restartLimit };
}

/** How often a job that was lost is submitted again, if `resubmitOn` does not say it of what it was lost with. */
export const NODE_FAILURE_LIMIT = 3;

/** How often a local step may be ended because the time of the conductor's own job is up. */
export const EVICTION_LIMIT = 2;

/** After this many jobs of a step in a row that could not write their files (about a minute) the study is left. */
export const NOT_RUN_LIMIT = 6;

/**
 * Milliseconds to wait before another attempt: 1 s, 2 s, 4 s… to 60 s, each half as much more or less.
 *
 * @param failures failed attempts so far, from 1
 * @param random from 0 up to 1
 */
export function backOff(failures: number, random: number): number {
  return Math.min(60_000, 1000 * 2 ** (failures - 1)) * (0.5 + random);
}

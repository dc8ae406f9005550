import type { Clock } from './clock.js';
import { sleep } from './sleep.js';

export interface RetryOptions {
  readonly clock: Clock;
  /**
   * The delay before each further attempt, in milliseconds: a list, after which there is no other attempt, or a
   * function of the number of failures so far (from 1), which returns undefined for no other attempt.
   */
  readonly delays: readonly number[] | ((failures: number, error: unknown) => number | undefined);
  /** Whether to try again after this error; by default always. */
  readonly shouldRetry?: (error: unknown) => boolean;
  /** Called before the delay, with the error and the number of failures so far, from 1. */
  readonly onRetry?: (error: unknown, failures: number) => void;
  /** When aborted, the delay ends and there is no other attempt; an attempt that has begun goes on. */
  readonly signal?: AbortSignal;
}

/**
 * Runs an attempt, and repeats it after a delay if it fails.
 *
 * @param attempt gets the number of failures so far, from 0
 * @throws the last error of an attempt
 */
export async function retry<T>(attempt: (failures: number) => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, delays, shouldRetry = () => true, onRetry, signal } = options;
  for (let failures = 1; ; failures++) {
    try {
      return await attempt(failures - 1);
    } catch (error) {
      if (signal?.aborted || !shouldRetry(error)) throw error;
      const delay = typeof delays === 'function' ? delays(failures, error) : delays[failures - 1];
      if (delay === undefined) throw error;
      onRetry?.(error, failures);
      await sleep(clock, delay, signal);
      if (signal?.aborted) throw error;
    }
  }
}

export interface BackOff {
  readonly firstMs: number;
  readonly maxMs: number;
  /** The ratio of each delay to the one before; 2 by default. */
  readonly factor?: number;
  /**
   * The largest random change of a delay, as a fraction of it, so that clients that failed together spread out; 0.5 by
   * default.
   */
  readonly jitter?: number;
}

/** The milliseconds to wait after a number of failures in a row, from 1. */
export function backOffMs(
  failures: number,
  { firstMs, maxMs, factor = 2, jitter = 0.5 }: BackOff,
  clock: Pick<Clock, 'random'>,
): number {
  const delay = Math.min(maxMs, firstMs * factor ** (failures - 1));
  return jitter === 0 ? delay : delay * (1 - jitter + 2 * jitter * clock.random());
}

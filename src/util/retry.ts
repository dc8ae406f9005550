import type { Clock } from './clock.js';
import { sleep } from './sleep.js';

export interface RetryOptions {
  readonly clock: Clock;
  /**
   * The time before each further attempt, in milliseconds: a list, after whose end there is no other attempt, or what computes
   * it from the number of failures so far (from 1), with undefined for no other attempt.
   */
  readonly delays: readonly number[] | ((failures: number, error: unknown) => number | undefined);
  /** Whether another attempt may end better after this error. By default after each. */
  readonly shouldRetry?: (error: unknown) => boolean;
  /** Told of the error before the wait for another attempt, with the number of failures so far, from 1. */
  readonly onRetry?: (error: unknown, failures: number) => void;
  /** Once it is aborted there is no other attempt, and a wait for one ends. An attempt that has begun goes on. */
  readonly signal?: AbortSignal;
}

/**
 * Does something that may fail, and does it again after a delay.
 *
 * @param attempt is given the number of failures so far, from 0
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
  /** How much longer each delay is than the one before: twice, by default. */
  readonly factor?: number;
  /** The fraction of the delay that chance may add or take away, so that clients that failed together spread out: half, by default. */
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

import type { Clock } from './clock.js';

/** Resolves after a time, or as soon as the signal is aborted; the caller can check the signal. */
export function sleep(clock: Pick<Clock, 'after'>, milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = () => {
      stopTimer();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const stopTimer = clock.after(milliseconds, end);
    signal?.addEventListener('abort', end, { once: true });
  });
}

/**
 * Waits for a promise with a timeout. After the timeout the work goes on, and its error is ignored.
 *
 * @returns whether the work is done
 * @throws the error of the work if it fails within the time
 */
export async function isDoneWithin(
  clock: Pick<Clock, 'after'>,
  milliseconds: number,
  work: Promise<unknown>,
): Promise<boolean> {
  const done = new AbortController();
  const late = sleep(clock, milliseconds, done.signal).then(() => false);
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    done.abort();
  }
}

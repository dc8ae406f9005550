import type { Clock } from './clock.js';

/** Resolves after a time, or as soon as the signal is aborted, so that the caller looks at the signal if it matters which. */
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
 * Waits for work, but not longer than a time. Work that takes longer goes on, and an error of it is then ignored.
 *
 * @returns whether it is done
 * @throws what the work throws in time
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

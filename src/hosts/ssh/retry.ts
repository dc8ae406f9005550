import type { Clock } from '../../util/clock.js';
import { SshError } from './transport.js';

/** How often it is tried. */
const mostAttempts = 5;

/** About so many milliseconds are between the first two attempts, and twice as many each time after. */
const firstPause = 800;

/** No attempt begins later than this, in milliseconds after the first. */
const patience = 20_000;

export interface FirstConnectionOptions {
  readonly clock: Clock;
  /** Takes a line for people. */
  readonly tell: (line: string) => void;
  /** Aborted when there is no wish to go on. */
  readonly cancel: AbortSignal;
}

/**
 * Connects for the first time, again if the way there fails: a server that many log in to at once (the legs of a matrix)
 * turns some of them away, and one that is started anew refuses all for a moment. What is no better a moment later, as a
 * login that is rejected, is tried once.
 *
 * @throws what `connect` throws
 */
export async function persistently<T>(connect: () => Promise<T>, options: FirstConnectionOptions): Promise<T> {
  const { clock, tell, cancel } = options;
  const since = clock.now();
  for (let attempts = 1; ; attempts++) {
    try {
      return await connect();
    } catch (error) {
      if (!(error instanceof SshError) || error.kind !== 'connection' || cancel.aborted) throw error;
      // Those that were turned away together are not to come together again.
      const pause = firstPause * 2 ** (attempts - 1) * (0.5 + clock.random());
      if (attempts === mostAttempts || clock.now() + pause - since > patience) throw error;
      if (attempts === 1) tell(`${error.message}; trying again`);
      await sleep(pause, clock, cancel);
      if (cancel.aborted) throw error;
    }
  }
}

/** A cancellation ends it. */
function sleep(milliseconds: number, clock: Clock, cancel: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      stop();
      cancel.removeEventListener('abort', end);
      resolve();
    };
    const stop = clock.after(milliseconds, end);
    if (cancel.aborted) end();
    else cancel.addEventListener('abort', end, { once: true });
  });
}

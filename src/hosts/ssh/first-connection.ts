import type { Clock } from '../../util/clock.js';
import { backOffMs, retry } from '../../util/retry.js';
import { SshError } from './transport.js';

const MOST_ATTEMPTS = 5;
const BACK_OFF = { firstMs: 800, maxMs: 10_000 } as const;

/** No attempt begins later than this after the first. */
const PATIENCE_MS = 20_000;

export interface FirstConnectionOptions {
  readonly clock: Clock;
  /** Takes a line for people. */
  readonly tell: (line: string) => void;
  /** Ends the attempts. */
  readonly cancel: AbortSignal;
}

/**
 * Connects for the first time, again if the way there fails: a server that many log in to at once (the legs of a matrix)
 * turns some of them away, and one that is started anew refuses all for a moment. What is no better a moment later, as a
 * login that is rejected, is tried once.
 *
 * @throws what `connect` throws
 */
export function persistently<T>(connect: () => Promise<T>, options: FirstConnectionOptions): Promise<T> {
  const { clock, tell, cancel } = options;
  const since = clock.now();
  return retry(connect, {
    clock,
    signal: cancel,
    shouldRetry: (error) => error instanceof SshError && error.kind === 'connection',
    delays(failures) {
      const delay = backOffMs(failures, BACK_OFF, clock);
      const isOver = failures === MOST_ATTEMPTS || clock.now() + delay - since > PATIENCE_MS;
      return isOver ? undefined : delay;
    },
    onRetry(error, failures) {
      if (failures === 1) tell(`${(error as SshError).message}; trying again`);
    },
  });
}

import { type Clock, systemClock } from './clock.js';

/** A signal that follows others until it is released. */
export interface LinkedSignal {
  readonly signal: AbortSignal;
  /** Removes its listeners from the followed signals, and stops its timer. */
  release(): void;
}

export interface Deadline extends LinkedSignal {
  /** Whether the timeout aborted it. */
  readonly hasPassed: boolean;
}

/**
 * A signal that is aborted with the first of several, with the same reason. Used instead of `AbortSignal.any`, whose
 * result Node 20 may garbage-collect although it has listeners, so that it is never aborted.
 */
export function anyAborted(...sources: readonly AbortSignal[]): LinkedSignal {
  const controller = new AbortController();
  const follow = (event: Event) => controller.abort((event.target as AbortSignal).reason);
  const release = () => {
    for (const source of sources) source.removeEventListener('abort', follow);
  };
  const aborted = sources.find((source) => source.aborted);
  if (aborted !== undefined) controller.abort(aborted.reason);
  else for (const source of sources) source.addEventListener('abort', follow, { once: true });
  return { signal: controller.signal, release };
}

/**
 * A signal that is aborted after a time, or with another signal. Used instead of `AbortSignal.timeout`, which Node 20
 * may also garbage-collect, and whose timer cannot be stopped.
 */
export function deadline(
  milliseconds: number,
  { parent, clock = systemClock }: { readonly parent?: AbortSignal; readonly clock?: Pick<Clock, 'after'> } = {},
): Deadline {
  const time = new AbortController();
  const { signal, release } = anyAborted(...(parent === undefined ? [] : [parent]), time.signal);
  const stop = clock.after(milliseconds, () => {
    if (signal.aborted) return;
    time.abort(new DOMException(`not done within ${milliseconds / 1000} s`, 'TimeoutError'));
  });
  return {
    signal,
    get hasPassed() {
      return time.signal.aborted;
    },
    release() {
      stop();
      release();
    },
  };
}

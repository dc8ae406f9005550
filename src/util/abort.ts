import { type Clock, systemClock } from './clock.js';

/** A signal that others abort, until it is released. */
export interface LinkedSignal {
  readonly signal: AbortSignal;
  /** Takes its listeners from the signals that it follows, and stops its timer. */
  release(): void;
}

/** A signal that time aborts. */
export interface Deadline extends LinkedSignal {
  /** Whether it was time that aborted it. */
  readonly hasPassed: boolean;
}

/**
 * A signal that is aborted with the first of several, for the same reason. The result of Node's own `AbortSignal.any` is
 * garbage-collected while somebody listens to it (Node 20), and then never aborted.
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
 * A signal that is aborted after a time, or with another signal. It stands for `AbortSignal.timeout`, of which the same is
 * true as of `AbortSignal.any`, and does not outlive its `release`.
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

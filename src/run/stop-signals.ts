import type { Clock } from '../util/clock.js';
import type { StopPolicy } from './options.js';
import { Fault } from './process-context.js';

/** What may end a run before its study is over. */
export interface StopOptions {
  readonly policy: StopPolicy;
  readonly clock: Clock;
  /** Aborted, with a reason for people, when this process is told to end. */
  readonly cancel: AbortSignal;
  /** Why what was begun is only brought to its end: cancelled. Undefined otherwise. */
  readonly finishes?: string | undefined;
}

/** What is cancelled must end by itself within so many milliseconds, if there is nothing more to do than that. */
const finishTime = 120_000;

/**
 * When, and how, a run ends before its study does: cancelled, which ends its jobs too, or left, which leaves them running to
 * be resumed.
 */
export class StopSignals {
  readonly #cancelling = new AbortController();
  readonly #leaving = new AbortController();
  readonly #waiting = new AbortController();
  readonly #stop: () => void;

  constructor({ policy, clock, cancel, finishes }: StopOptions) {
    const onCancel = () => {
      if (policy.onCancel === 'leave' || finishes !== undefined || cancel.reason instanceof Fault)
        this.#leave(`${cancel.reason}; jobs are left running`);
      else this.#cancel(cancel.reason);
    };
    if (finishes !== undefined) this.#cancelling.abort(finishes);
    const minutes = policy.timeoutMinutes;
    const time = finishes !== undefined ? finishTime : minutes * 60_000;
    const why =
      finishes !== undefined
        ? 'some jobs take their time to end'
        : `timeout-minutes: ${minutes} minute${minutes === 1 ? ' is' : 's are'} over`;
    const stopTimer = time === 0 ? () => {} : after(clock, time, () => this.#leave(why));
    if (cancel.aborted) onCancel();
    else cancel.addEventListener('abort', onCancel, { once: true });
    this.#stop = () => {
      stopTimer();
      cancel.removeEventListener('abort', onCancel);
    };
  }

  /** Aborted when the study is to be cancelled. */
  get cancel(): AbortSignal {
    return this.#cancelling.signal;
  }

  /** Aborted when the study is to be left as it is. */
  get leave(): AbortSignal {
    return this.#leaving.signal;
  }

  /** Aborted when there is no sense in waiting for what a study needs before it runs. */
  get waiting(): AbortSignal {
    return this.#waiting.signal;
  }

  /** Heeds also what happens to a study that is held. @returns what ends that */
  listen(hold: { readonly cancelled: AbortSignal; readonly lost: AbortSignal; hurry(): void } | undefined): () => void {
    if (hold === undefined) return () => {};
    const hurry = () => hold.hurry();
    if (this.waiting.aborted) hurry();
    else this.waiting.addEventListener('abort', hurry, { once: true });
    const onCancelled = () => this.#cancel(hold.cancelled.reason);
    const onLost = () => this.#leave(String(hold.lost.reason));
    for (const [signal, listener] of [
      [hold.cancelled, onCancelled],
      [hold.lost, onLost],
    ] as const) {
      if (signal.aborted) listener();
      else signal.addEventListener('abort', listener, { once: true });
    }
    return () => {
      this.waiting.removeEventListener('abort', hurry);
      hold.cancelled.removeEventListener('abort', onCancelled);
      hold.lost.removeEventListener('abort', onLost);
    };
  }

  /** There is nothing more to end. */
  end(): void {
    this.#stop();
  }

  #cancel(reason: unknown): void {
    // What is being cancelled already may have to wait for what its jobs are in.
    if (this.#cancelling.signal.aborted) return;
    this.#cancelling.abort(reason);
    this.#waiting.abort(reason);
  }

  #leave(reason: string): void {
    this.#leaving.abort(reason);
    this.#waiting.abort(reason);
  }
}

/** Node's timers have no more than 24 days. */
const longestTimer = 2 ** 31 - 1;

function after(clock: Clock, milliseconds: number, call: () => void): () => void {
  let stop = () => {};
  const wait = (left: number) => {
    stop = clock.after(Math.min(left, longestTimer), () => (left > longestTimer ? wait(left - longestTimer) : call()));
  };
  wait(milliseconds);
  return () => stop();
}

import { type Interruption, Stop } from '../causes/interruption.js';
import type { Clock } from '../util/clock.js';
import type { StopPolicy } from './options.js';
import { Fault } from './process-context.js';

/** What may end a run before its study is over. */
export interface StopOptions {
  readonly policy: StopPolicy;
  readonly clock: Clock;
  /** Aborted, with a reason for people, when this process is told to end. */
  readonly cancel: AbortSignal;
  /** Why this run only cancels what an earlier one began; undefined if it does not. */
  readonly finishes?: string | undefined;
}

/** How long a run that only cancels waits for the jobs to end. */
const FINISH_TIMEOUT_MS = 120_000;

/**
 * When and how a run ends before its study does: cancelled, which also cancels its jobs, or left, which leaves them running for
 * the next run.
 */
export class StopSignals {
  readonly #cancelling = new AbortController();
  readonly #leaving = new AbortController();
  readonly #waiting = new AbortController();
  readonly #stop: () => void;

  constructor({ policy, clock, cancel, finishes }: StopOptions) {
    const onCancel = () => {
      if (policy.onCancel === 'leave' || finishes !== undefined || cancel.reason instanceof Fault)
        this.#leave(`${cancel.reason}; jobs are left running`, 'left');
      else this.#cancel(cancel.reason);
    };
    if (finishes !== undefined) this.#cancelling.abort(finishes);
    const minutes = policy.timeoutMinutes;
    const time = finishes !== undefined ? FINISH_TIMEOUT_MS : minutes * 60_000;
    const why =
      finishes !== undefined
        ? 'some jobs take their time to end'
        : `timeout-minutes: ${minutes} minute${minutes === 1 ? ' is' : 's are'} over`;
    const stopTimer =
      time === 0 ? () => {} : clock.after(time, () => this.#leave(why, finishes === undefined ? 'time-over' : 'left'));
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

  /** Aborted when the run is cancelled or left, so that waiting for what the study needs is pointless. */
  get waiting(): AbortSignal {
    return this.#waiting.signal;
  }

  /** Stops also when the study is cancelled on the host, or taken over. @returns a function that ends the listening */
  listen(hold: { readonly cancelled: AbortSignal; readonly lost: AbortSignal; hurry(): void } | undefined): () => void {
    if (hold === undefined) return () => {};
    const hurry = () => hold.hurry();
    if (this.waiting.aborted) hurry();
    else this.waiting.addEventListener('abort', hurry, { once: true });
    const onCancelled = () => this.#cancel(hold.cancelled.reason);
    const onLost = () => this.#leave(String(hold.lost.reason), 'left');
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
    // A run that only cancels may still have to wait for the instance of its jobs.
    if (this.#cancelling.signal.aborted) return;
    this.#cancelling.abort(reason);
    this.#waiting.abort(reason);
  }

  #leave(text: string, kind: Interruption): void {
    const reason = new Stop(text, kind);
    this.#leaving.abort(reason);
    this.#waiting.abort(reason);
  }
}

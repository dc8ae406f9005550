import type { InterruptEvent, JobEvent } from '../schedulers/scheduler.js';

/** Everything that can change a study. */
export type StudyEvent =
  | JobEvent
  | InterruptEvent
  | { readonly type: 'begin'; readonly at: number }
  /** The wait before another attempt is over. */
  | { readonly type: 'wake'; readonly step: number; readonly at: number }
  | { readonly type: 'cancel'; readonly at: number; readonly reason: string }
  /** Nobody drives the study any more, for now: what runs goes on, nothing more is submitted, every state stays as it is. */
  | { readonly type: 'leave'; readonly at: number; readonly reason: string }
  /** Somebody changed the limits (`maestro update`): those that are given. */
  | { readonly type: 'limits'; readonly at: number; readonly throttle?: number; readonly restartLimit?: number };

/** What the state machine wants done. */
export type Command =
  /** Take over the jobs that these steps have in flight, from an earlier driver. */
  | { readonly type: 'attach'; readonly steps: readonly number[] }
  | { readonly type: 'submit'; readonly step: number; readonly attempt: number; readonly script: 'main' | 'restart' }
  | { readonly type: 'cancel'; readonly step: number; readonly attempt: number }
  /** What is submitted from now on runs in another place. */
  | { readonly type: 'renew'; readonly reason: string }
  /** Report `wake` for the step after a back-off; `failures` counts from 1 and says how long. */
  | { readonly type: 'wait'; readonly step: number; readonly failures: number };

/** What the state machine makes of one event. */
export interface Transition {
  /** What to do about the event, in this order. */
  readonly commands: readonly Command[];
  /** The steps whose state changed, by index; one twice if it changed twice. */
  readonly changed: readonly number[];
  /** The steps of whose records anything changed, each once. */
  readonly touched: readonly number[];
}

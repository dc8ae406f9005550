import type { Interruption } from '../causes/interruption.js';
import type { InterruptEvent, JobEvent } from '../schedulers/scheduler.js';

/** Why a study stops before its end. */
export interface StudyStop {
  /** For people. */
  readonly text: string;
  readonly kind: Interruption;
}

/** Everything that can change a study. */
export type StudyEvent =
  | JobEvent
  | InterruptEvent
  | { readonly type: 'begin'; readonly at: number }
  /** The wait before another attempt is over. */
  | { readonly type: 'wake'; readonly step: number; readonly at: number }
  | { readonly type: 'cancel'; readonly at: number; readonly reason: string }
  /** This run stops driving the study: jobs go on, nothing more is submitted, every state stays as it is. */
  | { readonly type: 'leave'; readonly at: number; readonly reason: string; readonly kind: Interruption }
  /** No job has begun to run in the time that it may wait: those in the queue are cancelled, and the study stops. */
  | { readonly type: 'waited-too-long'; readonly at: number; readonly reason: string }
  /** `maestro update` changed the limits that are given. */
  | { readonly type: 'limits'; readonly at: number; readonly throttle?: number; readonly restartLimit?: number };

/** What the conductor does for the state machine. */
export type Command =
  /** Take over the jobs in flight of these steps from an earlier driver. */
  | { readonly type: 'attach'; readonly steps: readonly number[] }
  | { readonly type: 'submit'; readonly step: number; readonly attempt: number; readonly script: 'main' | 'restart' }
  | { readonly type: 'cancel'; readonly step: number; readonly attempt: number }
  /** Get another allocation for what is submitted from now on. */
  | { readonly type: 'renew'; readonly reason: string }
  /** Report `wake` for the step after a back-off; `failures` counts from 1 and says how long. */
  | { readonly type: 'back-off'; readonly step: number; readonly failures: number };

/** The result of one event. */
export interface Transition {
  /** In the order in which they are carried out. */
  readonly commands: readonly Command[];
  /** The steps whose state changed, by index; one twice if it changed twice. */
  readonly changed: readonly number[];
  /** The steps whose records changed in any way, each once. */
  readonly touched: readonly number[];
}

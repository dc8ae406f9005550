import type { StepState } from '../study/state.js';
import { type Blame, blame } from './cause.js';

/** What may leave a study INTERRUPTED, each named where it is found out. */
export const interruptions = {
  /** The host cannot be reached. */
  'host-lost': blame('connection'),
  /** The broker, or Slurm or LSF, cannot be asked about its jobs. */
  'scheduler-lost': blame('connection'),
  /** The allocation or the Flux instance has ended, or is ending. */
  'allocation-over': blame('allocation'),
  /** An allocation was refused. */
  'allocation-refused': blame('submission', true),
  /** Nothing began to run within `max-wait`. */
  'waited-too-long': blame('queue'),
  /** The study directory cannot be written. */
  'disk-full': blame('disk'),
  /** `timeout-minutes` is over, or the time of the job that this program runs in. */
  'time-over': blame('timeout'),
  /** The conductors of a detached study have failed one after the other, and no other one is started. */
  'conductor-failed': blame('submission', true),
  /** Another driver has the study, or this program was told to end and leave its jobs. */
  left: blame('cancelled'),
} as const satisfies Readonly<Record<string, Blame>>;

export type Interruption = keyof typeof interruptions;

/** The reason of an AbortSignal that stops a study before its end. As a text it is for people. */
export class Stop {
  readonly #text: string;
  readonly kind: Interruption;

  constructor(text: string, kind: Interruption) {
    this.#text = text;
    this.kind = kind;
  }

  toString(): string {
    return this.#text;
  }
}

/** What kind of interruption the reason of an AbortSignal is. */
export function kindOf(reason: unknown): Interruption {
  return reason instanceof Stop ? reason.kind : 'left';
}

/**
 * Why a step was not over when its study was interrupted. Time that ran out while it waited in a queue is the queue's
 * fault; a step that had no job yet waited for others, or for a conductor that could begin it.
 */
export function blameOfUnfinished(state: StepState, interruption: Interruption): Blame {
  if (state === 'INITIALIZED' && interruption !== 'conductor-failed') return blame('dependency');
  if (interruption === 'time-over' && (state === 'QUEUED' || state === 'PENDING')) return blame('queue');
  return interruptions[interruption];
}

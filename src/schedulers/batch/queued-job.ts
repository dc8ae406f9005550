import type { Job } from '../scheduler.js';
import type { QueueRow, StateMeaning } from './batch-system.js';
import type { ExitRecord } from './bells.js';

/** An attempt of a step, and what is known of its job. Only the scheduler and its parts change it. */
export class QueuedJob {
  readonly job: Job;
  readonly label: string;
  /** Whether it waits to be submitted, is being submitted, is looked for as a job of an earlier driver, or was accepted. */
  phase: 'waiting' | 'sending' | 'sought' | 'accepted' = 'waiting';
  /** The id of its job; '' until it is known. */
  id = '';
  /** When it was accepted, in milliseconds since the epoch. */
  acceptedAt = Number.NEGATIVE_INFINITY;
  /** Other jobs of the attempt, from submits that were repeated. They are cancelled. */
  readonly twins = new Set<string>();
  /** Whether an earlier submit of it got no answer. */
  mayBeDuplicate = false;
  isCancelled = false;
  isOver = false;
  /** The job that the claim names; null if the conductor has it; undefined if no claim was seen. */
  owner: string | null | undefined;
  exit: ExitRecord | undefined;
  /** Whether `started` was reported. */
  hasStarted = false;
  /** When its end was first expected, in milliseconds since the epoch; undefined while it is not. */
  endExpectedSince: number | undefined;
  /** What the batch system said last; undefined if it does not know the job. */
  row: QueueRow | undefined;
  meaning: StateMeaning | undefined;
  /** Undefined while they are not known. */
  nodes: readonly string[] | undefined;
  /** The reason for its waiting that was reported, and when. */
  reason = '';
  reasonAt = Number.NEGATIVE_INFINITY;
  /** Since when it has only waited because there is no node for it; undefined if it does not. */
  stuckSince: number | undefined;

  constructor(job: Job, label: string) {
    this.job = job;
    this.label = label;
  }
}

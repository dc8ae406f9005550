import { type JobView, newJob } from '../../flux/eventlog.js';
import type { JobId } from '../../flux/job-id.js';
import type { Job } from '../scheduler.js';

const stages = ['submitted', 'queued', 'started', 'finishing'] as const;
type Stage = (typeof stages)[number];

/** One attempt of a step on its way through Flux. */
export class Submission {
  readonly job: Job;
  /** Seconds that it may run, as its jobspec says; 0: no limit. */
  duration = 0;
  /** How many tasks of it run the launcher. */
  tasks = 1;
  /** Undefined until the broker has accepted it. */
  id: JobId | undefined;
  view: JobView = newJob;
  stopWatching: () => void = () => {};
  /** It is in the queue of those that are still to be sent. */
  isWaiting = true;
  /** It was sent once without an answer: there may be another job for the same attempt. */
  isDoubtful = false;
  isCancelled = false;
  /** Its log is complete. */
  isConcluded = false;
  /** It ended badly while its instance was ending. */
  isHeld = false;
  /** How often the broker was found not to know it. */
  lookups = 0;
  #said: Stage = 'submitted';

  constructor(job: Job) {
    this.job = job;
  }

  /** True once for each stage, and only forwards: logs are read again after a lost connection. */
  hasNotSaid(stage: Stage): boolean {
    if (stages.indexOf(stage) <= stages.indexOf(this.#said)) return false;
    this.#said = stage;
    return true;
  }
}

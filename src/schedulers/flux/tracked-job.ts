import { type JobView, newJob } from '../../flux/eventlog.js';
import type { JobId } from '../../flux/job-id.js';
import type { InheritedJob, Job } from '../scheduler.js';

const stages = ['submitted', 'queued', 'started', 'finishing'] as const;
type Stage = (typeof stages)[number];

/**
 * Where an attempt is on its way through Flux:
 *
 *     waiting → sent → watched → judged → (reported, and forgotten)
 *      ↑ ↑        |     ↑ ↑         |
 *      | +--------+     | +- held ←-+
 *     left -------------+
 *
 * `left` by an earlier driver, and not yet known where it is;
 * `waiting` to be sent, which may happen again if the answer is lost; `watched`, its job's eventlog, again after each lost
 * connection; `judged`, the log is complete; `held`, it ended badly, and whether by itself is not known yet.
 */
export type JobPhase = 'left' | 'waiting' | 'sent' | 'watched' | 'judged' | 'held';

/** One attempt of a step on its way through Flux. */
export class TrackedJob {
  readonly job: Job;
  /** What an earlier driver knew of it; undefined if it is our own. */
  readonly left: InheritedJob | undefined;
  phase: JobPhase = 'waiting';
  /** The job that is taken for the step's; undefined until the broker has accepted one. */
  id: JobId | undefined;
  /** What its eventlog says so far. */
  view: JobView = newJob;
  stopWatching: () => void = () => {};
  /** Seconds that it may run, as its jobspec says; 0: no limit. */
  duration = 0;
  /** Whether the launcher runs a broker, which runs the script. */
  isNested = false;
  /** How many tasks of it run the launcher. */
  tasks = 1;
  /** It was sent once without an answer: there may be another job for the same attempt. */
  isDoubtful = false;
  isCancelled = false;
  /** It ended badly while its instance was ending: should that come back, it was not the job's own doing. */
  endedWithInstance = false;
  /** Since when, in milliseconds since the epoch, its submits fail for reasons that pass by themselves. */
  troubleSince: number | undefined;
  /** What it asks for: `resources` of its jobspec. */
  resources: readonly unknown[] = [];
  /** How often in a row its eventlog could not be watched. */
  failures = 0;
  #said: Stage = 'submitted';

  /** Whether it was looked, as its job began, which job has the attempt. */
  isDoubtLookedInto = false;

  constructor(job: Job, left?: InheritedJob) {
    this.job = job;
    this.left = left;
  }

  /** True once for each stage, and only forwards: logs are read again after a lost connection. */
  hasNotSaid(stage: Stage): boolean {
    if (stages.indexOf(stage) <= stages.indexOf(this.#said)) return false;
    this.#said = stage;
    return true;
  }
}

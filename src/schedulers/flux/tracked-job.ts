import { durationOf, type Jobspec, jobspecOf } from '../../flux/jobspec.js';
import { type Tasks, tasksOfStep } from '../claims/outcome.js';
import type { Job } from '../scheduler.js';
import type { JobLife } from './job-life.js';
import { jobRequest, type StudyJobs } from './job-request.js';

/** An attempt of a step, and its state in Flux. */
export class TrackedJob {
  readonly job: Job;
  /** Only the scheduler changes it, to the result of the reducer. */
  life: JobLife;
  stopReading: () => void = () => {};
  /** The time limit of its jobspec in seconds; 0: none. */
  duration = 0;
  /** The `resources` of its jobspec. */
  resources: readonly unknown[] = [];
  /** How it runs the launcher. */
  tasks: Tasks = { tasks: 1, isNested: false };

  constructor(job: Job, life: JobLife) {
    this.job = job;
    this.life = life;
  }

  /** Creates its jobspec, and keeps the parts that are needed to classify its end. */
  makeJobspec(study: StudyJobs): Jobspec {
    const jobspec = jobspecOf(jobRequest(this.job, study));
    this.duration = durationOf(jobspec);
    this.resources = jobspec.resources;
    this.tasks = tasksOfStep(this.job, study);
    return jobspec;
  }
}

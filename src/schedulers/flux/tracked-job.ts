import { durationOf, type Jobspec, jobspecOf } from '../../flux/jobspec.js';
import { type Tasks, tasksOfStep } from '../claims/outcome.js';
import type { Job } from '../scheduler.js';
import type { JobLife } from './job-life.js';
import { jobRequest, type StudyJobs } from './job-request.js';

/** One attempt of a step on its way through Flux. */
export class TrackedJob {
  readonly job: Job;
  /** Changed by the scheduler only, to what the reducer makes of it. */
  life: JobLife;
  stopReading: () => void = () => {};
  /** The seconds that its jobspec lets it run; 0: no limit. */
  duration = 0;
  /** What it asks for: `resources` of its jobspec. */
  resources: readonly unknown[] = [];
  /** How it runs the launcher. */
  tasks: Tasks = { tasks: 1, isNested: false };

  constructor(job: Job, life: JobLife) {
    this.job = job;
    this.life = life;
  }

  /** Makes its jobspec, and keeps what is needed to understand its end. */
  makeJobspec(study: StudyJobs): Jobspec {
    const jobspec = jobspecOf(jobRequest(this.job, study));
    this.duration = durationOf(jobspec);
    this.resources = jobspec.resources;
    this.tasks = tasksOfStep(this.job, study);
    return jobspec;
  }
}

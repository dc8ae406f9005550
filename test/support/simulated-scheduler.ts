import type {
  BatchScheduler,
  InheritedJob,
  Job,
  JobNews,
  JobOutcome,
  JobRef,
  SchedulerListener,
} from '../../src/schedulers/scheduler.js';
import type { Outputs } from '../../src/scripts/outputs.js';
import type { ObsoleteJob } from '../../src/store/journal/records.js';
import type { JobResult } from '../../src/study/state.js';
import type { Clock } from '../../src/util/clock.js';

/** How a simulated job goes. */
export interface Course {
  /** Refused, with this reason, instead of submitted. */
  readonly refused?: string;
  /** Milliseconds that a submit takes to the cluster, and its answer back; none unless told. */
  readonly travels?: number;
  /** Milliseconds from submission to start; 500 unless told. */
  readonly waits?: number;
  /** Milliseconds from start to end; 1000 unless told. */
  readonly runs?: number;
  /** How it ends; completed unless told. */
  readonly result?: JobResult;
  readonly exitCode?: number;
  readonly note?: string;
  /** Goes on to its end although it is told to end. */
  readonly ignoresCancel?: boolean;
}

/** A job that the cluster has, and who is told of it. */
interface ClusterJob {
  readonly name: string;
  readonly id: string;
  readonly course: Course;
  stage: 'waiting' | 'running' | 'ended';
  outcome: JobOutcome | undefined;
  tell: (news: 'started' | 'ended') => void;
  stop: () => void;
}

/**
 * Where simulated jobs run, on a virtual clock: it outlives the scheduler that brought them. The attempts of a step are
 * claimed: who brings one a second time finds the job that has it.
 */
export class SimulatedCluster {
  /** The attempts that began to run, each as often as it did: `run 1`. */
  readonly runs: string[] = [];
  readonly #after: (milliseconds: number, call: () => void) => () => void;
  readonly #jobs = new Map<string, ClusterJob>();

  /** @param atOnce nothing takes time */
  constructor(clock: Clock, atOnce = false) {
    this.#after = (milliseconds, call) => {
      if (!atOnce) return clock.after(milliseconds, call);
      call();
      return () => {};
    };
  }

  find(name: string): ClusterJob | undefined {
    return this.#jobs.get(name);
  }

  /** The job of that name: a new one, about which nothing happens before `go`, or the one that is there already. */
  claim(name: string, course: Course): ClusterJob {
    const there = this.#jobs.get(name);
    if (there !== undefined) return there;
    const id = String(this.#jobs.size + 1);
    const job: ClusterJob = { name, id, course, stage: 'waiting', outcome: undefined, tell: () => {}, stop: () => {} };
    this.#jobs.set(name, job);
    return job;
  }

  go(job: ClusterJob): void {
    job.stop = this.#after(job.course.waits ?? 500, () => {
      this.runs.push(job.name);
      job.stage = 'running';
      job.tell('started');
      job.stop = this.#after(job.course.runs ?? 1000, () => this.#end(job, outcomeOf(job.course)));
    });
  }

  cancel(name: string): void {
    const job = this.#jobs.get(name);
    if (job === undefined || job.stage === 'ended' || job.course.ignoresCancel === true) return;
    job.stop();
    this.#after(10, () => this.#end(job, { result: 'cancelled', exitCode: 143, signal: 'SIGTERM', note: '' }));
  }

  #end(job: ClusterJob, outcome: JobOutcome): void {
    if (job.stage === 'ended') return;
    job.stage = 'ended';
    job.outcome = outcome;
    job.tell('ended');
  }
}

/**
 * A scheduler on a virtual clock, without chance: each job goes as the test says. With `atOnce` nothing takes time, and
 * all is reported from within `submit`.
 */
export class SimulatedScheduler implements BatchScheduler {
  /** What was asked of it: `submit run 1`, `cancel run 1`. */
  readonly asked: string[] = [];
  /** How many jobs are in flight, and the most that ever were. */
  inFlight = 0;
  mostInFlight = 0;
  readonly #clock: Clock;
  readonly #listener: SchedulerListener;
  readonly #courseOf: (job: Job) => Course;
  readonly #atOnce: boolean;
  readonly #cluster: SimulatedCluster;
  #isGone = false;

  constructor(
    clock: Clock,
    listener: SchedulerListener,
    courseOf: (job: Job) => Course = () => ({}),
    atOnce = false,
    cluster = new SimulatedCluster(clock, atOnce),
  ) {
    this.#clock = clock;
    this.#listener = listener;
    this.#courseOf = courseOf;
    this.#atOnce = atOnce;
    this.#cluster = cluster;
  }

  close(): void {}

  /** Stops as if the driver had been lost. */
  async suspend(reason: string): Promise<void> {
    this.#listener({ type: 'interrupt', at: this.#clock.now(), reason });
  }

  /** Nothing more is reported, and what is on its way to the cluster is lost; what is there goes on. */
  crash(): void {
    this.#isGone = true;
  }

  submit(jobs: readonly Job[]): void {
    for (const job of jobs) this.#submit(job, false);
  }

  reattach(jobs: readonly InheritedJob[]): void {
    for (const job of jobs) {
      this.asked.push(`attach ${nameOf(job)}`);
      const known = this.#cluster.find(nameOf(job));
      if (known === undefined) this.#submit(job, true);
      else this.#follow(job, known, job);
    }
  }

  async cancelObsolete(jobs: readonly ObsoleteJob[]): Promise<void> {
    for (const { step, attempt } of jobs) {
      this.asked.push(`discard ${step} ${attempt}`);
      this.#cluster.cancel(`${step} ${attempt}`);
    }
  }

  cancel(jobs: readonly Job[]): void {
    for (const job of jobs) {
      this.asked.push(`cancel ${nameOf(job)}`);
      this.#cluster.cancel(nameOf(job));
    }
  }

  outputs({ step, id }: JobRef): Outputs {
    return {
      stdout: `${step.workspace}/${step.jobName}.${id}.out`,
      stderr: `${step.workspace}/${step.jobName}.${id}.err`,
    };
  }

  #submit(job: Job, mayBeDuplicate: boolean): void {
    this.asked.push(`submit ${nameOf(job)}`);
    const course = this.#courseOf(job);
    const { refused, travels } = course;
    if (refused !== undefined) {
      this.#after(0, () => this.#report(job, { type: 'not-submitted', reason: refused }));
      return;
    }
    const arrive = () => {
      if (this.#isGone) return;
      const isNew = this.#cluster.find(nameOf(job)) === undefined;
      const there = this.#cluster.claim(nameOf(job), course);
      this.#follow(job, there, { id: '', mayBeDuplicate });
      if (isNew) this.#cluster.go(there);
    };
    if (travels === undefined) arrive();
    else this.#after(travels, arrive);
  }

  /** Reports what becomes of a job, and what already became of it. */
  #follow(job: Job, there: ClusterJob, known: { readonly id: string; readonly mayBeDuplicate: boolean }): void {
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    there.tell = (news) => {
      if (news === 'started') return this.#report(job, { type: 'started' });
      this.inFlight -= 1;
      this.#report(job, { type: 'ended', outcome: there.outcome! });
    };
    if (known.id !== there.id) {
      const endpoint = job.step.scheduled ? 'simulated:///' : '';
      const told = { type: 'submitted', id: there.id, endpoint, mayBeDuplicate: known.mayBeDuplicate } as const;
      const { travels } = there.course;
      if (travels === undefined) this.#report(job, told);
      else this.#after(travels, () => this.#report(job, told));
    }
    if (there.stage !== 'waiting') there.tell('started');
    if (there.stage === 'ended') there.tell('ended');
  }

  #report(job: Job, event: JobNews): void {
    if (!this.#isGone) this.#listener({ ...event, step: job.step.index, attempt: job.attempt, at: this.#clock.now() });
  }

  #after(milliseconds: number, call: () => void): () => void {
    if (!this.#atOnce) return this.#clock.after(milliseconds, call);
    call();
    return () => {};
  }
}

const nameOf = ({ step, attempt }: Job) => `${step.name} ${attempt}`;

function outcomeOf({ result = 'completed', exitCode, note = '' }: Course): JobOutcome {
  const byDefault = result === 'completed' ? 0 : result === 'failed' ? 1 : null;
  return { result, exitCode: exitCode ?? byDefault, signal: null, note };
}

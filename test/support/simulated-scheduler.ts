import type { Clock } from '../../src/clock.js';
import type { Job, JobListener, JobOutcome, JobResult, Outputs, Scheduler } from '../../src/schedulers/scheduler.js';
import type { StepInstance } from '../../src/study/graph.js';

/** How a simulated job goes. */
export interface Course {
  /** Refused, with this reason, instead of submitted. */
  readonly refused?: string;
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

interface Running {
  readonly job: Job;
  readonly course: Course;
  stop: () => void;
}

/**
 * A scheduler on a virtual clock, without chance: each job goes as the test says. With `atOnce` nothing takes time, and
 * all is reported from within `submit`.
 */
export class SimulatedScheduler implements Scheduler {
  /** What was asked of it: `submit run 1`, `cancel run 1`. */
  readonly asked: string[] = [];
  /** How many jobs are in flight, and the most that ever were. */
  inFlight = 0;
  mostInFlight = 0;
  readonly #clock: Clock;
  readonly #listener: JobListener;
  readonly #courseOf: (job: Job) => Course;
  readonly #atOnce: boolean;
  readonly #running = new Map<string, Running>();
  #lastId = 0;

  constructor(clock: Clock, listener: JobListener, courseOf: (job: Job) => Course = () => ({}), atOnce = false) {
    this.#clock = clock;
    this.#listener = listener;
    this.#courseOf = courseOf;
    this.#atOnce = atOnce;
  }

  submit(job: Job): void {
    this.asked.push(`submit ${job.step.name} ${job.attempt}`);
    const course = this.#courseOf(job);
    const base = { step: job.step.index, attempt: job.attempt };
    if (course.refused !== undefined) {
      const reason = course.refused;
      this.#after(0, () => this.#listener({ ...base, type: 'not-submitted', at: this.#clock.now(), reason }));
      return;
    }
    const running: Running = { job, course, stop: () => {} };
    this.#running.set(keyOf(job), running);
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    this.#lastId += 1;
    this.#listener({ ...base, type: 'submitted', at: this.#clock.now(), id: String(this.#lastId) });
    running.stop = this.#after(course.waits ?? 500, () => {
      this.#listener({ ...base, type: 'started', at: this.#clock.now() });
      running.stop = this.#after(course.runs ?? 1000, () => this.#end(running, outcomeOf(course)));
    });
  }

  cancel(jobs: readonly Job[]): void {
    for (const job of jobs) {
      this.asked.push(`cancel ${job.step.name} ${job.attempt}`);
      const running = this.#running.get(keyOf(job));
      if (running === undefined || running.course.ignoresCancel === true) continue;
      running.stop();
      this.#after(10, () => this.#end(running, { result: 'cancelled', exitCode: 143, signal: 'SIGTERM', note: '' }));
    }
  }

  outputs(step: StepInstance, id: string): Outputs {
    return {
      stdout: `${step.workspace}/${step.jobName}.${id}.out`,
      stderr: `${step.workspace}/${step.jobName}.${id}.err`,
    };
  }

  #end(running: Running, outcome: JobOutcome): void {
    const { job } = running;
    if (!this.#running.delete(keyOf(job))) return;
    this.inFlight -= 1;
    this.#listener({ type: 'ended', step: job.step.index, attempt: job.attempt, at: this.#clock.now(), outcome });
  }

  #after(milliseconds: number, call: () => void): () => void {
    if (!this.#atOnce) return this.#clock.after(milliseconds, call);
    call();
    return () => {};
  }
}

const keyOf = (job: Job) => `${job.step.index} ${job.attempt}`;

function outcomeOf({ result = 'completed', exitCode, note = '' }: Course): JobOutcome {
  const byDefault = result === 'completed' ? 0 : result === 'failed' ? 1 : null;
  return { result, exitCode: exitCode ?? byDefault, signal: null, note };
}

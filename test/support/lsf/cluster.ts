import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { LsfJob, type Request } from './job.js';

export interface LsfQueue {
  readonly name: string;
  readonly isOpen?: boolean;
  /** RUNLIMIT of lsb.queues: the most minutes that a job may run. */
  readonly limitMinutes?: number;
}

export interface LsfOptions {
  /** How many slots its host has. */
  readonly slots?: number;
  /** The first is the default one. */
  readonly queues?: readonly LsfQueue[];
  /** How long a minute of a run limit lasts, in milliseconds. */
  readonly minuteMs?: number;
  /** The pause between the signals of bkill, in milliseconds. */
  readonly terminateIntervalMs?: number;
  /** LSB_STDOUT_DIRECT of lsf.conf: output is written as the job runs, and not after its end. */
  readonly isDirect?: boolean;
  /** MAX_PEND_JOBS of lsb.users; no limit if it is left out. */
  readonly maxPending?: number;
}

/** What goes wrong, as long as a test wants it. */
export const faults = [
  /** mbatchd does not answer. */
  'down',
  /** bsub takes the job, and its answer is lost. */
  'lost answer',
  /** The same, and bsub says nothing at all. */
  'silent bsub',
  /** bjobs has no -json. */
  'no json',
  /** No job starts. */
  'paused',
  /** Jobs are not listed. */
  'hidden',
  /** Times have seconds and a year, as in some versions of bjobs. */
  'full times',
] as const;
export type Fault = (typeof faults)[number];

/** The jobs and queues of the stand-in. */
export class Cluster {
  readonly options: Required<Omit<LsfOptions, 'maxPending'>> & Pick<LsfOptions, 'maxPending'>;
  readonly jobs = new Map<number, LsfJob>();
  readonly faults = new Set<Fault>();
  readonly #directory: string;
  #lastId = 100;

  constructor(directory: string, options: LsfOptions) {
    const queues = [{ name: 'normal' }, { name: 'short', limitMinutes: 30 }, { name: 'night', isOpen: false }];
    this.options = { slots: 4, queues, isDirect: false, minuteMs: 60_000, terminateIntervalMs: 10_000, ...options };
    this.#directory = path.join(directory, 'jobs');
    mkdirSync(this.#directory);
  }

  submit(request: Request): LsfJob {
    this.#lastId += 1;
    const job = new LsfJob(this.#lastId, request, this.#directory, this.options, () => this.schedule());
    this.jobs.set(job.id, job);
    // Commands are answered first, as with a real scheduler.
    setImmediate(() => this.schedule());
    return job;
  }

  /** Starts jobs in order, as long as there are slots. */
  schedule(): void {
    if (this.faults.has('paused')) return;
    const running = [...this.jobs.values()].filter((job) => job.hasProcess);
    let free = this.options.slots - running.reduce((sum, job) => sum + job.request.slots, 0);
    for (const job of this.jobs.values()) {
      if (job.state !== 'PEND' || job.request.slots > free) continue;
      free -= job.request.slots;
      job.start();
    }
  }

  pendingReasonOf(job: LsfJob): string {
    if (job.state === 'PSUSP') return 'The job was suspended by the user while pending;';
    if (job.state !== 'PEND') return '';
    if (this.faults.has('paused')) return 'New job is waiting for scheduling: 1 host;Job slot limit reached: 3 hosts;';
    if (job.request.slots > this.options.slots) return "Not enough hosts to meet the job's spanning requirement;";
    return 'Job slot limit reached: 1 host;';
  }

  pendingCount(): number {
    return [...this.jobs.values()].filter(({ state }) => state === 'PEND').length;
  }

  /** Kills everything. */
  close(): void {
    for (const job of this.jobs.values()) job.vanish();
  }
}

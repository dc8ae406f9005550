import { connect } from 'node:net';
import { onTestFinished } from 'vitest';
import { applyEvent, type FluxEvent, type JobView, newJob } from '../../../src/flux/eventlog.js';
import { Handle } from '../../../src/flux/handle.js';
import type { JobId } from '../../../src/flux/job-id.js';
import { type JobRequest, jobspecOf, plainJob, signNone } from '../../../src/flux/jobspec.js';
import { submitJob, watchEventlog } from '../../../src/flux/requests.js';
import { systemClock } from '../../../src/util/clock.js';
import { until } from '../wait.js';

/** The smallest of jobs, changed. */
export function jobRequest(changes: Partial<JobRequest> = {}): JobRequest {
  return { ...plainJob, name: 'test', environment: { PATH: '/usr/bin:/bin' }, ...changes };
}

export const shell = (script: string): string[] => ['/bin/sh', '-c', script];

export const socketOf = (uri: string) => uri.replace('local://', '');

/** A connection that is closed when the test ends. */
export async function connectTo(uri: string): Promise<Handle> {
  const handle = await Handle.connect(connect(socketOf(uri)), systemClock);
  onTestFinished(() => handle.close());
  return handle;
}

export function signed(request: JobRequest, userid = process.getuid!()): string {
  return signNone(JSON.stringify(jobspecOf(request)), userid);
}

export function submit(handle: Handle, changes: Partial<JobRequest> = {}, urgency = 16): Promise<JobId> {
  return submitJob(handle, signed(jobRequest(changes)), urgency);
}

/** A watch of one job, and what it has told. */
export class Watch {
  readonly id: JobId;
  readonly events: FluxEvent[] = [];
  /** Resolves at the log's end, with the error if it has come to one. */
  readonly end: Promise<Error | undefined>;
  readonly stop: () => void;
  /** How often the end was told. */
  ends = 0;

  constructor(handle: Handle, id: JobId) {
    this.id = id;
    let onEnd: (error: Error | undefined) => void = () => {};
    this.end = new Promise((resolve) => {
      onEnd = resolve;
    });
    this.stop = watchEventlog(handle, id, {
      onEvents: (events) => this.events.push(...events),
      onEnd: (error) => {
        this.ends += 1;
        onEnd(error);
      },
    });
  }

  get names(): string[] {
    return this.events.map(({ name }) => name);
  }

  get view(): JobView {
    return this.events.reduce(applyEvent, newJob);
  }

  /** Waits for an event. */
  async until(name: string): Promise<FluxEvent> {
    return until(`the job's event ${name}`, () => this.events.find((event) => event.name === name));
  }

  /** Waits for the log's end, which has to be a regular one. */
  async over(): Promise<JobView> {
    const error = await this.end;
    if (error !== undefined) throw error;
    return this.view;
  }
}

export async function run(handle: Handle, changes: Partial<JobRequest> = {}): Promise<Watch> {
  const watch = new Watch(handle, await submit(handle, changes));
  await watch.over();
  return watch;
}

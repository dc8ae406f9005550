import { applyEvent, type JobView, newJob } from '../../flux/eventlog.js';
import type { Handle } from '../../flux/handle.js';
import type { JobId } from '../../flux/job-id.js';
import { jobspecOf, plainJob } from '../../flux/jobspec.js';
import { toJson } from '../../flux/json.js';
import { cancelJob, watchEventlog } from '../../flux/requests.js';
import type { Clock } from '../../util/clock.js';
import { defaultUrgency } from './job-request.js';
import type { Submitter } from './submitter.js';

/** The walltime of a probe: long enough for it, and within the limits of any queue. */
const PROBE_DURATION_S = 10;

export interface ProbeJob {
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly queue: string | undefined;
  readonly bank: string | undefined;
  /** After this time it is cancelled. */
  readonly timeoutMs: number;
  /** Cancels it. */
  readonly cancel: AbortSignal;
}

/**
 * Runs a short command as a job of one core.
 *
 * @returns the job; undefined if it was cancelled because it took too long
 * @throws the errors of a submit and of reading an eventlog
 */
export async function runProbe(
  { handle, submitter, clock }: { readonly handle: Handle; readonly submitter: Submitter; readonly clock: Clock },
  job: ProbeJob,
): Promise<JobView | undefined> {
  const { command, environment, queue, bank } = job;
  const more = { name: 'doctor', duration: PROBE_DURATION_S, cwd: '/' };
  const jobspec = jobspecOf({ ...plainJob, ...more, command, environment, queue, bank });
  const id = await submitter.submit(handle, toJson(jobspec), defaultUrgency);
  return waitForEnd(handle, clock, id, job);
}

function waitForEnd(handle: Handle, clock: Clock, id: JobId, job: ProbeJob): Promise<JobView | undefined> {
  const { timeoutMs, cancel } = job;
  let stop = () => {};
  const end = new Promise<JobView | undefined>((resolve, reject) => {
    let view = newJob;
    const giveUp = () => void cancelJob(handle, id, 'it took too long').then(() => resolve(undefined), reject);
    const stopTimer = clock.after(timeoutMs, giveUp);
    const stopWatching = watchEventlog(handle, id, {
      onEvents: (events) => (view = events.reduce(applyEvent, view)),
      onEnd: (error) => (error === undefined ? resolve(view) : reject(error)),
    });
    cancel.addEventListener('abort', giveUp, { once: true });
    if (cancel.aborted) giveUp();
    stop = () => {
      stopTimer();
      stopWatching();
      cancel.removeEventListener('abort', giveUp);
    };
  });
  return end.finally(stop);
}

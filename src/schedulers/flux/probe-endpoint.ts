import { connectTo } from '../../flux/connect/broker.js';
import { readMachineId } from '../../flux/connect/machine-id.js';
import { addressOf } from '../../flux/connect/resolve.js';
import { ConnectionError, FluxError, RequestTimeout } from '../../flux/errors.js';
import { EventlogError } from '../../flux/eventlog.js';
import type { Handle } from '../../flux/handle.js';
import { getIdentity } from '../../flux/identity.js';
import type { JobId } from '../../flux/job-id.js';
import { AnswerError, isJobActive } from '../../flux/requests.js';
import { readHostFacts } from '../../hosts/facts.js';
import type { Host } from '../../hosts/host.js';
import type { Endpoint } from '../../store/journal/records.js';
import type { Clock } from '../../util/clock.js';
import { BackendError } from '../../util/errors.js';
import { type Attempt, isJobOf } from './find-inherited.js';
import type { StudyJobs } from './job-request.js';

/** The result of a probe of an endpoint of an earlier driver. */
export type Probe =
  /** The machine was reached, and no broker listens there. */
  | { readonly is: 'gone' }
  | { readonly is: 'unknown'; readonly why: string }
  /** The identity of the instance, and for each job whether it is active there. */
  | { readonly is: 'alive'; readonly instance: string; readonly active: readonly boolean[] };

/** A job to search for. */
export interface SoughtJob extends Attempt {
  /** The ids that it may have; without one it cannot be searched for. */
  readonly ids: readonly JobId[];
}

export interface ProbeOptions {
  readonly host: Host;
  readonly clock: Clock;
  readonly cancel: AbortSignal;
  readonly study: Pick<StudyJobs, 'studyName' | 'studyPath'>;
}

/** Looks at an endpoint, from the host. @throws HostError */
export async function probeEndpoint(
  { place, machine }: Endpoint,
  jobs: readonly SoughtJob[],
  options: ProbeOptions,
): Promise<Probe> {
  const { host, clock, cancel } = options;
  const facts = await readHostFacts(host);
  let handle: Handle | undefined;
  try {
    const address = addressOf(place, facts, 'as the journal says', false);
    // The name of the machine may mean another machine on this network.
    if (machine !== '' && machine !== (await readMachineId(host, address, facts.environment))) {
      const name = address.node?.name ?? facts.names[1] ?? host.name;
      return { is: 'unknown', why: `its machine cannot be reached, or another one is called ${name} here` };
    }
    handle = await connectTo(host, address, facts, clock, cancel);
    const { text } = await getIdentity(handle);
    const active = [];
    for (const job of jobs) active.push(await isActive(handle, job, options.study));
    return { is: 'alive', instance: text, active };
  } catch (error) {
    if (!isOfBroker(error)) throw error;
    const isGone = error instanceof ConnectionError && (error.code === 'ENOENT' || error.code === 'ECONNREFUSED');
    return isGone ? { is: 'gone' } : { is: 'unknown', why: error.message };
  } finally {
    handle?.close();
  }
}

/** Whether the broker has a job that has not ended; true for a job without an id, which may be there. */
async function isActive(handle: Handle, job: SoughtJob, study: ProbeOptions['study']): Promise<boolean> {
  for (const id of job.ids) {
    if ((await isJobOf(handle, id, study, job)) && (await isJobActive(handle, id))) return true;
  }
  return job.ids.length === 0;
}

function isOfBroker(error: unknown): error is Error {
  return [BackendError, ConnectionError, FluxError, RequestTimeout, AnswerError, EventlogError].some(
    (kind) => error instanceof kind,
  );
}

import { hostIn } from '../../flux/identity.js';
import { decodeJobId } from '../../flux/job-id.js';
import type { Host } from '../../hosts/host.js';
import type { Endpoint, JournalState } from '../../store/journal/records.js';
import { openJob } from '../../study/state.js';
import { BackendError } from '../../util/errors.js';
import { readClaims } from '../claims/claims.js';
import type { Probe, SoughtJob } from './probe-endpoint.js';

/** The broker of this run. */
export interface OwnBroker {
  readonly uri: string;
  readonly endpoint: Endpoint;
  /** Whether it has, or had, the job. */
  readonly knows: (job: SoughtJob) => Promise<boolean>;
}

/** What is needed to check jobs that an earlier driver submitted to another broker. */
export interface Elsewhere {
  readonly host: Host;
  readonly studyPath: string;
  /** Undefined while there is none. */
  readonly own: OwnBroker | undefined;
  readonly probe: (endpoint: Endpoint, jobs: readonly SoughtJob[]) => Promise<Probe>;
  /** Asks the batch system about the allocation of an instance. */
  readonly askQueue: (allocation: NonNullable<Endpoint['allocation']>) => Promise<'ended' | 'there' | 'unknown'>;
  /** How many tasks of a step record their end. */
  readonly tasksOf: (workspace: string) => number;
  /** Whether an instance that cannot be reached counts as ended (`resume: always`). */
  readonly isForced: boolean;
}

/** A job that may be running. */
interface OpenJob extends SoughtJob {
  readonly workspace: string;
  /** The id in messages. */
  readonly id: string;
  readonly place: string;
  readonly isClaimed: boolean;
}

/** What is known of the jobs at an endpoint. */
type Finding = { readonly is: 'over' } | { readonly is: 'running' | 'unknown'; readonly why: string };

const systemSocket = '/run/flux/local';

/**
 * Checks that no job that an earlier driver submitted to another instance can still run, because its step would then
 * run twice. Instances are told apart by identity, not by path; a job that the instance of this run knows is no
 * problem.
 *
 * @throws BackendError if such a job is running, or may be
 */
export async function refuseJobsElsewhere(state: JournalState, elsewhere: Elsewhere): Promise<void> {
  const jobs = await openJobs(state, elsewhere);
  const groups = new Map<string, { endpoint: Endpoint; jobs: OpenJob[] }>();
  for (const job of jobs) {
    const endpoints = endpointsOf(job, state);
    if (endpoints.length > 0 && endpoints.every((endpoint) => isOwn(endpoint, elsewhere))) continue;
    if (await elsewhere.own?.knows(job)) continue;
    for (const endpoint of endpoints.length > 0 ? endpoints : [unknownEndpoint('')]) {
      if (isOwn(endpoint, elsewhere)) continue;
      const key = `${endpoint.place} ${endpoint.instance}`;
      const group = groups.get(key) ?? { endpoint, jobs: [] };
      groups.set(key, { endpoint, jobs: [...group.jobs, job] });
    }
  }
  for (const { endpoint, jobs } of groups.values()) {
    const finding = await look(endpoint, jobs, elsewhere);
    if (finding.is === 'running' || (finding.is === 'unknown' && !elsewhere.isForced)) {
      throw refusal(endpoint, jobs, finding, elsewhere);
    }
  }
}

/** Jobs that a batch system may have and whose end the launcher has not recorded. */
async function openJobs({ plan, records, obsolete }: JournalState, elsewhere: Elsewhere): Promise<OpenJob[]> {
  const taken = records.flatMap((record, index) => {
    const job = openJob(record);
    const { name, workspace, scheduled } = plan?.steps[index] ?? { name: '', workspace: '', scheduled: false };
    return job === undefined || !scheduled ? [] : [{ ...job, step: name, workspace }];
  });
  const jobs = [...taken, ...obsolete.filter(({ scheduled }) => scheduled)];
  const claims = await readClaims(elsewhere.host, elsewhere.studyPath, jobs);
  return jobs.flatMap(({ step, workspace, attempt, id, place }, i): OpenJob[] => {
    const claim = claims[i];
    if (claim !== undefined && claim.exits.length >= elsewhere.tasksOf(workspace)) return [];
    const owner = decodeJobId(claim?.owner ?? '');
    const known = decodeJobId(id);
    // The journal does not show a submit, and no job has the claim.
    if (place === '' && owner === undefined) return [];
    const ids = [...new Set([known, owner])].filter((found) => found !== undefined);
    return [{ step, workspace, attempt, id: claim?.owner ?? id, place, ids, isClaimed: owner !== undefined }];
  });
}

/**
 * The instances that a job may be in: an endpoint may have had several, and for a job without an endpoint all are
 * checked.
 */
function endpointsOf({ place }: OpenJob, { endpoints, records }: JournalState): readonly Endpoint[] {
  if (place !== '') {
    const known = endpoints.filter((endpoint) => endpoint.place === place);
    return known.length > 0 ? known : [unknownEndpoint(place)];
  }
  if (endpoints.length > 0) return endpoints;
  const places = new Set(records.flatMap(({ jobs }) => jobs.map((job) => job.place)));
  places.delete('');
  return [...places].map(unknownEndpoint);
}

/** The endpoint for a journal that does not record the instance. */
const unknownEndpoint = (place: string): Endpoint => ({ place, instance: '', rank: 0, machine: '' });

function isOwn({ instance }: Endpoint, { own }: Elsewhere): boolean {
  return instance !== '' && instance === own?.endpoint.instance;
}

async function look(endpoint: Endpoint, jobs: readonly OpenJob[], elsewhere: Elsewhere): Promise<Finding> {
  const { place, allocation } = endpoint;
  if (place === '') return { is: 'unknown', why: 'the journal does not say which' };
  const queue = allocation === undefined ? 'unknown' : await elsewhere.askQueue(allocation);
  if (queue === 'ended') return { is: 'over' };
  const probe = await elsewhere.probe(endpoint, jobs);
  // The path of a socket may name another directory on this machine.
  if (probe.is === 'gone' && queue === 'there') {
    return { is: 'unknown', why: `its allocation ${allocation!.id} has not ended` };
  }
  return conclude(endpoint, jobs, probe, elsewhere);
}

function conclude(
  { place, instance, rank, machine }: Endpoint,
  jobs: readonly OpenJob[],
  probe: Probe,
  { own }: Elsewhere,
): Finding {
  if (probe.is === 'unknown') return probe;
  // Names are of other machines in another cluster; older journals have nothing else.
  const isThere = machine !== '' || (instance === '' && !place.endsWith(systemSocket));
  const isFirst = isThere && rank === 0;
  if (probe.is === 'gone') {
    if (isFirst) return { is: 'over' };
    const why = isThere ? 'others of its instance may run' : 'that may be another machine of the same name';
    return { is: 'unknown', why: `no broker answers there, but ${why}` };
  }
  if (probe.active.some((isActive) => isActive)) return { is: 'running', why: '' };
  if (probe.instance === instance) return { is: 'over' };
  // Another instance, or the same one after a restart, has the endpoint now, so the old one has ended.
  const isSuccessor = instance !== '' && isThere && (isFirst || hostIn(probe.instance) === hostIn(instance));
  if (isSuccessor) return { is: 'over' };
  // One that has forgotten the jobs, or never had them.
  const isAsSaid = instance === '' && probe.instance !== own?.endpoint.instance;
  if (isAsSaid || jobs.every(({ isClaimed }) => !isClaimed)) return { is: 'over' };
  return { is: 'unknown', why: 'another instance answers there, which does not know them' };
}

function refusal(
  { place, instance }: Endpoint,
  jobs: readonly OpenJob[],
  { is, why }: Exclude<Finding, { is: 'over' }>,
  { own, host }: Elsewhere,
): BackendError {
  const names = jobs.map(({ id, step }) => `${id} of ${step}`);
  const shown = names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
  const first = hostIn(instance);
  const which = `another Flux broker${place === '' ? '' : `, ${place}`}${first === '' ? '' : ` (of the instance of ${first})`}`;
  const of = own === undefined ? '' : `; this run is for ${own.uri}`;
  if (is === 'running') {
    return new BackendError(
      `jobs of this study belong to ${which}, which still runs (${shown})${of}`,
      `continue the study there (\`flux: ${place}\`), or cancel those jobs and wait until they are over`,
    );
  }
  const where = first === '' ? 'where it can be reached' : `on ${first}, or where it can be reached`;
  return new BackendError(
    `jobs of this study belong to ${which}, which cannot be asked from ${host.name}, so they may still be running (${shown}): ${why}`,
    `continue the study ${where}, or, if you know that they are over, with \`resume: always\``,
  );
}

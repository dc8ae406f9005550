import type { Handle } from '../../flux/handle.js';
import { decodeJobId, type JobId } from '../../flux/job-id.js';
import { property } from '../../flux/json.js';
import { lookUpUserAttribute } from '../../flux/requests.js';
import type { Claim } from '../claims/claims.js';
import { givenUp } from '../claims/launcher.js';
import { outcomeFromClaim, type Tasks } from '../claims/outcome.js';
import type { InheritedJob, JobOutcome } from '../scheduler.js';
import { maestroAttribute, type StudyJobs } from './job-request.js';

/** What became of an attempt that an earlier driver left. */
export type Found =
  /** This job of ours has it, or is to have it. */
  | { readonly is: 'job'; readonly id: JobId; readonly mayBeDuplicate: boolean }
  /** Its job is no more; `owner` is the job of Flux that had the attempt, if one had. */
  | { readonly is: 'end'; readonly owner: JobId | undefined; readonly outcome: JobOutcome }
  /** No job has it, none that we can see. */
  | { readonly is: 'no-job' };

/** Which attempt of which step a job is to run. */
export interface Attempt {
  /** The step's name. */
  readonly step: string;
  readonly attempt: number;
}

export interface FindOptions {
  readonly handle: Handle;
  /** The broker that `handle` leads to, if all jobs that were left there are in its instance; undefined otherwise. */
  readonly endpoint: string | undefined;
  readonly study: Pick<StudyJobs, 'studyName' | 'studyPath'>;
  readonly inherited: InheritedJob;
  readonly tasks: Tasks;
  readonly claim: Claim | undefined;
}

/**
 * Finds the job of an attempt. It is asked for by what its jobspec says, not by the name of its endpoint: an instance has
 * other names where it is seen from elsewhere, and in another instance the id may be another job's.
 *
 * @throws what `Handle.rpc` throws
 */
export async function findInherited(options: FindOptions): Promise<Found> {
  const { handle, endpoint, study, inherited, tasks, claim } = options;
  const known = decodeJobId(inherited.id);
  const attempt = { step: inherited.step.name, attempt: inherited.attempt };
  const isHere = async (id: JobId) =>
    (id === known && inherited.endpoint === endpoint) || (await isJobOf(handle, id, study, attempt));
  if (claim === undefined) {
    if (known === undefined || !(await isHere(known))) return { is: 'no-job' };
    return { is: 'job', id: known, mayBeDuplicate: inherited.mayBeDuplicate };
  }
  const owner = decodeJobId(claim.owner ?? '');
  if (owner !== undefined && (await isHere(owner))) return { is: 'job', id: owner, mayBeDuplicate: false };
  // An earlier driver took the attempt from all jobs, and ended before it could report that.
  if (claim.owner === null) {
    return { is: 'end', owner, outcome: { result: 'not-run', exitCode: null, signal: null, note: givenUp } };
  }
  return { is: 'end', owner, outcome: outcomeFromClaim(claim, tasks, noteOf(inherited, claim)) };
}

function noteOf({ endpoint }: InheritedJob, { owner }: Claim): string {
  return endpoint === '' ? `its job ${owner} is gone` : `the Flux instance ${endpoint} of its job ${owner} is gone`;
}

/**
 * Whether a job of the broker is one of this study's for that attempt. The directory of a study may have several paths, but
 * one name.
 *
 * @throws what `Handle.rpc` throws
 */
export async function isJobOf(
  handle: Handle,
  id: JobId,
  { studyName, studyPath }: Pick<StudyJobs, 'studyName' | 'studyPath'>,
  { step, attempt }: Attempt,
): Promise<boolean> {
  const found = await lookUpUserAttribute(handle, id, maestroAttribute);
  const path = property(found, 'path');
  return (
    typeof path === 'string' &&
    lastName(path) === lastName(studyPath) &&
    property(found, 'study') === studyName &&
    property(found, 'step') === step &&
    property(found, 'attempt') === attempt
  );
}

const lastName = (path: string) => path.slice(path.lastIndexOf('/') + 1);

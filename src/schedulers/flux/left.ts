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
  | { readonly is: 'job'; readonly id: JobId; readonly isDoubtful: boolean }
  /** Its job is no more. */
  | { readonly is: 'end'; readonly outcome: JobOutcome }
  /** No job has it, none that we can see. */
  | { readonly is: 'nobody' };

/** Which attempt of which step a job is to run. */
export interface Attempt {
  /** The step's name. */
  readonly step: string;
  readonly attempt: number;
}

/**
 * Finds the job of an attempt. It is asked for by what its jobspec says, not by the name of the place that it was left in: an
 * instance has other names where it is seen from elsewhere, and in another instance the id may be another's.
 *
 * @param place the broker that `handle` leads to, if all that was left there is in its instance
 * @throws what `Handle.rpc` throws
 */
export async function findLeft(
  handle: Handle,
  place: string | undefined,
  study: StudyJobs,
  left: InheritedJob,
  tasks: Tasks,
  claim: Claim | undefined,
): Promise<Found> {
  const known = decodeJobId(left.id);
  const attempt = { step: left.step.name, attempt: left.attempt };
  const isHere = async (id: JobId) =>
    (id === known && left.endpoint === place) || (await isJobOf(handle, id, study, attempt));
  if (claim === undefined) {
    if (known === undefined || !(await isHere(known))) return { is: 'nobody' };
    return { is: 'job', id: known, isDoubtful: left.mayBeDuplicate };
  }
  const owner = decodeJobId(claim.owner ?? '');
  if (owner !== undefined && (await isHere(owner))) return { is: 'job', id: owner, isDoubtful: false };
  // Taken from all jobs by a driver that did not come to say so.
  if (claim.owner === null) {
    return { is: 'end', outcome: { result: 'not-run', exitCode: null, signal: null, note: givenUp } };
  }
  const outcome = outcomeFromClaim(claim, tasks, noteOf(left, claim));
  return outcome === undefined ? { is: 'nobody' } : { is: 'end', outcome };
}

function noteOf({ endpoint: place }: InheritedJob, { owner }: Claim): string {
  return place === '' ? `its job ${owner} is gone` : `the Flux instance ${place} of its job ${owner} is gone`;
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

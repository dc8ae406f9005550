import { blame } from '../../causes/cause.js';
import { blameOfStart } from '../../causes/words.js';
import type { Handle } from '../../flux/handle.js';
import { decodeJobId, type JobId } from '../../flux/job-id.js';
import { property } from '../../flux/json.js';
import { lookUpUserAttribute } from '../../flux/requests.js';
import type { Claim } from '../claims/claims.js';
import { givenUp } from '../claims/launcher.js';
import { outcomeFromClaim, type Tasks } from '../claims/outcome.js';
import type { InheritedJob, JobOutcome } from '../scheduler.js';
import { maestroAttribute, type StudyJobs } from './job-request.js';

/** What was found about an attempt of an earlier driver. */
export type Found =
  /** The job of the attempt. */
  | { readonly is: 'job'; readonly id: JobId; readonly mayBeDuplicate: boolean }
  /** Its job is gone; `owner` is the Flux job that had the attempt, if any. */
  | { readonly is: 'end'; readonly owner: JobId | undefined; readonly outcome: JobOutcome }
  /** No job of the attempt was found. */
  | { readonly is: 'no-job' };

/** The Flux job that owns a claim; undefined if there is no owner, or if it is not a Flux job. */
export function ownerOf(claim: Claim | undefined): JobId | undefined {
  return decodeJobId(claim?.owner ?? '');
}

/** An attempt of a step. */
export interface Attempt {
  /** The step's name. */
  readonly step: string;
  readonly attempt: number;
}

export interface FindOptions {
  readonly handle: Handle;
  /** The endpoint of `handle`, if all inherited jobs there are in this instance; undefined otherwise. */
  readonly endpoint: string | undefined;
  readonly study: Pick<StudyJobs, 'studyName' | 'studyPath'>;
  readonly inherited: InheritedJob;
  readonly tasks: Tasks;
  readonly claim: Claim | undefined;
}

/**
 * Finds the job of an attempt. A job is recognised by its jobspec, not by its endpoint: an instance has different URIs
 * on different machines, and the same id may be another job in another instance.
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
  const owner = ownerOf(claim);
  if (owner !== undefined && (await isHere(owner))) return { is: 'job', id: owner, mayBeDuplicate: false };
  // An earlier driver took the claim, and ended before it could record that.
  if (claim.owner === null) {
    return { is: 'end', owner, outcome: { ...nothing, note: givenUp, blame: blameOfStart(givenUp) } };
  }
  const unseen = { note: noteOf(inherited, claim), loss: blame('allocation') };
  return { is: 'end', owner, outcome: outcomeFromClaim(claim, tasks, unseen) };
}

const nothing = { result: 'not-run', exitCode: null, signal: null } as const;

function noteOf({ endpoint }: InheritedJob, { owner }: Claim): string {
  return endpoint === '' ? `its job ${owner} is gone` : `the Flux instance ${endpoint} of its job ${owner} is gone`;
}

/**
 * Whether a job of the broker belongs to this attempt of this study. Only the last part of the study directory's path
 * is compared, because the directory may be seen under several paths.
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

import { type Blame, blame } from '../../causes/cause.js';
import type { Host } from '../../hosts/host.js';
import { layoutOf, type StudyJobs, tasksOf } from '../flux/job-request.js';
import type { Job, JobOutcome } from '../scheduler.js';
import { signalOf } from '../signals.js';
import { type Claim, readClaims } from './claims.js';

/** How a job runs the launcher. */
export interface Tasks {
  /** How many tasks run the launcher. */
  readonly tasks: number;
  /** Whether the launcher runs a broker, which runs the script. */
  readonly isNested: boolean;
}

/** How the jobs of a step run the launcher. */
export function tasksOfStep({ step }: Pick<Job, 'step'>, { batch }: Pick<StudyJobs, 'batch'>): Tasks {
  const layout = layoutOf(step, batch);
  return { tasks: tasksOf(layout), isNested: layout.nested };
}

/**
 * The outcome of an attempt whose job or Flux instance is gone, by what the launcher recorded.
 *
 * @param unseen.note explains why the scheduler cannot be asked; used unless the attempt completed
 * @param unseen.loss what is to blame if the job is lost: a node, unless it is said
 */
export function outcomeFromClaim(
  claim: Claim,
  { tasks, isNested }: Tasks,
  { note, loss = blame('node') }: { readonly note: string; readonly loss?: Blame },
): JobOutcome {
  const exitCode = Math.max(0, ...claim.exits);
  const when = claim.endedAt === undefined ? {} : { endedAt: claim.endedAt };
  // Success needs the exit of every task, because some may still have been running.
  if (exitCode === 0 && claim.exits.length >= tasks) {
    return { result: 'completed', exitCode, signal: null, note: '', ...when };
  }
  // A broker that dies kills its nested jobs, so an exit status of a nested script proves nothing about the script.
  const isScripts = exitCode > 0 && signalOf(exitCode) === null && !isNested && claim.hasNeverBegun !== true;
  if (isScripts) return { result: 'failed', exitCode, signal: null, note, blame: blame('code'), ...when };
  return { result: 'node-failure', exitCode: null, signal: null, note, blame: loss };
}

/**
 * The outcomes of the jobs of a Flux instance that is gone, read with one command.
 *
 * @returns in the order of `jobs`; undefined for an attempt without a claim, which can be submitted again
 * @throws HostError
 */
export async function readOutcomes(
  host: Host,
  study: Pick<StudyJobs, 'studyPath' | 'batch'>,
  jobs: readonly Job[],
  note: string,
): Promise<(JobOutcome | undefined)[]> {
  const attempts = jobs.map(({ step, attempt }) => ({ workspace: step.workspace, attempt }));
  const claims = await readClaims(host, study.studyPath, attempts);
  return jobs.map(
    (job, i) => claims[i] && outcomeFromClaim(claims[i], tasksOfStep(job, study), { note, loss: blame('allocation') }),
  );
}

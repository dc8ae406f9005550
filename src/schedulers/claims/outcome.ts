import type { Host } from '../../hosts/host.js';
import { layoutOf, type StudyJobs, tasksOf } from '../flux/job-request.js';
import type { Job, JobOutcome } from '../scheduler.js';
import { signalOf } from '../signals.js';
import { type Claim, readClaims } from './claims.js';

/** How the launcher is run for a job. */
export interface Tasks {
  /** How many tasks of it run the launcher. */
  readonly tasks: number;
  /** Whether the launcher runs a broker, which runs the script. */
  readonly isNested: boolean;
}

/** How the launcher is run for a step. */
export function tasksOfStep({ step }: Pick<Job, 'step'>, { batch }: Pick<StudyJobs, 'batch'>): Tasks {
  const layout = layoutOf(step, batch);
  return { tasks: tasksOf(layout), isNested: layout.nested };
}

/**
 * What the launcher wrote down of an attempt whose job is no more, or whose Flux instance is not.
 *
 * @param note says why nothing else is known of it, unless it ended well
 */
export function outcomeFromClaim(claim: Claim, { tasks, isNested }: Tasks, note: string): JobOutcome {
  const exitCode = Math.max(0, ...claim.exits);
  const when = claim.endedAt === undefined ? {} : { endedAt: claim.endedAt };
  // Of several tasks some may have been on their way.
  if (exitCode === 0 && claim.exits.length >= tasks) {
    return { result: 'completed', exitCode, signal: null, note: '', ...when };
  }
  // A broker that dies takes with it those of nested jobs, and what else it can reach: their ends are not the scripts'.
  const isScripts = exitCode > 0 && signalOf(exitCode) === null && !isNested && claim.hasNeverBegun !== true;
  if (isScripts) return { result: 'failed', exitCode, signal: null, note, ...when };
  return { result: 'node-failure', exitCode: null, signal: null, note };
}

/**
 * The same of jobs that were in a Flux instance which is gone, all read at once.
 *
 * @returns in the order of `jobs`; undefined where no job has the attempt, which may run as it is
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
  return jobs.map((job, i) => claims[i] && outcomeFromClaim(claims[i], tasksOfStep(job, study), note));
}

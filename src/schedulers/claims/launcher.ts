import { programs } from '../../generated/programs.js';

/** Where the launcher is, relative to the study directory. */
export const launcherPath = '.conductor/run';

/** Its exit status if it could not claim the attempt, or the conductor has given that up, and so did not run it. */
export const couldNotClaim = 73;

/** What stands in a claim of the conductor's, in place of a job's id: no job is to run the attempt. */
export const ours = 'conductor';

/**
 * The word that an exit file may have after the status and the time: nothing of the script ran, for no process could be started for it
 * or its Flux broker did not come up; or the script could not be executed, as without its interpreter.
 */
export const neverBegan = 'never-began';
export const notExecutable = 'not-executable';

/** What that means for a person. It is no failure of the step: once there is room again it runs. */
export const notClaimed =
  'the script was not run: it could not be claimed; is the disk full, or the study directory read-only?';

/** Of an attempt that the conductor took from all jobs. */
export const givenUp = 'the script was not run: the attempt was given up before';

/** Where its claims are: below the workspace of each step, relative to the study directory. */
export const claimsPath = '.conductor/claims';

/**
 * What a scheduler runs in place of a step's script: one small program, the same for every step,
 *
 *     .conductor/run STEP ATTEMPT COMMAND...
 *
 * STEP is the step's workspace, relative to the study. It makes submission exactly-once. Of all jobs that were submitted
 * for one attempt (an answer may be lost, and the submit repeated) the first to come here gets it, and the others end
 * quietly, as if all were well; they fail if the conductor has taken it from all of them. All tasks of the job that has it run the script: Maestro's plain Flux steps are as many tasks as `procs`.
 *
 * `.conductor/claims/STEP/ATTEMPT` holds the id of the job that has the attempt, and is made by `ln`, which is atomic on
 * NFS too. `ATTEMPT.TASK.exit` holds the command's exit status, when it ended, in seconds since the epoch, and perhaps a word
 * about it: a whole line once the command has ended, for it is one short write. The initial program of a broker makes that file,
 * empty, before it runs the script: a broker that did not come up is told from a script that failed by that.
 *
 * Every process that this starts is paid for by every job, so there is one: `ln`.
 */
export const launcherText: string = programs['schedulers/claims/launcher.sh'];

/** The words that run the launcher; what it is to run comes after them. */
export function launcherWords(studyPath: string, step: string, attempt: number): string[] {
  return [`${studyPath}/${launcherPath}`, step, String(attempt)];
}

import { programs } from '../../generated/programs.js';

/** Where the launcher is, relative to the study directory. */
export const launcherPath = '.conductor/run';

/**
 * The exit status of the launcher if it did not run the attempt because it could not claim it, or the conductor has
 * claimed it, or its job did so before it was requeued.
 */
export const couldNotClaim = 73;

/** The owner in a claim of the conductor, in place of a job's id: no job may run the attempt. */
export const ours = 'conductor';

/**
 * Words that an exit file may have after the status and the time. `never-began`: no process could be started for the
 * script, or its Flux broker did not come up. `not-executable`: the script or its interpreter could not be executed.
 * `orphaned`: the process that waits for a local step was killed alone, and what was left of the step was ended.
 */
export const neverBegan = 'never-began';
export const notExecutable = 'not-executable';
export const orphaned = 'orphaned';

/** The message for `couldNotClaim`. The step has not failed: it runs once the file system can be written again. */
export const notClaimed =
  'the script was not run: it could not be claimed; is the disk full, or the study directory read-only?';

/** The message for an attempt that the conductor has claimed, so that no job runs it. */
export const givenUp = 'the script was not run: the attempt was given up before';

/**
 * The directory of the claims, relative to the study directory; each step's are in a directory with the path of its
 * workspace.
 */
export const claimsPath = '.conductor/claims';

/**
 * What a scheduler runs in place of a step's script: one small program, the same for every step,
 *
 *     .conductor/run STEP ATTEMPT COMMAND...
 *
 * STEP is the step's workspace, relative to the study. The launcher makes each attempt run exactly once: a submit may
 * be repeated after its answer was lost, so several jobs may start the same attempt. The first one claims it; the
 * others exit with 0 without running the script, or with 73 if the conductor has claimed it, or the same job before it
 * was requeued. All tasks of the owner run the script, because Maestro's plain Flux steps have as many tasks as `procs`.
 *
 * `.conductor/claims/STEP/ATTEMPT` holds the id of the job that owns the attempt, and is made by `ln`, which is atomic
 * on NFS too. `ATTEMPT.TASK.exit` holds the exit status of the command, its end in seconds since the epoch, and perhaps
 * a word about it; it is one short write, so a reader finds a whole line or none. If the command is a Flux broker, its
 * initial program creates that file empty before it runs the script, which tells a failed broker from a failed script.
 *
 * The launcher starts only one process, `ln`, because each would delay every job. Local steps have no launcher
 * (local/supervisor.sh).
 */
export const launcherText: string = programs['schedulers/claims/launcher.sh'].replace(
  '\n',
  (end) => end + programs['schedulers/claims/executable.sh'],
);

/** The command line of the launcher, to which the command of the step is appended. */
export function launcherWords(studyPath: string, step: string, attempt: number): string[] {
  return [`${studyPath}/${launcherPath}`, step, String(attempt)];
}

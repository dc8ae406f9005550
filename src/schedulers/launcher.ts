import { quoteAll } from '../quote.js';

/** Where the launcher is, relative to the study directory. */
export const launcherPath = '.conductor/run';

/**
 * What a scheduler runs in place of a step's script: one small program, the same for every step,
 *
 *     .conductor/run STEP ATTEMPT SCRIPT
 *
 * STEP is the step's workspace, relative to the study. It makes submission exactly-once. Of all jobs that were submitted
 * for one attempt (an answer may be lost, and the submit repeated) the first to come here gets it, and the others end
 * quietly. All tasks of the job that has it run the script: Maestro's plain Flux steps are as many tasks as `procs`.
 *
 * `.conductor/claims/STEP/ATTEMPT` holds the id of the job that has the attempt, and is made by `ln`, which is atomic on
 * NFS too. `ATTEMPT.TASK.exit` holds the script's exit status and when it ended, in seconds since the epoch; it is there
 * exactly when the script has ended.
 */
export const launcherText = `#!/bin/bash
# Runs one attempt of a step, once. Usage: run STEP ATTEMPT SCRIPT
step=$1 attempt=$2 script=$3
claims=\${0%/*}/claims/$step
claim=$claims/$attempt

# A local step's job is named by whoever starts it: the scheduler's variables may be those of a job around all of us.
job=\${CONDUCTOR_JOB:-\${FLUX_JOB_ID:-\${SLURM_JOB_ID:-\${LSB_JOBID:-$$}}}}
if [ -n "$CONDUCTOR_JOB" ]; then task=0; else task=\${FLUX_TASK_RANK:-\${SLURM_PROCID:-0}}; fi
unset CONDUCTOR_JOB

cannot() {
  echo "maestro: cannot $1, so the step was not run: $2" >&2
  exit 73
}

mine=$claim.$job.$task.$$
[ -d "$claims" ] || mkdir -p -- "$claims" || cannot 'make a directory' "$claims"
echo "$job" > "$mine" || cannot 'claim the attempt' "$mine"
if [ ! -d "$claim" ] && ln -- "$mine" "$claim" 2> /dev/null; then
  rm -f -- "$mine"
else
  rm -f -- "$mine"
  read -r owner < "$claim" || cannot 'claim the attempt' "$claim"
  [ "$owner" = "$job" ] || exit 0
fi

# A signal to the whole job must not keep its end from being written down. Handlers, unlike ignored signals, are not
# inherited, so the script gets every signal as it would without us.
trap : HUP INT QUIT TERM USR1 USR2 XCPU
# Nor must what this shell says of a script that was killed come between the script's own last words.
exec 4>&2 2> /dev/null
"$script" 2>&4 4>&-
status=$?
now=\${EPOCHREALTIME:-$(date +%s)} # with a comma in some languages
echo "$status \${now/,/.}" > "$mine" && mv -f -- "$mine" "$claim.$task.exit"
exit "$status"
`;

/** The words that run the launcher; all paths absolute but the step's. */
export function launcherCommand(studyPath: string, step: string, attempt: number, script: string): string {
  return quoteAll([`${studyPath}/${launcherPath}`, step, String(attempt), `${studyPath}/${script}`]);
}

# shellcheck shell=bash
# Lets the questions fail if commands here ask another scheduler than the one that has the job, in which the same id is of another
# job or of none. job_scheduler: what the scheduler of the job calls itself, or nothing if that is not known.
asked_scheduler=
[ -z "${job_scheduler?}" ] || asked_scheduler=$(scheduler)
if [ -n "$asked_scheduler" ] && [ "$asked_scheduler" != "$job_scheduler" ]; then
  look() {
    printf '%s\n' "job ${job_id?} is of the scheduler '$job_scheduler', and commands here ask '$asked_scheduler'"
    return 1
  }
  list() { look; }
  position() { :; }
  end() { look; }
fi

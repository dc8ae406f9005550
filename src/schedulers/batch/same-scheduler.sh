# shellcheck shell=bash
# Makes the queries fail if commands here ask another scheduler than the job's, where the same id may be another job.
# job_scheduler: the name of the job's scheduler, or nothing if it is not known.
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

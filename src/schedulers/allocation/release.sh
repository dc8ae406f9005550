# shellcheck shell=bash
# Releases an allocation. If its Flux instance is up, the initial program has been told to end, for an orderly shutdown; otherwise,
# or if that takes too long, the scheduler ends the job. Exits when the queue has no job of the name: after a lost answer there may
# be several.
#
# Runs after the functions of batch/queue.ts, with job_id set. began: `yes` if the initial program has started.

# Seconds for the instance to end by itself, and for the whole release.
polite=8
most=30

again=$polite
if [ "${began?}" != yes ]; then
  end "${job_id?}" > /dev/null 2>&1
  again=2
fi
while :; do
  ids=$(list)
  code=$?
  [ $code -ne 0 ] || [ -n "$ids" ] || exit 0
  if [ $SECONDS -ge $most ]; then
    if [ $code -ne 0 ]; then printf '%s\n' "$ids"; else echo "it is still there after $most s"; fi
    exit 1
  fi
  if [ $code -eq 0 ] && [ $SECONDS -ge "$again" ]; then
    # shellcheck disable=SC2086 # each line is an id
    end $ids > /dev/null 2>&1
    again=$((SECONDS + 5))
  fi
  sleep 0.5
done

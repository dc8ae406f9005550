# shellcheck shell=bash
# Gives an allocation back: where Flux runs its initial program is told to end, so that all ends in order; where it does not, or not
# in time, the scheduler ends the job. Ends when no job of the name is left, however many a lost answer may have made.
#
# What comes before this: the functions of batch/queue.ts, with the job's id. began: `yes` if the initial program ran, which has
# been told to end.

# Seconds that an instance has to end by itself, and that all of it may take.
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

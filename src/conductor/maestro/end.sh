# shellcheck shell=bash
# Ends a Maestro that was told to cancel its study and does not, and the local step that it waits for. Fails if it is on another
# machine.
# study, control: as for watch.sh. signal: TERM or KILL.
run=${study?}/.conductor/maestro
[ -d "$run" ] || run=${control?}/.conductor/maestro
cd -- "$run" || exit
# A step may outlive the Maestro that a signal has ended.
[ ! -e exit ] || [ "${signal?}" = KILL ] || exit 0
read -r machine pid _ < process || exit
{ read -r here < /proc/sys/kernel/hostname; } 2> /dev/null || here=$HOSTNAME
[ "$machine" = "$here" ] || { echo "Maestro runs on $machine" >&2; exit 1; }
# The leader of the session records the end: it is spared, and waits for what it has started.
for process in $(ps -o pid= -s "$pid"); do
  [ "$process" = "$pid" ] || kill -s "$signal" -- "$process" 2> /dev/null
done
exit 0

# shellcheck shell=bash
# Starts Maestro, which outlives this command, unless it was started before. When it has made the study directory, `.conductor` is
# moved into it, and a link left where it was. The arguments are Maestro's command line.
#
# Runs after the function _maestro_exports, which sets Maestro's own variables. Variables have a long prefix so that they change none
# of the steps' environment. _maestro_control: the directory with `.conductor` until then. _maestro_study: the study directory.
set +aefuvxC +o posix
_maestro_run=${_maestro_control?}/.conductor/maestro
# One that was started before may just have had `.conductor` moved, with no link there yet.
mkdir -- "$_maestro_run" 2> /dev/null || { [ -d "$_maestro_run" ] || [ -d "${_maestro_study?}/.conductor/maestro" ]; exit; }

# shellcheck disable=SC2317 # it runs in a shell of its own
_maestro_worker() {
  local control=$1 study=$2 run=$1/.conductor/maestro machine boot stat pid status
  shift 2
  { read -r machine < /proc/sys/kernel/hostname; } 2> /dev/null || machine=$HOSTNAME
  { read -r boot < /proc/sys/kernel/random/boot_id; } 2> /dev/null || boot=-
  : > "$run/log"
  # An empty directory is Maestro's to make again.
  if [ -e "$study" ] && ! rmdir -- "$study" 2> /dev/null; then
    echo "$study is there already, and Maestro would delete it" > "$run/log"
    echo 1 > "$run/exit"
    return
  fi
  "$@" > "$run/log" 2>&1 < /dev/null &
  pid=$!
  { read -r stat < "/proc/$BASHPID/stat"; } 2> /dev/null
  stat=${stat##*) }
  # shellcheck disable=SC2086 # its 20th word is the time of the start
  set -- $stat
  echo "$machine $BASHPID $boot ${20:--} $pid" > "$run/process.new" && mv -f -- "$run/process.new" "$run/process"
  until [ -d "$study/logs" ] || ! kill -0 "$pid" 2> /dev/null; do sleep 0.1; done
  if [ -d "$study" ] && [ ! -e "$study/.conductor" ]; then
    mv -T -- "$control/.conductor" "$study/.conductor" && ln -s -- "$study/.conductor" "$control/.conductor"
  fi
  wait "$pid"
  status=$?
  echo "$status" > "$run/exit.new" && mv -f -- "$run/exit.new" "$run/exit"
}

_maestro_exports
setsid bash --norc -p -c "$(declare -f _maestro_worker)
_maestro_worker \"\$@\"" maestro "$_maestro_control" "${_maestro_study?}" "$@" > /dev/null 2>&1 < /dev/null &
for _maestro_try in {1..100}; do
  [ ! -e "$_maestro_run/process" ] && [ ! -e "$_maestro_run/exit" ] || exit 0
  sleep 0.1
done
echo 'Maestro was not started within 10 s' >&2
exit 1

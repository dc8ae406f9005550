#!/bin/bash -p
# Runs one attempt of a step, once. Usage: run STEP ATTEMPT COMMAND...
# -p keeps BASH_ENV and functions of the step's environment from changing this shell.
# Variables have a long prefix so that they change none of the step's environment.
_maestro_claims=${0%/*}/claims/$1
_maestro_claim=$_maestro_claims/$2
shift 2

# CONDUCTOR_JOB names the job of a local step, and of a batch system that passes the variables of a job around the submit on to it.
# CONDUCTOR_BELL is the name of the files that announce the start and the end of the job, CONDUCTOR_NODES what is announced of its
# nodes.
_maestro_job=${CONDUCTOR_JOB:-${FLUX_JOB_ID:-${SLURM_JOB_ID:-${LSB_JOBID:-$$}}}}
if [ -n "$CONDUCTOR_JOB" ]; then _maestro_task=0; else _maestro_task=${FLUX_TASK_RANK:-${SLURM_PROCID:-0}}; fi
_maestro_bell=${CONDUCTOR_BELL:+${0%/*}/bells/$CONDUCTOR_BELL}
_maestro_nodes=$CONDUCTOR_NODES
unset CONDUCTOR_JOB CONDUCTOR_BELL CONDUCTOR_NODES

_maestro_cannot() {
  echo "maestro: cannot $1, so the step was not run: $2" >&2
  exit 73
}

[ -d "$_maestro_claims" ] || mkdir -p -- "$_maestro_claims" || _maestro_cannot 'make a directory' "$_maestro_claims"
if [ ! -f "$_maestro_claim" ]; then
  _maestro_mine=$_maestro_claim.$_maestro_job.$_maestro_task.$$
  echo "$_maestro_job" > "$_maestro_mine" || _maestro_cannot 'claim the attempt' "$_maestro_mine"
  if [ -d "$_maestro_claim" ] || ! ln -- "$_maestro_mine" "$_maestro_claim" 2> /dev/null; then
    rm -f -- "$_maestro_mine"
  fi
fi
read -r _maestro_owner < "$_maestro_claim" || _maestro_cannot 'claim the attempt' "$_maestro_claim"
if [ "$_maestro_owner" != "$_maestro_job" ]; then
  # If the conductor has the attempt no job runs it, so this job must not look successful.
  [ "$_maestro_owner" != conductor ] || exit 73
  # Nor must a job that its batch system has requeued after it had begun: its name differs only behind the id.
  [ -z "$_maestro_bell" ] || [ "${_maestro_owner%%.*}" != "${_maestro_job%%.*}" ] || exit 73
  exit 0
fi

# A signal to the whole job (Flux sends SIGALRM at the time limit) must not keep the launcher from recording the end. Handlers,
# unlike ignored signals, are not inherited, so the script gets every signal as it would without the launcher.
trap : HUP INT QUIT ABRT TRAP SYS PIPE ALRM TERM USR1 USR2 XCPU XFSZ VTALRM PROF IO PWR
# This shell's messages about a killed script must not mix with the script's stderr.
exec 4>&2 2> /dev/null

_maestro_exit=$_maestro_claim.$_maestro_task.exit
_maestro_script=$1
_maestro_broker=
_maestro_ended=
_maestro_word=
if [ "$1 $2 $_maestro_task" = 'flux broker 0' ]; then
  # The broker runs its only argument as a command line of the user's login shell, so the path is quoted for any shell.
  _maestro_broker=1
  _maestro_from=\'
  _maestro_to="'\''"
  eval "_maestro_script=${!#}"
  set -- "${@:1:$#-1}" ": > '${_maestro_exit//$_maestro_from/$_maestro_to}' && exec ${!#}"
fi

# Sets _maestro_now to the time in seconds since the epoch.
_maestro_tell_time() {
  if [ -n "$EPOCHREALTIME" ]; then
    _maestro_now=${EPOCHREALTIME/,/.} # with a comma in some languages
  else
    printf -v _maestro_now '%(%s)T' -1
  fi
}

# Announces the start or the end of the job in one short write. It may fail: the exit file is what counts.
_maestro_ring() { [ -z "$_maestro_bell" ] || echo "$_maestro_job $2" > "$_maestro_bell.$1"; }

# shellcheck disable=SC2317 # it is called by a trap
# Records the exit status. A shell that cannot fork exits at once, and the trap runs this too.
_maestro_over() {
  _maestro_status=$?
  if [ -n "$_maestro_broker" ]; then
    [ -e "$_maestro_exit" ] || _maestro_word=never-began
  elif [ -z "$_maestro_ended" ]; then
    # A signal handler came first: the script is still running.
    [ "$_maestro_status" != 0 ] || return
    _maestro_word=never-began
    echo 'maestro: the script was not run: no process could be started for it (are there too many, or is there no memory?)' >&4
  fi
  case $_maestro_status$_maestro_word in
    126 | 127)
      if ! _maestro_is_executable "$_maestro_script"; then
        _maestro_word=not-executable
        # shellcheck disable=SC2154 # The function sets it.
        echo "maestro: the script cannot be executed: $_maestro_lack" >&4
      fi
      ;;
  esac
  _maestro_tell_time
  echo "$_maestro_status $_maestro_now${_maestro_word:+ $_maestro_word}" > "$_maestro_exit"
  _maestro_ring end "$_maestro_status $_maestro_now${_maestro_word:+ $_maestro_word}"
  exit "$_maestro_status"
}

trap _maestro_over EXIT
if [ -n "$_maestro_bell" ]; then
  _maestro_tell_time
  _maestro_ring start "$_maestro_now${_maestro_nodes:+ $_maestro_nodes}"
fi
"$@" 2>&4 4>&-
_maestro_status=$?
_maestro_ended=1
exit "$_maestro_status"

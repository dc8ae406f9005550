#!/bin/bash -p
# Runs one attempt of a step, once. Usage: run STEP ATTEMPT COMMAND...
# -p: BASH_ENV and functions of the step's environment are for the step alone.
# Names of variables are long because those of the step's environment must get through unchanged.
_maestro_claims=${0%/*}/claims/$1
_maestro_claim=$_maestro_claims/$2
shift 2

# A local step's job is named by whoever starts it: the scheduler's variables may be those of a job around all of us.
_maestro_job=${CONDUCTOR_JOB:-${FLUX_JOB_ID:-${SLURM_JOB_ID:-${LSB_JOBID:-$$}}}}
if [ -n "$CONDUCTOR_JOB" ]; then _maestro_task=0; else _maestro_task=${FLUX_TASK_RANK:-${SLURM_PROCID:-0}}; fi
unset CONDUCTOR_JOB

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
  # That nobody runs it must not look like an end that is good.
  [ "$_maestro_owner" != conductor ] || exit 73
  exit 0
fi

# A signal to the whole job (Flux sends SIGALRM when its time has run out) must not keep its end from being written down. Handlers, unlike ignored signals, are not
# inherited, so the script gets every signal as it would without us.
trap : HUP INT QUIT ABRT TRAP SYS PIPE ALRM TERM USR1 USR2 XCPU XFSZ VTALRM PROF IO PWR
# Nor must what this shell says of a script that was killed come between the script's own last words.
exec 4>&2 2> /dev/null

_maestro_exit=$_maestro_claim.$_maestro_task.exit
_maestro_script=$1
_maestro_broker=
_maestro_ended=
_maestro_word=
if [ "$1 $2 $_maestro_task" = 'flux broker 0' ]; then
  # The broker takes its only argument for a line of shell, and that is what it is quoted for: of whichever shell the user has.
  _maestro_broker=1
  _maestro_from=\'
  _maestro_to="'\''"
  eval "_maestro_script=${!#}"
  set -- "${@:1:$#-1}" ": > '${_maestro_exit//$_maestro_from/$_maestro_to}' && exec ${!#}"
fi

# shellcheck disable=SC2317 # it is called by a trap
# A shell that cannot fork ends at once, and comes here too.
_maestro_over() {
  _maestro_status=$?
  if [ -n "$_maestro_broker" ]; then
    [ -e "$_maestro_exit" ] || _maestro_word=never-began
  elif [ -z "$_maestro_ended" ]; then
    # By a signal: what was started lives.
    [ "$_maestro_status" != 0 ] || return
    _maestro_word=never-began
    echo 'maestro: the script was not run: no process could be started for it (are there too many, or is there no memory?)' >&4
  fi
  case $_maestro_status$_maestro_word in
    126 | 127)
      if ! _maestro_is_executable; then
        _maestro_word=not-executable
        echo "maestro: the script cannot be executed: $_maestro_lack" >&4
      fi
      ;;
  esac
  if [ -n "$EPOCHREALTIME" ]; then
    _maestro_now=${EPOCHREALTIME/,/.} # with a comma in some languages
  else
    printf -v _maestro_now '%(%s)T' -1
  fi
  echo "$_maestro_status $_maestro_now${_maestro_word:+ $_maestro_word}" > "$_maestro_exit"
  exit "$_maestro_status"
}

# shellcheck disable=SC2317 # called by the same trap
# A script may end with 126 or 127 by itself.
_maestro_is_executable() {
  if [ ! -f "$_maestro_script" ] || [ ! -x "$_maestro_script" ]; then
    _maestro_lack='it is not there, or is not executable'
    return 1
  fi
  read -r _maestro_interpreter _maestro_argument _maestro_rest < "$_maestro_script"
  case $_maestro_interpreter in
    '#!') _maestro_interpreter=$_maestro_argument _maestro_argument=${_maestro_rest%%[[:blank:]]*} ;;
    '#!'*) _maestro_interpreter=${_maestro_interpreter#??} ;;
    *) return 0 ;;
  esac
  _maestro_lack="its shell $_maestro_interpreter (batch.shell) is not there, or cannot be run"
  [ -f "$_maestro_interpreter" ] && [ -x "$_maestro_interpreter" ] || return
  _maestro_lack="its shell $_maestro_argument (batch.shell) is not on PATH"
  case ${_maestro_interpreter##*/}$_maestro_argument in
    env-* | env*=*) ;;
    env*) type -P "$_maestro_argument" > /dev/null ;;
  esac
}

trap _maestro_over EXIT
"$@" 2>&4 4>&-
_maestro_status=$?
_maestro_ended=1
exit "$_maestro_status"

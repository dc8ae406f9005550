# shellcheck shell=bash
# Functions of the supervisor of local steps that find and end a step's processes. A step's launcher leads a session. The step's
# processes are those in that session (`timeout` and job control make other groups there), their descendants, and those that
# write the step's outputs.

# Seconds between the request to a step to end and its kill.
_maestro_end_grace=2
# Seconds after which the supervisor reports a process that cannot be ended.
_maestro_stuck_time=10

# Sets _maestro_stat to the fields of /proc/PID/stat after the name of the command, which may contain any character.
_maestro_stat() {
  local IFS=' '
  _maestro_line=
  IFS= read -r -d '' _maestro_line < "/proc/$1/stat"
  _maestro_line=${_maestro_line##*) }
  # shellcheck disable=SC2206 # It is split at spaces; to read it from a here-string would make a file for each process.
  _maestro_stat=(${_maestro_line%%$'\n'*})
  [ "${#_maestro_stat[@]}" -gt 19 ]
}

# Adds to _maestro_found the processes of steps, and when each was started. $1: the outputs, without .out and .err, if these are to be
# looked for; then the process ids that the launchers have, or had. _maestro_apart has those that are in no launcher's group.
_maestro_collect() {
  local _maestro_outputs=$1 _maestro_proc _maestro_pid _maestro_grown=1
  local -a _maestro_parents=() _maestro_starts=() _maestro_groups=() _maestro_members=()
  shift
  local _maestro_leaders=" $* "
  for _maestro_proc in /proc/[0-9]*; do
    [ -O "$_maestro_proc" ] || continue
    _maestro_pid=${_maestro_proc#/proc/}
    _maestro_stat "$_maestro_pid" || continue
    case ${_maestro_stat[0]} in Z | X) continue ;; esac
    { [ "$_maestro_pid" != "$$" ] && [ "$_maestro_pid" != "$BASHPID" ]; } || continue
    _maestro_parents[_maestro_pid]=${_maestro_stat[1]}
    _maestro_groups[_maestro_pid]=${_maestro_stat[2]}
    _maestro_starts[_maestro_pid]=${_maestro_stat[19]}
    case $_maestro_leaders in
      *" $_maestro_pid "* | *" ${_maestro_stat[2]} "* | *" ${_maestro_stat[3]} "*) _maestro_members[_maestro_pid]=1 ;;
      *)
        if [ "${_maestro_found[_maestro_pid]}" = "${_maestro_stat[19]}" ] || _maestro_writes "$_maestro_pid" "$_maestro_outputs"; then
          _maestro_members[_maestro_pid]=1
        fi
        ;;
    esac
  done
  while [ -n "$_maestro_grown" ]; do
    _maestro_grown=
    for _maestro_pid in "${!_maestro_parents[@]}"; do
      [ -z "${_maestro_members[_maestro_pid]}" ] || continue
      [ -n "${_maestro_members[_maestro_parents[_maestro_pid]]}" ] || continue
      _maestro_members[_maestro_pid]=1
      _maestro_grown=1
    done
  done
  _maestro_apart=()
  for _maestro_pid in "${!_maestro_members[@]}"; do
    _maestro_found[_maestro_pid]=${_maestro_starts[_maestro_pid]}
    case $_maestro_leaders in
      *" $_maestro_pid "* | *" ${_maestro_groups[_maestro_pid]} "*) ;;
      *) _maestro_apart+=("$_maestro_pid") ;;
    esac
  done
}

_maestro_writes() {
  [ -n "$2" ] || return
  [ "/proc/$1/fd/1" -ef "$2.out" ] || [ "/proc/$1/fd/2" -ef "$2.err" ] ||
    [ "/proc/$1/fd/1" -ef "$2.err" ] || [ "/proc/$1/fd/2" -ef "$2.out" ]
}

# Forgets those that are over, and fails if all are. A process id may be another process's by now.
_maestro_live() {
  local _maestro_pid
  for _maestro_pid in "${!_maestro_found[@]}"; do
    _maestro_stat "$_maestro_pid" && [ "${_maestro_stat[19]}" = "${_maestro_found[_maestro_pid]}" ] || _maestro_stat=(Z)
    case ${_maestro_stat[0]} in Z | X) unset -v "_maestro_found[$_maestro_pid]" ;; esac
  done
  [ "${#_maestro_found[@]}" != 0 ]
}

# Ends steps, by the process ids of their launchers.
_maestro_end() {
  _maestro_found=()
  _maestro_early=()
  _maestro_collect '' "$@"
  for _maestro_pid; do
    kill -TERM -- "-$_maestro_pid" && continue
    # It does not lead its group yet, or is over.
    kill -TERM "$_maestro_pid" && _maestro_early+=("-$_maestro_pid")
  done
  [ "${#_maestro_apart[@]}" = 0 ] || kill -TERM "${_maestro_apart[@]}"
  for ((_maestro_tenths = 0; _maestro_tenths < _maestro_end_grace * 10; _maestro_tenths++)); do
    kill -0 -- "${@/#/-}" || _maestro_live || return
    sleep 0.1
    # If it began to lead one just then, only the launcher was told.
    [ "${#_maestro_early[@]}" = 0 ] || kill -TERM -- "${_maestro_early[@]}"
    _maestro_early=()
  done
  kill -KILL -- "${@/#/-}"
  _maestro_live
  _maestro_collect '' "$@"
  [ "${#_maestro_found[@]}" = 0 ] || kill -KILL "${!_maestro_found[@]}"
}

# Ends, and waits for, what a launcher has left that is gone itself. $1: its process id, or nothing if that is another process's by now.
# $2: the outputs, as above. $3: nothing if the session of that process id may be another one's too. Fails if nothing was left.
_maestro_sweep() {
  local _maestro_round _maestro_kills=$3 _maestro_any=
  _maestro_found=()
  for ((_maestro_round = 0; ; _maestro_round++)); do
    _maestro_live
    _maestro_collect "$2" ${1:+"$1"}
    if [ "${#_maestro_found[@]}" = 0 ]; then
      [ -n "$_maestro_any" ]
      return
    fi
    _maestro_any=1
    [ -n "$_maestro_kills" ] || ! _maestro_are_ours "$2" || _maestro_kills=1
    # Without any sign of whose they are those of an earlier boot are nobody's, and others are waited for.
    [ -n "$_maestro_kills" ] || [ -n "$_maestro_same_boot" ] || return
    if ((_maestro_round == _maestro_stuck_time * 5)); then
      set -- "$1" "$2" "$3" "${!_maestro_found[@]}"
      # shellcheck disable=SC2154 # The waiter that calls this sets the key, and the directory below.
      echo "stuck $_maestro_key $4" >&3
    fi
    # Nobody would hear of it.
    kill -0 $$ || exit
    if [ -z "$_maestro_kills" ]; then
      :
    elif ((_maestro_round == 0)); then
      kill -TERM "${!_maestro_found[@]}"
    elif ((_maestro_round >= _maestro_end_grace * 5)); then
      kill -KILL "${!_maestro_found[@]}"
    fi
    if ((_maestro_round < _maestro_stuck_time * 5)); then sleep 0.2; else sleep 2; fi
  done
}

# Whether one of those found shows by what it writes, where it is, or what it was started with that it is of the step.
_maestro_are_ours() {
  local _maestro_pid _maestro_word
  for _maestro_pid in "${!_maestro_found[@]}"; do
    ! _maestro_writes "$_maestro_pid" "$1" || return 0
    # shellcheck disable=SC2154
    [ ! "/proc/$_maestro_pid/cwd" -ef "$_maestro_directory" ] || return 0
    while IFS= read -r -d '' _maestro_word; do
      case $_maestro_word in PWD="$_maestro_directory" | PWD="$_maestro_directory"/* | OLDPWD="$_maestro_directory") return 0 ;; esac
    done < "/proc/$_maestro_pid/environ"
  done
  return 1
}

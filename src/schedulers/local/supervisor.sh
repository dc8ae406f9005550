# shellcheck shell=bash disable=SC2154 # The functions before it set variables, too.
# The supervisor: one command on the host, for bash 4.2 or later, that runs all local steps. It reads records of fields that NULs
# end, with an empty field before each record,
#
#     run KEY WORKSPACE ATTEMPT SCRIPT NAME FENCE.NUMBER (or nothing)
#     end HOST:PID... (an empty field)
#     drop KEY WORKSPACE ATTEMPT
#     retire HOST:PID:START
#
# and says on its stdout what `SupervisorReport` has (supervisor-protocol.ts). At the end of its input it ends, and steps go on.
#
# Below it each step has a waiter, a subshell whose child claims the attempt (step-claims.sh) and becomes the step's script. The
# waiter writes down how the script ends, and outlives the supervisor. The script leads a session of its own, so that what ends the
# step's processes does not end its waiter. If the attempt is claimed already, because another supervisor was told the same, the
# waiter starts nothing, and waits for the exit status that the other waiter will have written down.
#
# FENCE.NUMBER is the append to the journal that says that the step is started, and was sent together with this. Until the driver's writer
# says that it is on the disk (remote-writer.sh) the waiter claims nothing.
#
# Variables have a long prefix so that they change none of the steps' environment.
#
# Runs after the functions of step-claims.sh and step-processes.sh, the function _maestro_exports, which sets the steps' own
# variables, and these variables, most of which are constants of claims/launcher.ts.
true "${_maestro_study?}" "${_maestro_claims?}" "${_maestro_ours?}"
true "${_maestro_never_began?}" "${_maestro_not_executable?}" "${_maestro_orphaned?}" "${_maestro_lost?}"

# Seconds that the exit status of a step may still take after its process is gone.
_maestro_exit_grace=2
# Seconds between checks for waiters that are gone, and the number of checks after which stopped waiters are also searched for.
_maestro_pause=3
_maestro_looks_for_stopped=3
# A supervisor that did not run for this many seconds was stopped.
_maestro_stopped=30
# Seconds. TMOUT, which login shells of some sites have, would end a `read` that has no limit of its own.
_maestro_for_ever=999999999

# What `setup` may have set is not meant for this.
_maestro_posix=${POSIXLY_CORRECT-}
set +aefuvxC +o posix
_maestro_setsid=$(type -P setsid) || { echo 'there is no setsid (of util-linux) on PATH' >&2; exit 1; }
# HOSTNAME may have come from another machine, with the environment.
{ read -r _maestro_machine < /proc/sys/kernel/hostname; } 2> /dev/null || _maestro_machine=$HOSTNAME
_maestro_host=$(command readlink /proc/self/ns/pid 2> /dev/null)
_maestro_host=${_maestro_host//[^0-9]/}
_maestro_host=$_maestro_machine${_maestro_host:+@$_maestro_host}
{ read -r _maestro_boot < /proc/sys/kernel/random/boot_id; } 2> /dev/null || _maestro_boot=
_maestro_boot=${_maestro_boot%%-*}
# 0 if it is not known.
_maestro_boot=$((16#0$_maestro_boot))
exec 3>&1 > /dev/null
# Without job control bash lets what runs in the background ignore SIGINT and SIGQUIT, and not each undoes that for what is
# started from there. Job control keeps a copy of stderr, which the waiters would hold.
{ set -m; } 2> /dev/null

# In the process that becomes the script.
_maestro_step() {
  cd -- "$_maestro_directory" || _maestro_cannot "$(LC_ALL=C; cd -- "$_maestro_directory" 2>&1 || exit)"
  _maestro_exports
  _maestro_output=$_maestro_name.$BASHPID
  exec > "$_maestro_output.out" || _maestro_cannot "$(LC_ALL=C; { : > "$_maestro_output.out"; } 2>&1)"
  exec 6> "$_maestro_output.err" || _maestro_cannot "$(LC_ALL=C; { : > "$_maestro_output.err"; } 2>&1)"
  echo "started $_maestro_key $_maestro_host $BASHPID" >&3
  _maestro_take
  exec 2>&6-
  # Bash has unset it with the mode that it stands for.
  [ -z "$_maestro_posix" ] || export POSIXLY_CORRECT="$_maestro_posix"
  trap - HUP PIPE
  # No leader of a group, so setsid becomes the script rather than to start it.
  exec "$_maestro_setsid" "$_maestro_study/$_maestro_script" 3>&-
}

_maestro_cannot() {
  _maestro_renounce || exit "$_maestro_could_not_claim"
  _maestro_failed "$1"
}

_maestro_failed() {
  _maestro_message=${1#*: line *: }
  _maestro_message=${_maestro_message//$'\n'/; }
  printf 'failed %s %s\n' "$_maestro_key" "${_maestro_message:0:500}" >&3
  exit "${2:-1}"
}

# Its status is 0 if there is nothing more to say of the step, and never else.
_maestro_wait() {
  _maestro_key=$1 _maestro_workspace=$2 _maestro_attempt=$3 _maestro_script=$4 _maestro_name=$5
  _maestro_directory=$_maestro_study/$_maestro_workspace
  _maestro_claim=$_maestro_study/$_maestro_claims/$_maestro_workspace/$_maestro_attempt
  [ -z "$6" ] || _maestro_await_append "${6%.*}" "${6#*.}"
  if [ ! -f "$_maestro_claim" ]; then
    _maestro_nonce=$BASHPID.$RANDOM
    # The kernel sends SIGHUP if the supervisor ends while this process, or the next one, is stopped. SIGPIPE comes if nobody listens
    # any more. Neither is a reason not to begin what was told to begin.
    trap '' HUP PIPE
    (_maestro_step)
    _maestro_status=$?
    _maestro_owner=
    read -r _maestro_owner < "$_maestro_claim"
    case $_maestro_owner in
      "$_maestro_host":*:"$_maestro_nonce".*)
        _maestro_record
        echo "ended $_maestro_key $_maestro_status $_maestro_rest" >&3
        exit 0
        ;;
    esac
    # Nothing runs before the attempt is sealed, so the status is not the script's.
    if [ "$_maestro_status" = "$_maestro_claim_is_broken" ] && [ ! -e "$_maestro_claim.sealed" ]; then
      echo "not-run $_maestro_key unclaimed" >&3
      exit 0
    fi
    if [ ! -f "$_maestro_claim" ] && _maestro_renounce; then
      case $_maestro_status in
        "$_maestro_could_not_claim") echo "not-run $_maestro_key unclaimed" >&3 ;;
        *) echo "ended $_maestro_key $_maestro_status $_maestro_never_began" >&3 ;;
      esac
      exit 0
    fi
  fi
  _maestro_attach
}

# Returns once the append of a driver, by its fencing number, is on the disk, or the attempt has a job. If neither can be any more it
# exits: the step has not begun, and the supervisor or the driver that comes next is told of it.
_maestro_await_append() {
  local _maestro_wait_ms=4 _maestro_file _maestro_number
  until [ -f "$_maestro_claim" ]; do
    for _maestro_file in "$_maestro_study/.conductor/written-$1-"*; do
      # While it is written it may have no whole line.
      read -r _maestro_number < "$_maestro_file" && [ "$_maestro_number" -ge "$2" ] && return
    done
    [ ! -e "$_maestro_study/.conductor/fences/$(($1 + 1))" ] || exit 0
    kill -0 $$ || exit 0
    printf -v _maestro_number '0.%03d' "$_maestro_wait_ms"
    sleep "$_maestro_number"
    ((_maestro_wait_ms = _maestro_wait_ms < 400 ? _maestro_wait_ms * 3 / 2 : 600))
  done
}

# Writes down how the script of this waiter ended, before anything is reported: nobody may be there to hear it. Sets _maestro_rest to
# what is to be said besides the status.
_maestro_record() {
  # Written down by the process itself, which did not become the script.
  ! _maestro_exited || return
  _maestro_rest=
  _maestro_pid=${_maestro_owner#*:}
  _maestro_pid=${_maestro_pid%%:*}
  if [ ! -e "$_maestro_claim.sealed" ]; then
    _maestro_rest=$_maestro_never_began
  else
    case $_maestro_status in 126 | 127) _maestro_rest=$(_maestro_why_not_executed) ;; esac
  fi
  _maestro_tell_time
  _maestro_rest=$_maestro_now${_maestro_rest:+ $_maestro_rest}
  _maestro_write_down "$_maestro_status $_maestro_rest" "ended $_maestro_key $_maestro_status $_maestro_rest"
}

# Sets _maestro_now to the time in seconds since the epoch.
_maestro_tell_time() {
  if [ -n "$EPOCHREALTIME" ]; then
    _maestro_now=${EPOCHREALTIME/,/.} # with a comma in some languages
  else
    printf -v _maestro_now '%(%s)T' -1
  fi
}

# Prints the word for an exit status that a script that was not executed has, too; nothing if it is the script's own.
_maestro_why_not_executed() {
  _maestro_error=$_maestro_directory/$_maestro_name.$_maestro_pid.err
  exec 5>> "$_maestro_error"
  IFS= read -r _maestro_line < "$_maestro_error"
  case $_maestro_line in
    # Bash says so of what it cannot execute.
    *": $_maestro_setsid: "*)
      echo "maestro: the script was not run: ${_maestro_line#*: line *: }" >&5
      echo "$_maestro_never_began"
      return
      ;;
  esac
  cd -- "$_maestro_directory" || return
  _maestro_exports
  if ! _maestro_is_executable "$_maestro_study/$_maestro_script"; then
    echo "maestro: the script cannot be executed: $_maestro_lack" >&5
    echo "$_maestro_not_executable"
  fi
}

# Whether its end is written down: that is a whole line.
_maestro_exited() {
  IFS=' ' read -r _maestro_status _maestro_rest < "$_maestro_claim.0.exit"
}

# Another job has the attempt.
_maestro_attach() {
  if ! _maestro_find; then
    [ "$_maestro_owner" != "$_maestro_ours" ] || { echo "not-run $_maestro_key given-up" >&3; exit 0; }
    _maestro_failed "the attempt belongs to another job: $_maestro_owner" 0
  fi
  # The process id of a step that is over may belong to another process, which must not be ended.
  _maestro_where=$_maestro_there
  [ "$_maestro_there" != "$_maestro_host" ] || _maestro_runs || _maestro_where=-
  echo "started $_maestro_key $_maestro_where $_maestro_pid" >&3
  _maestro_tenths=2
  _maestro_gone=0
  until _maestro_exited; do
    # Nobody would hear of it.
    kill -0 $$ || exit
    if [ "$_maestro_there" = "$_maestro_host" ] && ! _maestro_is_awaited; then
      if _maestro_runs || ((_maestro_gone++ >= _maestro_exit_grace * 5)); then
        _maestro_how=
        if _maestro_keep_from_running; then
          _maestro_how=$_maestro_never_began
        elif _maestro_name_waiter && [ "$_maestro_waiter" = "$_maestro_replaces" ]; then
          # The machine has not gone down, and the script may have ended by itself before its waiter was missed.
          _maestro_how=$_maestro_orphaned
        fi
        _maestro_sweep_left "$_maestro_directory/$_maestro_name.$_maestro_pid"
        ! _maestro_exited || break
        [ -n "$_maestro_how" ] || { echo "ended $_maestro_key $_maestro_lost" >&3; exit 0; }
        _maestro_tell_time
        _maestro_status=137
        _maestro_rest="$_maestro_now $_maestro_how"
        _maestro_write_down "$_maestro_status $_maestro_rest" "ended $_maestro_key $_maestro_status $_maestro_rest"
        break
      fi
      _maestro_tenths=2
    fi
    sleep "$((_maestro_tenths / 10)).$((_maestro_tenths % 10))"
    ((_maestro_tenths = _maestro_tenths < 14 ? _maestro_tenths * 3 / 2 : 20))
  done
  echo "ended $_maestro_key $_maestro_status $_maestro_rest" >&3
  exit 0
}

# Of a job that is not wanted any more. Says nothing if the attempt could not be taken.
_maestro_drop() {
  _maestro_claim=$_maestro_study/$_maestro_claims/$2/$3
  if [ ! -f "$_maestro_claim" ]; then
    _maestro_mine=$_maestro_claim.$_maestro_ours.$BASHPID
    mkdir -p -- "${_maestro_claim%/*}"
    echo "$_maestro_ours" > "$_maestro_mine"
    ln -- "$_maestro_mine" "$_maestro_claim"
    rm -f -- "$_maestro_mine"
  fi
  _maestro_far=
  if ! _maestro_find; then
    [ -n "$_maestro_owner" ] || return
  elif ! _maestro_exited; then
    if [ "$_maestro_there" != "$_maestro_host" ]; then
      _maestro_far=" $_maestro_there $_maestro_pid"
    elif _maestro_runs; then
      _maestro_end "$_maestro_pid"
    else
      _maestro_key=$1
      _maestro_directory=$_maestro_study/$2
      _maestro_sweep_left ''
    fi
  fi
  echo "dropped $1$_maestro_far" >&3
}

# The waiters that there are, by process id, and six fields of each: its arguments.
_maestro_waiters=()
_maestro_fields=()
# Of waiters that replace one that is gone, the first of these.
_maestro_firsts=()
# The same for the waiter that is started.
_maestro_replaces=

_maestro_start() {
  _maestro_wait "$@" < /dev/null 2> /dev/null &
  _maestro_waiters[$!]=1
  _maestro_at=$(($! * 6))
  for _maestro_word; do
    _maestro_fields[_maestro_at++]=$_maestro_word
  done
}

# Forgets waiters that are gone, and replaces those that had more to say. Their status is there to be asked for, for they are
# not disowned. Nothing here may have its own stdin or stderr: bash would keep copies, and new waiters would hold them.
_maestro_looks=0
_maestro_look() {
  ((_maestro_looks++))
  for _maestro_pid in "${!_maestro_waiters[@]}"; do
    if kill -0 "$_maestro_pid" 2> /dev/null; then
      # One that is stopped says nothing of its step, and nobody else can know how that ends.
      ((_maestro_looks % _maestro_looks_for_stopped == 0)) || continue
      _maestro_stat "$_maestro_pid" 2> /dev/null || continue
      [ "${_maestro_stat[0]}" != T ] || kill -CONT "$_maestro_pid" 2> /dev/null
      continue
    fi
    wait "$_maestro_pid" 2> /dev/null
    _maestro_status=$?
    ((_maestro_at = _maestro_pid * 6))
    _maestro_arguments=("${_maestro_fields[@]:_maestro_at:6}")
    _maestro_replaces=${_maestro_firsts[_maestro_pid]:-$_maestro_pid}
    unset -v "_maestro_waiters[$_maestro_pid]" "_maestro_firsts[$_maestro_pid]"
    for _maestro_word in 0 1 2 3 4 5; do
      unset -v "_maestro_fields[_maestro_at + _maestro_word]"
    done
    if [ "$_maestro_status" != 0 ]; then
      _maestro_start "${_maestro_arguments[@]}"
      _maestro_firsts[$!]=$_maestro_replaces
    fi
    _maestro_replaces=
  done
}

# Another supervisor does not answer: HOST:PID:START.
_maestro_retire() {
  local _maestro_pid=${1#*:}
  _maestro_pid=${_maestro_pid%%:*}
  [ "$1" = "$_maestro_host:$_maestro_pid:${1##*:}" ] && _maestro_stat "$_maestro_pid" &&
    [ "${_maestro_stat[19]}" = "${1##*:}" ] && kill -KILL "$_maestro_pid"
}

_maestro_read() {
  IFS= read -r -d '' -t "$_maestro_for_ever" "$1"
}

_maestro_stat $$
echo "ready $_maestro_host $_maestro_host:$$:${_maestro_stat[19]}" >&3
_maestro_due=0
while :; do
  if ((SECONDS >= _maestro_due)); then
    _maestro_look
    echo alive >&3
    ((_maestro_due = SECONDS + _maestro_pause))
  fi
  _maestro_word=
  _maestro_since=$SECONDS
  IFS= read -r -d '' -t "$_maestro_pause" _maestro_word
  _maestro_status=$?
  # It was stopped: another one may have its steps, and what it was told is old.
  ((SECONDS - _maestro_since < _maestro_stopped)) || break
  ((_maestro_status == 0 || _maestro_status > 128)) || break
  if ((_maestro_status > 128)) && [ -z "$_maestro_word" ]; then
    _maestro_due=0
    continue
  fi
  # What is before each record, or what came in part after one where that was lost.
  if ((_maestro_status > 128)) || [ -z "$_maestro_word" ]; then
    _maestro_read _maestro_rest || break
    _maestro_word+=$_maestro_rest
  fi
  case $_maestro_word in
    run)
      _maestro_read _maestro_key || break
      _maestro_read _maestro_workspace || break
      _maestro_read _maestro_attempt || break
      _maestro_read _maestro_script || break
      _maestro_read _maestro_name || break
      _maestro_read _maestro_after || break
      _maestro_start "$_maestro_key" "$_maestro_workspace" "$_maestro_attempt" "$_maestro_script" "$_maestro_name" "$_maestro_after"
      ;;
    end)
      _maestro_pids=()
      while _maestro_read _maestro_word && [ -n "$_maestro_word" ]; do
        # The process ids of other machines mean nothing here.
        [ "${_maestro_word%:*}" != "$_maestro_host" ] || _maestro_pids+=("${_maestro_word##*:}")
      done
      [ "${#_maestro_pids[@]}" != 0 ] || continue
      _maestro_end "${_maestro_pids[@]}" < /dev/null 2> /dev/null 3>&- &
      disown 2> /dev/null
      ;;
    drop)
      _maestro_read _maestro_key || break
      _maestro_read _maestro_workspace || break
      _maestro_read _maestro_attempt || break
      _maestro_drop "$_maestro_key" "$_maestro_workspace" "$_maestro_attempt" < /dev/null 2> /dev/null &
      disown 2> /dev/null
      ;;
    retire)
      _maestro_read _maestro_word || break
      _maestro_retire "$_maestro_word" 2> /dev/null
      ;;
    # Something is lost. Another supervisor is told all again.
    *) break ;;
  esac
done
exit 0

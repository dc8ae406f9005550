# shellcheck shell=bash disable=SC2154 # supervisor.sh sets variables, too.
# Functions of the supervisor of local steps that make and read claims of attempts, without starting a process in the common case.
#
# A claim's owner is `HOST:PID:WAITER.RANDOM.START.BOOT`: the process that becomes the script, the waiter that writes down its end, when
# the process began, in the kernel's ticks, and the first part of the boot's id. Containers may have the name of their machine but process
# ids of their own, so a host is a name and a pid namespace, `NAME@NAMESPACE`. In claims of earlier releases it may be the name alone, and
# the process is a launcher, which has the owner in its environment: `HOST:PID:WAITER.RANDOM.BOOT`.
#
# Bash cannot make a file with its content at once, as `ln` does, but with `noclobber` it makes a file only if there is none (O_EXCL, on
# NFS too). So an attempt has two such files. Whoever makes ATTEMPT is the only one that may own it, and writes down there who it is. Then
# it makes ATTEMPT.sealed, and only if that is its doing it becomes the script. If it is killed or stopped in between, ATTEMPT
# may be empty. Another one then makes ATTEMPT.sealed in its place: since the owner is written before the attempt is sealed, an attempt
# that is sealed, and empty even after that, has no owner that may run, however late it wakes up. So time decides nothing.

# Exit statuses of what does not become the script: it could not make the claim, or it has made it but could not write it.
_maestro_could_not_claim=73
_maestro_claim_is_broken=74
# Tenths of a second for which an empty claim is left to its maker, who needs less than a millisecond.
_maestro_claim_grace=10

# Claims the attempt for this process, or exits.
_maestro_take() {
  _maestro_owner=$_maestro_host:$BASHPID:$_maestro_nonce.
  ! _maestro_stat "$BASHPID" || _maestro_owner+=${_maestro_stat[19]}.$_maestro_boot
  [ -d "${_maestro_claim%/*}" ] || mkdir -p -- "${_maestro_claim%/*}" || exit "$_maestro_could_not_claim"
  set -C
  exec 5> "$_maestro_claim" || exit "$_maestro_could_not_claim"
  echo "$_maestro_owner" >&5
  exec 5>&-
  # A file server may have refused it only when the file was closed.
  read -r _maestro_word < "$_maestro_claim" && [ "$_maestro_word" = "$_maestro_owner" ] || exit "$_maestro_claim_is_broken"
  exec 5> "$_maestro_claim.sealed" || _maestro_give_up "$_maestro_could_not_claim" 'the attempt cannot be sealed'
  exec 5>&-
  set +C
}

# Takes the attempt for the conductor, which starts another one. Fails if it belongs to a job. What never was claimed is not given up
# without this: what another supervisor was told to do may be late, and claim it afterwards. If not even an empty file can be made,
# that cannot claim it either.
_maestro_renounce() {
  [ -d "${_maestro_claim%/*}" ] || mkdir -p -- "${_maestro_claim%/*}"
  # shellcheck disable=SC2320 # It has the attempt, whether or not it can write so.
  (set -C; exec 5> "$_maestro_claim" || exit 1; echo "$_maestro_ours" >&5; exit 0) || [ ! -e "$_maestro_claim" ]
}

# In a process that has the attempt but does not become the script. $1: its exit status.
_maestro_give_up() {
  _maestro_tell_time
  echo "maestro: the script was not run: $2" >&6
  set +C
  _maestro_write_down "$1 $_maestro_now $_maestro_never_began"
  exit "$1"
}

# Writes down how the attempt ended ($1), which only the process or the waiter of its owner does, or who has ended both. If that cannot
# be written now, as on a full disk, $2 is said meanwhile, and it is written once it can be.
_maestro_write_down() {
  until _maestro_note_end "$1" || [ ! -d "${_maestro_claim%/*}" ]; do
    [ -z "$2" ] || echo "$2" >&3
    set -- "$1"
    sleep 1
  done
}

# A file server may refuse it only when the file is closed, so it is read back.
_maestro_note_end() {
  echo "$1" > "$_maestro_claim.0.exit" && read -r _maestro_word < "$_maestro_claim.0.exit" && [ "$_maestro_word" = "$1" ]
}

# Sets _maestro_owner to the job that has the attempt, and _maestro_there and _maestro_pid. Fails if that is not a process of a machine.
_maestro_find() {
  _maestro_owner=
  read -r _maestro_owner < "$_maestro_claim" || _maestro_seal
  case $_maestro_owner in
    *:*:*) ;;
    *) return 1 ;;
  esac
  _maestro_there=${_maestro_owner%%:*}
  [ "$_maestro_there" != "$_maestro_machine" ] || _maestro_there=$_maestro_host
  _maestro_pid=${_maestro_owner#*:}
  _maestro_pid=${_maestro_pid%%:*}
}

# Finds out whose an empty claim is; if nobody's, it is the conductor's from now on.
_maestro_seal() {
  for ((_maestro_tenths = 0; ; _maestro_tenths++)); do
    sleep 0.1
    ! read -r _maestro_owner < "$_maestro_claim" || return 0
    ((_maestro_tenths >= _maestro_claim_grace)) || continue
    (set -C; : > "$_maestro_claim.sealed")
    if [ -e "$_maestro_claim.sealed" ]; then
      ! read -r _maestro_owner < "$_maestro_claim" || return 0
      # A line that is not whole was all that its maker could write. That the file cannot be read for a moment is another thing.
      if [ -n "$_maestro_owner" ] || [ "$(command stat -L -c %s -- "$_maestro_claim")" = 0 ]; then break; fi
    fi
    # Nobody would hear of it.
    kill -0 $$ || exit
  done
  _maestro_owner=$_maestro_ours
}

# Whether the process of the claim runs: its process id may be another one's by now.
_maestro_runs() {
  kill -0 "$_maestro_pid" || return
  [ -d "/proc/$$" ] || return 0
  if _maestro_began; then
    _maestro_is_of_this_boot && _maestro_stat "$_maestro_pid" || return
    case ${_maestro_stat[0]} in Z | X) return 1 ;; esac
    [ "${_maestro_stat[19]}" = "$_maestro_ticks" ]
    return
  fi
  while IFS= read -r -d '' _maestro_word; do
    [ "$_maestro_word" != "CONDUCTOR_JOB=$_maestro_owner" ] || return 0
  done < "/proc/$_maestro_pid/environ"
  return 1
}

# Sets _maestro_ticks to when the process of the claim began. Fails if that is a launcher of an earlier release.
_maestro_began() {
  _maestro_ticks=${_maestro_owner%.*}
  case $_maestro_owner in *:*:*.*.*.*) _maestro_ticks=${_maestro_ticks##*.} ;; *) return 1 ;; esac
}

# Whether the machine has not been started again since the process of the claim began: ticks are counted from its start.
_maestro_is_of_this_boot() {
  [ "${_maestro_owner##*.}" = "$_maestro_boot" ]
}

# Makes sure that the job of the claim, which nobody waits for, never runs. Fails if it may have run.
_maestro_keep_from_running() {
  _maestro_began && [ ! -e "$_maestro_claim.sealed" ] && (set -C; : > "$_maestro_claim.sealed")
}

# Sets _maestro_waiter to the process that waits for the job of the claim.
_maestro_name_waiter() {
  _maestro_waiter=${_maestro_owner##*:}
  _maestro_waiter=${_maestro_waiter%%.*}
}

# Whether the end of the job of the claim will be written down: its waiter is there, or its launcher.
_maestro_is_awaited() {
  _maestro_began || { _maestro_runs; return; }
  _maestro_name_waiter
  _maestro_is_of_this_boot && _maestro_stat "$_maestro_waiter" || return
  # A process that began after the job has but the process id of its waiter.
  ((_maestro_stat[19] <= _maestro_ticks)) || return
  case ${_maestro_stat[0]} in
    Z | X) return 1 ;;
    T) kill -CONT "$_maestro_waiter" ;;
  esac
}

# Ends what is left of the job of the claim, which nobody waits for. Another process may have its process id.
_maestro_sweep_left() {
  local _maestro_is_known=
  _maestro_same_boot=
  case $_maestro_owner in
    *:*:*.*.*)
      _maestro_is_of_this_boot || return
      [ "$_maestro_boot" = 0 ] || _maestro_same_boot=1
      ;;
  esac
  _maestro_leader=$_maestro_pid
  if _maestro_began && _maestro_runs; then
    _maestro_is_known=1
  elif _maestro_stat "$_maestro_pid"; then
    # shellcheck disable=SC2154 # The function of this name sets it.
    case ${_maestro_stat[0]} in Z | X) ;; *) _maestro_leader= ;; esac
  fi
  _maestro_sweep "$_maestro_leader" "$1" "$_maestro_is_known"
}

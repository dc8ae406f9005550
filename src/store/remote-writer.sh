# shellcheck shell=bash
# The remote writer: one command on the host, for bash 4.2 or later, by which a driver of a study writes the study's own files.
# It takes requests from its input and answers each with a line, in order; at the end of its input it ends. Before each request,
# and after it, it looks whether a later driver has come: then it writes no more. It also looks for Maestro's lock files, by
# itself and without starting a process for it. What it reads and says is described in remote-writer-protocol.ts.
#
# What it writes, `dd` reads from the writer's own input, because bash would need a system call for each byte. After a `dd` that
# failed, which may or may not have read, nobody knows where the next request begins, so the writer ends.
#
# Local steps that are started together with an append wait on the host until it is on the disk: the driver numbers its appends, and
# the number of the last one that is there, and came before any later driver, is in a file (supervisor.sh reads it).
#
# study: the study directory. journal: the path of the journal in it. fence: the fencing number of the driver. temporary: a file
# that is this writer's alone, because one that was started before it may linger on a connection that broke. number: counts the
# writers of the driver, for the same reason. watches_locks: `yes` if it looks for the lock files.
true "${study?}" "${journal?}" "${fence?}" "${temporary?}" "${number?}" "${watches_locks?}"

# Seconds between two looks at Maestro's lock files, and at who drives the study.
pause=2
# Seconds. TMOUT, which login shells of some sites have, would end a `read` that has no limit of its own.
for_ever=999999999

# What `setup` may have set is not meant for this.
set +aefuvxC +o posix
shopt -u failglob nocaseglob
unset GLOBIGNORE
export LC_ALL=C
fences=$study/.conductor/fences
written=$study/.conductor/written-$fence-
cancel_lock=$study/.cancel.lock
update_lock=$study/.study.update.lock

# A name that was not there may be missing for long on NFS; a directory that was just read is up to date.
is_lost() {
  : "$fences"/*
  [ -e "$fences/$((fence + 1))" ]
}

lost() {
  local lease
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    lease=
    { IFS= read -r -t "$for_ever" lease < "$study/.conductor/lease"; } 2> /dev/null
    # Who has come may not have come to write it yet.
    case $lease in '' | *"\"fence\":$fence,"*) sleep 0.2 ;; *) break ;; esac
  done
  echo "lost $lease"
  exit 0
}

failed() {
  words=${words##*: }
  words=${words//$'\n'/ }
  echo "failed ${words:-$1}"
}

update_text() {
  { head -c 65536 < "$update_lock" | base64 | tr -d '\n'; } 2> /dev/null
}

told_cancel=
told_update=
look() {
  ! is_lost || lost
  [ "$watches_locks" = yes ] || return 0
  : "$study"/.c*
  if [ ! -e "$cancel_lock" ]; then
    told_cancel=
  elif [ -z "$told_cancel" ]; then
    told_cancel=1
    echo cancel
  fi
  if [ ! -s "$update_lock" ]; then
    told_update=
  else
    text=$(update_text)
    [ -z "$text" ] || [ "$text" = "$told_update" ] || echo "update $text"
    told_update=$text
  fi
}

# Takes the text of a request, of $1 bytes, from the input to file descriptor 5. $2: how `dd` is to convert it, if at all.
take() {
  words=$(command dd bs="$1" count=1 iflag=fullblock status=none ${2:+conv="$2"} 2>&1 >&5)
}

# Without its end a text is not whole.
is_whole() {
  local end
  IFS= read -r -t "$for_ever" end && [ -z "$end" ]
}

append() {
  local opened='' taken=''
  words=
  { opened=1; take "$1" notrunc,fdatasync && taken=1; } 5>> "$study/$journal"
  if [ -z "$taken" ]; then
    [ -n "$opened" ] || words=$({ : >> "$study/$journal"; } 2>&1)
    failed 'it cannot be written'
    exit 0
  fi
  is_whole || exit 0
  # Who came while this was written may have read the journal without it.
  ! is_lost || lost
  # Nobody else would tell the steps that wait for it.
  [ "$2" = 0 ] || tell_steps "$2" || { words=; failed 'the number of the last append cannot be written'; exit 0; }
  echo ok
}

# Says that the append of this number is on the disk. Appends are written in order, so what earlier writers said of theirs is out of date.
has_told=
tell_steps() {
  local file
  { echo "$1" > "$written$number"; } 2> /dev/null || return
  [ -z "$has_told" ] || return 0
  has_told=1
  for file in "$written"*; do
    # A later one is told by a writer that has taken this one's place.
    [ "${file##*-}" -ge "$number" ] 2> /dev/null || command rm -f -- "$file"
  done
}

replace() {
  local opened='' taken=''
  words=
  { opened=1; take "$2" && taken=1; } 5> "$temporary"
  if [ -z "$opened" ]; then
    command dd bs="$2" count=1 iflag=fullblock status=none > /dev/null && is_whole || exit 0
    words=$({ : > "$temporary"; } 2>&1)
    failed 'it cannot be written'
  elif [ -z "$taken" ]; then
    failed 'it cannot be written'
    command rm -f -- "$temporary"
    exit 0
  elif ! is_whole; then
    command rm -f -- "$temporary"
    exit 0
  elif words=$(command mv -fT -- "$temporary" "$study/$1" 2>&1); then
    ! is_lost || lost
    echo ok
  else
    failed 'it cannot be moved to its place'
    command rm -f -- "$temporary"
  fi
}

forget() {
  if [ "$1" = cancel ]; then
    command rm -f -- "$cancel_lock" && told_cancel=
  elif [ "$(update_text)" = "$2" ]; then
    command rm -f -- "$update_lock" && told_update=
  else
    told_update=
  fi
  echo ok
}

echo ready
due=0
while :; do
  if ((SECONDS >= due)); then
    look
    ((due = SECONDS + pause))
  fi
  line=
  IFS= read -r -t "$pause" line
  status=$?
  ((status == 0 || status > 128)) || exit 0
  if ((status > 128)) && [ -z "$line" ]; then
    due=0
    continue
  fi
  # The bell, or what came in part after one that was lost.
  if ((status > 128)) || [ -z "$line" ]; then
    IFS= read -r -t "$for_ever" rest || exit 0
    line+=$rest
  fi
  ! is_lost || lost
  request=${line%% *}
  rest=${line#* }
  case $request in
    append) append "${rest##* }" "${rest% *}" ;;
    replace) replace "${rest% *}" "${rest##* }" ;;
    forget) forget "${rest%% *}" "${rest#* }" ;;
    end) command rm -f -- "$written"*; exit 0 ;;
    # Something is lost. Another writer is sent it again.
    *) exit 0 ;;
  esac
done

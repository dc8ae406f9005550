# shellcheck shell=bash
# What all commands that look at studies begin with. They write nothing, so that they work in studies of other users, and print
# fields that NULs end.
set +aefuvxC +o posix
shopt -u failglob nocaseglob
shopt -s nullglob
unset GLOBIGNORE
export LC_ALL=C
journal=.conductor/journal.jsonl

field() { printf '%s\0' "$@"; }

# A text without the NULs that a damaged file may have.
text_of() { tr -d '\0' 2> /dev/null; }

# Prints the host's clock and what shows whether process ids mean the same here as to a driver.
say_machine() {
  local boot=
  { IFS= read -r boot < /proc/sys/kernel/random/boot_id; } 2> /dev/null
  field "$(date '+%s %z')" "$HOSTNAME" "$boot" "$(readlink /proc/self/ns/pid 2> /dev/null)"
}

# Prints who drives the study $1: the highest fencing number, the seconds since the lease was written, its line, and what
# /proc says of a process with the driver's id. A name that was not there may be missing for long on NFS; a directory that was
# just read is up to date.
say_driver() {
  local name fence=0 line='' at='' age='' stat='' pid=''
  : "$1"/.conductor/*
  for name in "$1"/.conductor/fences/*; do
    name=${name##*/}
    [[ $name =~ ^[1-9][0-9]*$ ]] && ((name > fence)) && fence=$name
  done
  { IFS= read -r -t 60 line < "$1/.conductor/lease"; } 2> /dev/null
  at=$(stat -c %Y -- "$1/.conductor/lease" 2> /dev/null)
  [ -z "$at" ] || age=$(($(date +%s) - at))
  if [[ $line =~ \"pid\":([0-9]+)[,}] ]]; then
    pid=${BASH_REMATCH[1]}
    { IFS= read -r stat < "/proc/$pid/stat"; } 2> /dev/null || {
      [[ $(kill -0 "$pid" 2>&1) != *'No such process'* ]] || stat=none
    }
  fi
  field "$fence" "$age" "$line" "$stat"
}

# Sets `kind` to what the directory $1 is.
# shellcheck disable=SC2034 # those who call it read it
look_at() {
  kind=other
  if [ ! -e "$1" ] && [ ! -L "$1" ]; then
    kind=missing
    local above=$1
    while above=${above%/*}; [ -n "$above" ] && [ ! -e "$above" ]; do :; done
    [ -x "${above:-/}" ] || kind=denied
  elif [ ! -d "$1" ]; then kind='file'
  elif [ ! -x "$1" ] || [ ! -r "$1" ]; then kind=denied
  elif [ -f "$1/$journal" ]; then
    kind=study
    [ -r "$1/$journal" ] || kind=denied
  elif [ -d "$1/.conductor" ] && [ ! -x "$1/.conductor" ]; then kind=denied
  elif [ -f "$1/status.csv" ] && [ -d "$1/meta" ]; then kind=maestro
  fi
}

# shellcheck shell=bash
# shellcheck disable=SC2154 # variables that are assigned before it
# Follows one study, after look-functions.sh, until its input ends: prints what the journal has, then what is appended, and
# who drives the study whenever that may have changed. Each is a line with a word and a number of bytes, and so many bytes, in which
# fields end with a record separator, because bash's variables hold no NUL.
#
# study: the directory. pause: seconds between two looks. It ends with 3 if the journal is gone, or another one.
field() { printf '%s\036' "$@"; }
say() { printf '%s %d\n%s' "$1" "${#2}" "$2"; }
say machine "$(say_machine)"
at=0
looks=0
seen=
while :; do
  size=$(stat -c %s -- "$study/$journal" 2> /dev/null) || exit 3
  ((size >= at)) || exit 3
  if ((size > at)); then
    printf 'journal %d\n' $((size - at))
    tail -c +$((at + 1)) -- "$study/$journal" | head -c $((size - at))
    at=$size
  fi
  lease=
  { IFS= read -r -t 60 lease < "$study/.conductor/lease"; } 2> /dev/null
  # A driver that is dead writes nothing more, which takes a look from time to time.
  if [ "$lease" != "$seen" ] || ((looks % 5 == 0)); then
    say driver "$(say_driver "$study")"
    seen=$lease
  fi
  ((++looks))
  read -r -t "$pause" _
  (($? > 128)) || exit 0
done

# shellcheck shell=bash
# shellcheck disable=SC2154 # variables that are assigned before it
# Prints a little of each of several studies, after look-functions.sh, so that a hundred of them are one command: who drives it,
# the first and the last line of its journal, when that was written, how many rows of status.csv have which state, its size, and
# whether its conductor is, or was, a job: `some`, or `ahead` if one was asked for after the journal was last written.
# $@: the directories. sizes: for how many seconds sizes may be counted; they are '' from then on.
say_machine
started=$SECONDS
for study in "$@"; do
  look_at "$study"
  field "$kind" "$study"
  [ "$kind" = study ] || [ "$kind" = maestro ] || continue
  say_driver "$study"
  if [ "$kind" = study ]; then
    field "$(head -c 16384 -- "$study/$journal" | head -n 1 | text_of)" "$(tail -c 4096 -- "$study/$journal" | text_of)"
    field "$(stat -c %Y -- "$study/$journal" 2> /dev/null)"
  else
    field '' '' "$(stat -c %Y -- "$study/status.csv" 2> /dev/null)"
  fi
  # A name may have commas in a file of Maestro's: the first word that is a state counts.
  field "$(awk -F, '
    NR > 1 {
      for (i = 3; i <= NF; i++) if ($i ~ /^[A-Z]+$/) { count[$i]++; break }
    }
    END { for (state in count) print state, count[state] }
  ' "$study/status.csv" 2> /dev/null)"
  left=$((sizes - (SECONDS - started)))
  size=
  if ((left > 0)); then size=$(timeout "$left" du -sk -- "$study" 2> /dev/null) && size=${size%%[!0-9]*}; fi
  conductor=
  for file in "$study"/.conductor/detached/*/job{,-asked}.json; do
    # It was asked for before it was known which it is.
    if [ ! -f "$file" ] || [ -f "${file%/job.json}/job-asked.json" ]; then continue; fi
    conductor=${conductor:-some}
    [ -z "$(find "$file" -newer "$study/$journal")" ] || conductor=ahead
  done
  field "$size" "$conductor"
done
field end

# shellcheck shell=bash
# Reads paths of claims that end with NUL, and prints a line for each: the owner and the exit record of each task that has ended,
# separated by `;`. An exit file without a whole line belongs to a task that has not ended.
while IFS= read -r -d '' claim; do
  all=
  [ ! -f "$claim" ] || read -r all < "$claim"
  for exit in "$claim".*.exit; do
    ! read -r line 2> /dev/null < "$exit" || all+=";$line"
  done
  echo "$all"
done

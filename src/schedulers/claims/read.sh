# shellcheck shell=bash
# Prints a line for each claim whose path is read, up to a NUL: who has it, and what the launcher wrote down of each task that has ended,
# with `;` between them. An exit file that has no whole line is of a task that has not ended.
while IFS= read -r -d '' claim; do
  all=
  [ ! -f "$claim" ] || read -r all < "$claim"
  for exit in "$claim".*.exit; do
    ! read -r line 2> /dev/null < "$exit" || all+=";$line"
  done
  echo "$all"
done

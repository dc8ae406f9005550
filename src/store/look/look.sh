# shellcheck shell=bash
# shellcheck disable=SC2154 # variables that are assigned before it
# Prints everything about one study, after look-functions.sh: last its journal or, where there is none, Maestro's status.csv.
# study: the directory. compress: `yes` if what is long is to be sent compressed.
say_machine
look_at "$study"
field "$kind"
squeeze() {
  if [ "$compress" = yes ] && command -v gzip > /dev/null; then
    field gzip
    gzip -1 -c
  else
    field plain
    cat
  fi
}
case $kind in
  study)
    say_driver "$study"
    # A study that was never planned, such as a dry run, has its steps in status.csv only.
    if grep -qm 1 '"type":"plan"' "$study/$journal"; then field ''; else field "$(head -c 4000000 -- "$study/status.csv" 2> /dev/null | text_of)"; fi
    squeeze < "$study/$journal"
    ;;
  maestro) squeeze < "$study/status.csv" ;;
  missing)
    # Names beside it, of which one may be meant.
    above=${study%/*}
    for name in "$above"/*/; do
      name=${name%/}
      field "${name##*/}"
    done | head -z -n 2000
    ;;
  other)
    # Is it in a study, or are studies in it?
    above=$study
    while above=${above%/*}; [ -n "$above" ]; do
      if [ -f "$above/$journal" ]; then
        field inside "$above"
        exit 0
      fi
    done
    for name in "$study"/*/"$journal"; do
      field above "${name%/"$journal"}"
    done | head -z -n 20
    ;;
esac

# shellcheck shell=bash
# shellcheck disable=SC2154 # the variables below are set before it
# Makes the directory of a study with its journal, whose first line is the input. The journal appears in one step. It prints who may
# change the directory (ownership.sh), then `made` if the journal is this driver's, and then `taken` and the journal if the driver has
# the study too.
#
# study, conductor, journal: paths. mask: the umask, which must not let users write who are not trusted. token: unlike that of any other
# driver. maestro_is_free: whether a directory has nothing in it. maestro_taken: whether this driver took the study before.
# maestro_take: takes it, and prints `taken`.
umask "$mask"
parent=${study%/*}
mkdir -p -- "${parent:-/}" 2> /dev/null
fresh=
mkdir -- "$study" 2> /dev/null && fresh=1
mkdir -p -- "$conductor" || exit
maestro_tell_ownership
# A driver that is killed while it sends the line leaves an end without a newline.
new=$journal.$token
if ! { cat > "$new" && read -r ours < "$new"; }; then
  rm -f -- "$new"
  exit 1
fi
# Some file systems have no hard links.
if [ ! -f "$journal" ] && maestro_is_free && ! ln -- "$new" "$journal" && [ ! -f "$journal" ]; then
  rm -f -- "$new"
  exit 1
fi
# A repeated command finds the journal that its first run made.
made=
[ -f "$journal" ] && read -r first < "$journal" && [ "$ours" = "$first" ] && made=1
rm -f -- "$new"
[ -n "$made" ] || exit 0
echo made
# Only in a directory that this command has made: of any other it is still to be found out who else may write to it.
if [ -n "$fresh" ] || maestro_taken; then
  taken=$(maestro_take) || exit
  if [ "$taken" = taken ]; then
    echo taken
    cat -- "$journal"
  fi
fi
exit 0

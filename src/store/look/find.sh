# shellcheck shell=bash
# shellcheck disable=SC2154 # variables that are assigned before it
# Finds the studies below a directory, after look-functions.sh, and goes on with brief.sh. What is in a study is not looked at, nor
# are links and hidden directories, so that it costs little. root: the directory. depth: how far below it.
found=()
seen=0
is_cut=
search() {
  local directory=$1 levels=$2 each
  if [ -f "$directory/$journal" ]; then
    found+=("$directory")
    return
  fi
  if [ -f "$directory/status.csv" ] && [ -d "$directory/meta" ]; then
    found+=("$directory")
    return
  fi
  ((levels > 0)) || return
  for each in "${directory%/}"/*/; do
    each=${each%/}
    if [ -L "$each" ] || [ "${each##*/}" = node_modules ]; then continue; fi
    ((++seen < 50000)) || {
      is_cut=yes
      return
    }
    search "$each" $((levels - 1))
  done
}
if [ ! -d "$root" ] || [ ! -r "$root" ] || [ ! -x "$root" ]; then
  look_at "$root"
  field "no $kind"
  exit 0
fi
search "$root" "$depth"
field "found $is_cut"
set -- "${found[@]}"

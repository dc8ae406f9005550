# shellcheck shell=bash
# Prints the first of several files that there is; it ends with 66 if there is none. $@: the files. follows: `yes` if it waits for one,
# and prints what is appended, until its input ends.
set +aefuvxC +o posix
export LC_ALL=C
file=
pick() {
  local each
  for each in "$@"; do
    if [ -f "$each" ]; then
      file=$each
      return 0
    fi
  done
  return 1
}
if [ "${follows?}" != yes ]; then
  pick "$@" || exit 66
  exec cat -- "$file"
fi
at=0
is_last=
while :; do
  if [ -n "$file" ] || pick "$@"; then
    size=$(stat -c %s -- "$file" 2> /dev/null) || size=0
    # A file that begins anew is that of a job that runs again.
    ((size >= at)) || at=0
    if ((size > at)); then
      tail -c +$((at + 1)) -- "$file" | head -c $((size - at))
      at=$size
    fi
  fi
  [ -z "$is_last" ] || exit 0
  read -r -t 0.5 _
  (($? > 128)) || is_last=yes
done

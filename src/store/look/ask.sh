# shellcheck shell=bash
# Leaves a lock file in a study, as Maestro does, and waits until its driver has taken it, which the driver shows by removing it.
# The input is the text of the file. It prints `taken`, or `waiting` if it is there yet after all looks.
#
# file: the path of the lock file. looks: how often to look, twice a second.
set +aefuvxC +o posix
new=${file?}.$$
if ! { (set -C; cat > "$new") && mv -fT -- "$new" "$file"; }; then
  rm -f -- "$new"
  exit 1
fi
for ((; ${looks?} > 0; looks--)); do
  sleep 0.5
  : "${file%/*}"/.c* "${file%/*}"/.s*
  if [ ! -e "$file" ]; then
    echo taken
    exit
  fi
done
echo waiting

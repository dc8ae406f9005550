# shellcheck shell=bash
# Unpacks its input beside a directory and then puts it in its place. An attempt whose connection was cut, and which may be running
# still, has a place of its own; if it was first after all, what it put there is the same.
# directory: where the tree is to be. digest: of the tree. mark: the file that has the digest of the tree that is there.
for program in tar gzip; do
  command -v $program >/dev/null || { echo "there is no $program" >&2; exit 127; }
done
mkdir -p -- "$(dirname -- "${directory?}")" || exit 1
temporary=$(mktemp -d -- "$directory.XXXXXXXX") || exit 1
trap 'rm -rf -- "$temporary"' EXIT
trap 'exit 129' HUP TERM
mkdir -- "$temporary/tree" || exit 1
(export LC_ALL=C; exec tar -xzf - -C "$temporary/tree" --no-same-owner --no-same-permissions) || exit
if [ -d "$directory" ] && [ "$(cat -- "${mark?}" 2>/dev/null)" = "${digest?}" ]; then exit 0; fi
rm -f -- "$mark" || exit 1
[ -L "$directory" ] || rmdir -- "$directory" 2>/dev/null
if [ -e "$directory" ] || [ -L "$directory" ]; then
  number=1
  while [ -e "$directory.old-$number" ] || [ -L "$directory.old-$number" ]; do number=$((number + 1)); done
  mv -T -- "$directory" "$directory.old-$number" || exit 1
fi
mv -T -- "$temporary/tree" "$directory" || exit 1
printf '%s\n' "$digest" > "$temporary/digest" && mv -fT -- "$temporary/digest" "$mark"

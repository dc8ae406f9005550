# shellcheck shell=bash
# Makes a Python environment, once, unless it is there: what has its name is always whole. Prints the last words of pip if that fails.
# directory: where such environments are. name: its name. The arguments are what pip installs; if they cannot be had, those after
# a `--` are tried.
umask go-w
mkdir -p -- "${directory?}" || exit
# The directory above may be one in which anybody can make files, and what is in here is run.
if [ -L "$directory" ] || [ ! -O "$directory" ] || [ -n "$(find "$directory" -maxdepth 0 -perm /022)" ]; then
  echo "$directory is a link, belongs to another user, or can be written by others: remove it" >&2
  exit 1
fi
link=$directory/${name?}
[ ! -x "$link/bin/maestro" ] || { echo there; exit; }
new=$link.$$.$RANDOM
first=()
second=()
isSecond=
for word; do
  if [ "$word" = -- ]; then isSecond=1; elif [ -n "$isSecond" ]; then second+=("$word"); else first+=("$word"); fi
done

install() {
  "$new/bin/python" -m pip install --quiet --disable-pip-version-check --no-input "$@" < /dev/null
}

used=
if said=$(python3 -m venv -- "$new" 2>&1 < /dev/null); then
  if said=$(install "${first[@]}" 2>&1); then
    used=first
  elif [ ${#second[@]} -gt 0 ] && said=$(install "${second[@]}" 2>&1); then
    used=second
  fi
fi
if [ -z "$used" ] || [ ! -x "$new/bin/maestro" ]; then
  rm -rf -- "$new"
  printf '%s\n' "${said:-pip installed no maestro}" | tail -n 3 >&2
  exit 1
fi
# Another run may have been faster: then its environment is as good.
ln -s -- "${new##*/}" "$link.$$" && mv -fT -- "$link.$$" "$link" || exit
echo "$used"

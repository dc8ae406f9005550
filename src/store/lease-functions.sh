# shellcheck shell=bash
# What all commands about the lease begin with: they go to the place of the lease, in the study directory, and have these functions.
# study: the study directory.
cd -- "${study?}/.conductor" || exit
[ -d fences ] || mkdir -p fences || exit
set +aefuvxC +o posix
shopt -u failglob nocaseglob
unset GLOBIGNORE

# Sets the highest fencing number that is taken, and the line in the lease. A name that was not there may be missing for long on
# NFS; a directory that was just read is up to date.
see() {
  local name
  fence=0
  : ./*
  for name in fences/*; do
    name=${name##*/}
    [[ $name =~ ^[1-9][0-9]*$ ]] && ((name > fence)) && fence=$name
  done
  line=
  { IFS= read -r -t 60 line < lease; } 2> /dev/null
}

# Sets `newest` to the time of the newest of the files that are there, if that is later.
newest() {
  local at
  for at in $(stat -c %Y -- "$@" 2> /dev/null); do ((at > newest)) && newest=$at; done
}

say() { printf '%s %s\n%s\n' "$fence" "${age:-0}" "$line"; }

# shellcheck shell=bash
# Tells who may change what a study directory leads to, by `stat` of the coreutils: of every name in its path, also where symbolic
# links lead, of the directory itself and of what of its own is named, as far as they are there. `getent` and `id` are asked only
# about what a group may write. $1: the study directory. $2...: the paths of its own.
#
# It prints fields that NULs end: the user's id; for each path, the first and those that links lead to, the word `path` and twelve
# fields of each name in it; and at last the word `end`.
maestro_ownership() (
  set +aefuvxC
  IFS=$' \t\n'
  # As many symbolic links as Linux follows in one path, and the path itself.
  most_paths=41
  paths=("$1") roles=(study) newline=$'\n'
  printf '%s\0' "$EUID"
  for ((i = 0; i < ${#paths[@]} && i < most_paths; i++)); do
    names=(/)
    prefix=
    rest=${paths[i]}
    while [ -n "$rest" ]; do
      name=${rest%%/*}
      if [ "$name" = "$rest" ]; then rest=; else rest=${rest#*/}; fi
      [ -n "$name" ] || continue
      prefix+=/$name
      names+=("$prefix")
    done
    [ "$i" != 0 ] || names+=("${@:2}")
    # What vanishes meanwhile is left out the next time.
    for _ in 1 2 3; do
      there=()
      for name in "${names[@]}"; do
        if [ -e "$name" ] || [ -L "$name" ]; then there+=("$name"); fi
      done
      lines=$(command stat -c %u:%g:%f:%U:%G -- "${there[@]}" 2> /dev/null) && break
      lines=
    done
    [ -n "$lines" ] || exit
    printf 'path\0'
    for name in "${there[@]}"; do
      line=${lines%%"$newline"*}
      lines=${lines#*"$newline"}
      uid=${line%%:*} line=${line#*:}
      gid=${line%%:*} line=${line#*:}
      mode=${line%%:*} line=${line#*:}
      owner=${line%%:*} group=${line#*:}
      role=parent
      [ "$name" != "$prefix" ] || role=${roles[i]}
      [ "$i" != 0 ] || [ "${#name}" -le "${#prefix}" ] || role=own
      user='' members='' others='' acl='' home=''
      if ((16#$mode >> 12 == 10)); then
        target=$(readlink -n -- "$name" && echo .) && target=${target%.}
        if [ -n "$target" ] && [ "$role" != own ]; then
          case $target in /*) ;; *) target=${name%/*}/$target ;; esac
          paths+=("$target")
          roles+=("$role")
        fi
      elif ((16#$mode & 8#20)); then
        user=$(id -un)
        members=$(getent group "$gid")
        # Whose own group it is besides, as far as a file of this machine tells.
        while IFS=: read -r other _ _ others_gid _; do
          [ "$others_gid" != "$gid" ] || [ "$other" = "$user" ] || others+="$other "
        done < /etc/passwd
        acl=$(ls -ldn -- "$name")
        acl=${acl%% *}
      fi
      case $uid in 0 | "$EUID") ;; *) home=$(stat -L -c %u -- "${HOME:-/}") ;; esac
      printf '%s\0' "$role" "$name" "$uid" "$gid" "$mode" "$owner" "$group" "$user" "$members" "$others" "$acl" "$home"
    done
  done
  printf 'end\0'
)

# shellcheck shell=bash
# Takes a fencing number, after lease-functions.sh. What the link of that number says is who has it, because an answer may have been
# lost, and this be done again. The driver that has it writes the lease, and removes what remote writers of earlier drivers have left;
# its own may be writing by the time that a late repetition of this runs. Another one looks who has it, after a moment if need be.
#
# wanted: the number. token: unlike that of any other driver. new_line: the line of the lease, if this driver gets it.
mine=fences/.${token?}
echo "$token" > "$mine" || exit
problem=$(ln -- "$mine" "fences/${wanted?}" 2>&1)
rm -f -- "$mine"
owner=
{ read -r -t 60 owner < "fences/$wanted"; } 2> /dev/null
if [ -z "$owner" ]; then
  echo "${problem:-fences/$wanted cannot be read}" >&2
  exit 1
fi
if [ "$owner" = "$token" ]; then
  see
  # Not if another driver has come since, and the answer to this one was late.
  # shellcheck disable=SC2154 # `see` sets it, and the line below
  if [ "$fence" = "$wanted" ]; then
    rm -f -- clerk-*
    for file in written-*; do
      case $file in "written-$wanted-"* | 'written-*') ;; *) rm -f -- "$file" ;; esac
    done
    printf '%s\n' "${new_line?}" > "lease.$owner" || exit
    mv -fT -- "lease.$owner" lease || exit
    echo taken
    exit
  fi
fi
for _ in 1 2 3 4 5 6 7 8 9 10; do
  see
  # shellcheck disable=SC2154
  case $line in *"\"fence\":$fence,"*) break ;; esac
  sleep 0.2
done
say

# shellcheck shell=bash
# Watches a Maestro that start.sh has started. Prints `offset MINUTES` (of the local time from UTC), `log LINE` for each line of its
# log, `status BASE64` when status.csv has changed, and in the end `exit STATUS`, or `gone` if its process is gone without one. It
# exits at the end of its input.
#
# study: the study directory. control: where `.conductor` is before that is there. skip: how many lines of the log are known.
set +aefuvxC +o posix
run=${study?}/.conductor/maestro
[ -d "$run" ] || run=${control?}/.conductor/maestro
# The directory may be moved.
cd -- "$run" || exit
zone=$(date +%z)
echo "offset ${zone:0:1}$((10#${zone:1:2} * 60 + 10#${zone:3:2}))"
{ read -r here < /proc/sys/kernel/hostname; } 2> /dev/null || here=$HOSTNAME
{ read -r here_boot < /proc/sys/kernel/random/boot_id; } 2> /dev/null || here_boot=-

# Whether its process may be there: one on another machine may.
is_there() {
  local machine pid boot start stat
  read -r machine pid boot start _ < process || return 0
  [ "$machine" = "$here" ] || return 0
  [ "$boot" = "$here_boot" ] || return 1
  { read -r stat < "/proc/$pid/stat"; } 2> /dev/null || return 1
  stat=${stat##*) }
  # shellcheck disable=SC2086 # its 20th word is the time of the start
  set -- $stat
  [ "$start" = - ] || [ "${20}" = "$start" ]
}

until [ -e log ]; do
  read -r -t 0.2 _
  [ $? -gt 128 ] || exit 0
  is_there || break
done
exec 5< log
line=
tell() {
  local part text
  while IFS= read -r -u 5 part; do
    if ((skip > 0)); then skip=$((skip - 1)); else printf 'log %s\n' "$line$part" || exit; fi
    line=
  done
  line+=$part
  { text=$(< "$study/status.csv"); } 2> /dev/null
  if [ "$text" != "$told" ]; then
    told=$text
    printf 'status %s\n' "$(printf '%s\n' "$text" | base64 | tr -d '\n')" || exit
  fi
}
told=
looks=0
while :; do
  status=
  { read -r status < ./exit; } 2> /dev/null
  tell
  [ "$status" != gone ] || { echo gone; exit 0; }
  [ -z "$status" ] || { printf 'exit %s\n' "$status"; exit 0; }
  if ((looks++ % 5 == 4)) && ! is_there; then
    # It may have ended between the two looks.
    sleep 1
    { read -r status < ./exit; } 2> /dev/null
    tell
    # A further run finds that it is over.
    [ -n "$status" ] || { status=gone; echo gone > exit.new && mv -f -- exit.new exit; }
    if [ "$status" = gone ]; then echo gone; else printf 'exit %s\n' "$status"; fi
    exit 0
  fi
  read -r -t 0.5 _
  [ $? -gt 128 ] || exit 0
done

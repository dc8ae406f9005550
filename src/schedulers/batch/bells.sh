# shellcheck shell=bash
# Watches for bells: small files `LABEL.start` and `LABEL.end` that launchers write into one directory when a job begins and ends.
# Prints `bell LABEL start|end NOW WORDS` for each, where NOW is the host's time in seconds since the epoch, and removes it. It starts no process but to remove them, and asks about no job.
#
# It looks ten times a second while something happens, four times a second in the next minute, and then less and less often; a line on
# its input makes it look often again. It exits at the end of its input, and once a later driver has the study, which the bells are for then.
#
# study: the study directory. fence: the fencing number of the driver.
cd -- "${study?}/.conductor" || exit
[ -d bells ] || mkdir -p bells || exit
set +aefuvxC +o posix
shopt -u failglob nocaseglob dotglob
shopt -s nullglob
unset GLOBIGNORE

# Hundredths of a second that nothing has happened, and the pause before the next look. Five seconds after the last event the pause
# gets longer, and sixty seconds after it begins to grow, up to 5 s.
idle=0
pause=10

ring() {
  local bell line name now
  for bell in "$@"; do
    line=
    # An empty one is still being written.
    { read -r line < "$bell"; } 2> /dev/null || continue
    name=${bell#bells/}
    now=${EPOCHREALTIME/,/.} # with a comma in some languages
    [ -n "$now" ] || printf -v now '%(%s)T' -1
    printf 'bell %s %s %s %s\n' "${name%.*}" "${name##*.}" "$now" "$line" || exit
    rung+=("$bell")
  done
}

while :; do
  # A name that was not there may be missing for long on NFS; a directory that was just read is up to date.
  : fences/*
  [ ! -e "fences/$((${fence?} + 1))" ] || exit 0
  rung=()
  ring bells/*.start
  ring bells/*.end
  if [ ${#rung[@]} -gt 0 ]; then
    rm -f -- "${rung[@]}"
    idle=0
  fi
  pause=$((idle > 6000 ? idle / 240 : idle > 500 ? 25 : 10))
  [ $pause -le 500 ] || pause=500
  printf -v delay '%d.%02d' $((pause / 100)) $((pause % 100))
  if read -r -t "$delay" _; then
    idle=0
  elif [ $? -le 128 ]; then
    exit 0
  fi
  idle=$((idle + pause))
done

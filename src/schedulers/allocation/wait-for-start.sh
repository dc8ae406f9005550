# shellcheck shell=bash
# Waits until the Flux instance of a job has written its address, and prints each change of the job's state: one command for hours of
# waiting. It exits when its stdin is closed. The lines that it prints are `WaitingLine` in wait-for-start.ts.
#
# It asks the scheduler every 2 s at first and every 15 s later. The position in the queue needs a query of all jobs, so it is asked at
# most once a minute. The address file is checked each second, which costs the scheduler nothing.
#
# Runs after the functions of batch/queue.ts. study: the study directory. uri_file: the address file, relative to it.
cd "${study?}" || exit

# Prints the state of the job if it has changed. Fails if the job is gone.
tell() {
  local line code now queue
  line=$(look)
  code=$?
  # A new job may not be listed yet.
  if [ $code -eq 0 ] && [ -z "$line" ]; then
    sleep 2
    line=$(look)
    code=$?
  fi
  if [ $code -ne 0 ]; then
    now="mute $line"
  elif [ -z "$line" ]; then
    echo gone
    return 1
  else
    case ${line%%|*} in
      PENDING | PEND | SCHED)
        if [ $((SECONDS - counted)) -ge 60 ]; then
          queue=${line#*|}
          place=$(position "${queue%%|*}")
          counted=$SECONDS
        fi
        ;;
      *) place= ;;
    esac
    printf -v now 'state %(%F)T|%s|%s' -1 "$place" "$line"
  fi
  [ "$now" = "$last" ] || printf '%s\n' "${now//$'\n'/ / }"
  last=$now
}

last=
delay=2
place=
counted=-60
while tell; do
  next=$((SECONDS + delay))
  while [ $SECONDS -lt $next ]; do
    # Listing the directory refreshes the NFS cache.
    ls .conductor > /dev/null 2>&1
    uri=
    { read -r uri < "${uri_file?}"; } 2> /dev/null
    if [ -n "$uri" ]; then
      # The state is printed once more: the job may have started, or ended, since the last question.
      tell && echo "uri $uri"
      exit
    fi
    read -r -t 1 _
    [ $? -gt 128 ] || exit 0
  done
  [ $delay -ge 15 ] || delay=$((delay + 1))
done

# shellcheck shell=bash
# Waits until a job's Flux instance has said where it is, and tells whatever changes meanwhile: one command for all the hours that
# it may take. It ends with its input. What it tells is a line each, `WaitingLine` in wait-for-start.ts.
#
# It asks the scheduler every 2 s at first and less often later, and counts the jobs before it in the queue (a question about
# everybody's jobs) once a minute at most. It looks each second for the file with the address, which costs nothing.
#
# What comes before this: the functions of batch/queue.ts. study: the study directory. uri_file: the file with the address, in it.
cd "${study?}" || exit

# Tells what the scheduler says now, if that is new. Fails if there is nothing to wait for any more.
tell() {
  local line code now queue
  line=$(look)
  code=$?
  # A job that is new may not be listed yet.
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
    # A directory that was read is up to date on NFS too.
    ls .conductor > /dev/null 2>&1
    uri=
    { read -r uri < "${uri_file?}"; } 2> /dev/null
    if [ -n "$uri" ]; then
      # An instance that is over, or runs since the last question.
      tell && echo "uri $uri"
      exit
    fi
    read -r -t 1 _
    [ $? -gt 128 ] || exit 0
  done
  [ $delay -ge 15 ] || delay=$((delay + 1))
done

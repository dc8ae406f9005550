# shellcheck shell=bash
# Commands to LSF as functions of a batch system (see batch-system.ts). Runs after ask.sh.
#
# Lines for parseRow: NOW|ID|STATE|EXIT CODE|START|FINISH|HOSTS|EXIT REASON|PENDING REASON. Times are in UTC, as LSF writes them: some
# versions leave out the year, so that NOW, in seconds since the epoch, is needed to read them.
#
# Variables of submit_job have a long prefix, because what the environment has is the job's.

# Runs a command of LSF. Without LSB_NTRIES it would try for ever when LSF is down.
lsf() { TZ=UTC0 LSB_DISPLAY_YEAR=Y LSB_NTRIES=3 timeout 120 "$@"; }

submit_job() {
  _maestro_lsf_file=$1
  shift
  # Without -cwd LSF uses the current directory too, unless the site has set another one. In -cwd it replaces %J and the like.
  case $PWD in
    *%*) ;;
    *) set -- -cwd "$PWD" "$@" ;;
  esac
  _maestro_lsf_said=$(
    # These would hide the id, or only check the job.
    unset BSUB_QUIET BSUB_QUIET2 BSUB_CHK_RESREQ
    # A job whose directory is missing does not run in /tmp, and at the limit of pending jobs bsub fails instead of waiting for
    # minutes.
    export LSB_EXIT_IF_CWD_NOTEXIST=Y LSB_NTRIES=1
    bsub "$@" 2>&1 < "$_maestro_lsf_file"
  )
  _maestro_lsf_status=$?
  if [[ $_maestro_lsf_said =~ .*Job\ \<([0-9]+)\>\ is\ submitted\ to ]]; then
    printf '%s\n' "${BASH_REMATCH[1]}"
    return
  fi
  if [ "$_maestro_lsf_status" = 0 ] || [ -z "$_maestro_lsf_said" ]; then
    printf 'bsub printed no job id: %s\n' "$_maestro_lsf_said" >&2
    return 1
  fi
  printf '%s\n' "$_maestro_lsf_said" >&2
  return "$_maestro_lsf_status"
}

# Prints the values of fields for each record in the JSON of bjobs, separated by `|`. Jobs that LSF does not know have a record with
# an error. Fails if there are no records at all.
# shellcheck disable=SC2016 # awk's
_maestro_lsf_json_rows='
  function text(token) {
    token = substr(token, 2, length(token) - 2)
    gsub(/\\\//, "/", token)
    gsub(/\\"/, "\"", token)
    gsub(/[[:space:]]+/, " ", token)
    return token
  }
  BEGIN { count = split(toupper(fields), names, " ") }
  {
    line = $0
    while (match(line, /"([^"\\]|\\.)*"|[{}:,]|-?[0-9]+/)) {
      token = substr(line, RSTART, RLENGTH)
      line = substr(line, RSTART + RLENGTH)
      if (token == "{") { depth++; isValue = 0; split("", values) }
      else if (token == "}") {
        if (depth == 2 && !("ERROR" in values) && values["JOBID"] != "") {
          row = values[names[1]]
          for (i = 2; i <= count; i++) row = row "|" values[names[i]]
          print row
        }
        depth--
      }
      else if (token == ":") isValue = 1
      else if (token == ",") isValue = 0
      else if (isValue) { values[key] = token ~ /^"/ ? text(token) : token; isValue = 0 }
      else if (token ~ /^"/) { key = text(token); if (depth == 1 && key == "RECORDS") found = 1 }
    }
  }
  END { exit !found }'

# Prints the values of fields, separated by `|`, for each job that `bjobs -a WORD...` lists. None is no failure. Usage:
# bjobs_rows FIELDS WORD...
bjobs_rows() {
  local fields=$1 rows
  shift
  ask lsf bjobs -a -o "$fields" -json "$@"
  if rows=$(printf '%s\n' "$said" | awk -v fields="$fields" "$_maestro_lsf_json_rows"); then
    [ -z "$rows" ] || printf '%s\n' "$rows"
    return
  fi
  ! has_no_jobs || return 0
  ! is_down || { complain; return 1; }
  # Versions without -json. What LSF says on stderr must not get into the rows.
  fields="${fields/% pend_reason/} delimiter='|'"
  rows=$(lsf bjobs -a -noheader -o "$fields" "$@" 2> /dev/null < /dev/null | grep -E '^[0-9]+[|]')
  if [ -n "$rows" ]; then
    printf '%s\n' "$rows"
    return
  fi
  ask lsf bjobs -a -noheader -o "$fields" "$@"
  has_no_jobs || { complain; return 1; }
}

has_no_jobs() { [[ $said =~ Job\ \<[0-9]+\>\ is\ not\ found|No\ (unfinished\ )?job\ found ]]; }

is_down() { [[ $said == *'lease wait'* || $said == *'not responding'* || $said == *'LIM is down'* ]]; }

complain() { printf '%s\n' "${said:-LSF did not answer}" >&2; }

query_jobs() {
  local now
  printf -v now '%(%s)T' -1
  # Awk exits with the status of bjobs_rows, which the last line has.
  { bjobs_rows 'jobid stat exit_code start_time finish_time exec_host exit_reason pend_reason' "$@"; echo "status $?"; } |
    awk -v now="$now" '/^status / { exit $2 } { print now "|" $0 }'
}

# Asks the history about jobs that LSF has forgotten (CLEAN_PERIOD). There may be none, or it may take too long.
explain_jobs() {
  local rows id forgotten=()
  rows=$(query_jobs "$@") || return
  for id in "$@"; do
    [[ $'\n'$rows =~ $'\n'[0-9]+'|'"$id"'|' ]] || forgotten+=("$id")
  done
  [ -z "$rows" ] || printf '%s\n' "$rows"
  [ ${#forgotten[@]} = 0 ] || job_history "${forgotten[@]}"
}

# Prints lines for parseRow for jobs that have ended, from the log of events. A job that is requeued begins anew in it. bhist breaks
# lines anywhere, and indents the rest.
# HOSTS is of `Dispatched 2 Task(s) on Host(s) <hosta> <hostb>, Allocated ...`, with colons between them.
job_history() {
  local now
  printf -v now '%(%s)T' -1
  lsf bhist -a -l -n 10 "$@" 2> /dev/null < /dev/null | awk -v now="$now" '
    function take(line,    text, time, code) {
      if (line ~ /^Job </) {
        finish()
        id = substr(line, 6)
        sub(/[^0-9].*/, "", id)
      } else if (match(line, /^[A-Z][a-z][a-z] [A-Z][a-z][a-z] +[0-9]+ [0-9]+:[0-9]+:[0-9]+( [0-9]+)?: /)) {
        time = substr(line, 5, RLENGTH - 6)
        text = substr(line, RLENGTH + 1)
        if (text ~ /^Starting/) start = time
        if (text ~ /^(Starting|Pending|Dispatched|Requeued)/) state = code_text = reason = ""
        if (text ~ /^Dispatched/) hosts = hosts_in(text)
        if (text ~ /^Done successfully/) { state = "DONE"; code_text = 0; end = time }
        if (text ~ /^Exited/) {
          state = "EXIT"
          end = time
          code = text
          sub(/^[^0-9]*/, "", code)
          code_text = text ~ /^Exited (with exit code|by signal) [0-9]/ ? code + (text ~ /by signal/ ? 128 : 0) : ""
        }
        if (text ~ /^Completed <exit>/) {
          state = "EXIT"
          reason = text ~ /TERM_/ ? substr(text, index(text, "TERM_")) : ""
        }
      }
    }
    function finish() {
      if (id != "" && state != "") print now "|" id "|" state "|" code_text "|" start "|" end "|" hosts "|" reason "|"
      id = state = code_text = start = end = hosts = reason = ""
    }
    function hosts_in(text,    found) {
      sub(/,.*/, "", text)
      while (match(text, /<[^>]*>/)) {
        found = found (found == "" ? "" : ":") substr(text, RSTART + 1, RLENGTH - 2)
        text = substr(text, RSTART + RLENGTH)
      }
      return found
    }
    /^[ \t]/ { sub(/^[ \t]+/, ""); line = line $0; next }
    { take(line); line = $0 }
    END { take(line); finish() }'
  return 0
}

find_jobs() {
  local labels=" $* "
  { bjobs_rows 'jobid job_description'; echo "status $?"; } | awk -v labels="$labels" '
    /^status / { exit $2 }
    {
      bar = index($0, "|")
      label = substr($0, bar + 1)
      sub(/ .*/, "", label)
      if (label != "" && index(labels, " " label " ")) print substr($0, 1, bar - 1), label
    }'
}

end_jobs() {
  local others
  ask lsf bkill "$@" && return
  # Some may be over, or on their way.
  others=$(printf '%s\n' "$said" | grep -vE 'is being (terminated|signaled)|already finished|No matching job found|is not found')
  [ -n "$others" ] || [ -z "$said" ] || return 0
  said=$others
  complain
  return 1
}

# Where jobs go that name no queue is said by a variable, or by bparams.
describe_site() {
  local command
  for command in bsub bjobs bkill lsid; do
    type -P "$command" > /dev/null && continue
    echo "there is no \`$command\` on PATH" >&2
    return 127
  done
  for command in 'lsid' 'bqueues -l' 'bparams'; do
    # shellcheck disable=SC2086 # it is split into words
    ask lsf $command || [ "$command" = bparams ] || { complain; return 1; }
    printf '== %s\n%s\n' "${command%% *}" "$said"
  done
  printf '== LSB_DEFAULTQUEUE\n%s\n' "$LSB_DEFAULTQUEUE"
}

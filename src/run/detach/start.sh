# shellcheck shell=bash
# Starts the conductor of a detached study in the background, and waits until it has said how far it has come. Says one word on
# its first line, and what belongs to it after that:
#
#     job             it is to be a job, as this request has it
#     state           the text of the state file
#     silent          nothing was said in time; it goes on
#     dead            it ended without a word: the end of its log
#     unstarted       nothing was started before
#
# A line before that says `logout FILE` if the machine ends processes when their user logs out.
#
# node, program: what to run. study: the study directory. token, directory: of the start, and where its files are.
# patience: how many seconds the conductor may take. confirms: `yes` if one may have been started, whose word is waited for, by a
# command whose answer was lost. root: where the machine's own files are; nothing but in tests.
true "${node?}" "${program?}" "${study?}" "${token?}" "${directory?}" "${patience?}" "${root?}" "${confirms?}"

# Prints the file by which systemd-logind ends what this process leaves at logout, if it does.
kills_at_logout() {
  # Only what is in the scope of a session is ended.
  grep -q '/session-[^/]*[.]scope' "$root/proc/self/cgroup" 2> /dev/null || return
  local file line user kills='' by='' only='' exclude=root
  user=$(id -un)
  for file in "$root"/{etc,run,usr/local/lib,usr/lib}/systemd/logind.conf; do
    [ -f "$file" ] && break
  done
  for file in "$file" "$root"/{usr/lib,usr/local/lib,run,etc}/systemd/logind.conf.d/*.conf; do
    if [ ! -f "$file" ] || [ ! -r "$file" ]; then continue; fi
    while IFS= read -r line; do
      line=${line//[[:blank:]]/ }
      case $line in
        KillUserProcesses=*) kills=${line#*=} by=$file ;;
        KillOnlyUsers=*) only=${line#*=} ;;
        KillExcludeUsers=*) exclude=${line#*=} ;;
      esac
    done < "$file"
  done
  [[ ${kills,,} =~ ^(yes|true|on|1)\ *$ ]] || return
  [[ " $exclude " != *" $user "* ]] || return
  [ -z "$only" ] || [[ " $only " == *" $user "* ]] || return
  printf 'logout %s\n' "$by"
}

[ "$confirms" = yes ] || rm -f -- "$directory/state.json" || exit 1
if [ -e "$directory/job-request.json" ]; then
  echo job
  exec cat -- "$directory/job-request.json"
fi
if [ "$confirms" = yes ]; then
  { read -r machine conductor < "$directory/started"; } 2> /dev/null || { echo unstarted; exit; }
  # Behind one name there may be several machines.
  [ "$machine" = "$HOSTNAME" ] || conductor=
else
  kills_at_logout
  (umask 077; : >> "$directory/conductor.log") || exit 1
  # In a session of its own neither the end of the connection nor the logout ends it.
  setsid "$node" "$program" conduct "$study" "$token" < /dev/null >> "$directory/conductor.log" 2>&1 &
  conductor=$!
  echo "$HOSTNAME $conductor" > "$directory/started"
fi
for ((tenths = 0; tenths < patience * 10; tenths++)); do
  if [ -s "$directory/state.json" ]; then
    echo state
    exec cat -- "$directory/state.json"
  fi
  if [ -n "$conductor" ] && ! kill -0 "$conductor" 2> /dev/null && [ ! -s "$directory/state.json" ]; then
    echo dead
    exec tail -c 4000 -- "$directory/conductor.log"
  fi
  sleep 0.1
done
echo silent

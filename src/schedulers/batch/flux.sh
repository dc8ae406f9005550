# shellcheck shell=bash
# Questions to Flux (see queue.ts). Names of queues, and an order among the jobs that wait in one, came to `flux jobs` after
# `flux mini` had gone. job_id, job_name: the job. flux_path: the command. has_queues: `yes` if it is one that knows queues.
said=
if [ "${has_queues?}" = yes ]; then
  queue_field='{queue}'
  cancel=(cancel)
else
  queue_field=
  cancel=(job cancel)
fi

look() {
  local format="{status}|{nodelist}|{annotations.sched.t_estimate}|$queue_field|{exception.type}|{exception.note}"
  if ! ask "${flux_path?}" jobs -n -o "$format" "${job_id?}" && [[ $said != *' unknown'* ]]; then
    printf '%s\n' "$said"
    return 1
  fi
  local line state nodes start queue type note
  line=$(printf '%s\n' "$said" | grep -m 1 -E '^[A-Z]+[|]') || return 0
  IFS='|' read -r state nodes start queue type note <<< "$line"
  [ -z "$start" ] || start=$(date -d "@$start" +%FT%T 2> /dev/null)
  printf '%s|%s|%s|%s|%s\n' "$state" "$queue" "$nodes" "$start" "$type${note:+: $note}"
}

list() {
  ask "$flux_path" jobs -n -c 0 -f pending,running -o '{name} {id.f58}' || { printf '%s\n' "$said"; return 1; }
  printf '%s\n' "$said" | awk -v name="${job_name?}" '$1 == name { print $2 }'
}

position() {
  "$flux_path" jobs -n -A -c 0 -f pending -o "$queue_field|{name}" 2> /dev/null < /dev/null |
    awk -F '|' -v queue="$1" -v name="$job_name" '$1 == queue { n++; if ($2 == name) { print n; exit } }'
}

end() { "$flux_path" "${cancel[@]}" "$@" < /dev/null; }

# The first host, whatever others there are by now.
scheduler() { "$flux_path" getattr hostlist 2> /dev/null < /dev/null | sed 's/[],].*//; s/[[]\(.*\)-.*/\1/; s/[[]//'; }

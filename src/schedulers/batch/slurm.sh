# shellcheck shell=bash
# Questions to Slurm (see queue.ts). What it says beside the lines that are asked for (warnings, the name of a cluster) has another
# form than they. job_id, job_name: the job. job_cluster: the cluster that it is in, or nothing.
said=
export SLURM_TIME_FORMAT=standard
[ -z "${job_cluster?}" ] || export SLURM_CLUSTERS="$job_cluster"

look() {
  if ask squeue --noheader --states=all --jobs="${job_id?}" --format='%T|%P|%N|%S|%r'; then
    printf '%s\n' "$said" | grep -m 1 -E '^[A-Z_]+[|]' || :
  elif [[ $said != *'Invalid job id'* ]]; then
    printf '%s\n' "$said"
    return 1
  fi
}

list() {
  ask squeue --noheader --name="${job_name?}" --format=%A || { printf '%s\n' "$said"; return 1; }
  printf '%s\n' "$said" | grep -E '^[0-9]+$' || :
}

position() {
  squeue --noheader --states=PENDING --partition="$1" --sort=-p,i --format=%j 2> /dev/null < /dev/null |
    awk -v name="$job_name" '$1 == name { print NR; exit }'
}

end() { scancel "$@" < /dev/null; }

scheduler() {
  scontrol show config 2> /dev/null < /dev/null | sed -n -e 's/^ClusterName *= *//p' -e 's/^ControlMachine *= */@/p' \
    -e 's/^SlurmctldHost[[]0[]] *= *\([^( ]*\).*/@\1/p' | tr -d '\n'
}

# shellcheck shell=bash
# The conductor of a detached study as a job of a batch system. It finds the environment of the place that submitted it: what the
# batch system has set for the job would change what the study's own jobs ask for.
#
# kind: slurm, lsf or flux. node, program: what to run. study, token: of the start. kept: the names of variables that the submitter had.
true "${kind?}" "${node?}" "${program?}" "${study?}" "${token?}" "${kept?}"

# Seconds in a time such as 1-02:03:04, 02:03 or 3; nothing for one without an end.
seconds_of() {
  [[ $1 =~ ^(([0-9]+)-)?(([0-9]+):)?(([0-9]+):)?([0-9]+)$ ]] || return 0
  local days=${BASH_REMATCH[2]:-0} first=${BASH_REMATCH[4]} second=${BASH_REMATCH[6]} last=${BASH_REMATCH[7]}
  # Of two numbers the first one is minutes.
  if [ -z "$second" ]; then second=${first:-0} first=0; fi
  echo $(((10#$days * 24 + 10#$first) * 3600 + 10#$second * 60 + 10#$last))
}

left=
case $kind in
  slurm)
    job=$SLURM_JOB_ID
    if [ -n "$SLURM_JOB_END_TIME" ]; then left=$((SLURM_JOB_END_TIME - $(date +%s)))
    else left=$(seconds_of "$(squeue --noheader --jobs="$job" --format=%L 2> /dev/null < /dev/null)"); fi
    ;;
  lsf)
    job=$LSB_JOBID
    # Hours and minutes.
    said=$(bjobs -noheader -o time_left "$job" 2> /dev/null < /dev/null)
    [[ ! $said =~ ^\ *([0-9]+:[0-9]+) ]] || left=$(seconds_of "${BASH_REMATCH[1]}:00")
    ;;
  flux)
    job=$FLUX_JOB_ID
    said=$(flux job timeleft 2> /dev/null < /dev/null)
    # Without a limit it says the largest number of 32 bits.
    if [[ $said =~ ^[0-9]{1,9}$ ]]; then left=$said; fi
    ;;
esac
for name in "${!SLURM_@}" "${!LSB_@}" "${!FLUX_JOB_@}" "${!FLUX_TASK_@}" "${!PMI@}" FLUX_KVS_NAMESPACE; do
  [[ " $kept " == *" $name "* ]] || unset "$name"
done
exec "$node" "$program" conduct "$study" "$token" "$job" "${left:-none}" < /dev/null

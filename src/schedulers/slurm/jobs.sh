# shellcheck shell=bash
# shellcheck disable=SC2030,SC2031 # changes of the environment end with their subshells
# The functions that batch/batch-system.ts describes, for Slurm. Variables have a long prefix so that they change none of the jobs'
# environment. The id of a job in another cluster is `123;CLUSTER`, as `sbatch --parsable` prints it.

# Variables of the user's that change what is submitted in ways that steps cannot have, or keep sbatch from printing the id. In a job
# of Slurm's, its variables would tell srun in the new job about the old one, and SLURM_RESTART_COUNT is not always set anew.
submit_job() (
  _maestro_file=$1
  shift
  unset SBATCH_WAIT SBATCH_ARRAY_INX SBATCH_OUTPUT SBATCH_ERROR SBATCH_INPUT SBATCH_JOB_NAME SBATCH_GET_USER_ENV SBATCH_DEBUG
  unset SLURM_EXPORT_ENV SLURM_RESTART_COUNT
  if [ -n "$SLURM_JOB_ID" ]; then
    for _maestro_name in "${!SLURM_@}"; do
      case $_maestro_name in
        SLURM_CONF | SLURM_CONF_SERVER | SLURM_CLUSTERS | SLURM_JWT | SLURM_MPI_TYPE) ;;
        *) unset "$_maestro_name" ;;
      esac
    done
    unset SRUN_CPUS_PER_TASK
  fi
  # The job's own id has the cluster if this is set.
  [ -z "$SBATCH_CLUSTERS" ] || export SLURM_CLUSTERS="${SLURM_CLUSTERS:-$SBATCH_CLUSTERS}"
  # Directives among a step's commands may name another directory; as in Maestro, the workspace wins.
  _maestro_said=$(sbatch --parsable --chdir="$PWD" "$@" "$_maestro_file" 2>&1 < /dev/null)
  _maestro_status=$?
  if [ $_maestro_status = 0 ]; then
    # Plug-ins of the site print lines of their own. No process is started to find the id among them.
    _maestro_id=
    while IFS= read -r _maestro_line; do
      [[ ! $_maestro_line =~ ^[0-9]+(;[^[:space:]]+)?$ ]] || _maestro_id=$_maestro_line
    done <<< "$_maestro_said"
    [ -z "$_maestro_id" ] || { printf '%s\n' "$_maestro_id"; exit 0; }
    # There may be a job, as after a command that was killed.
    _maestro_status=254
  fi
  printf '%s\n' "$_maestro_said" >&2
  exit $_maestro_status
)

# Calls a function with the ids of each cluster: FUNCTION ID... Before the ids it gets the suffix that they have: `;CLUSTER` or
# nothing.
_maestro_in_clusters() {
  local -A _maestro_groups=()
  local _maestro_call=$1 _maestro_id _maestro_group
  shift
  # An empty text cannot be a key.
  for _maestro_id; do _maestro_groups["${_maestro_id#"${_maestro_id%%;*}"}."]+=" ${_maestro_id%%;*}"; done
  for _maestro_group in "${!_maestro_groups[@]}"; do
    # shellcheck disable=SC2086 # each word is an id
    _maestro_in_cluster "$_maestro_call" "${_maestro_group%.}" ${_maestro_groups[$_maestro_group]} || return
  done
}

# FUNCTION SUFFIX ID... Variables of the user's would leave jobs out, ask for a confirmation or change what is printed.
_maestro_in_cluster() (
  # shellcheck disable=SC2086 # each word is a name
  unset SLURM_CLUSTERS ${!SQUEUE_@} ${!SACCT_@} ${!SCANCEL_@}
  [ -z "$2" ] || export SLURM_CLUSTERS="${2#;}"
  export SLURM_TIME_FORMAT=%s
  "$@"
)

query_jobs() { [ $# = 0 ] || _maestro_in_clusters _maestro_query "$@"; }
explain_jobs() { [ $# = 0 ] || _maestro_in_clusters _maestro_explain "$@"; }
end_jobs() { [ $# = 0 ] || _maestro_in_clusters _maestro_end "$@"; }

_maestro_commas() {
  local IFS=,
  printf '%s' "$*"
}

# Prints `ID|STATE|EXIT|START|END|NODES|RESTARTS|REASON` for each job that the controller has or remembers. With a user to ask for it
# sends no jobs of others. Newer versions print nothing, not even blanks, for the exit status of a job that has none, so it comes
# last. A list of nodes that fills its column may have been cut.
_maestro_query() {
  local suffix=$1 said fields='JobID:20,State:30,StartTime:30,EndTime:30,Reason:300,NodeList:200,RestartCnt:10,exit_code:20'
  shift
  if ! said=$(squeue --noheader --states=all --user="$UID" --jobs="$(_maestro_commas "$@")" --Format="$fields" 2>&1 < /dev/null); then
    # It says this if it does not know a job that it is asked for alone.
    case $said in *'Invalid job id'*) return 0 ;; esac
    printf '%s\n' "$said" >&2
    return 1
  fi
  printf '%s\n' "$said" | awk -v suffix="$suffix" '
    function column(from, width) {
      text = substr($0, from, width)
      sub(/ +$/, "", text)
      return text
    }
    /^[0-9]+ +[A-Z]/ {
      nodes = column(411, 200)
      if (length(nodes) == 200) nodes = ""
      print $1 suffix "|" $2 "|" column(621, 20) "|" column(51, 30) "|" column(81, 30) "|" nodes "|" column(611, 10) "|" column(111, 300)
    }
  '
}

# Asks the accounting for jobs that the controller does not know, for who cancelled a job, for how one ended whose nodes are not free
# yet, and for what became of the earlier run of one that was requeued, which is then in place of RESTARTS. Where there is no accounting, or it cannot be asked, the controller's
# word is all there is.
_maestro_explain() {
  local suffix=$1 rows id state exit start end nodes restarts reason rest by now began
  local -A known=() states=() rests=() lists=() earlier=()
  local -a unsure=()
  shift
  rows=$(_maestro_query "$suffix" "$@") || return
  while IFS='|' read -r id rest; do known["x${id%%;*}"]=$rest; done <<< "$rows"
  for id; do
    IFS='|' read -r state exit start end nodes restarts reason <<< "${known["x$id"]}"
    case $state$restarts in '' | CANCELLED* | COMPLETING* | *[1-9]*) unsure+=("$id") ;; esac
  done
  if [ ${#unsure[@]} -gt 0 ]; then
    # The runs of a job that was requeued come one after the other.
    while IFS='|' read -r id state rest; do
      earlier["x$id"]=${states["x$id"]}
      states["x$id"]=$state
      rests["x$id"]=${rest%|*}
      lists["x$id"]=${rest##*|}
    done < <(sacct --allocations --duplicates --parsable2 --noheader --format=JobID,State,ExitCode,Start,End,NodeList \
      --jobs="$(_maestro_commas "${unsure[@]}")" 2> /dev/null < /dev/null)
    for id in "${unsure[@]}"; do
      state=${states["x$id"]}
      # The accounting names no nodes of a job that had none, in words.
      case ${lists["x$id"]} in *' '*) lists["x$id"]= ;; esac
      rest="${rests["x$id"]}|${lists["x$id"]}|${earlier["x$id"]%% *}"
      IFS='|' read -r now exit start end nodes restarts reason <<< "${known["x$id"]}"
      case $state in
        'CANCELLED by '*)
          by=${state#CANCELLED by }
          known["x$id"]="CANCELLED|$rest|by $(id -nu -- "$by" 2> /dev/null || printf 'user %s' "$by")"
          continue
          ;;
        # The accounting has not heard of the end, or there was none that it could hear of.
        PENDING | RUNNING | REQUEUED | RESIZING | SUSPENDED | REVOKED | '') ;;
        *)
          case $now:${restarts:-0} in :0 | COMPLETING:0) known["x$id"]="$state|$rest|"; continue ;; esac
          ;;
      esac
      [ "${restarts:-0}" != 0 ] || continue
      IFS='|' read -r _ began _ <<< "$rest"
      # The last run is this one, unless the accounting has not heard of it yet.
      case $state:$began in PENDING:* | RUNNING:* | *:"$start") state=${earlier["x$id"]} ;; esac
      state=${state%% *}
      known["x$id"]="$now|$exit|$start|$end|$nodes|${state:-$restarts}|$reason"
    done
  fi
  for id; do
    [ -z "${known["x$id"]}" ] || printf '%s%s|%s\n' "$id" "$suffix" "${known["x$id"]}"
  done
}

_maestro_end() {
  local said
  shift
  said=$(scancel --quiet "$@" 2>&1 < /dev/null) && return
  said=$(printf '%s\n' "$said" | grep -v -e 'Invalid job id' -e 'already completing or completed' -e '^[[:space:]]*$')
  [ -n "$said" ] || return 0
  printf '%s\n' "$said" >&2
  return 1
}

# The label is the second word of a job's comment. What the controller has forgotten is not found: such a job has ended, and its
# launcher has recorded that.
find_jobs() (
  # shellcheck disable=SC2086 # each word is a name
  unset ${!SQUEUE_@}
  [ -z "$SBATCH_CLUSTERS" ] || export SLURM_CLUSTERS="${SLURM_CLUSTERS:-$SBATCH_CLUSTERS}"
  # Without the headers the names of clusters are not printed either.
  if ! said=$(squeue --states=all --user="$UID" --format='%i|%k' 2>&1 < /dev/null); then
    printf '%s\n' "$said" >&2
    exit 1
  fi
  printf '%s\n' "$said" | awk '
    BEGIN { for (i = 1; i < ARGC; i++) { wanted[ARGV[i]] = 1; ARGV[i] = "" } }
    /^CLUSTER: / { suffix = ";" $2; next }
    /^[0-9]+[|]maestro / { split($0, parts, "|"); if ($2 in wanted) print parts[1] suffix, $2 }
  ' "$@"
)

# Prints lines of a kind each: `config KEY = VALUE`, `partition KEY=VALUE...`, `association ACCOUNT|PARTITION|QOS|...`,
# `qos NAME|FLAGS`, `groups NAME...`, `variable NAME=VALUE`.
describe_site() (
  for _maestro_name in sbatch squeue scancel scontrol; do
    type -P "$_maestro_name" > /dev/null && continue
    echo "there is no \`$_maestro_name\` on PATH" >&2
    exit 127
  done
  if ! said=$(scontrol show config 2>&1 < /dev/null); then
    printf '%s\n' "$said" >&2
    exit 1
  fi
  # shellcheck disable=SC2001
  sed 's/^/config /' <<< "$said"
  scontrol --all --oneliner show partition 2> /dev/null < /dev/null | sed -n 's/^PartitionName=/partition &/p'
  case $said in
    *accounting_storage/slurmdbd*)
      cluster=$(sed -n 's/^ClusterName *= *//p' <<< "$said")
      sacctmgr --noheader --parsable2 show associations user="$(id -nu)" cluster="${cluster%% *}" \
        format=Account,Partition,QOS,DefaultQOS,MaxJobs,MaxSubmit 2> /dev/null < /dev/null | sed 's/^/association /'
      sacctmgr --noheader --parsable2 show qos format=Name,Flags 2> /dev/null < /dev/null | sed 's/^/qos /'
      ;;
  esac
  echo "groups $(id -Gn)"
  for _maestro_name in SBATCH_PARTITION SBATCH_ACCOUNT SBATCH_TIMELIMIT SBATCH_QOS; do
    [ -z "${!_maestro_name}" ] || echo "variable $_maestro_name=${!_maestro_name}"
  done
)

import type { QueuedJob } from '../../store/journal/records.js';
import { quote } from '../../util/shell-quote.js';
import { isNewFlux } from './submission.js';

/**
 * Bash functions that ask the host's scheduler about a job:
 *
 * - `look`: prints `STATE|QUEUE|NODES|START|REASON`, or nothing if the scheduler does not know the job (any more). START is
 *   the host's local time, as in 2026-11-24T20:31:00. Fails with the scheduler's words on stdout if it cannot be asked.
 * - `list`: prints the ids of all jobs of this name that have not ended, a line each; fails likewise.
 * - `position QUEUE`: prints which of those that wait in the queue it is, or nothing.
 * - `end ID...`: ends jobs. That there are none is no failure.
 * - `scheduler`: prints what this scheduler calls itself, or nothing. In another cluster the same ids are of other jobs, or of
 *   none: if the job is known to be of another scheduler than this one all the others fail, and say so.
 *
 * They print the same whatever the scheduler, and do not read stdin.
 */
export function queueFunctions(job: QueuedJob): string {
  const { id, scheduler } = job;
  const guard = scheduler === undefined ? '' : guardOf(id, scheduler);
  return `${functionsOf(job)}\n${common}\n${guard}`;
}

function guardOf(id: string, scheduler: string): string {
  const whose = quote(`job ${id} is of the scheduler '${scheduler}', and commands here ask '`);
  return `scheduler=$(scheduler)
if [ -n "$scheduler" ] && [ "$scheduler" != ${quote(scheduler)} ]; then
  look() { printf '%s\\n' ${whose}"$scheduler'"; return 1; }
  list() { look; }
  position() { :; }
  end() { look; }
fi
`;
}

/** `ask WORDS...` sets `said` to all that a command said, on either stream. */
const common = `ask() { said=$("$@" 2>&1 < /dev/null); }`;

function functionsOf(job: QueuedJob): string {
  switch (job.kind) {
    case 'slurm':
      return slurm(job);
    case 'lsf':
      return lsf(job);
    case 'flux':
      return flux(job);
  }
}

/** What is said beside the lines that are asked for (warnings, the name of a cluster) has another form than they. */
function slurm({ id, jobName, cluster }: QueuedJob): string {
  return `export SLURM_TIME_FORMAT=standard
${cluster === undefined ? '' : `export SLURM_CLUSTERS=${quote(cluster)}`}
look() {
  if ask squeue --noheader --states=all --jobs=${quote(id)} --format='%T|%P|%N|%S|%r'; then
    printf '%s\\n' "$said" | grep -m 1 -E '^[A-Z_]+[|]' || :
  elif [[ $said != *'Invalid job id'* ]]; then
    printf '%s\\n' "$said"
    return 1
  fi
}
list() {
  ask squeue --noheader --name=${quote(jobName)} --format=%A || { printf '%s\\n' "$said"; return 1; }
  printf '%s\\n' "$said" | grep -E '^[0-9]+$' || :
}
position() {
  squeue --noheader --states=PENDING --partition="$1" --sort=-p,i --format=%j 2> /dev/null < /dev/null |
    awk -v name=${quote(jobName)} '$1 == name { print NR; exit }'
}
end() { scancel "$@" < /dev/null; }
scheduler() {
  scontrol show config 2> /dev/null < /dev/null | sed -n -e 's/^ClusterName *= *//p' -e 's/^ControlMachine *= */@/p' \\
    -e 's/^SlurmctldHost[[]0[]] *= *\\([^( ]*\\).*/@\\1/p' | tr -d '\\n'
}`;
}

/** The reason comes from `bjobs -p`, in lines that are indented; `-o` has it in some versions only. */
function lsf({ id, jobName }: QueuedJob): string {
  return `look() {
  ask bjobs -noheader -o "stat queue exec_host delimiter='|'" ${quote(id)}
  local line reason=
  line=$(printf '%s\\n' "$said" | grep -m 1 -E '^[A-Z]+[|]')
  if [ -n "$line" ]; then
    case $line in P*) reason=$(bjobs -p ${quote(id)} 2> /dev/null < /dev/null | sed -n 's/^[[:blank:]]\\{1,\\}//p' | tr '\\n' ' ') ;; esac
    printf '%s||%s\\n' "$line" "$reason"
  elif [[ $said != *'is not found'* ]]; then
    printf '%s\\n' "$said"
    return 1
  fi
}
list() {
  ask bjobs -noheader -o jobid -J ${quote(jobName)}
  printf '%s\\n' "$said" | grep -E '^[0-9]+$' && return
  case $said in *'is not found'* | *'No unfinished job found'* | '') return 0 ;; esac
  printf '%s\\n' "$said"
  return 1
}
position() { :; }
end() { bkill "$@" < /dev/null; }
scheduler() { lsid 2> /dev/null < /dev/null | sed -n 's/^My cluster name is //p'; }`;
}

/** Names of queues, and an order among those that wait in one, came to `flux jobs` after `flux mini` had gone. */
function flux({ id, jobName, flux, fluxVersion }: QueuedJob): string {
  const isNew = isNewFlux(fluxVersion);
  const command = quote(flux);
  const format = `{status}|{nodelist}|{annotations.sched.t_estimate}|${isNew ? '{queue}' : ''}|{exception.type}|{exception.note}`;
  return `look() {
  ask ${command} jobs -n -o ${quote(format)} ${quote(id)} || [[ $said == *' unknown'* ]] || { printf '%s\\n' "$said"; return 1; }
  local line state nodes start queue type note
  line=$(printf '%s\\n' "$said" | grep -m 1 -E '^[A-Z]+[|]') || return 0
  IFS='|' read -r state nodes start queue type note <<< "$line"
  [ -z "$start" ] || start=$(date -d "@$start" +%FT%T 2> /dev/null)
  printf '%s|%s|%s|%s|%s\\n' "$state" "$queue" "$nodes" "$start" "$type\${note:+: $note}"
}
list() {
  ask ${command} jobs -n -c 0 -f pending,running -o '{name} {id.f58}' || { printf '%s\\n' "$said"; return 1; }
  printf '%s\\n' "$said" | sed -n ${quote(`s/^${jobName.replaceAll('.', '\\.')} //p`)}
}
position() {
  ${command} jobs -n -A -c 0 -f pending -o ${quote(`${isNew ? '{queue}' : ''}|{name}`)} 2> /dev/null < /dev/null |
    awk -F '|' -v queue="$1" -v name=${quote(jobName)} '$1 == queue { n++; if ($2 == name) { print n; exit } }'
}
end() { ${command} ${isNew ? 'cancel' : 'job cancel'} "$@" < /dev/null; }
# The first host, whatever others there are by now.
scheduler() { ${command} getattr hostlist 2> /dev/null < /dev/null | sed 's/[],].*//; s/[[]\\(.*\\)-.*/\\1/; s/[[]//'; }`;
}

/** A job as its scheduler has it. */
export interface JobState {
  /** Whether it waits for its nodes, has them, or is over. */
  readonly phase: 'waiting' | 'running' | 'ended';
  /** The scheduler's own word. */
  readonly word: string;
  readonly queue: string;
  readonly nodes: string;
  /** When it will have its nodes, by the host's clock: 2026-11-24T20:31:00; '' if that is not known. */
  readonly start: string;
  readonly reason: string;
}

const waiting = [
  ...['PENDING', 'REQUEUED', 'REQUEUE_FED', 'REQUEUE_HOLD', 'RESV_DEL_HOLD', 'SPECIAL_EXIT'],
  ...['PEND', 'PSUSP', 'WAIT'],
  ...['DEPEND', 'PRIORITY', 'SCHED'],
];
const ended = [
  ...['BOOT_FAIL', 'CANCELLED', 'COMPLETED', 'COMPLETING', 'DEADLINE', 'FAILED', 'LAUNCH_FAILED', 'NODE_FAIL'],
  ...['OUT_OF_MEMORY', 'PREEMPTED', 'REVOKED', 'TIMEOUT'],
  ...['DONE', 'EXIT'],
  ...['CANCELED', 'CLEANUP', 'INACTIVE'],
];

/** Reads what `look` printed. A word that is not known is one of a job that has its nodes: it is not given up for that. */
export function parseJobState(line: string): JobState {
  const [word = '', queue = '', nodes = '', start = '', ...reason] = line.split('|');
  return {
    phase: waiting.includes(word) ? 'waiting' : ended.includes(word) ? 'ended' : 'running',
    word,
    queue,
    // LSF's come with how many slots there are of each.
    nodes: [...new Set(nodes.split(':').map((host) => host.replace(/^[0-9]+\*/, '')))].join(', '),
    start: /^[0-9]{4}-[0-9]{2}-[0-9]{2}T/.test(start) ? start : '',
    reason: meaningful(reason.join('|').trim()),
  };
}

function meaningful(reason: string): string {
  return ['None', '(null)'].includes(reason) ? '' : reason.replace(/;$/, '');
}

import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { blame } from '../../src/causes/cause.js';
import type { BatchSystem, QueueRow, StateMeaning } from '../../src/schedulers/batch/batch-system.js';
import { parseHostlist } from '../../src/util/hostlist.js';
import { assignments, quote } from '../../src/util/shell-quote.js';
import { plainEnvironment } from './hosts.js';
import { until } from './wait.js';

/**
 * A batch system that is a directory: a submitted job stays there, in the state that the test gives it, until the test
 * runs it. Each job has a file `ID.job` (what was submitted), `ID.label` and `ID.row` (its state, reason and exit
 * status).
 */
export class DirectoryQueue {
  readonly system: BatchSystem;
  readonly #directory: string;

  constructor(directory: string) {
    mkdirSync(directory, { recursive: true });
    this.#directory = directory;
    this.system = systemOf(directory);
  }

  /** The ids of all jobs that were submitted, in order. */
  get ids(): readonly string[] {
    const names = readdirSync(this.#directory).filter((name) => name.endsWith('.row'));
    return names.map((name) => name.slice(0, -4)).sort((a, b) => Number(a) - Number(b));
  }

  /** The ids that were cancelled. */
  get cancelled(): readonly string[] {
    return this.ids.filter((id) => this.#read(id, 'row').startsWith('CANCELLED'));
  }

  /** Waits until so many jobs were submitted. */
  async submitted(count: number): Promise<void> {
    await until(`${count} jobs were submitted`, () => this.ids.length >= count);
  }

  /** What was submitted. */
  textOf(id: string): string {
    return this.#read(id, 'job');
  }

  /** Sets a state, in the words of `meanings`. */
  set(
    id: string,
    state: string,
    { reason = '', exitCode = '' }: { reason?: string; exitCode?: number | '' } = {},
  ): void {
    writeFileSync(this.#file(id, 'row'), `${state}|${reason}|${exitCode}\n`);
  }

  /** Submits a job once more, as by a submit that was repeated because its answer was lost. */
  copy(id: string): void {
    const copied = String(Math.max(...this.ids.map(Number)) + 1);
    mkdirSync(path.join(this.#directory, copied));
    for (const kind of ['cwd', 'job', 'label', 'row']) copyFileSync(this.#file(id, kind), this.#file(copied, kind));
  }

  /** The queue does not know the job any more. */
  forget(id: string): void {
    for (const kind of ['row', 'label']) rmSync(this.#file(id, kind), { force: true });
  }

  /** Runs the job, as a node would, and sets its state by its exit status, unless `state` says another one. */
  async run(id: string, state?: string, environment: Readonly<Record<string, string>> = {}): Promise<number> {
    this.set(id, 'RUNNING');
    const code = await new Promise<number>((resolve) => {
      const cwd = this.#read(id, 'cwd').trim();
      const env = { ...plainEnvironment, JOB: id, ...environment };
      execFile('bash', ['-p', this.#file(id, 'job')], { cwd, env }, (error) => {
        const code = (error as { code?: unknown } | null)?.code;
        resolve(error === null ? 0 : typeof code === 'number' ? code : 143);
      });
    });
    this.set(id, state ?? (code === 0 ? 'COMPLETED' : 'FAILED'), { exitCode: code });
    return code;
  }

  /** From now on the next submits fail with these words; `isTaken` if the job is taken all the same. */
  refuse(words: string, { isTaken = false, times = 1_000_000 } = {}): void {
    writeFileSync(path.join(this.#directory, 'refusal'), `${words}\n`);
    writeFileSync(path.join(this.#directory, 'refusals'), `${times}\n`);
    if (isTaken) writeFileSync(path.join(this.#directory, 'taken'), '');
  }

  accept(): void {
    for (const name of ['refusal', 'refusals', 'taken']) rmSync(path.join(this.#directory, name), { force: true });
  }

  /** From now on a submit is answered only some time after the job was taken. */
  slowDown(): void {
    writeFileSync(path.join(this.#directory, 'slow'), '');
  }

  /** Whether it answers questions. */
  set answers(isAnswering: boolean) {
    const file = path.join(this.#directory, 'mute');
    if (isAnswering) rmSync(file, { force: true });
    else writeFileSync(file, '');
  }

  #file(id: string, kind: string): string {
    return path.join(this.#directory, `${id}.${kind}`);
  }

  #read(id: string, kind: string): string {
    const file = this.#file(id, kind);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }
}

/** The states of the queue. */
const meanings: Readonly<Record<string, StateMeaning>> = {
  PENDING: { phase: 'waiting', result: null, note: '' },
  RUNNING: { phase: 'running', result: null, note: '' },
  COMPLETING: { phase: 'finishing', result: null, note: '' },
  COMPLETED: { phase: 'ended', result: 'completed', note: '' },
  FAILED: { phase: 'ended', result: 'failed', note: '' },
  TIMEOUT: { phase: 'ended', result: 'timeout', note: 'its time limit was reached' },
  NODE_FAIL: { phase: 'ended', result: 'node-failure', note: 'its node failed', blame: blame('node') },
  CANCELLED: { phase: 'ended', result: 'cancelled', note: 'its job was cancelled' },
};

const program = `
muted() { [ ! -e "$queue/mute" ] || { echo 'the queue is away' >&2; return 1; }; }
submit_job() {
  local file=$1 number=1 times
  shift
  while ! mkdir "$queue/$number" 2> /dev/null; do number=$((number + 1)); done
  if [ -e "$queue/refusal" ]; then
    read -r times < "$queue/refusals"
    if [ "$times" -gt 0 ]; then
      echo $((times - 1)) > "$queue/refusals"
      [ -e "$queue/taken" ] || { rmdir "$queue/$number"; cat "$queue/refusal" >&2; return 1; }
      taken=1
    fi
  fi
  pwd > "$queue/$number.cwd"
  cp "$file" "$queue/$number.job"
  echo "$1" > "$queue/$number.label"
  echo 'PENDING||' > "$queue/$number.row"
  [ ! -e "$queue/slow" ] || sleep 4
  [ -z "$taken" ] || { cat "$queue/refusal" >&2; return 1; }
  echo "$number"
}
query_jobs() {
  local id
  muted || return
  for id; do [ ! -e "$queue/$id.row" ] || echo "$id|$(cat "$queue/$id.row")"; done
}
explain_jobs() { query_jobs "$@"; }
find_jobs() {
  local label file
  muted || return
  for label; do
    for file in "$queue"/*.label; do
      [ "$(cat "$file")" != "$label" ] || { file=\${file##*/}; echo "\${file%.label} $label"; }
    done
  done
}
end_jobs() {
  local id
  muted || return
  for id; do
    grep -qE '^(PENDING|RUNNING)' "$queue/$id.row" 2> /dev/null && echo 'CANCELLED||' > "$queue/$id.row"
  done
  return 0
}
describe_site() { echo 'directory 1.0'; }
`;

function systemOf(directory: string): BatchSystem {
  return {
    type: 'slurm',
    name: 'the queue',
    program: `${assignments({ queue: directory })}${program}`,
    jobIdExpression: '"$JOB${RESTART:+-$RESTART}"',
    nodesExpression: '"$NODES"',
    parseNodes: parseHostlist,
    submitWords: (_step, _batch, label) => [label],
    excludeWords: (nodes) => [`--exclude=${nodes.join(',')}`],
    parseRow,
    meaningOf: ({ state }) => meanings[state] ?? meanings.RUNNING!,
    doubtOf: ({ reason }) => (reason === 'Held' ? { reason, hint: 'release it' } : undefined),
    lacksNodes: ({ reason }) => reason === 'NoNodes',
    classifyRefusal: (words) => (/limit/.test(words) ? 'wait' : /timed out/.test(words) ? 'doubt' : 'never'),
    idOfOwner: (owner) => owner.replace(/-.*/, ''),
    outputs: ({ workspace, jobName }) => ({
      stdout: `${workspace}/${jobName}.out`,
      stderr: `${workspace}/${jobName}.err`,
    }),
    parseSite: (printed) => ({ version: printed.trim(), installation: quote(directory), introduction: [] }),
    checkPlan: () => [],
  };
}

function parseRow(line: string): QueueRow | undefined {
  const [id = '', state, reason = '', exitCode = ''] = line.split('|');
  if (state === undefined) return undefined;
  return { id, state, reason, exitCode: exitCode === '' ? null : Number(exitCode), startedAt: null, endedAt: null };
}

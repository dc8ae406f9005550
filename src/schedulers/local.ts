import type { Clock } from '../clock.js';
import { collectText, mustRun } from '../hosts/commands.js';
import { type Exit, type Host, HostError, type HostProcess } from '../hosts/host.js';
import { quote, quoteAll } from '../quote.js';
import type { StepInstance } from '../study/graph.js';
import { launcherWords } from './launcher.js';
import { outputName, outputsOf } from './outputs.js';
import type { Job, JobListener, JobOutcome, Outputs, Scheduler } from './scheduler.js';
import { signalOf } from './signals.js';

/** A local step that was told to end has this long before it is killed, in seconds. */
const grace = 2;

interface Running {
  readonly job: Job;
  process: HostProcess | undefined;
  /** The process group; undefined until the command has said which. */
  group: number | undefined;
  cancelled: boolean;
}

/**
 * Runs steps that no batch system runs, as processes on the host that the conductor uses. As in Maestro: in the workspace,
 * with no input, stdout and stderr in `<name>.<pid>.out` and `.err`; but written as they come, whatever bytes they are.
 * How many run at once is the conductor's business.
 */
export class LocalScheduler implements Scheduler {
  readonly #host: Host;
  readonly #studyPath: string;
  readonly #exports: string;
  readonly #clock: Clock;
  readonly #listener: JobListener;
  readonly #running = new Map<number, Running>();

  /** @param env what every step finds in its environment besides the host's */
  constructor(host: Host, studyPath: string, env: ReadonlyMap<string, string>, clock: Clock, listener: JobListener) {
    this.#host = host;
    this.#studyPath = studyPath;
    this.#exports = [...env].map(([name, value]) => `export ${name}=${quote(value)}\n`).join('');
    this.#clock = clock;
    this.#listener = listener;
  }

  submit(job: Job): void {
    const running: Running = { job, process: undefined, group: undefined, cancelled: false };
    this.#running.set(job.step.index, running);
    void this.#run(running);
  }

  cancel(jobs: readonly Job[]): void {
    const groups: number[] = [];
    for (const { step } of jobs) {
      const running = this.#running.get(step.index);
      if (running === undefined) continue;
      running.cancelled = true;
      if (running.group !== undefined) groups.push(running.group);
    }
    this.#kill(groups);
  }

  /** Lets all that runs go on without us. */
  leave(): void {
    for (const { process } of this.#running.values()) process?.leave();
  }

  outputs(step: StepInstance, id: string): Outputs {
    return outputsOf(step, id);
  }

  async #run(running: Running): Promise<void> {
    const { job } = running;
    const base = { step: job.step.index, attempt: job.attempt };
    try {
      const process = this.#host.spawn(this.#command(job));
      running.process = process;
      process.stdin.end();
      const trouble = collectText(process.stderr, 4096);
      process.stdout.once('data', (data: Buffer) => this.#started(running, Number.parseInt(data.toString(), 10)));
      const exit = await process.exit;
      this.#forget(running);
      const at = this.#clock.now();
      if (running.group === undefined) {
        this.#listener({ ...base, type: 'not-submitted', at, reason: trouble() || `exit ${exit.code}` });
      } else {
        this.#listener({ ...base, type: 'ended', at, outcome: outcomeOf(exit, running.cancelled) });
      }
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      this.#forget(running);
      this.#listener({ ...base, type: 'not-submitted', at: this.#clock.now(), reason: error.message });
    }
  }

  /** Before its end is reported: that may be answered with the step's next attempt. */
  #forget(running: Running): void {
    this.#running.delete(running.job.step.index);
  }

  /** The command says its process group on stdout, then becomes the launcher: the group's leader is the script's parent. */
  #command({ step, attempt, script }: Job): string {
    const output = `${quote(outputName(step))}.$$`;
    const { workspace } = step;
    const command = [...launcherWords(this.#studyPath, workspace, attempt), `${this.#studyPath}/${script}`];
    return (
      `cd -- ${quote(`${this.#studyPath}/${workspace}`)} || exit\n` +
      `${this.#exports}exec 3>&1 </dev/null >${output}.out 2>${output}.err || exit\n` +
      `echo $$ >&3; exec 3>&-\n` +
      `CONDUCTOR_JOB=$HOSTNAME:$$:$RANDOM exec ${quoteAll(command)}`
    );
  }

  #started(running: Running, group: number): void {
    running.group = group;
    const { job } = running;
    const base = { step: job.step.index, attempt: job.attempt, at: this.#clock.now() };
    this.#listener({ ...base, type: 'submitted', id: String(group) });
    this.#listener({ ...base, type: 'started' });
    if (running.cancelled) this.#kill([group]);
  }

  #kill(groups: readonly number[]): void {
    if (groups.length === 0) return;
    const all = groups.map((group) => `-${group}`).join(' ');
    const command =
      `kill -TERM -- ${all} 2>/dev/null\n` +
      `for _ in {1..${grace * 10}}; do kill -0 -- ${all} 2>/dev/null || exit 0; sleep 0.1; done\n` +
      `kill -KILL -- ${all} 2>/dev/null\nexit 0`;
    // If even this cannot run, the steps' own end is still waited for and reported.
    mustRun(this.#host, 'cannot end local steps', command).catch(() => {});
  }
}

function outcomeOf({ code }: Exit, cancelled: boolean): JobOutcome {
  const signal = signalOf(code);
  const result = code === 0 ? 'completed' : cancelled ? 'cancelled' : 'failed';
  return { result, exitCode: code, signal, note: '' };
}

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { it } from 'vitest';
import { type Ended, type Started, startBundle } from './bundle.js';
import { plainEnvironment } from './hosts.js';
import { type Brief, type StepBrief, yamlOf } from './plan.js';
import { installedSlurm, type Slurm } from './slurm.js';
import { temporaryDirectory } from './temporary.js';
import { validReport } from './valid-report.js';
import { until } from './wait.js';

/**
 * Whether Slurm can be started here, with what a test needs besides. Where it cannot, that is said loudly, with what is not
 * tested then.
 */
export function isSlurmPossible(what: string, needs: () => true | string = () => true): boolean {
  const installed = installedSlurm();
  const why = installed === true ? needs() : installed;
  if (why === true) return true;
  console.warn(`NO SLURM: ${why}; NOT TESTED: ${what}`);
  it.skip(`NOT TESTED: ${what}: ${why}`, () => {});
  return false;
}

/**
 * Bash: gives the job of the script, which runs on for long, a time limit that is over. Slurm looks every 30 seconds. It is
 * said again and again, because a controller that is still busy with the job's start forgets it.
 */
export const outOfTime = 'for i in {1..20}; do scontrol update jobid=$SLURM_JOB_ID endtime=now; sleep 5; done';

/** The batch block of studies whose jobs go into the default partition. */
export const slurmBatch = { type: 'slurm', host: 'testing', bank: '', queue: '' };

/** A job of one task that writes down in `runs` that its script runs: `4` or, on a second incarnation of the job, `4.1`. */
export const job = (name: string, cmd = 'true', more: Partial<StepBrief> = {}): StepBrief => ({
  name,
  procs: 1,
  ...more,
  cmd: `echo "$SLURM_JOB_ID\${SLURM_RESTART_COUNT:+.$SLURM_RESTART_COUNT}" >> runs; ${cmd}`,
});

/** A local step that writes down that it runs. */
export const local = (name: string, cmd = 'true', more: Partial<StepBrief> = {}): StepBrief => ({
  name,
  ...more,
  cmd: `echo here >> runs; ${cmd}`,
});

/** Bash: waits for a file of this name in the workspace. */
export const gate = (name = 'go') => `until [ -e ${name} ]; do sleep 0.05; done`;

/** A study of Slurm jobs that is run on this machine, from the command line, and run again. */
export class SlurmStudy {
  readonly directory = temporaryDirectory();
  /** The study directory. */
  readonly path = path.join(this.directory, 'study');
  readonly #slurm: Slurm;
  readonly #inputs: Readonly<Record<string, string>>;

  /** @param site the inputs with which the machine is reached by SSH; the study is run by itself unless they are given */
  constructor(slurm: Slurm, brief: Brief | string, site: Readonly<Record<string, string>> = {}) {
    this.#slurm = slurm;
    const text = typeof brief === 'string' ? brief : yamlOf({ batch: slurmBatch, ...brief });
    writeFileSync(path.join(this.directory, 'study.yaml'), text);
    this.#inputs = Object.fromEntries(Object.entries(site).map(([name, value]) => [name, this.#inFile(name, value)]));
  }

  /** The value of an input that is no option's by its size, or a secret: a file that has it. */
  #inFile(name: string, value: string): string {
    if (!['ssh-key', 'ssh-known-hosts'].includes(name)) return value;
    writeFileSync(path.join(this.directory, name), value, { mode: 0o600 });
    return `@${name}`;
  }

  /** Starts a run of it. */
  start(inputs: Readonly<Record<string, string>> = {}): Started {
    const all = { ...this.#inputs, 'output-path': this.path, 'report-path': 'report', ...inputs };
    const options = Object.entries(all).map(([name, value]) => `--${name}=${value}`);
    return startBundle(['run', 'study.yaml', ...options], {
      cwd: this.directory,
      env: {
        ...plainEnvironment,
        HOME: this.directory,
        ...(this.#inputs.host === undefined ? this.#slurm.environment : {}),
      },
    });
  }

  /** Runs it to its end. */
  run(inputs: Readonly<Record<string, string>> = {}): Promise<Ended> {
    return this.start(inputs).ended;
  }

  /** Starts a run, and waits until the scripts of these steps run. */
  async startUntilUp(steps: readonly string[], inputs: Readonly<Record<string, string>> = {}): Promise<Started> {
    const started = this.start(inputs);
    let ended = '';
    void started.ended.then(({ code, stdout, stderr }) => {
      ended = `it has ended with ${code}:\n${stdout}${stderr}`;
    });
    for (const step of steps) {
      await until(`${step} runs`, () => ended !== '' || this.runsOf(step).length > 0, 30_000);
      if (this.runsOf(step).length === 0) throw new Error(ended);
    }
    return started;
  }

  has(file: string): boolean {
    return existsSync(path.join(this.path, file));
  }

  read(file: string): string {
    return readFileSync(path.join(this.path, file), 'utf8');
  }

  /** Makes a file in the study, such as the one that a gate waits for. */
  write(file: string, text = ''): void {
    writeFileSync(path.join(this.path, file), text);
  }

  /** What each run of a step's script has written down, in order. */
  runsOf(workspace: string): string[] {
    const file = `${workspace}/runs`;
    // It is there a moment before its first line.
    return this.has(file)
      ? this.read(file)
          .split('\n')
          .filter((line) => line !== '')
      : [];
  }

  /** Waits until a step's script has run this often. Returns the id of the latest job. */
  async hasRun(step: string, times = 1, milliseconds = 30_000): Promise<string> {
    await until(`${step} has run ${times} times`, () => this.runsOf(step).length >= times, milliseconds);
    return this.runsOf(step).at(-1)!;
  }

  /** The id of a step's job that is in Slurm's queue, once there is one. */
  async queuedJob(step: string): Promise<string> {
    for (let look = 0; look < 300; look++) {
      const ids = await this.#slurm.command('squeue', '--noheader', '--format=%i', `--name=${step}`);
      if (ids !== '') return ids.trim();
      await sleep(50);
    }
    throw new Error(`no job of ${step} is in the queue`);
  }

  get report() {
    return validReport(readFileSync(path.join(this.directory, 'report/report.json'), 'utf8'));
  }

  /** The state of each step, by its workspace. */
  get states(): Record<string, string> {
    return this.#ofEach(({ state }) => state);
  }

  /** What the report says of each step: `make FINISHED`, or with a reason `run FAILED: exit 3`. */
  get ends(): string[] {
    return this.report.steps.map(
      ({ name, state, reason }: Record<string, string>) => `${name} ${state}${reason ? `: ${reason}` : ''}`,
    );
  }

  /** How often the script in each of these workspaces has run: `run/X.1 2`. */
  runCounts(...workspaces: readonly string[]): string[] {
    return workspaces.map((workspace) => `${workspace} ${this.runsOf(workspace).length}`);
  }

  /** How often the script of each step has run, by its workspace. */
  get allRuns(): Record<string, number> {
    return this.#ofEach(({ workspace }) => this.runsOf(workspace).length);
  }

  /** How many jobs each step has had, by its workspace. */
  get allAttempts(): Record<string, number> {
    return this.#ofEach(({ jobs }) => jobs.length);
  }

  #ofEach<T>(what: (step: ReportedStep) => T): Record<string, T> {
    return Object.fromEntries(this.report.steps.map((step: ReportedStep) => [step.workspace, what(step)]));
  }
}

interface ReportedStep {
  readonly workspace: string;
  readonly state: string;
  readonly jobs: readonly unknown[];
}

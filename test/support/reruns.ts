import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Job, type Started } from './bundle.js';
import { type StepBrief, yamlOf } from './plan.js';
import { temporaryDirectory } from './temporary.js';
import { until } from './wait.js';

/** What one attempt of a workflow differs in from the one before. */
export interface Attempt {
  readonly runId?: string;
  readonly attempt?: number;
  readonly steps?: readonly StepBrief[];
  readonly inputs?: Readonly<Record<string, string>>;
}

/**
 * A study that a workflow runs, and runs again: each time with a checkout and a RUNNER_TEMP of its own, but on a machine
 * whose home stays. Its steps count their runs, and wait for the test.
 */
export class Reruns {
  readonly home = temporaryDirectory();
  readonly #gates = temporaryDirectory();
  readonly #batch: Readonly<Record<string, unknown>> | undefined;
  readonly #inputs: Readonly<Record<string, string>>;
  #steps: readonly StepBrief[];

  constructor(
    steps: (reruns: Reruns) => readonly StepBrief[],
    inputs: Readonly<Record<string, string>> = {},
    batch?: Readonly<Record<string, unknown>>,
  ) {
    this.#inputs = inputs;
    this.#batch = batch;
    this.#steps = steps(this);
  }

  /** A job of the workflow, which is to be started. What is changed stays changed. */
  job({ runId = '4711', attempt = 1, steps = this.#steps, inputs = {} }: Attempt = {}): Job {
    this.#steps = steps;
    const batch = this.#batch === undefined ? {} : { batch: this.#batch };
    const job = new Job().study(yamlOf({ steps, ...batch })).with({ ...this.#inputs, ...inputs });
    Object.assign(job.environment, {
      HOME: this.home,
      GITHUB_RUN_ID: runId,
      GITHUB_RUN_ATTEMPT: String(attempt),
      GITHUB_SERVER_URL: 'https://github.invalid',
    });
    return job;
  }

  /** Bash: counts a run, and then waits for `open`. */
  gate(name = 'go'): string {
    const file = path.join(this.#gates, name);
    return `echo ran >> runs; touch up; until [ -e ${file} ] || [ ! -d ${this.#gates} ]; do sleep 0.05; done`;
  }

  /** Bash: the same, but whoever is told to end does not, for so many seconds. */
  stubborn(seconds: number): string {
    return `trap "" TERM; echo $$ > pid; ${this.gate().replace('; do', ` || [ $SECONDS -gt ${seconds} ]; do`)}`;
  }

  /** Lets go what waits. */
  open(name = 'go'): void {
    writeFileSync(path.join(this.#gates, name), '');
  }

  /** Where the study is, if there is only one. */
  get studyPath(): string {
    const root = path.join(this.home, 'maestro-studies/octo/studies');
    const given = this.#inputs['output-path'];
    if (given !== undefined) return path.resolve(root, given);
    const [name, ...others] = existsSync(root) ? readdirSync(root) : [];
    if (name === undefined || others.length > 0) throw new Error(`there is not one study: ${[name, ...others]}`);
    return path.join(root, name);
  }

  has(file: string): boolean {
    try {
      return existsSync(path.join(this.studyPath, file));
    } catch {
      return false;
    }
  }

  read(file: string): string {
    return readFileSync(path.join(this.studyPath, file), 'utf8');
  }

  /** How often each step ran: `a 1`. */
  get ran(): string[] {
    return this.#steps.map(({ name }) => {
      const file = `${name}/runs`;
      return `${name} ${this.has(file) ? this.read(file).split('\n').length - 1 : 0}`;
    });
  }

  /** Starts a job, and waits until steps run. */
  async startUntilUp(job: Job, ...steps: readonly string[]): Promise<Started> {
    const started = job.start();
    let ended = '';
    void started.ended.then(({ code, stdout, stderr }) => {
      ended = `it has ended with ${code}:\n${stdout}${stderr}`;
    });
    for (const step of steps) {
      await until(`${step} runs`, () => ended !== '' || this.has(`${step}/up`), 30_000);
      if (!this.has(`${step}/up`)) throw new Error(ended);
    }
    // What the journal is told of that, and nobody waits for, is in it a little later: then it says nothing more.
    for (let before = ''; before !== this.read('.conductor/journal.jsonl'); await sleep(600)) {
      before = this.read('.conductor/journal.jsonl');
    }
    return started;
  }

  /** What status.csv says of each step: `a FINISHED`. */
  get status(): string[] {
    const [header, ...lines] = this.read('status.csv').trimEnd().split('\n');
    const names = header!.split(',');
    const [name, state] = [names.indexOf('Step Name'), names.indexOf('State')];
    return lines.map((line) => `${line.split(',')[name]} ${line.split(',')[state]}`);
  }
}

/** The states in report.json: `a FINISHED`. */
export const statesOf = (job: Job): string[] =>
  job.report.steps.map(({ name, state }: Record<string, string>) => `${name} ${state}`);

/** A step that counts its runs. */
export const counted = (name: string, more: Partial<StepBrief> = {}): StepBrief => {
  const { cmd = 'true', ...others } = more;
  return { name, cmd: `echo ran >> runs; ${cmd}`, ...others };
};

/** The run key of a plain Flux job of one task. */
export const oneTask = { procs: 1, nested: false } as const;

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { it } from 'vitest';
import { type Ended, type Started, startBundle } from './bundle.js';
import { plainEnvironment } from './hosts.js';
import { type Brief, yamlOf } from './plan.js';
import { temporaryDirectory } from './temporary.js';
import { validReport } from './valid-report.js';
import { until } from './wait.js';

/** The directory of the `maestro` of the Python that MAESTRO_PYTHON names; '' if there is none. */
export const maestroDirectory = findMaestro();

function findMaestro(): string {
  const python = process.env.MAESTRO_PYTHON ?? '';
  const directory = path.dirname(python);
  try {
    execFileSync(python, ['-c', 'import maestrowf'], { stdio: 'ignore' });
    return existsSync(path.join(directory, 'maestro')) ? directory : '';
  } catch {
    return '';
  }
}

/** Whether real Maestro can be run here. Where it cannot, that is said loudly, with what is not tested then. */
export function isMaestroPossible(what: string): boolean {
  if (maestroDirectory !== '') return true;
  const why = 'MAESTRO_PYTHON names no Python that has maestrowf';
  console.warn(`NO MAESTRO: ${why}; NOT TESTED: ${what}`);
  it.skip(`NOT TESTED: ${what}: ${why}`, () => {});
  return false;
}

/** With Maestro on PATH, and nothing else of the tester's own. */
export const withMaestro = { ...plainEnvironment, PATH: `${maestroDirectory}:${plainEnvironment.PATH}` };

export type Conductor = 'native' | 'maestro';

export interface ConductedOptions {
  readonly conductor?: Conductor;
  /** More of the environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Inputs of all runs. */
  readonly inputs?: Readonly<Record<string, string>>;
  /** Files beside the spec, by name. */
  readonly files?: Readonly<Record<string, string>>;
}

/** A study that the bundle runs from the command line, with the host's own Maestro unless told otherwise. */
export class ConductedStudy {
  readonly directory = temporaryDirectory();
  /** The study directory of the first run. */
  readonly path = path.join(this.directory, 'study');
  readonly #options: ConductedOptions;

  constructor(study: Brief | string, options: ConductedOptions = {}) {
    this.#options = options;
    const files = { 'study.yaml': typeof study === 'string' ? study : yamlOf(study), ...options.files };
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(this.directory, name)), { recursive: true });
      writeFileSync(path.join(this.directory, name), text);
    }
    mkdirSync(path.join(this.directory, 'gates'));
  }

  /** Bash: writes down that it runs, and waits for `open`. */
  gate(name = 'go'): string {
    const gates = path.join(this.directory, 'gates');
    return `echo ran >> runs; until [ -e ${gates}/${name} ] || [ ! -d ${gates} ]; do sleep 0.05; done`;
  }

  /** Lets go what waits. */
  open(name = 'go'): void {
    writeFileSync(path.join(this.directory, 'gates', name), '');
  }

  start(inputs: Readonly<Record<string, string>> = {}): Started {
    const { conductor = 'maestro', environment = {}, inputs: own = {} } = this.#options;
    const all = {
      ...{ 'output-path': this.path, 'report-path': 'report' },
      ...(conductor === 'native' ? {} : { conductor, sleeptime: '1' }),
      ...own,
      ...inputs,
    };
    const options = Object.entries(all).map(([name, value]) => `--${name}=${value}`);
    const env = { ...withMaestro, HOME: this.directory, ...environment };
    return startBundle(['run', 'study.yaml', ...options], { cwd: this.directory, env });
  }

  run(inputs: Readonly<Record<string, string>> = {}): Promise<Ended> {
    return this.start(inputs).ended;
  }

  /** Starts a run, and waits until a step of it runs. */
  async startUntilUp(step: string, inputs: Readonly<Record<string, string>> = {}): Promise<Started> {
    const started = this.start(inputs);
    let ended: Ended | undefined;
    void started.ended.then((end) => {
      ended = end;
    });
    const isUp = () => this.has(`${step}/runs`);
    await until(`${step} runs`, () => ended !== undefined || isUp(), 30_000);
    if (!isUp()) throw new Error(`it has ended:\n${ended?.stdout}${ended?.stderr}`);
    return started;
  }

  has(file: string): boolean {
    return existsSync(path.join(this.path, file));
  }

  read(file: string): string {
    return readFileSync(path.join(this.path, file), 'utf8');
  }

  get report() {
    return validReport(readFileSync(path.join(this.directory, 'report/report.json'), 'utf8'));
  }

  /** What the report says of each step: `make FINISHED`, or with a reason `run FAILED: exit 3`. */
  get ends(): string[] {
    return this.report.steps.map(
      ({ name, state, reason }: Record<string, string>) => `${name} ${state}${reason ? `: ${reason}` : ''}`,
    );
  }

  /** The process ids of Maestro, and of the shell that waits for it. */
  async maestroProcesses(): Promise<number[]> {
    await until('Maestro has its directory', () => this.has('.conductor/maestro/process'));
    const [, shell, , , maestro] = this.read('.conductor/maestro/process').trim().split(' ');
    return [Number(shell), Number(maestro)];
  }

  /** Every file of the study, with its content, but ours, Maestro's own, and with ids out of the names of outputs. */
  get workspaces(): Record<string, string> {
    const files = readdirSync(this.path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const found = files.map((entry) => {
      const file = path.join(entry.parentPath, entry.name);
      return [path.relative(this.path, file), readFileSync(file, 'utf8').replaceAll(this.path, 'STUDY')] as const;
    });
    return Object.fromEntries(
      found
        .filter(([name]) => name.includes('/') && !/^(\.conductor|logs|meta)\//.test(name))
        .map(([name, text]) => [name.replace(/\.[^./]+\.(out|err)$/, '.ID.$1'), text]),
    );
  }
}

/**
 * A report without what differs from run to run: times, ids, the names of outputs, and where the study is. Nor has it the nodes,
 * which Maestro does not tell.
 */
export function comparable(report: unknown): unknown {
  const varying = new Set(['submitted', 'started', 'ended', 'id', 'path', 'seconds', 'fluxUri']);
  const text = JSON.stringify(report, (key, value) => {
    if (key === 'nodes') return undefined;
    return varying.has(key) && typeof value !== 'object' ? '' : value;
  });
  const plain: unknown = JSON.parse(text.replace(/\.[^./"]+\.(out|err)"/g, '.ID.$1"'));
  return plain;
}

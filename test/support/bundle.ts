import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { inject } from 'vitest';
import { plainEnvironment } from './hosts.js';
import { temporaryDirectory } from './temporary.js';
import { validReport } from './valid-report.js';

const root = path.resolve(import.meta.dirname, '../..');

/** The bundle that the sources make, as users get it: see build-bundle.ts. */
export function bundlePath(): string {
  const bundle = inject('bundle') as string | undefined;
  if (bundle === undefined) throw new Error('this project of the tests has no bundle: see vitest.config.ts');
  return bundle;
}

/** The Node that the project brings with it, of the version that runs the action. */
export const ownNode = path.join(root, 'node_modules/.bin/node');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs, and how it ends. */
export interface Started {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** Starts the bundle, with no input. */
export function startBundle(
  args: readonly string[],
  { cwd, env, node = process.execPath }: { cwd: string; env: Readonly<Record<string, string>>; node?: string },
): Started {
  const child = spawn(node, [bundlePath(), ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const code = new Promise<number | null>((resolve, reject) => child.on('close', resolve).on('error', reject));
  const ended = Promise.all([code, text(child.stdout), text(child.stderr)]);
  return { process: child, ended: ended.then(([code, stdout, stderr]) => ({ code, stdout, stderr })) };
}

/**
 * A GitHub Actions job as far as an action can tell: a checkout, a home, the files that the runner reads, and secrets in
 * the environment that are nobody else's business.
 */
export class Job {
  readonly directory = temporaryDirectory();
  readonly workspace = this.#make('work/repository');
  readonly home = this.#make('home');
  readonly temporary = this.#make('temp');
  readonly environment: Record<string, string> = {
    ...plainEnvironment,
    HOME: this.home,
    CI: 'true',
    GITHUB_ACTIONS: 'true',
    GITHUB_WORKSPACE: this.workspace,
    GITHUB_REPOSITORY: 'octo/studies',
    // What most tests look at; there is no token for more, either.
    INPUT_ANNOTATIONS: 'commands',
    GITHUB_RUN_ID: '4711',
    GITHUB_OUTPUT: this.#file('output'),
    GITHUB_STATE: this.#file('state'),
    GITHUB_STEP_SUMMARY: this.#file('summary'),
    GITHUB_ENV: this.#file('env'),
    GITHUB_PATH: this.#file('path'),
    GITHUB_TOKEN: 'ghs_secret',
    ACTIONS_RUNTIME_TOKEN: 'secret',
    ACTIONS_RUNTIME_URL: 'https://runner.invalid/',
    RUNNER_TEMP: this.temporary,
    RUNNER_OS: 'Linux',
    STATE_left: 'behind',
    OF_WORKFLOW: 'secret',
  };

  /** Writes the study, and says that it is the one to run. */
  study(text: string, name = 'study.yaml'): this {
    mkdirSync(path.dirname(path.join(this.workspace, name)), { recursive: true });
    writeFileSync(path.join(this.workspace, name), text);
    this.environment.INPUT_SPEC = name;
    return this;
  }

  /** Sets inputs, as `with` does. */
  with(inputs: Readonly<Record<string, string>>): this {
    for (const [name, value] of Object.entries(inputs)) this.environment[`INPUT_${name.toUpperCase()}`] = value;
    return this;
  }

  start(node?: string): Started {
    const options = { cwd: this.workspace, env: this.environment };
    return startBundle([], node === undefined ? options : { ...options, node });
  }

  run(node?: string): Promise<Ended> {
    return this.start(node).ended;
  }

  /** Runs the post step: the same once more, with what the main step has saved as its state. */
  post(node?: string): Promise<Ended> {
    const state = Object.entries(this.state).map(([name, value]) => [`STATE_${name}`, value]);
    const options = { cwd: this.workspace, env: { ...this.environment, ...Object.fromEntries(state) } };
    return startBundle([], node === undefined ? options : { ...options, node }).ended;
  }

  /** The outputs that were set. */
  get outputs(): Record<string, string> {
    return valuesIn(this.environment.GITHUB_OUTPUT!);
  }

  /** What was left for the post step. */
  get state(): Record<string, string> {
    return valuesIn(this.environment.GITHUB_STATE!);
  }

  get summary(): string {
    return readFileSync(this.environment.GITHUB_STEP_SUMMARY!, 'utf8');
  }

  /** report.json, where the output says that it is. */
  get report() {
    return validReport(readFileSync(path.join(this.outputs['report-path']!, 'report.json'), 'utf8'));
  }

  /** A file of the study. */
  read(name: string): string {
    return readFileSync(path.join(this.outputs['study-path']!, name), 'utf8');
  }

  has(name: string): boolean {
    return existsSync(path.join(this.outputs['study-path']!, name));
  }

  #make(name: string): string {
    const directory = path.join(this.directory, name);
    mkdirSync(directory, { recursive: true });
    return directory;
  }

  #file(name: string): string {
    const file = path.join(this.directory, name);
    writeFileSync(file, '');
    return file;
  }
}

/** The values in a file that the runner reads. The last one of a name counts. */
function valuesIn(file: string): Record<string, string> {
  const lines = readFileSync(file, 'utf8').split('\n');
  const values: Record<string, string> = {};
  while (lines.length > 1) {
    const [, name, delimiter] = /^(.*?)<<(.*)$/.exec(lines.shift()!)!;
    const value = lines.splice(0, lines.indexOf(delimiter!));
    lines.shift();
    values[name!] = value.join('\n');
  }
  return values;
}

/** A line that the runner takes as a command: `::error file=a,line=3::message`, with its escapes undone. */
export interface WorkflowCommand {
  readonly name: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly message: string;
}

/** The commands in a log, found as the runner finds them: `::` after blanks at the start of a line, or `##[` anywhere. */
export function commandsIn(log: string): WorkflowCommand[] {
  return log.split(/\r\n|\r|\n/).flatMap((line) => {
    const match = /^\s*::([^ :]+)(?: ([^:]*(?:%3A[^:]*)*))?::(.*)$/.exec(line);
    if (match === null) {
      const old = /##\[([^\]\s]+)[^\]]*\](.*)$/.exec(line);
      return old === null ? [] : [{ name: old[1]!, properties: {}, message: old[2]! }];
    }
    const entries = (match[2] ?? '').split(',').filter((pair) => pair !== '');
    return [
      {
        name: match[1]!,
        properties: Object.fromEntries(
          entries.map((pair) => [
            pair.slice(0, pair.indexOf('=')).trim(),
            unescaped(pair.slice(pair.indexOf('=') + 1))
              .replaceAll('%3A', ':')
              .replaceAll('%2C', ',')
              .replaceAll('%25', '%'),
          ]),
        ),
        message: unescaped(match[3]!).replaceAll('%25', '%'),
      },
    ];
  });
}

const unescaped = (text: string) => text.replaceAll('%0D', '\r').replaceAll('%0A', '\n');

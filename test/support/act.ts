import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { bundlePath } from './bundle.js';
import type { GitHubServer } from './github-api.js';
import { root } from './markdown.js';
import { temporaryDirectory } from './temporary.js';
import { findTool } from './workflow-linters.js';

/** A runner of workflows that is not GitHub's; it runs them on this machine, without containers. */
export const act = findTool('act', 'ACT');

/** The action as the workflows name it, and what stands in for actions that need GitHub itself. */
const own = 'maestro-on-flux/maestro-on-flux@v0';
const standIns = ['checkout', 'upload-artifact', 'download-artifact'];

export interface ActOptions {
  /** The file in .github/workflows. */
  readonly workflow: string;
  readonly event?: string;
  readonly payload?: unknown;
  readonly inputs?: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, string>>;
  readonly github?: GitHubServer;
}

/** A record of act's log. */
interface LogRecord {
  readonly msg: string;
  readonly job?: string;
  readonly matrix?: Readonly<Record<string, unknown>>;
  readonly jobResult?: string;
  readonly stepID?: readonly string[];
  readonly stage?: string;
  /** Of a workflow command: `error`, `set-output`. */
  readonly command?: string;
  readonly name?: string;
  readonly arg?: string;
}

/** A run of a workflow that is over. */
export class ActRun {
  readonly code: number | null;
  readonly #records: readonly LogRecord[];
  readonly #errors: string;

  constructor(code: number | null, stdout: string, stderr: string) {
    this.code = code;
    this.#records = stdout.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));
    this.#errors = stderr;
  }

  /** How each job ended, by its name; a leg of a matrix has its own. */
  get jobs(): Record<string, string> {
    const ended = this.#records.filter(({ jobResult }) => jobResult !== undefined);
    return Object.fromEntries(ended.map((record) => [jobOf(record), record.jobResult!]));
  }

  /** An output of a step, by the step's id; the last one that was set. */
  output(job: string, step: string, name: string): string | undefined {
    return this.#of(job).findLast(
      (record) => record.command === 'set-output' && record.stepID?.[0] === step && record.name === name,
    )?.arg;
  }

  /** The messages of a kind that annotate the page of the run. */
  messages(job: string, command: 'error' | 'warning' | 'notice'): string[] {
    return this.#of(job).flatMap((record) => (record.command === command ? [record.arg!] : []));
  }

  /** What the post steps of a job printed. */
  postLog(job: string): string {
    return this.#of(job)
      .filter(({ stage }) => stage === 'Post')
      .map(({ msg }) => msg.trim())
      .join('\n');
  }

  /** Everything, for the message of a test that fails. */
  get log(): string {
    return `${this.#records.map((record) => `${jobOf(record)} | ${record.msg.trim()}`).join('\n')}\n${this.#errors}`;
  }

  #of(job: string): LogRecord[] {
    return this.#records.filter((record) => jobOf(record) === job);
  }
}

/** act puts the names of calling jobs before a job's, and the number of a leg behind it. */
function jobOf({ job = '', matrix }: LogRecord): string {
  const name = job.trim().split('/').at(-1)!;
  return Object.keys(matrix ?? {}).length === 0 ? name : name.replace(/-\d+$/, '');
}

/**
 * A repository with this action, its samples and its workflows, as they are. Workflows find the action there both as `./` and by
 * its name; they see checkouts of the repository, and artifacts of the run.
 */
export class ActRepository {
  readonly directory = temporaryDirectory();
  readonly path = path.join(this.directory, 'repository');
  readonly home = path.join(this.directory, 'home');
  readonly artifacts = path.join(this.directory, 'artifacts');

  /** @param files that it has besides: path → text */
  constructor(files: Readonly<Record<string, string>> = {}) {
    for (const directory of [this.home, this.path]) mkdirSync(directory);
    for (const name of ['action.yml', 'samples', '.github']) {
      cpSync(path.join(root, name), path.join(this.path, name), { recursive: true });
    }
    cpSync(path.dirname(bundlePath()), path.join(this.path, 'dist'), { recursive: true });
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(this.path, name)), { recursive: true });
      writeFileSync(path.join(this.path, name), content);
    }
    this.#git('init', '--quiet', '--initial-branch=main');
    this.#git('remote', 'add', 'origin', 'https://github.com/octo/studies');
    this.#git('add', '--all');
    this.#git('-c', 'user.name=Test', '-c', 'user.email=test@example.com', 'commit', '--quiet', '--message=Test');
  }

  run(options: ActOptions): Promise<ActRun> {
    return this.start(options).ended;
  }

  /** Starts a workflow. It ends with the test at the latest. */
  start(options: ActOptions): { readonly process: ChildProcess; readonly ended: Promise<ActRun> } {
    const child = spawn(act.program!, this.#arguments(options), {
      cwd: this.path,
      env: { HOME: this.home, PATH: `${path.dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin` },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const code = new Promise<number | null>((resolve, reject) => child.on('close', resolve).on('error', reject));
    const ended = Promise.all([code, text(child.stdout), text(child.stderr)]);
    return { process: child, ended: ended.then(([code, stdout, stderr]) => new ActRun(code, stdout, stderr)) };
  }

  #arguments({ workflow, event = 'push', payload, inputs = {}, secrets = {}, github }: ActOptions): string[] {
    const allSecrets = { ...(github === undefined ? {} : { GITHUB_TOKEN: github.token }), ...secrets };
    // Nothing listens there: what asks the real GitHub by mistake fails at once.
    const environment = {
      ARTIFACTS: this.artifacts,
      REPOSITORY: this.path,
      GITHUB_API_URL: github?.url ?? 'http://127.0.0.1:9',
    };
    const cache = path.join(this.directory, 'cache');
    const all = (flag: string, values: Readonly<Record<string, string>>) =>
      Object.entries(values).flatMap(([name, value]) => [flag, `${name}=${value}`]);
    return [
      ...[event, '--workflows', `.github/workflows/${workflow}`, '--json'],
      ...['--action-offline-mode', '--action-cache-path', cache, '--no-cache-server', '--container-daemon-socket', '-'],
      ...all('--platform', { 'ubuntu-24.04': '-self-hosted', 'self-hosted': '-self-hosted' }),
      ...all('--local-repository', this.#localRepositories()),
      ...all('--env', environment),
      ...all('--input', inputs),
      ...all('--secret', allSecrets),
      ...(payload === undefined ? [] : ['--eventpath', this.#eventFile(payload)]),
    ];
  }

  /** Directories in place of what workflows would fetch, by the names and commits that these use. */
  #localRepositories(): Record<string, string> {
    const folder = path.join(this.path, '.github/workflows');
    const used = readdirSync(folder).flatMap((file) =>
      [...readFileSync(path.join(folder, file), 'utf8').matchAll(/uses: actions\/([\w-]+)@(\w+)/g)].map(
        ([, name, commit]) => ({ name: name!, commit: commit! }),
      ),
    );
    const found = used.filter(({ name }) => standIns.includes(name));
    return {
      [own]: this.path,
      ...Object.fromEntries(
        found.map(({ name, commit }) => [`actions/${name}@${commit}`, path.join(import.meta.dirname, 'act', name)]),
      ),
    };
  }

  #eventFile(payload: unknown): string {
    const file = path.join(this.directory, 'event.json');
    writeFileSync(file, JSON.stringify(payload));
    return file;
  }

  /** The text of a file in it. */
  read(name: string): string {
    return readFileSync(path.join(this.path, name), 'utf8');
  }

  /** The commit that it has. */
  get head(): string {
    return this.#git('rev-parse', 'HEAD').trim();
  }

  #git(...args: readonly string[]): string {
    return execFileSync('git', args, { cwd: this.path, env: { ...process.env, HOME: this.home } }).toString();
  }
}

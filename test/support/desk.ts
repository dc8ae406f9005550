import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { type Ended, type Started, startBundle } from './bundle.js';
import { conductorsOf, endProcessesOf, processesOf } from './home-processes.js';
import { plainEnvironment } from './hosts.js';
import { type StudyState, stateOf } from './study-state.js';
import { temporaryDirectory } from './temporary.js';
import { until } from './wait.js';

/** A directory and home of a user with a study in it, whose node is on PATH: studies are detached from there, and collected. */
export class Desk {
  readonly directory = temporaryDirectory();
  readonly environment: Record<string, string> = {};

  constructor(study: string, files: Readonly<Record<string, string>> = {}) {
    for (const [name, text] of Object.entries({ 'study.yaml': study, ...files })) this.write(name, text);
    onTestFinished(() => this.endAll());
  }

  start(...args: readonly string[]): Started {
    const PATH = `${path.dirname(process.execPath)}:${plainEnvironment.PATH}`;
    return startBundle(args, {
      cwd: this.directory,
      env: { ...plainEnvironment, PATH, HOME: this.directory, ...this.environment },
    });
  }

  run(...args: readonly string[]): Promise<Ended> {
    return this.start(...args).ended;
  }

  /** The directory of the only detached start of a study. */
  startDirectory(study: string): string {
    const all = this.path(study, '.conductor/detached');
    const [token, ...others] = readdirSync(all);
    if (token === undefined || others.length > 0) throw new Error(`${all} has ${others.length + 1} starts`);
    return path.join(all, token);
  }

  path(...names: readonly string[]): string {
    return path.resolve(this.directory, ...names);
  }

  has(name: string): boolean {
    return existsSync(this.path(name));
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  write(name: string, text = ''): void {
    mkdirSync(path.dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), text);
  }

  /** What its conductor has logged so far. */
  log(study: string): string {
    return readFileSync(path.join(this.startDirectory(study), 'conductor.log'), 'utf8');
  }

  /** How far a detached study is by its own word: `runs`, `ended`, `failed`; undefined before it has said so. */
  state(study: string): StudyState | undefined {
    return stateOf(this.path(study), path.basename(this.startDirectory(study)));
  }

  /** Waits for the end of a study, and gives what its conductor logged. */
  async ended(study: string): Promise<string> {
    await until('the study is over', () => {
      const { state, status } = this.state(study) ?? {};
      return state === 'failed' || (state === 'ended' && status !== 'INTERRUPTED');
    });
    return this.log(study);
  }

  /** The processes that conduct studies of this desk. */
  get conductors(): number[] {
    return conductorsOf(this.directory);
  }

  /** All processes that were started here, or by what was. */
  get processes(): number[] {
    return processesOf(this.directory);
  }

  /** Kills every process of this desk: as if its machine was started anew. */
  endAll(): void {
    endProcessesOf(this.directory);
  }
}

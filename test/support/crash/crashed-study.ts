import { type ChildProcess, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { bundlePath, type Ended } from '../bundle.js';
import { plainEnvironment } from '../hosts.js';
import { validReport } from '../valid-report.js';
import { isAlive, until } from '../wait.js';
import { elsewhere } from './elsewhere.js';
import { KillingWriter, type KillPoint } from './killing-writer.js';
import type { MixedStudy } from './mixed-study.js';

/** Where a study goes on. */
export interface Place {
  /** Flags of the command line. */
  readonly args: readonly string[];
  /** Whether the host's commands are not children of the conductor's, and so have not its PATH. */
  readonly isFar?: boolean;
  /** What the conductor has in its environment besides: where its batch system is. */
  readonly environment?: Readonly<Record<string, string>>;
}

export const here: Place = { args: [] };

/** How a conductor is started. */
export interface StartOptions {
  /** It is killed there, if the journal comes to it. */
  readonly point?: KillPoint;
  /** More flags. */
  readonly args?: readonly string[];
  /** On a machine of its own, as far as it can tell, with the same files: see `elsewhere`. */
  readonly isElsewhere?: boolean;
}

/** A conductor that runs. */
export interface Driver {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Its exit status is -1 if it did not end in time, and null if it was killed before. */
  readonly ended: Promise<Ended>;
}

/** A study that is driven by the bundle, from the command line, by one conductor after another. */
export class CrashedStudy {
  readonly directory = mkdtempSync(path.join(realpathSync(tmpdir()), 'maestro-crash-'));
  readonly path = path.join(this.directory, 'study');
  /** The study that it is. */
  readonly study: MixedStudy;
  /** How many of its conductors were killed. */
  kills = 0;
  /** How often the script of a step may begin again, because its process was killed. */
  readonly died = new Map<string, number>();
  readonly #place: Place;
  readonly #killing: KillingWriter;
  readonly #drivers: Driver[] = [];
  #outputs = '';
  #isKept = false;
  #someCameLate = false;
  readonly #patience: number;

  /**
   * It is there until the test ends, or `dispose`.
   *
   * @param patience milliseconds after which a conductor is taken to hang, and is killed
   */
  constructor(study: MixedStudy, place: Place = here, patience = 120_000) {
    this.#patience = patience;
    this.study = study;
    this.#place = place;
    this.#killing = new KillingWriter(
      path.join(this.directory, 'killing'),
      path.join(this.path, '.conductor/journal.jsonl'),
    );
    // By itself, for with a host its directory is copied.
    mkdirSync(path.join(this.directory, 'spec'));
    writeFileSync(path.join(this.directory, 'spec/study.yaml'), study.text);
    onTestFinished(() => this.dispose(), 120_000);
  }

  /** Starts a conductor. */
  start({ point, args = [], isElsewhere = false }: StartOptions = {}): Driver {
    const environment = { ...plainEnvironment, ...this.#place.environment };
    const searchPath = `${this.#killing.bin}:${environment.PATH}`;
    const setup = this.#place.isFar === true ? [`--setup=PATH=${searchPath}`] : [];
    const flags = ['--output-path', this.path, '--report-path', '../report', ...this.#place.args, ...setup];
    const words = [...(isElsewhere ? elsewhere : []), process.execPath, ...this.#killing.nodeArgs, bundlePath(), 'run'];
    const child = spawn(words[0]!, [...words.slice(1), 'study.yaml', ...flags, ...this.study.args, ...args], {
      cwd: path.join(this.directory, 'spec'),
      env: { ...environment, ...this.#killing.environment, HOME: this.directory, PATH: searchPath },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (point === undefined) this.#killing.disarm();
    else this.#killing.arm(child.pid!, point);
    const code = new Promise<number | null>((resolve, reject) => child.on('close', resolve).on('error', reject));
    let isHanging = false;
    const watchdog = setTimeout(() => {
      isHanging = true;
      child.kill('SIGKILL');
    }, this.#patience);
    const ended = Promise.all([code, text(child.stdout), text(child.stderr)]).then(([code, stdout, stderr]) => {
      clearTimeout(watchdog);
      const how = isHanging ? 'did not end' : (code ?? 'killed');
      this.#outputs += `$ conductor ${child.pid}: ${how}\n${stdout}${stderr}`;
      return { code: isHanging ? -1 : code, stdout, stderr };
    });
    const driver = { process: child, pid: child.pid!, ended };
    this.#drivers.push(driver);
    return driver;
  }

  /**
   * Drives the study until the conductor is killed at this point, or to its end if the journal does not come to it. A record
   * that is there already stands for the next one.
   *
   * @returns how it ended; null if it was killed
   * @throws Error if it was killed somewhere else
   */
  async crash({ moment, record }: KillPoint): Promise<number | null> {
    const point = { moment, record: Math.max(record, this.records + 1) };
    const { code } = await this.start({ point }).ended;
    if (code !== null) return code;
    this.kills += 1;
    const { records } = this;
    // Several may be written at once: the first half of them then has some. Once some came late none can be counted on.
    const isSure = moment !== 'within' && !this.#someCameLate;
    if (isSure && records >= point.record !== (moment === 'after')) {
      throw new Error(`killed ${moment} record ${point.record}, but the journal has ${records}`);
    }
    this.#someCameLate ||= moment === 'late';
    return null;
  }

  /** Kills a conductor, if it has not ended. @returns how it ended; null if it was killed */
  async kill(driver: Driver): Promise<number | null> {
    driver.process.kill('SIGKILL');
    const { code } = await driver.ended;
    if (code === null) this.kills += 1;
    return code;
  }

  /**
   * Kills a conductor and all that runs on its behalf on this machine: the end of a machine. Which steps that may have hit is
   * noted: they are to run again.
   *
   * @returns how the conductor ended; null if it was killed
   */
  async killMachine(driver: Driver): Promise<number | null> {
    const code = await this.kill(driver);
    for (let all = this.processes; all.length > 0; all = this.processes) {
      killAll(all);
      await sleep(5);
    }
    for (const step of this.#unfinished()) this.died.set(step, (this.died.get(step) ?? 0) + 1);
    return code;
  }

  /** Drives the study to its end. */
  finish(): Promise<Ended> {
    return this.start().ended;
  }

  /** Processes that have the environment of this study. */
  get processes(): number[] {
    const own = `HOME=${this.directory}\0`;
    return readdirSync('/proc')
      .filter((name) => /^[0-9]+$/.test(name))
      .map(Number)
      .filter((pid) => isAlive(pid) && environmentOf(pid).includes(own));
  }

  /** Workspaces of steps that have begun an attempt, and whose exit nobody has written down. */
  #unfinished(): string[] {
    const claims = path.join(this.path, '.conductor/claims');
    if (!existsSync(claims)) return [];
    const names = readdirSync(claims, { recursive: true, encoding: 'utf8' });
    const exits = new Set(
      names.filter((name) => name.endsWith('.exit') && readFileSync(path.join(claims, name), 'utf8').endsWith('\n')),
    );
    const attempts = names.filter((name) => /\/[0-9]+$/.test(name));
    return attempts.filter((name) => !exits.has(`${name}.0.exit`)).map((name) => path.dirname(name));
  }

  file(name: string): string {
    return path.join(this.path, name);
  }

  has(name: string): boolean {
    return existsSync(this.file(name));
  }

  read(name: string): string {
    return readFileSync(this.file(name), 'utf8');
  }

  /** The journal's text; '' if there is none. */
  get journal(): string {
    return this.has('.conductor/journal.jsonl') ? this.read('.conductor/journal.jsonl') : '';
  }

  /** How many records the journal has; those do not count of which there is a part. */
  get records(): number {
    return this.journal.split('\n').filter((line) => line.endsWith('}')).length;
  }

  get report() {
    return validReport(readFileSync(path.join(this.directory, 'report/report.json'), 'utf8'));
  }

  /** What its conductors have said so far, and how the journal ends: for whoever has to find out what went wrong. */
  get story(): string {
    return `${this.#outputs}$ tail journal.jsonl\n${this.journal.split('\n').slice(-12).join('\n')}`;
  }

  /** Ends all of it. The files stay if they are to be looked at (KEEP_CRASHED=1). */
  async dispose({ isGood = true } = {}): Promise<void> {
    for (const { process: conductor } of this.#drivers) conductor.kill('SIGKILL');
    if (!existsSync(this.directory)) return;
    await until('all of a study has ended', () => {
      const all = this.processes;
      killAll(all);
      return all.length === 0;
    });
    if (!isGood && process.env.KEEP_CRASHED === '1') this.#isKept = true;
    if (this.#isKept) return;
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1');
  } catch {
    return '';
  }
}

function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has just ended.
    }
  }
}

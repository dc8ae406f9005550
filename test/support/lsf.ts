import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { ownNode } from './bundle.js';
import { plainEnvironment } from './hosts.js';
import { LeashedDaemon } from './leash.js';
import type { Fault, LsfOptions } from './lsf/cluster.js';

const here = import.meta.dirname;
const commands = ['bsub', 'bjobs', 'bkill', 'bstop', 'bresume', 'brequeue', 'bqueues', 'bparams', 'bhist', 'lsid'];

/** A job of the stand-in. */
export interface ShownJob {
  readonly id: number;
  readonly state: string;
  readonly exitCode: number | null;
  readonly exitReason: string;
  readonly name: string;
  readonly description: string;
  readonly queue: string;
  readonly slots: number;
  readonly cwd: string;
  readonly isRerunnable: boolean;
}

/**
 * A stand-in for an LSF of one host, whose jobs are real processes: see lsf/main.ts. Nothing of it outlives the test, or
 * whatever runs the test.
 */
export class Lsf {
  /** In this environment its commands are found. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #directory: string;
  readonly #daemon: LeashedDaemon;

  private constructor(directory: string, daemon: LeashedDaemon) {
    this.#directory = directory;
    this.#daemon = daemon;
    this.environment = { PATH: `${this.commands}:${plainEnvironment.PATH}`, LSF_ENVDIR: directory };
  }

  /** Starts one that is to be stopped with `stop`, as in `beforeAll`. */
  static async start(options: LsfOptions = {}): Promise<Lsf> {
    const directory = mkdtempSync(path.join(realpathSync(tmpdir()), 'maestro-lsf-'));
    mkdirSync(path.join(directory, 'bin'));
    for (const name of commands) copyFileSync(path.join(here, 'lsf/client.sh'), path.join(directory, 'bin', name));
    copyFileSync(path.join(here, 'lsf/jsrun.sh'), path.join(directory, 'bin/jsrun'));
    writeFileSync(path.join(directory, 'options.json'), JSON.stringify(options));
    const hook = path.join(here, '../flux/typescript.mjs');
    const daemon = await LeashedDaemon.start([ownNode, '--import', hook, path.join(here, 'lsf/main.ts'), directory], {
      environment: plainEnvironment,
      // Jobs have left its family, but their environment tells whose they are.
      marker: `^LSF_ENVDIR=${directory.replaceAll('.', '\\.')}$`,
    });
    await daemon.printed(/^ready$/m);
    return new Lsf(directory, daemon);
  }

  /** Starts one that is there until the test ends. */
  static async forTest(options: LsfOptions = {}): Promise<Lsf> {
    const lsf = await Lsf.start(options);
    onTestFinished(() => lsf.stop());
    return lsf;
  }

  /** The directory of its commands. */
  get commands(): string {
    return path.join(this.#directory, 'bin');
  }

  async stop(): Promise<void> {
    await this.#daemon.stop();
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }

  /** The words of the last `jsrun`. */
  get launched(): string {
    return readFileSync(path.join(this.#directory, 'launched'), 'utf8');
  }

  /** Its jobs, ended ones included, in the order in which they were submitted. */
  async jobs(): Promise<ShownJob[]> {
    return JSON.parse(await this.#ask('jobs'));
  }

  async job(id: number | string): Promise<ShownJob> {
    return (await this.jobs()).find((job) => job.id === Number(id))!;
  }

  /** The commands that were run: `bjobs -a …`. */
  async calls(): Promise<string[]> {
    return JSON.parse(await this.#ask('calls'));
  }

  async set(fault: Fault): Promise<void> {
    await this.#ask('fault', fault, 'on');
  }

  async unset(fault: Fault): Promise<void> {
    await this.#ask('fault', fault, 'off');
  }

  /** bjobs does not know a job any more, as after CLEAN_PERIOD. */
  async forget(id: number | string): Promise<void> {
    await this.#ask('forget', String(id));
  }

  /** A job's processes are killed, and LSF has no reason for it. */
  async vanish(id: number | string): Promise<void> {
    await this.#ask('vanish', String(id));
  }

  /** A job is killed as by bkill, for another reason: `TERM_PREEMPT: job killed after preemption`. */
  async kill(id: number | string, reason: string): Promise<void> {
    await this.#ask('kill', String(id), reason);
  }

  /** The host of a job cannot be reached: its state is not known. */
  async lose(id: number | string, state: 'UNKWN' | 'ZOMBI'): Promise<void> {
    await this.#ask('lose', String(id), state);
  }

  async brequeue(id: number | string): Promise<void> {
    await this.#ask('brequeue', String(id));
  }

  async bstop(id: number | string): Promise<void> {
    await this.#ask('bstop', String(id));
  }

  async bresume(id: number | string): Promise<void> {
    await this.#ask('bresume', String(id));
  }

  async bkill(id: number | string): Promise<void> {
    await this.#ask('bkill', String(id));
  }

  /** Waits until a job has a state. */
  async reaches(id: number | string, ...states: readonly string[]): Promise<ShownJob> {
    for (const end = Date.now() + 20_000; ; ) {
      const job = await this.job(id);
      if (states.includes(job?.state)) return job;
      if (Date.now() > end) throw new Error(`job ${id} is ${job?.state}, and not ${states.join(' or ')}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #ask(name: string, ...words: readonly string[]): Promise<string> {
    const port = Number(readFileSync(path.join(this.#directory, 'port'), 'utf8'));
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1').setEncoding('utf8').on('error', reject);
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk;
      });
      socket.on('end', () =>
        resolve(
          text
            .split('\n')
            .flatMap((line) => (line[0] === '1' ? [line.slice(1)] : []))
            .join('\n'),
        ),
      );
      socket.write([name, '/', String(words.length), ...words, '', 'A=', '', ''].join('\0'));
    });
  }
}

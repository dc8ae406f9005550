import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, chmodSync, constants, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { plainEnvironment } from './hosts.js';
import type { LeashedDaemon } from './leash.js';
import { accountCommands, installedAccounting, startAccounting } from './slurm/accounting.js';
import {
  cgroupConfiguration,
  clusterOf,
  configurationIn,
  nodeNames,
  type SlurmOptions,
  type SlurmPorts,
  slurmConfiguration,
} from './slurm/configuration.js';
import { Daemons, pathOf } from './slurm/daemons.js';
import { freePort } from './ssh-server.js';
import { until } from './wait.js';

export type { SlurmOptions } from './slurm/configuration.js';

const programs = ['munged', 'slurmctld', 'slurmd', 'sbatch', 'squeue', 'srun', 'scancel', 'scontrol', 'sinfo'];

/** Whether Slurm can be started here: true, or why not. */
export function installedSlurm(): true | string {
  const missing = programs.filter((name) => pathOf(name) === undefined);
  return missing.length === 0 || `there is no ${missing.join(', ')} on this machine: install slurm-wlm`;
}

const memoryCgroups = '/sys/fs/cgroup/memory';

/** Whether the memory of jobs can be limited here: true, or why not. */
export function installedCgroups(): true | string {
  try {
    accessSync(path.join(memoryCgroups, 'tasks'), constants.W_OK);
    return true;
  } catch {
    return `${memoryCgroups} (cgroups, version 1) is not there or cannot be written to`;
  }
}

/**
 * A real Slurm of one node or several, all on this machine, on loopback: munged, slurmctld and slurmd with directories, ports
 * and a key of their own, so that there can be several. Its partitions are `pdebug`, the default one, with a limit of an
 * hour, and `pbatch`. Jobs run as whoever runs the tests; nothing limits their memory, and nobody keeps accounts, unless
 * the options say so.
 */
export class Slurm {
  /** What sbatch and its like need in their environment to talk to this Slurm and not to the machine's own. */
  readonly environment: Readonly<Record<string, string>>;
  /** The names of its nodes. */
  readonly nodes: readonly string[];
  readonly #options: SlurmOptions;
  readonly #directory: string;
  readonly #daemons: Daemons;
  #controller: LeashedDaemon | undefined;
  readonly #nodeDaemons = new Map<string, LeashedDaemon>();

  private constructor(directory: string, options: SlurmOptions) {
    this.environment = { SLURM_CONF: configurationIn(directory) };
    this.nodes = nodeNames(options);
    this.#options = options;
    this.#directory = directory;
    this.#daemons = new Daemons(directory);
  }

  /** Starts one that is to be stopped with `stop`, as in `beforeAll`. */
  static async start(options: SlurmOptions = {}): Promise<Slurm> {
    for (const installed of [installedSlurm(), options.accounting === undefined || installedAccounting()]) {
      if (installed !== true) throw new Error(installed);
    }
    const slurm = new Slurm(mkdtempSync(path.join(tmpdir(), 'maestro-slurm-')), options);
    try {
      await slurm.#start();
      return slurm;
    } catch (error) {
      await slurm.stop();
      throw error;
    }
  }

  /** Starts one that is there until the test ends. */
  static async forTest(options: SlurmOptions = {}): Promise<Slurm> {
    const slurm = await Slurm.start(options);
    onTestFinished(() => slurm.stop());
    return slurm;
  }

  /** What its daemons have printed so far. */
  get log(): string {
    return this.#daemons.log;
  }

  /** Runs one of its commands and returns what it printed. @throws Error with its words if it fails */
  command(...words: readonly [string, ...string[]]): Promise<string> {
    return commandIn({ ...plainEnvironment, ...this.environment }, words);
  }

  /** What is in its queue: `7 RUNNING` */
  async queue(): Promise<string[]> {
    const lines = await this.command('squeue', '--noheader', '--format=%i %T');
    return lines.split('\n').filter((line) => line !== '');
  }

  /** Waits until there is such a job in the queue. */
  async isInQueue(job: RegExp): Promise<void> {
    for (let look = 0; !(await this.queue()).some((line) => job.test(line)); look++) {
      if (look > 200) throw new Error(`no job in the queue becomes ${job}: ${(await this.queue()).join(', ')}`);
      await sleep(50);
    }
  }

  /** Waits until nothing is in the queue. A job that has ended stays there for a moment, as COMPLETING. */
  async isIdle(): Promise<void> {
    for (let look = 0; (await this.queue()).length > 0; look++) {
      if (look > 200) throw new Error(`the queue does not become empty: ${(await this.queue()).join(', ')}`);
      await sleep(50);
    }
  }

  /** The state of a job, in Slurm's long word. */
  async stateOf(id: string): Promise<string> {
    return /JobState=(\S+)/.exec(await this.command('scontrol', 'show', 'job', id))![1]!;
  }

  /** Waits until a job has this state. */
  async hasState(id: string, state: string): Promise<void> {
    for (let look = 0; (await this.stateOf(id)) !== state; look++) {
      if (look > 300) throw new Error(`job ${id} is ${await this.stateOf(id)} and not ${state}\n${this.log}`);
      await sleep(50);
    }
  }

  /** Ends slurmctld: commands cannot reach it, and jobs run on. It saves its state first. */
  async stopController(): Promise<void> {
    const controller = this.#controller!;
    process.kill(controller.pid, 'SIGTERM');
    await until('slurmctld has saved its state', () => !controller.isAlive);
    await controller.stop();
  }

  /** Starts it again, with the jobs that it had. */
  async startController(): Promise<void> {
    this.#controller = await this.#daemons.startController();
    await this.#isReady();
  }

  /**
   * A node fails, with all that its jobs have running, and the controller is told, which would notice by itself some
   * minutes later.
   */
  async failNode(name: string): Promise<void> {
    await this.#nodeDaemons.get(name)!.stop();
    this.#nodeDaemons.delete(name);
    await this.#setNode(name, 'down');
  }

  /** Brings a node back that has failed, or is drained or down. */
  async resumeNode(name: string): Promise<void> {
    if (!this.#nodeDaemons.has(name)) await this.#startNode(name);
    else await this.#setNode(name, 'resume');
    await this.#isReady();
  }

  /** A node takes no more jobs; those that it has go on. */
  drainNode(name: string): Promise<void> {
    return this.#setNode(name, 'drain');
  }

  /** Ends it all: its jobs, which are told and get a few seconds, and what else runs in its environment. */
  async stop(): Promise<void> {
    if (this.#controller?.isAlive) await this.#endJobs();
    await this.#daemons.stop();
    if (this.#options.memory !== undefined) for (const name of this.nodes) removeCgroup(name);
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }

  async #start(): Promise<void> {
    const directory = this.#directory;
    // munged makes no socket where nobody else could reach it.
    chmodSync(directory, 0o755);
    for (const name of ['state', 'spool']) mkdirSync(path.join(directory, name));
    for (const name of this.nodes) mkdirSync(path.join(directory, 'spool', name));
    writeFileSync(path.join(directory, 'munge.key'), randomBytes(128), { mode: 0o400 });
    const ports = await freePorts(this.nodes.length);
    writeFileSync(configurationIn(directory), slurmConfiguration(directory, ports, this.#options));
    if (this.#options.memory !== undefined) writeFileSync(path.join(directory, 'cgroup.conf'), cgroupConfiguration);
    await this.#daemons.startMunged();
    if (this.#options.accounting !== undefined) await this.#openAccounts(ports.accounting);
    const controller = this.#daemons.startController();
    await Promise.all(this.nodes.map((name) => this.#startNode(name)));
    this.#controller = await controller;
    await this.#isReady();
  }

  async #openAccounts(port: number): Promise<void> {
    await startAccounting(this.#daemons, this.#directory, port);
    for (const words of accountCommands(clusterOf(this.#options), this.#options.accounting!)) {
      await this.command('sacctmgr', '--immediate', ...words);
    }
  }

  async #startNode(name: string): Promise<void> {
    this.#nodeDaemons.set(name, await this.#daemons.startNode(name));
  }

  async #setNode(name: string, state: string): Promise<void> {
    await this.command('scontrol', 'update', `nodename=${name}`, `state=${state}`, 'reason=test');
  }

  /** A job that is killed together with its node leaves behind what it would have cleaned up. */
  async #endJobs(): Promise<void> {
    const left = () => this.command('squeue', '--noheader', '--format=%i').catch(() => '');
    let jobs = await left();
    if (jobs === '') return;
    await this.command('scancel', ...jobs.trim().split('\n')).catch(() => {});
    for (const end = Date.now() + 6000; jobs !== '' && Date.now() < end; jobs = await left()) await sleep(50);
  }

  /** Waits until all nodes that run take jobs. */
  async #isReady(): Promise<void> {
    const running = () => [...this.#nodeDaemons.keys()].join(',');
    for (const end = Date.now() + 20_000; Date.now() < end; await sleep(20)) {
      const options = ['--noheader', '--Node', '--partition=pbatch', `--nodes=${running()}`, '--format=%t'];
      const states = await this.command('sinfo', ...options).catch(() => '');
      if (/^((idle|alloc|mix|comp|drain|drng)\n)+$/.test(states)) return;
    }
    throw new Error(`Slurm does not become ready:\n${this.log}`);
  }
}

/** slurmd leaves the one of its node behind. */
function removeCgroup(node: string): void {
  try {
    rmdirSync(path.join(memoryCgroups, `slurm_${node}`));
  } catch {
    // It has a node of the same name in another Slurm, or no job ran.
  }
}

async function freePorts(nodes: number): Promise<SlurmPorts> {
  const ports = await Promise.all(Array.from({ length: nodes + 2 }, () => freePort()));
  return { controller: ports[0]!, accounting: ports[1]!, nodes: ports.slice(2) };
}

function commandIn(env: Readonly<Record<string, string>>, [program, ...args]: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program!, args, { env, encoding: 'utf8' }, (error, stdout) =>
      error === null ? resolve(stdout) : reject(error),
    );
  });
}

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, hostname, tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { plainEnvironment } from './hosts.js';
import { LeashedDaemon } from './leash.js';
import { freePort } from './ssh-server.js';
import { until } from './wait.js';

export interface SlurmOptions {
  /** CPUs that its node says it has: this machine's, but two at least, unless told. */
  readonly cpus?: number;
  /** What the cluster is called. */
  readonly cluster?: string;
  /** Seconds that ended jobs are remembered, at least 2; 300 unless told. */
  readonly minJobAge?: number;
  /** Lines of slurm.conf besides its own, such as another partition. */
  readonly config?: readonly string[];
}

const programs = ['munged', 'slurmctld', 'slurmd', 'sbatch', 'squeue', 'srun', 'scancel', 'scontrol', 'sinfo'];

/** Whether Slurm can be started here: true, or why not. */
export function installedSlurm(): true | string {
  const missing = programs.filter((name) => pathOf(name) === undefined);
  return missing.length === 0 || `there is no ${missing.join(', ')} on this machine: install slurm-wlm`;
}

function pathOf(program: string): string | undefined {
  const directories = plainEnvironment.PATH!.split(':');
  return directories.map((directory) => path.join(directory, program)).find((file) => existsSync(file));
}

/**
 * A real Slurm of one node, this one, on loopback: munged, slurmctld and slurmd with directories, ports and a key of
 * their own, so that there can be several. Its partitions are `pdebug`, the default one, with a limit of an hour, and
 * `pbatch`. Jobs run as whoever runs the tests; nothing limits their memory, and nobody keeps accounts.
 */
export class Slurm {
  /** What sbatch and its like need in their environment to talk to this Slurm and not to the machine's own. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #directory: string;
  readonly #munged: LeashedDaemon;
  #controller: LeashedDaemon;
  readonly #node: LeashedDaemon;

  private constructor(directory: string, munged: LeashedDaemon, controller: LeashedDaemon, node: LeashedDaemon) {
    this.environment = { SLURM_CONF: configurationIn(directory) };
    this.#directory = directory;
    this.#munged = munged;
    this.#controller = controller;
    this.#node = node;
  }

  /** Starts one that is to be stopped with `stop`, as in `beforeAll`. */
  static async start(options: SlurmOptions = {}): Promise<Slurm> {
    const installed = installedSlurm();
    if (installed !== true) throw new Error(installed);
    const directory = mkdtempSync(path.join(tmpdir(), 'maestro-slurm-'));
    const started: LeashedDaemon[] = [];
    try {
      return await startIn(directory, options, started, (...daemons) => new Slurm(directory, ...daemons));
    } catch (error) {
      for (const daemon of started.reverse()) await daemon.stop();
      rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
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
    return `${this.#controller.log}${this.#node.log}`;
  }

  /** Runs one of its commands and returns what it printed. @throws Error with its words if it fails */
  command(...words: readonly [string, ...string[]]): Promise<string> {
    return commandIn({ ...plainEnvironment, ...this.environment }, words);
  }

  /** Ends slurmctld: commands cannot reach it, and jobs run on. It saves its state first. */
  async stopController(): Promise<void> {
    process.kill(this.#controller.pid, 'SIGTERM');
    await until('slurmctld has saved its state', () => !this.#controller.isAlive);
    await this.#controller.stop();
  }

  /** Starts it again, with the jobs that it had. */
  async startController(): Promise<void> {
    this.#controller = await startController(this.#directory);
    await this.#isReady();
  }

  /** Ends it all: its jobs, which are told and get a few seconds, and what else runs in its environment. */
  async stop(): Promise<void> {
    if (this.#controller.isAlive) await this.#endJobs();
    await this.#node.stop();
    await this.#controller.stop();
    await this.#munged.stop();
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }

  /** A job that is killed together with its node leaves behind what it would have cleaned up. */
  async #endJobs(): Promise<void> {
    const left = () => this.command('squeue', '--noheader', '--format=%i').catch(() => '');
    let jobs = await left();
    if (jobs === '') return;
    await this.command('scancel', ...jobs.trim().split('\n')).catch(() => {});
    for (const end = Date.now() + 6000; jobs !== '' && Date.now() < end; jobs = await left()) await sleep(50);
  }

  async #isReady(): Promise<void> {
    await ready(this.#directory, () => this.log);
  }
}

async function startIn(
  directory: string,
  options: SlurmOptions,
  started: LeashedDaemon[],
  made: (munged: LeashedDaemon, controller: LeashedDaemon, node: LeashedDaemon) => Slurm,
): Promise<Slurm> {
  // munged makes no socket where nobody else could reach it.
  chmodSync(directory, 0o755);
  for (const name of ['state', 'spool']) mkdirSync(path.join(directory, name));
  writeFileSync(path.join(directory, 'munge.key'), randomBytes(128), { mode: 0o400 });
  const ports = [await freePort(), await freePort()] as const;
  writeFileSync(configurationIn(directory), configuration(directory, ports, options));
  const munged = await startMunged(directory);
  started.push(munged);
  const [controller, node] = await Promise.all([startController(directory), startNode(directory)]);
  started.push(controller, node);
  await ready(directory, () => `${munged.log}${controller.log}${node.log}`);
  return made(munged, controller, node);
}

async function startMunged(directory: string): Promise<LeashedDaemon> {
  const file = (name: string) => path.join(directory, name);
  const munged = await LeashedDaemon.start(
    [
      pathOf('munged')!,
      '--foreground',
      '--num-threads=2',
      `--socket=${file('munge.socket')}`,
      `--key-file=${file('munge.key')}`,
      `--pid-file=${file('munge.pid')}`,
      `--log-file=${file('munge.log')}`,
      `--seed-file=${file('munge.seed')}`,
    ],
    { environment: plainEnvironment },
  );
  await munged.printed(/Created [0-9]+ work threads/);
  return munged;
}

function startController(directory: string): Promise<LeashedDaemon> {
  return LeashedDaemon.start([pathOf('slurmctld')!, '-D', '-f', configurationIn(directory)], {
    environment: plainEnvironment,
  });
}

function startNode(directory: string): Promise<LeashedDaemon> {
  const file = configurationIn(directory);
  return LeashedDaemon.start([pathOf('slurmd')!, '-D', '-f', file, '-N', shortName()], {
    environment: plainEnvironment,
    // A job's processes have left slurmd's family, but their environment tells whose they are.
    marker: `^SLURM_CONF=${file.replaceAll('.', '\\.')}$`,
  });
}

async function ready(directory: string, log: () => string): Promise<void> {
  const environment = { ...plainEnvironment, SLURM_CONF: configurationIn(directory) };
  for (const end = Date.now() + 20_000; Date.now() < end; await sleep(20)) {
    const states = await commandIn(environment, ['sinfo', '--noheader', '--format=%t']).catch(() => '');
    if (/^(idle|alloc|mix|comp)\n/.test(states)) return;
  }
  throw new Error(`Slurm does not become ready:\n${log()}`);
}

function commandIn(env: Readonly<Record<string, string>>, [program, ...args]: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program!, args, { env, encoding: 'utf8' }, (error, stdout) =>
      error === null ? resolve(stdout) : reject(error),
    );
  });
}

const configurationIn = (directory: string) => path.join(directory, 'slurm.conf');
const shortName = () => hostname().split('.')[0]!;

function configuration(directory: string, ports: readonly [number, number], options: SlurmOptions): string {
  const { cpus = Math.max(2, availableParallelism()), minJobAge = 300, config = [] } = options;
  const { username } = userInfo();
  return [
    `ClusterName=${options.cluster ?? 'testing'}`,
    `SlurmctldHost=${shortName()}(127.0.0.1)`,
    `SlurmctldPort=${ports[0]}`,
    `SlurmdPort=${ports[1]}`,
    // Daemons and srun listen on loopback only.
    'CommunicationParameters=NoCtldInAddrAny,NoInAddrAny',
    `SlurmUser=${username}`,
    `SlurmdUser=${username}`,
    'AuthType=auth/munge',
    `AuthInfo=socket=${directory}/munge.socket`,
    'CredType=cred/munge',
    `StateSaveLocation=${directory}/state`,
    `SlurmdSpoolDir=${directory}/spool`,
    `SlurmctldPidFile=${directory}/slurmctld.pid`,
    `SlurmdPidFile=${directory}/slurmd.pid`,
    // Containers often have no cgroups to give away.
    'ProctrackType=proctrack/linuxproc',
    'TaskPlugin=task/none',
    'JobAcctGatherType=jobacct_gather/none',
    'AccountingStorageType=accounting_storage/none',
    'JobCompType=jobcomp/none',
    'SwitchType=switch/none',
    'MpiDefault=none',
    'MailProg=/bin/true',
    'ReturnToService=2',
    'SelectType=select/cons_tres',
    'SelectTypeParameters=CR_CPU',
    // Jobs start within a second.
    'SchedulerType=sched/backfill',
    'SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0,bf_interval=1',
    // How long a command tries to reach a slurmctld that is away.
    'MessageTimeout=5',
    'KillWait=2',
    `MinJobAge=${minJobAge}`,
    // The node may say that it has more than there is.
    'SlurmdParameters=config_overrides',
    `NodeName=${shortName()} NodeAddr=127.0.0.1 CPUs=${cpus} State=UNKNOWN`,
    'PartitionName=pdebug Nodes=ALL Default=YES MaxTime=60 State=UP',
    'PartitionName=pbatch Nodes=ALL MaxTime=INFINITE State=UP',
    ...config,
    '',
  ].join('\n');
}

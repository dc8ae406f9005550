import { availableParallelism, hostname, userInfo } from 'node:os';
import path from 'node:path';
import type { AccountingOptions } from './accounting.js';

export interface SlurmOptions {
  /**
   * How many nodes it has. One, unless told, which has this machine's name, so that what reaches a node by its name works.
   * Several are `n1`, `n2` and so on, all of them on this machine.
   */
  readonly nodes?: number;
  /** CPUs that each node says it has: this machine's, but two at least, unless told. */
  readonly cpus?: number;
  /**
   * Megabytes of memory that a job has for each of its CPUs: what takes more is killed, which needs `installedCgroups`. Not
   * limited unless told.
   */
  readonly memory?: number;
  /** What the cluster is called. */
  readonly cluster?: string;
  /** Seconds that ended jobs are remembered, at least 2; 300 unless told. */
  readonly minJobAge?: number;
  /** Seconds that a requeued job waits before it may start again, and that credentials are valid; 120 unless told. */
  readonly requeueDelay?: number;
  /** Whether accounts are kept, by slurmdbd and MariaDB, and their limits enforced. They are not unless told. */
  readonly accounting?: AccountingOptions;
  /**
   * Jobs of the partition `purgent` take nodes from jobs of other partitions, which are cancelled, or requeued if they may be.
   */
  readonly preempt?: 'CANCEL' | 'REQUEUE';
  /** Lines of slurm.conf besides its own, such as another partition or `JobRequeue=1`. */
  readonly config?: readonly string[];
}

/** Where a Slurm of the tests listens. */
export interface SlurmPorts {
  readonly controller: number;
  readonly accounting: number;
  /** A port for each node. */
  readonly nodes: readonly number[];
}

export const configurationIn = (directory: string) => path.join(directory, 'slurm.conf');
export const shortHostname = () => hostname().split('.')[0]!;

/** The names of its nodes. */
export function nodeNames({ nodes = 1 }: SlurmOptions): readonly string[] {
  return nodes === 1 ? [shortHostname()] : Array.from({ length: nodes }, (_, index) => `n${index + 1}`);
}

export const clusterOf = (options: SlurmOptions) => options.cluster ?? 'testing';

/** The text of slurm.conf. */
export function slurmConfiguration(directory: string, ports: SlurmPorts, options: SlurmOptions): string {
  const { minJobAge = 300, accounting, preempt, config = [] } = options;
  const { username } = userInfo();
  return [
    `ClusterName=${clusterOf(options)}`,
    `SlurmctldHost=${shortHostname()}(127.0.0.1)`,
    `SlurmctldPort=${ports.controller}`,
    // Daemons and srun listen on loopback only.
    'CommunicationParameters=NoCtldInAddrAny,NoInAddrAny',
    `SlurmUser=${username}`,
    `SlurmdUser=${username}`,
    'AuthType=auth/munge',
    `AuthInfo=socket=${directory}/munge.socket,cred_expire=${options.requeueDelay ?? 120}`,
    'CredType=cred/munge',
    `StateSaveLocation=${directory}/state`,
    `SlurmdSpoolDir=${directory}/spool/%n`,
    `SlurmctldPidFile=${directory}/slurmctld.pid`,
    `SlurmdPidFile=${directory}/slurmd.%n.pid`,
    'ProctrackType=proctrack/linuxproc',
    ...memoryLines(options),
    ...(accounting === undefined
      ? ['AccountingStorageType=accounting_storage/none']
      : accountingLines(directory, ports)),
    'JobCompType=jobcomp/none',
    'SwitchType=switch/none',
    'MpiDefault=none',
    'MailProg=/bin/true',
    'ReturnToService=2',
    'SelectType=select/cons_tres',
    // Jobs start within a second.
    'SchedulerType=sched/backfill',
    'SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0,bf_interval=1',
    // How long a command tries to reach a slurmctld that is away.
    'MessageTimeout=5',
    'KillWait=2',
    `MinJobAge=${minJobAge}`,
    ...(preempt === undefined ? [] : ['PreemptType=preempt/partition_prio', `PreemptMode=${preempt}`]),
    // The nodes may say that they have more than there is.
    'SlurmdParameters=config_overrides',
    ...nodeLines(ports, options),
    'PartitionName=pdebug Nodes=ALL Default=YES MaxTime=60 State=UP',
    'PartitionName=pbatch Nodes=ALL MaxTime=INFINITE State=UP',
    ...(preempt === undefined
      ? []
      : ['PartitionName=purgent Nodes=ALL MaxTime=INFINITE PriorityTier=10 PreemptMode=OFF State=UP']),
    ...config,
    '',
  ].join('\n');
}

function nodeLines(ports: SlurmPorts, options: SlurmOptions): string[] {
  const { cpus = Math.max(2, availableParallelism()), memory } = options;
  const resources = `CPUs=${cpus}${memory === undefined ? '' : ` RealMemory=${memory * cpus}`}`;
  return nodeNames(options).map(
    (name, index) =>
      `NodeName=${name} NodeHostname=${shortHostname()} NodeAddr=127.0.0.1 Port=${ports.nodes[index]} ${resources} State=UNKNOWN`,
  );
}

function memoryLines({ memory }: SlurmOptions): string[] {
  // Containers often have no cgroups to give away.
  if (memory === undefined) {
    return ['TaskPlugin=task/none', 'JobAcctGatherType=jobacct_gather/none', 'SelectTypeParameters=CR_CPU'];
  }
  return [
    'TaskPlugin=task/cgroup',
    'JobAcctGatherType=jobacct_gather/linux',
    'SelectTypeParameters=CR_CPU_Memory',
    `DefMemPerCPU=${memory}`,
  ];
}

/** The text of cgroup.conf, which is beside slurm.conf. */
export const cgroupConfiguration = [
  'CgroupPlugin=cgroup/v1',
  'CgroupMountpoint=/sys/fs/cgroup',
  'ConstrainRAMSpace=yes',
  '',
].join('\n');

function accountingLines(directory: string, ports: SlurmPorts): string[] {
  return [
    'AccountingStorageType=accounting_storage/slurmdbd',
    'AccountingStorageHost=127.0.0.1',
    `AccountingStoragePort=${ports.accounting}`,
    // For connections to slurmdbd this is the socket of munged.
    `AccountingStoragePass=${directory}/munge.socket`,
    'AccountingStorageEnforce=associations,limits,qos',
  ];
}

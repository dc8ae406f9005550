import { slurmMinutes } from '../../scripts/walltime.js';
import type { Site } from '../batch/batch-system.js';

/** What Slurm says about itself. */
export interface SlurmSite {
  readonly version: string;
  readonly cluster: string;
  /** The host of slurmctld. */
  readonly controller: string;
  /** Whether jobs are known after `minJobAge`. */
  readonly hasAccounting: boolean;
  /** Whether jobs of accounts that the user does not have are refused. */
  readonly enforcesAccounts: boolean;
  readonly knowsGpus: boolean;
  /** Seconds that slurmctld remembers an ended job for. */
  readonly minJobAge: number;
  readonly partitions: readonly Partition[];
  readonly associations: readonly Association[];
  /** Qualities of service that lift limits of partitions, by name. */
  readonly liftingQos: ReadonlyMap<string, string>;
  /** The user's groups. */
  readonly groups: readonly string[];
  /** Variables of the user's that win over directives: `SBATCH_PARTITION`. */
  readonly variables: ReadonlyMap<string, string>;
}

export interface Partition {
  readonly name: string;
  readonly isDefault: boolean;
  /** `UP`, `DOWN`, `DRAIN` or `INACTIVE`. */
  readonly state: string;
  /** The longest time limit of a job; infinite if there is none. */
  readonly maxMinutes: number;
  /** The most nodes and the fewest that a job may have. */
  readonly maxNodes: number;
  readonly minNodes: number;
  /** What there is, of which some may be down. */
  readonly nodes: number;
  readonly cpus: number;
  /** undefined if every account, or group, may use it. */
  readonly accounts: readonly string[] | undefined;
  readonly groups: readonly string[] | undefined;
  readonly deniedAccounts: readonly string[];
}

/** An account that the user may use. */
interface Association {
  readonly account: string;
  /** '' for all partitions. */
  readonly partition: string;
  readonly qos: readonly string[];
  /** The most jobs that may run, and be in the queue, at a time; '' if that is not limited. */
  readonly maxJobs: string;
  readonly maxSubmitted: string;
}

/** Parses the output of `describe_site`. */
export function parseSlurmSite(printed: string): SlurmSite {
  const lines = printed.split('\n');
  const of = (kind: string) =>
    lines.filter((line) => line.startsWith(`${kind} `)).map((line) => line.slice(kind.length + 1));
  const config = pairsOf(of('config'), /^\s*(\S+)\s*=\s*(.*?)\s*$/);
  const host = config.get('SlurmctldHost[0]') ?? config.get('ControlMachine') ?? '';
  return {
    version: config.get('SLURM_VERSION') ?? 'unknown',
    cluster: config.get('ClusterName') ?? '',
    controller: host.replace(/\(.*/, ''),
    hasAccounting: config.get('AccountingStorageType') === 'accounting_storage/slurmdbd',
    enforcesAccounts: /\b(associations|limits|safe|qos|all)\b/.test(config.get('AccountingStorageEnforce') ?? ''),
    knowsGpus: /\bgpu\b/.test(config.get('GresTypes') ?? ''),
    minJobAge: Number.parseInt(config.get('MinJobAge') ?? '', 10) || 0,
    partitions: of('partition').map(toPartition),
    associations: of('association').map((line) => {
      const [account = '', partition = '', qos = '', fallback = '', maxJobs = '', maxSubmitted = ''] = line.split('|');
      return { account, partition, qos: [...listOf(qos), ...listOf(fallback)], maxJobs, maxSubmitted };
    }),
    liftingQos: new Map(
      [...pairsOf(of('qos'), /^([^|]+)\|(.*)$/)].filter(([, flags]) =>
        /\bPartition(TimeLimit|M(ax|in)Nodes)/.test(flags),
      ),
    ),
    groups: (of('groups')[0] ?? '').split(' '),
    variables: pairsOf(of('variable'), /^(\w+)=(.*)$/),
  };
}

function pairsOf(lines: readonly string[], form: RegExp): Map<string, string> {
  return new Map(
    lines.flatMap((line): [string, string][] => {
      const [, key, value = ''] = form.exec(line) ?? [];
      return key === undefined ? [] : [[key, value]];
    }),
  );
}

function toPartition(line: string): Partition {
  const values = pairsOf(line.split(/\s+/), /^(\w+)=(.*)$/);
  const number = (key: string, otherwise: number) =>
    /^\d+/.test(values.get(key) ?? '') ? Number.parseInt(values.get(key)!, 10) : otherwise;
  const names = (key: string) => {
    const text = values.get(key) ?? 'ALL';
    return text === 'ALL' || text === '(null)' ? undefined : listOf(text);
  };
  return {
    name: values.get('PartitionName') ?? '',
    isDefault: values.get('Default') === 'YES',
    state: values.get('State') ?? 'UP',
    maxMinutes: slurmMinutes(values.get('MaxTime') ?? '') ?? Number.POSITIVE_INFINITY,
    maxNodes: number('MaxNodes', Number.POSITIVE_INFINITY),
    minNodes: number('MinNodes', 0),
    nodes: number('TotalNodes', Number.POSITIVE_INFINITY),
    cpus: number('TotalCPUs', Number.POSITIVE_INFINITY),
    accounts: names('AllowAccounts'),
    groups: names('AllowGroups'),
    deniedAccounts: names('DenyAccounts') ?? [],
  };
}

function listOf(text: string): string[] {
  return text.split(',').filter((name) => name !== '');
}

/** Parses the output of `describe_site` for the log. */
export function parseSite(printed: string): Site {
  const { version, cluster, controller, hasAccounting, minJobAge, partitions, associations } = parseSlurmSite(printed);
  const accounts = [...new Set(associations.map(describeAssociation))];
  return {
    version,
    installation: cluster === '' ? '' : `${cluster}@${controller}`,
    introduction: [
      `Slurm ${version}, cluster ${cluster || 'without a name'}`,
      `partitions: ${describePartitions(partitions)}`,
      ...(accounts.length === 0 ? [] : [`your accounts: ${accounts.join(', ')}`]),
      hasAccounting
        ? 'accounting is on'
        : `accounting is off: how a job ended is known for ${minJobAge} s only, unless its launcher has recorded it`,
    ],
  };
}

/** `science (in pdebug, at most 10 jobs in the queue, at most 2 running)`. */
function describeAssociation({ account, partition, maxJobs, maxSubmitted }: Association): string {
  const limits = [
    ...(partition === '' ? [] : [`in ${partition}`]),
    ...(maxSubmitted === '' ? [] : [`at most ${maxSubmitted} jobs in the queue`]),
    ...(maxJobs === '' ? [] : [`at most ${maxJobs} running`]),
  ];
  return limits.length === 0 ? account : `${account} (${limits.join(', ')})`;
}

export function accountsOf(associations: readonly Association[]): string[] {
  return [...new Set(associations.map(({ account }) => account))];
}

/** `pdebug (default, at most 1:00:00, 2 nodes), pbatch (3 nodes)`. */
export function describePartitions(partitions: readonly Partition[]): string {
  const shown = partitions.map(({ name, isDefault, state, maxMinutes, maxNodes, nodes }) => {
    const most = Math.min(nodes, maxNodes);
    const facts = [
      ...(isDefault ? ['default'] : []),
      ...(state === 'UP' ? [] : [state.toLowerCase()]),
      ...(Number.isFinite(maxMinutes) ? [`at most ${formatMinutes(maxMinutes)}`] : []),
      ...(Number.isFinite(most) ? [most === 1 ? '1 node' : `${most} nodes`] : []),
    ];
    return facts.length === 0 ? name : `${name} (${facts.join(', ')})`;
  });
  return shown.join(', ') || 'none';
}

/** `1:30:00`, `2-00:00:00`, as Slurm takes a time. */
export function formatMinutes(minutes: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const days = Math.floor(minutes / 1440);
  const hours = Math.floor((minutes % 1440) / 60);
  const rest = `${two(minutes % 60)}:00`;
  return days > 0 ? `${days}-${two(hours)}:${rest}` : `${hours}:${rest}`;
}

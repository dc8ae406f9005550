import { batchArgs } from '../../scripts/batch-args.js';
import { firstOf, resource } from '../../scripts/dialect.js';
import type { Plan } from '../../scripts/plan.js';
import { slurmMinutes } from '../../scripts/walltime.js';
import { type Problem, problemOf, withoutRepetitions } from '../../spec/problem.js';
import type { Batch } from '../../spec/spec.js';
import type { StepInstance } from '../../study/graph.js';
import { counted } from '../../util/format.js';
import {
  accountsOf,
  describePartitions,
  formatMinutes,
  type Partition,
  parseSlurmSite,
  type SlurmSite,
} from './site.js';

/** What of a plan this Slurm would refuse, or keep in the queue for ever. */
export function checkPlan(plan: Plan, printed: string, isOver: (step: number) => boolean): readonly Problem[] {
  const { spec, graph } = plan;
  const steps = graph.steps.filter(({ scheduled, index }) => scheduled && !isOver(index));
  if (steps.length === 0) return [];
  const site = parseSlurmSite(printed);
  const found = partitionsOf(spec.batch, site);
  if ('problem' in found) return [found.problem];
  return withoutRepetitions([
    ...checkAccount(spec.batch, site, found.partitions),
    ...steps.flatMap((step) => checkStep(step, spec.batch, site, found.partitions)),
  ]);
}

/** The partitions that jobs may go to, or why there is none. */
function partitionsOf(batch: Batch, site: SlurmSite): { partitions: readonly Partition[] } | { problem: Problem } {
  const { partitions, variables, cluster } = site;
  // Without any, Slurm has kept them to itself.
  if (partitions.length === 0) return { partitions };
  const variable = variables.get('SBATCH_PARTITION') ?? '';
  const asked = firstOf(variable, resource(batch.values, 'queue'));
  const at = batch.placeOf('queue');
  const hint = `its partitions are ${describePartitions(partitions)}`;
  if (asked === '') {
    const defaults = partitions.filter(({ isDefault }) => isDefault);
    if (defaults.length > 0) return { partitions: defaults };
    return {
      problem: problemOf('error', at, `the Slurm cluster ${cluster} has no default partition: set 'queue'`, hint),
    };
  }
  const names = asked.split(',');
  const missing = names.find((name) => !partitions.some((partition) => partition.name === name));
  if (missing !== undefined) {
    const from = variable === '' ? '' : ', which SBATCH_PARTITION names,';
    const message = `there is no partition '${missing}'${from} on the Slurm cluster ${cluster}`;
    return { problem: problemOf('error', at, message, hint) };
  }
  return { partitions: partitions.filter(({ name }) => names.includes(name)) };
}

function checkAccount(batch: Batch, site: SlurmSite, partitions: readonly Partition[]): Problem[] {
  const { variables, associations, enforcesAccounts, hasAccounting, version, groups } = site;
  const asked = firstOf(variables.get('SBATCH_ACCOUNT') ?? '', resource(batch.values, 'bank'));
  const account = asked.toLowerCase();
  const at = batch.placeOf('bank');
  const own = accountsOf(associations);
  if (account !== '' && hasAccounting && enforcesAccounts && own.length > 0 && !own.includes(account)) {
    return [problemOf('error', at, `you have no account '${asked}' in Slurm`, `your accounts are ${own.join(', ')}`)];
  }
  const isLetIn = ({ accounts, deniedAccounts }: Partition) =>
    account === '' || (accounts === undefined ? !deniedAccounts.includes(account) : accounts.includes(account));
  // Since 24.05 an account may use what its parents may.
  const hasParents = Number.parseInt(version, 10) >= 24;
  if (enforcesAccounts && !hasParents && partitions.length > 0 && !partitions.some(isLetIn)) {
    const { name, accounts } = partitions[0]!;
    const hint = accounts === undefined ? undefined : `it takes ${accounts.join(', ')}`;
    return [problemOf('error', at, `the account '${asked}' cannot use the partition '${name}'`, hint)];
  }
  const isMember = (partition: Partition) =>
    partition.groups === undefined || partition.groups.some((name) => groups.includes(name));
  if (partitions.length > 0 && !groups.includes('root') && !partitions.some(isMember)) {
    const { name, groups: allowed } = partitions[0]!;
    const message = `you are in none of the groups that can use the partition '${name}'`;
    return [problemOf('error', batch.placeOf('queue'), message, `it takes ${allowed!.join(', ')}`)];
  }
  return [];
}

function checkStep(step: StepInstance, batch: Batch, site: SlurmSite, partitions: readonly Partition[]): Problem[] {
  const problems: Problem[] = [];
  const fail = (key: string, message: string, hint?: string) => {
    const at = step.run.has(key) && resource(step.run, key) !== '' ? step.placeOf('', key) : batch.placeOf(key);
    problems.push(problemOf('error', at, `step '${step.step}': ${message}`, hint));
  };
  if (!site.knowsGpus && resource(step.run, 'gpus') !== '') {
    fail('gpus', `there are no GPUs on the Slurm cluster ${site.cluster}`);
  }
  if (partitions.length === 0) return problems;
  const names = partitions.map(({ name }) => `'${name}'`).join(' and ');
  const of = partitions.length === 1 ? `the partition ${names}` : `the partitions ${names}`;
  const most = (number: (partition: Partition) => number) => Math.max(...partitions.map(number));
  const isLifted = liftsLimits(step, batch, site);

  const minutes = slurmMinutes(firstOf(site.variables.get('SBATCH_TIMELIMIT') ?? '', resource(step.run, 'walltime')));
  const maxMinutes = most((partition) => partition.maxMinutes);
  if (!isLifted && minutes !== undefined && minutes > maxMinutes) {
    const asked = Number.isFinite(minutes) ? `a walltime of ${formatMinutes(minutes)}` : 'no time limit';
    fail('walltime', `it asks for ${asked}, and ${of} gives ${formatMinutes(maxMinutes)} at most`);
  }

  const nodes = firstOf(resource(step.run, 'nodes'), resource(batch.values, 'nodes'));
  const procs = firstOf(resource(step.run, 'procs'), resource(batch.values, 'procs'));
  if (/^\d+$/.test(nodes)) {
    const allowed = most((partition) => (isLifted ? partition.nodes : Math.min(partition.nodes, partition.maxNodes)));
    const fewest = Math.min(...partitions.map(({ minNodes }) => minNodes));
    if (Number(nodes) > allowed)
      fail('nodes', `it asks for ${counted(Number(nodes), 'node')}, and ${of} gives ${allowed} at most`);
    else if (!isLifted && Number(nodes) < fewest) {
      fail('nodes', `it asks for ${counted(Number(nodes), 'node')}, and a job in ${of} needs ${fewest} at least`);
    }
  }
  const mayShareCpus = batchArgs(batch).some(({ name }) => name === 'O' || name === 'overcommit');
  const cpus = most((partition) => partition.cpus);
  if (/^\d+$/.test(procs) && !mayShareCpus && Number(procs) > cpus) {
    fail('procs', `it asks for ${procs} procs, and ${of} has ${cpus} CPUs`);
  }
  return problems;
}

/** Whether the job may have a quality of service that lifts the limits of its partition. */
function liftsLimits(step: StepInstance, batch: Batch, { liftingQos, associations, variables }: SlurmSite): boolean {
  const asked = firstOf(variables.get('SBATCH_QOS') ?? '', resource(step.run, 'qos'), resource(batch.values, 'qos'));
  const possible = asked === '' ? associations.flatMap(({ qos }) => qos) : asked.split(',');
  return possible.some((name) => liftingQos.has(name));
}

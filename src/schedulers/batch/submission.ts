import type { Allocator } from '../../store/journal/records.js';
import { quoteAll } from '../../util/shell-quote.js';
import { allocationFiles, initialProgramWords } from '../allocation/idle-guard.js';
import type { AllocationRequest } from '../allocation/request.js';

/** What is needed to submit the job of an allocation. */
export interface AllocationPlan {
  readonly request: AllocationRequest;
  readonly studyPath: string;
  /** The number of the allocation in the study, counted from 1; part of the names of its files. */
  readonly number: number;
  /** The unique name of its job, by which the job is found if its id was lost. */
  readonly jobName: string;
  /** The path of `flux`, on the host and on the nodes. */
  readonly flux: string;
  readonly fluxVersion: string;
}

/** A command that submits, to be run in the study directory with the script as its input. */
export interface BatchSubmission {
  readonly command: string;
  readonly script: string;
}

/** A job name that every batch system accepts; `token` makes it unique. */
export function jobNameOf(studyName: string, number: number, token: string): string {
  const plain = studyName.replaceAll(/[^A-Za-z0-9_.-]+/g, '_').slice(0, 40);
  return `maestro-${plain}-${number}-${token}`;
}

/** The command and the script that submit an allocation. */
export function submissionOf(plan: AllocationPlan): BatchSubmission {
  switch (plan.request.with) {
    case 'slurm':
      return slurm(plan);
    case 'lsf':
      return lsf(plan);
    case 'flux':
      return flux(plan);
  }
}

/**
 * The command that checks, without submitting, whether a batch system would accept an allocation. LSF has no such
 * command, so there only the queue is checked, if one is given.
 */
export function rehearsalOf(plan: AllocationPlan): BatchSubmission | undefined {
  const { command, script } = submissionOf(plan);
  switch (plan.request.with) {
    case 'slurm':
      return { command: command.replace(/^sbatch /, 'sbatch --test-only '), script };
    case 'flux':
      return { command: command.replace(/ batch /, ' batch --dry-run '), script };
    case 'lsf':
      return plan.request.queue === undefined
        ? undefined
        : { command: quoteAll(['bqueues', plan.request.queue]), script: '' };
  }
}

/** The job's id in the output of the submit command; undefined if there is none. */
export function submittedId(allocator: Allocator, printed: string): string | undefined {
  const forms = { slurm: /^([0-9]+)(?:;\S+)?$/m, lsf: /^Job <([0-9]+)> is submitted/m, flux: /^(ƒ?[0-9A-Za-z.]+)$/mu };
  return forms[allocator].exec(printed)?.[1];
}

/**
 * Whether this Flux has `flux batch` and `flux cancel`, which `flux mini batch` and `flux job cancel` were before 0.48.
 */
export function isNewFlux(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return major > 0 || minor >= 48;
}

type Option = readonly [string, string | number | undefined];

/** `--name=value` for options with a value. */
const options = (...pairs: readonly Option[]) =>
  pairs.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));

/** `-n value` for options with a value. */
const flags = (...pairs: readonly Option[]) =>
  pairs.flatMap(([name, value]) => (value === undefined ? [] : [name, String(value)]));

/** Removes the variables of an instance around this program, which the new instance must not inherit. */
const forgetFlux = 'unset FLUX_URI FLUX_JOB_ID FLUX_KVS_NAMESPACE FLUX_PROXY_REMOTE FLUX_TERMINUS_SESSION\n';

function brokerWords({ request, studyPath, number, flux }: AllocationPlan): readonly string[] {
  return [flux, 'start', ...initialProgramWords(studyPath, number, request.nodes, flux)];
}

/**
 * One broker a node, each with all of its node's CPUs and GPUs that the job has. A step has all of them unless it is
 * asked for some (`--exact`, which `--cpus-per-task` implies, also as a variable), but each task may be bound to one.
 * `--gres` is older than `--gpus-per-node` and still right.
 */
function slurm(plan: AllocationPlan): BatchSubmission {
  const { request, number, jobName } = plan;
  const { nodes, tasks, gpus, minutes, queue, bank, args } = request;
  const gres = gpus ? `gpu:${gpus}` : undefined;
  const command = [
    ...['sbatch', '--parsable', '--export=ALL', `--job-name=${jobName}`, `--nodes=${nodes}`],
    ...(tasks === undefined ? ['--exclusive'] : [`--ntasks=${tasks}`]),
    ...options(['--gres', gres], ['--time', minutes], ['--partition', queue], ['--account', bank]),
    `--output=${allocationFiles(number).output}`,
    ...args,
  ];
  const launch = [
    ...['srun', '--export=ALL', `--nodes=${nodes}`, `--ntasks=${nodes}`, '--cpu-bind=none'],
    ...options(['--gres', gres]),
  ];
  const broker = quoteAll(brokerWords(plan));
  return {
    command: quoteAll(command),
    script:
      `#!/bin/bash\n${forgetFlux}` +
      'unset SLURM_CPUS_PER_TASK SRUN_CPUS_PER_TASK SLURM_NTASKS_PER_NODE SLURM_CPU_BIND SLURM_EXACT\n' +
      // Brokers find each other by PMI. Slurm may have another kind as its default, and a single one needs none.
      (nodes === 1
        ? ''
        : `[ -n "$SLURM_MPI_TYPE" ] || ! srun --mpi=list 2>&1 | grep -qw pmi2 || export SLURM_MPI_TYPE=pmi2\n`) +
      `exec ${quoteAll(launch)} ${broker}\n`,
  };
}

/**
 * One resource set of a whole node for each broker, as sites with IBM's `jsrun` start Flux. Not tried with a real LSF.
 */
function lsf(plan: AllocationPlan): BatchSubmission {
  const { request, number, jobName } = plan;
  const { nodes, gpus, minutes, queue, bank, args } = request;
  const command = [
    ...['bsub', '-nnodes', String(nodes)],
    ...flags(['-W', minutes], ['-q', queue], ['-G', bank], ['-J', jobName], ['-o', allocationFiles(number).output]),
    ...args,
  ];
  const launch = [
    ...['jsrun', '-a', '1', '-c', 'ALL_CPUS', '-g', gpus === undefined ? 'ALL_GPUS' : String(gpus), '-n', `${nodes}`],
    // Else IBM's MPI, which a broker does not start, would look at the GPUs of everything that is launched.
    ...['--bind=none', '--smpiargs=-disable_gpu_hooks'],
  ];
  return {
    command: quoteAll(command),
    script: `#!/bin/bash\n${forgetFlux}exec ${quoteAll([...launch, ...brokerWords(plan)])}\n`,
  };
}

/** Queue and bank as attributes of the job: the options for them came later than `flux batch`. */
function flux(plan: AllocationPlan): BatchSubmission {
  const { request, studyPath, number, jobName, flux, fluxVersion } = plan;
  const { nodes, tasks, gpus, minutes, queue, bank, args } = request;
  const attribute = (name: string, value: string | undefined): Option => [
    `--setattr=system.${name}`,
    value === undefined ? undefined : JSON.stringify(value),
  ];
  const slots = tasks ?? nodes;
  const command = [
    ...[flux, ...(isNewFlux(fluxVersion) ? ['batch'] : ['mini', 'batch'])],
    ...[`--job-name=${jobName}`, `--nodes=${nodes}`, ...options(['--nslots', tasks])],
    ...options(['--gpus-per-slot', gpus ? (gpus * nodes) / slots : undefined]),
    ...options(['--time-limit', minutes === undefined ? undefined : `${minutes}m`]),
    ...options(attribute('queue', queue), attribute('bank', bank)),
    `--output=${allocationFiles(number).output}`,
    ...args,
  ];
  // The script is copied elsewhere, and the program must be where its study is.
  const program = quoteAll(initialProgramWords(studyPath, number, nodes, flux));
  return { command: quoteAll(command), script: `#!/bin/bash\nexec ${program}\n` };
}

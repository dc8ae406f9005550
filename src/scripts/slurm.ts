import type { Problem } from '../spec/problem.js';
import type { Batch } from '../spec/spec.js';
import type { StepInstance } from '../study/graph.js';
import { type Dialect, firstOf, noWalltime, ownExclusive, resource } from './dialect.js';
import { checkDirectives } from './directives.js';
import { shellLine } from './local.js';
import { checkSlurmArgs } from './slurm-args.js';
import { isSlurmTime } from './walltime.js';

/** Slurm's scripts, to the byte as Maestro 1.1 writes them (`SlurmScriptAdapter`). */
export function slurmDialect(batch: Batch): Dialect {
  return {
    extension: '.slurm.sh',
    shellLine: shellLine(batch),
    header: (step) => [shellLine(batch), ...directives(step, batch).map((line) => `#SBATCH ${line}`)].join('\n'),
    launch: (step, procs, nodes) => {
      const cores = resource(step.run, 'cores per task');
      return ['srun', '-n', procs, ...(nodes ? ['-N', nodes] : []), ...(cores ? ['-c', cores] : [])].join(' ');
    },
    check: (step) => [...checkWalltime(step), ...checkSlurmArgs(batch), ...checkDirectives(step, 'slurm')],
  };
}

function directives(step: StepInstance, batch: Batch): string[] {
  const get = (key: string) => firstOf(resource(step.run, key), resource(batch.values, key));
  const walltime = resource(step.run, 'walltime');
  const job = step.jobName.replaceAll(' ', '_');
  const when = (value: string, line: string) => (value === '' ? [] : [line]);
  const nodes = get('nodes');
  return [
    ...when(nodes, `--nodes=${nodes}`),
    ...when(get('queue'), `--partition=${get('queue')}`),
    ...when(get('bank'), `--account=${get('bank')}`),
    ...when(walltime, `--time=${walltime}`),
    `--job-name="${job}"`,
    `--output="${job}.out"`,
    `--error="${job}.err"`,
    ...when(step.description, `--comment "${step.description.replaceAll('\n', ' ')}"`),
    ...when(get('reservation'), `--reservation="${get('reservation')}"`),
    // `batch.gpus` is not used, whatever Maestro's documentation says.
    ...when(resource(step.run, 'gpus'), `--gres=gpu:${resource(step.run, 'gpus')}`),
    ...(resource(batch.values, 'procs') !== '' || nodes === '' ? [`--ntasks=${get('procs')}`] : []),
    ...((ownExclusive(step, 'allocation') ?? false) ? ['--exclusive'] : []),
    ...when(get('qos'), `--qos=${get('qos')}`),
  ];
}

function checkWalltime(step: StepInstance): Problem[] {
  const walltime = resource(step.run, 'walltime');
  if (walltime === '' || isSlurmTime(walltime)) return [];
  return [noWalltime(step, walltime, 'write minutes, "MM:SS", "HH:MM:SS" or "D-HH:MM:SS"')];
}

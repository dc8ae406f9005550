import { type Problem, problemOf } from '../spec/problem.js';
import type { Batch } from '../spec/spec.js';
import { type BatchArg, batchArgs, checkBatchArgs } from './batch-args.js';

/** What to do in place of an option that only `sbatch` would get. */
export const otherCluster = 'set SLURM_CLUSTERS in `setup`, so that all commands ask the same cluster';

/** Options of `sbatch` that `batch.args` cannot give, each with what to do instead. */
const refused: ReadonlyMap<string, string> = new Map(
  (
    [
      [['o', 'output', 'e', 'error'], 'reports read the files that each step has in its workspace'],
      [['D', 'chdir', 'workdir'], 'steps run in their workspaces'],
      [['J', 'job-name', 'comment'], 'jobs are found by the ones that they have'],
      [['a', 'array'], 'use parameters: each combination is a job of its own'],
      [
        ['W', 'wait', 'wrap', 'test-only', 'parsable', 'Q', 'quiet', 'h', 'help', 'usage', 'V', 'version'],
        'leave it out',
      ],
      [['export-file', 'get-user-env'], 'use `setup`, or the input `env`'],
      [['M', 'clusters'], otherCluster],
      [['p', 'partition'], 'use `queue` of batch'],
      [['A', 'account'], 'use `bank` of batch'],
      [['q', 'qos'], 'use `qos` of batch or of the steps'],
      [['reservation'], 'use `reservation` of batch or of the steps'],
      [['t', 'time'], 'use `walltime` of the steps'],
      [['N', 'nodes'], 'use `nodes` of the steps'],
      [['n', 'ntasks'], 'use `procs` of the steps'],
    ] as const
  ).flatMap(([names, hint]) => names.map((name): [string, string] => [name, hint])),
);

/** The words of `batch.args` for `sbatch`. */
export function slurmArgWords(batch: Batch): readonly string[] {
  return batchArgs(batch)
    .filter(({ name }) => name !== 'export')
    .flatMap(wordsOf);
}

function wordsOf({ name, value }: BatchArg): string[] {
  if (name.length > 1) return [value === null ? `--${name}` : `--${name}=${value}`];
  return value === null ? [`-${name}`] : [`-${name}`, value];
}

/** Which variables jobs get: those of the submit command, and some more if `batch.args` has them. */
export function slurmExport(batch: Batch): string {
  return batchArgs(batch).find(({ name }) => name === 'export')?.value ?? 'ALL';
}

export function checkSlurmArgs(batch: Batch): Problem[] {
  const problems = checkBatchArgs(batch, 'sbatch', refused);
  if (slurmExport(batch).split(',').includes('ALL')) return problems;
  const message = "batch.args: 'export' must have ALL, because steps need the variables of the run";
  return [...problems, problemOf('error', batch.placeOf('args', 'export'), message, 'write "ALL,NAME=value"')];
}

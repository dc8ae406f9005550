import type { Problem } from '../spec/problem.js';
import type { Batch } from '../spec/spec.js';
import { batchArgs, checkBatchArgs } from './batch-args.js';

/** Options of `bsub` that `batch.args` cannot give, each with what to do instead. */
const refused: ReadonlyMap<string, string> = new Map(
  (
    [
      [['o', 'oo', 'e', 'eo'], 'reports read the files that each step has in its workspace'],
      [['cwd'], 'steps run in their workspaces'],
      [['Jd'], 'jobs are found by the one that they have'],
      [['J'], 'jobs have the names of their steps, and instead of an array use parameters'],
      [['I', 'Ip', 'Is', 'IS', 'ISp', 'ISs', 'IX', 'K', 'pack', 'Zs', 'h', 'help', 'V'], 'leave it out'],
      [['q'], 'use `queue` of batch'],
      [['G'], 'use `bank` of batch'],
      [['U'], 'use `reservation` of batch or of the steps'],
      [['W'], 'use `walltime` of the steps'],
      [['nnodes'], 'use `nodes` of the steps'],
    ] as const
  ).flatMap(([names, hint]) => names.map((name): [string, string] => [name, hint])),
);

/** The words of `batch.args` for `bsub`, whose options have one hyphen: `-R span[ptile=1]`. */
export function lsfArgWords(batch: Batch): readonly string[] {
  return batchArgs(batch).flatMap(({ name, value }) => (value === null ? [`-${name}`] : [`-${name}`, value]));
}

export function checkLsfArgs(batch: Batch): Problem[] {
  return checkBatchArgs(batch, 'bsub', refused);
}

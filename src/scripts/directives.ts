import { type Problem, problemOf } from '../spec/problem.js';
import type { StepInstance } from '../study/graph.js';
import { otherCluster } from './slurm-args.js';

type System = 'slurm' | 'lsf';

const oneJob = 'a step is one job, and its end is waited for';

/** Options that make other jobs of a step than one that runs by itself and can be found, each with a hint. */
const unusable: Readonly<Record<System, readonly (readonly [RegExp, string])[]>> = {
  slurm: [
    [/^#SBATCH\s(.*\s)?(-a\S*|-W|-Q|--(array|wait|test-only|quiet)(=\S*)?)(\s|$)/, oneJob],
    [/^#SBATCH\s(.*\s)?(-M\S*|--clusters(=\S*)?)(\s|$)/, otherCluster],
  ],
  lsf: [[/^#BSUB\s(.*\s)?(-I\w*|-K|-pack|-Zs)(\s|$)|^#BSUB\s.*-J\s*\S*\[/, oneJob]],
};

/**
 * The directives among the commands of a step. Maestro submits the script itself, so that they count: `sbatch` reads
 * comments before the first command, and `bsub` all lines.
 */
export function directivesIn(commands: string, system: System): string[] {
  const lines = commands.split('\n');
  if (system === 'lsf') {
    return lines.flatMap((line) => {
      const options = /^\s*#\s*BSUB\s+(-.*?)\s*$/.exec(line)?.[1];
      return options === undefined ? [] : [`#BSUB ${options}`];
    });
  }
  const end = lines.findIndex((line) => !/^\s*(#.*)?$/.test(line));
  return lines.slice(0, end === -1 ? undefined : end).filter((line) => /^#SBATCH\s/.test(line));
}

export function checkDirectives(step: StepInstance, system: System): Problem[] {
  return ['cmd', 'restart'].flatMap((key) => {
    const commands = step.run.get(key);
    if (typeof commands !== 'string') return [];
    return directivesIn(commands, system).flatMap((line) => {
      const hint = unusable[system].find(([form]) => form.test(line))?.[1];
      if (hint === undefined) return [];
      const message = `step '${step.step}': the directive '${line}' cannot be used`;
      return [problemOf('error', step.placeOf(line, key), message, hint)];
    });
  });
}

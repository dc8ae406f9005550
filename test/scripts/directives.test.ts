import { describe, expect, it } from 'vitest';
import { directivesIn } from '../../src/scripts/directives.js';
import { headerOf } from '../../src/scripts/render.js';
import { lsf, planOf, slurm, validPlan } from '../support/plan.js';

describe('directives among the commands of a step', () => {
  const commands = '\n#SBATCH --exclusive\n# a comment\n  #SBATCH --mem=1\n#SBATCHED -x\n\necho\n#SBATCH --mem=2\n';

  it('count for Slurm before the first command, at the beginning of a line', () => {
    expect(directivesIn(commands, 'slurm')).toEqual(['#SBATCH --exclusive']);
    expect(directivesIn('#SBATCH -x\n# nothing else', 'slurm')).toEqual(['#SBATCH -x']);
  });

  it('count for LSF wherever they are', () => {
    const lines = '#BSUB -P my_project\nmyjob1\n  # BSUB -n 2  \n#BSUBX -x\n#BSUB no option\n';
    expect(directivesIn(lines, 'lsf')).toEqual(['#BSUB -P my_project', '#BSUB -n 2']);
  });

  it('stand behind those of Maestro, and so win over them', () => {
    const step = { name: 'run', cmd: '#BSUB -q other\ntrue', nodes: 1, procs: 1 };
    const { graph, spec } = validPlan({ batch: lsf, steps: [step] });
    const header = headerOf(graph.steps[0]!, spec.batch, step.cmd).split('\n');
    expect(header.at(-1)).toBe('#BSUB -q other');
    expect(header).toContain('#BSUB -q pbatch');
    expect(headerOf(graph.steps[0]!, spec.batch)).toBe(header.slice(0, -1).join('\n'));
  });

  it.each([
    [slurm, '#SBATCH --array=1-3'],
    [slurm, '#SBATCH -W'],
    [slurm, '#SBATCH --mem=1 -a1-3'],
    [slurm, '#SBATCH --quiet'],
    [lsf, '#BSUB -J all[1-10]'],
    [lsf, '#BSUB -q x -J "all[1-10]"'],
    [lsf, '#BSUB -Is'],
    [lsf, '#BSUB -K'],
    [lsf, '#BSUB -n 2 -Ip'],
  ])('cannot make more than one job of a step, or none that is waited for: %#', (batch, line) => {
    const { errors } = planOf({ batch, steps: [{ name: 'run', cmd: `${line}\ntrue`, nodes: 1, procs: 1 }] });
    expect(errors).toEqual([
      expect.stringContaining(`step 'run': the directive '${line}' cannot be used (a step is one job`),
    ]);
  });

  it.each(['#SBATCH -M other', '#SBATCH --mem=1 --clusters=a,b'])('cannot choose another cluster: %s', (line) => {
    const { errors } = planOf({ batch: slurm, steps: [{ name: 'run', cmd: `${line}\ntrue`, nodes: 1 }] });
    expect(errors).toEqual([expect.stringContaining(`'${line}' cannot be used (set SLURM_CLUSTERS in \`setup\``)]);
  });

  it.each([
    [slurm, '#SBATCH --wait-all-nodes=1 --account=a -A b'],
    [lsf, '#BSUB -J all'],
    [lsf, '#BSUB -R "span[ptile=1]" -P x'],
  ])('are taken otherwise: %#', (batch, line) => {
    const { errors } = planOf({ batch, steps: [{ name: 'run', cmd: `${line}\ntrue`, nodes: 1, procs: 1 }] });
    expect(errors).toEqual([]);
  });
});

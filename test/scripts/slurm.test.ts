import { describe, expect, it } from 'vitest';
import { slurm, specText, validPlan } from '../support/plan.js';

/** The header of a scheduled step's script, without what every script has. */
function header(run: Readonly<Record<string, unknown>>, batch: Readonly<Record<string, unknown>> = {}): string[] {
  const { scripts } = validPlan({
    batch: { ...slurm, ...batch },
    steps: [{ name: 'a', ...run }],
  });
  return scripts[0]!.main.text
    .split('\n\n')[0]!
    .split('\n')
    .filter((line) => !/^#SBATCH --(job-name|output|error|comment)/.test(line));
}

const usual = ['#SBATCH --partition=pbatch', '#SBATCH --account=science'];

it("a script has Maestro's header, in Maestro's order", () => {
  const { scripts } = validPlan({
    batch: { ...slurm, shell: '/bin/sh -e', reservation: 'batch_res', qos: 'low' },
    parameters: { N: ['a b', 'c'] },
    steps: [
      {
        name: 'run it',
        description: 'Says "hi" to $(N),\nthen goes\n',
        cmd: '$(LAUNCHER) ./app $(N)\n',
        restart: './again $(N)',
        nodes: 2,
        procs: 4,
        gpus: 1,
        'cores per task': 3,
        walltime: '01:00:00',
        reservation: 'mine',
        exclusive: true,
        qos: 'high',
      },
    ],
  });
  const head = `#!/bin/sh -e
#SBATCH --nodes=2
#SBATCH --partition=pbatch
#SBATCH --account=science
#SBATCH --time=01:00:00
#SBATCH --job-name="run_it_N.a_b"
#SBATCH --output="run_it_N.a_b.out"
#SBATCH --error="run_it_N.a_b.err"
#SBATCH --comment "Says "hi" to a b, then goes "
#SBATCH --reservation="mine"
#SBATCH --gres=gpu:1
#SBATCH --exclusive
#SBATCH --qos=high
`;
  expect(scripts[0]).toEqual({
    main: { path: 'run_it/N.a_b/run_it_N.a_b.slurm.sh', text: `${head}\nsrun -n 4 -N 2 -c 3 ./app a b\n\n` },
    restart: { path: 'run_it/N.a_b/run it_N.a b.restart.slurm.sh', text: `${head}\n./again a b\n` },
  });
});

it('a job is called as the step, with blanks as underscores and all else kept', () => {
  const { scripts } = validPlan({
    batch: slurm,
    parameters: { N: ['x/y: z'] },
    steps: [{ name: 'a', cmd: '$(N)', procs: 1 }],
  });
  expect(scripts[0]!.main.text).toContain(
    '#SBATCH --job-name="a_N.x/y:_z"\n#SBATCH --output="a_N.x/y:_z.out"\n#SBATCH --error="a_N.x/y:_z.err"\n',
  );
});

describe('a header', () => {
  it.each([
    ['nodes and procs', { nodes: 2, procs: 4 }, {}, ['#SBATCH --nodes=2', ...usual]],
    ['nodes only', { nodes: 2 }, {}, ['#SBATCH --nodes=2', ...usual]],
    ['procs only', { procs: 4 }, {}, [...usual, '#SBATCH --ntasks=4']],
    ['nodes of the batch block', { procs: 4 }, { nodes: 8 }, ['#SBATCH --nodes=8', ...usual]],
    ['nodes of both', { nodes: 2, procs: 4 }, { nodes: 8 }, ['#SBATCH --nodes=2', ...usual]],
    ['procs of both', { nodes: 2, procs: 4 }, { procs: 8 }, ['#SBATCH --nodes=2', ...usual, '#SBATCH --ntasks=4']],
    ['procs of the batch block', { nodes: 2 }, { procs: 8 }, ['#SBATCH --nodes=2', ...usual, '#SBATCH --ntasks=8']],
    ['nodes from a token that nothing defines', { nodes: '$(NOPE)' }, {}, ['#SBATCH --nodes=$(NOPE)', ...usual]],
    ['empty queue and bank', { procs: 4 }, { queue: '', bank: null }, ['#SBATCH --ntasks=4']],
    ['minutes', { procs: 4, walltime: 30 }, {}, [...usual, '#SBATCH --time=30', '#SBATCH --ntasks=4']],
    ['no minutes', { procs: 4, walltime: 0 }, {}, [...usual, '#SBATCH --ntasks=4']],
    ['days', { procs: 4, walltime: '1-0' }, {}, [...usual, '#SBATCH --time=1-0', '#SBATCH --ntasks=4']],
    ['no gpus', { procs: 4, gpus: 0 }, {}, [...usual, '#SBATCH --ntasks=4']],
    [
      'a reservation and a quality of the batch block',
      { procs: 4 },
      { reservation: 'r', qos: 'q' },
      [...usual, '#SBATCH --reservation="r"', '#SBATCH --ntasks=4', '#SBATCH --qos=q'],
    ],
    ['exclusive nodes', { procs: 4, exclusive: true }, {}, [...usual, '#SBATCH --ntasks=4', '#SBATCH --exclusive']],
    ['nodes that are not exclusive', { procs: 4, exclusive: false }, {}, [...usual, '#SBATCH --ntasks=4']],
    [
      'an exclusive allocation',
      { procs: 4, exclusive: { allocation: true, launcher: false } },
      {},
      [...usual, '#SBATCH --ntasks=4', '#SBATCH --exclusive'],
    ],
    [
      'an allocation that is not exclusive',
      { procs: 4, exclusive: { allocation: false } },
      {},
      [...usual, '#SBATCH --ntasks=4'],
    ],
    ['an exclusive launcher only', { procs: 4, exclusive: { launcher: true } }, {}, [...usual, '#SBATCH --ntasks=4']],
    [
      // Maestro's adapter takes no more than these from the block: nodes, procs, queue, bank, reservation, qos.
      'other keys of the batch block',
      { procs: 4 },
      { gpus: 2, walltime: '10', exclusive: true, 'cores per task': 2, comment: 'c' },
      [...usual, '#SBATCH --ntasks=4'],
    ],
  ])('with %s', (_, run, batch, lines) => expect(header(run, batch)).toEqual(['#!/bin/bash', ...lines]));
});

it('a number stands as Python prints it', () =>
  expect(
    validPlan(
      specText(`
        batch: {type: slurm, host: h, bank: b, queue: q}
        study: [{name: a, description: d, run: {cmd: $(LAUNCHER), nodes: 2.0, procs: 0x10}}]
      `),
    ).scripts[0]!.main.text,
  ).toMatch(/\n#SBATCH --nodes=2\.0\n[\s\S]*\n\nsrun -n 16 -N 2\.0\n$/));

it('an unscheduled step has the line of the shell and its commands only', () => {
  const { scripts } = validPlan({
    batch: { ...slurm, nodes: 2, procs: 4, shell: '/bin/zsh' },
    steps: [{ name: 'a b', cmd: 'x\n', restart: 'y', walltime: '10', exclusive: true }],
  });
  expect(scripts[0]).toEqual({
    main: { path: 'a_b/a_b.slurm.sh', text: '#!/bin/zsh\n\nx\n\n' },
    restart: { path: 'a_b/a b.restart.slurm.sh', text: '#!/bin/zsh\n\ny\n' },
  });
});

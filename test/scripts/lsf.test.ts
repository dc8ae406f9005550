import { describe, expect, it } from 'vitest';
import { lsf, messagesOf, planOf, validPlan } from '../support/plan.js';

const script = (run: Readonly<Record<string, unknown>>, batch: Readonly<Record<string, unknown>> = {}) =>
  validPlan({ batch: { ...lsf, ...batch }, steps: [{ name: 'a', nodes: 2, procs: 4, ...run }] }).scripts[0]!.main.text;

it("a script has Maestro's header, in Maestro's order, even where it is empty", () => {
  const { scripts } = validPlan({
    batch: { ...lsf, shell: '/bin/zsh', nodes: 9, reservation: 'batch_res' },
    parameters: { N: ['a b'] },
    steps: [{ name: 'run it', cmd: '$(LAUNCHER) ./app $(N)\n', restart: './again', nodes: 2, procs: 4 }],
  });
  const head = `#!/bin/bash
#BSUB -nnodes 2
#BSUB -q pbatch
#BSUB -G science
#BSUB -W \n#BSUB -J run_it_N.a_b
#BSUB -o run_it_N.a_b.%J.out
#BSUB -U batch_res
#BSUB -e run_it_N.a_b.%J.err
`;
  expect(scripts[0]).toEqual({
    main: {
      path: 'run_it/N.a_b/run_it_N.a_b.lsf.sh',
      text: `${head}\njsrun --nrs 4 -b rs -a 1 -r 1 -c 1 ./app a b\n\n`,
    },
    restart: { path: 'run_it/N.a_b/run it_N.a b.restart.lsf.sh', text: `${head}\n./again\n` },
  });
});

describe('the header', () => {
  it('has no reservation if there is none, and that of the step before that of the batch block', () => {
    expect(script({})).not.toContain('-U');
    expect(script({ reservation: 'mine' }, { reservation: 'batch_res' })).toContain(
      '#BSUB -o a.%J.out\n#BSUB -U mine\n#BSUB -e a.%J.err\n',
    );
  });

  it('has an empty queue and bank', () =>
    expect(script({}, { queue: '', bank: '' })).toContain('#BSUB -nnodes 2\n#BSUB -q \n#BSUB -G \n#BSUB -W \n'));

  it.each([
    ['10', '10'],
    [30, '30'],
    ['02:30', '02:30'],
    ['00:10:00', '00:10'],
    ['00:10:30', '00:11'],
    ['00:00:01', '00:01'],
    ['00:00:0.5', '00:01'],
    ['00:59:30', '01:00'],
    ['23:59:59', '24:00'],
    ['99:59:01', '100:00'],
    ['1:2:3', '01:03'],
  ])('has the walltime %j as %s: hours and minutes', (walltime, expected) =>
    expect(script({ walltime })).toContain(`\n#BSUB -W ${expected}\n`),
  );
});

it.each(['a:b:c', '1.5:00:00', '1:1.5:0', '::', '-1:00:00'])('the walltime %j is refused', (walltime) =>
  expect(messagesOf(planOf({ batch: lsf, steps: [{ name: 'a', nodes: 1, procs: 1, walltime }] }).errors)).toEqual([
    `step 'a': '${walltime}' is no walltime (write minutes, "HH:MM" or "HH:MM:SS")`,
  ]),
);

describe('$(LAUNCHER)', () => {
  it.each([
    [{}, 'jsrun --nrs 4 -b rs -a 1 -r 1 -c 1'],
    [{ gpus: 2 }, 'jsrun --nrs 4 -b rs -g 2 -a 1 -r 1 -c 1'],
    [{ gpus: 0, bind: 'none' }, 'jsrun --nrs 4 -b none -a 1 -r 1 -c 1'],
    [
      { gpus: 1, 'bind gpus': 'none', 'tasks per rs': 2, 'rs per node': 3, 'cpus per rs': 4 },
      'jsrun --nrs 4 -b rs -g 1 -B none -a 2 -r 3 -c 4',
    ],
    // Maestro's documentation says that these are used.
    [{ 'cores per task': 8 }, 'jsrun --nrs 4 -b rs -a 1 -r 1 -c 1'],
  ])('with %j is %s', (run, command) =>
    expect(script({ cmd: '$(LAUNCHER) x', ...run })).toMatch(new RegExp(`\n\n${command} x\n$`)),
  );

  it('with brackets starts as many resource sets', () =>
    expect(script({ cmd: '$(LAUNCHER)[1n,2p] x' })).toMatch(/\n\njsrun --nrs 2 -b rs -a 1 -r 1 -c 1 x\n$/));

  it.each([
    ['a step without nodes', { procs: 4, cmd: 'x' }, 'an LSF step must say on how many nodes it launches'],
    ['a step without procs', { nodes: 2, cmd: 'x' }, 'an LSF step must set procs'],
    [
      'brackets without nodes',
      { nodes: 2, procs: 4, cmd: '$(LAUNCHER)[2p] x' },
      'an LSF step must say on how many nodes it launches',
    ],
  ])('cannot be written for %s, as in Maestro', (_, run, message) =>
    expect(messagesOf(planOf({ batch: lsf, steps: [{ name: 'a', ...run }] }).errors)).toEqual([
      expect.stringContaining(`step 'a': ${message}`),
    ]),
  );
});

it('an unscheduled step has the line of the shell and its commands only', () =>
  expect(
    validPlan({ batch: { ...lsf, shell: '/bin/zsh' }, steps: [{ name: 'a', cmd: 'x', walltime: 'a:b:c' }] }).scripts[0],
  ).toEqual({ main: { path: 'a/a.lsf.sh', text: '#!/bin/bash\n\nx\n' }, restart: null }));

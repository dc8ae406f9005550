import { describe, expect, it } from 'vitest';
import { messagesOf, planOf, specText, validPlan } from '../support/plan.js';

type Run = Readonly<Record<string, unknown>>;

const script = (run: Run, batch: Run = {}) =>
  validPlan({ batch: { type: 'flux', ...batch }, steps: [{ name: 'a', cmd: '$(LAUNCHER) x', ...run }] }).scripts[0]!;

const directives = (run: Run, batch: Run = {}) =>
  script(run, batch)
    .main.text.split('\n')
    .filter((line) => line.startsWith('#flux: '))
    .map((line) => line.slice('#flux: '.length))
    .filter((line) => !/^--(job-name|output|error)=/.test(line));

const command = (run: Run, batch: Run = {}) => script(run, batch).main.text.split('\n\n')[1]!.trimEnd();

it('a script has directives with which it can be run again, and the commands', () => {
  const { scripts } = validPlan({
    batch: { type: 'flux', host: 'h', queue: 'pdebug', bank: 'my bank', shell: '/bin/sh', version: '0.49.0' },
    parameters: { N: ['a b'] },
    steps: [
      {
        name: 'run it',
        cmd: '$(LAUNCHER) ./app $(N)\n',
        restart: '$(LAUNCHER)[1n,1p] ./again',
        nodes: 2,
        procs: 4,
        gpus: 3,
        'cores per task': 5,
        walltime: '1:30',
      },
    ],
  });
  const head = `#!/bin/sh
#flux: -N2
#flux: -n4
#flux: -c5
#flux: -g2
#flux: -t90s
#flux: --queue=pdebug
#flux: --bank='my bank'
#flux: --job-name=run_it_N.a_b
#flux: --output='run_it_N.a_b.{{id}}.out'
#flux: --error='run_it_N.a_b.{{id}}.err'
`;
  expect(scripts[0]).toEqual({
    main: {
      path: 'run_it/N.a_b/run_it_N.a_b.flux.sh',
      text: `${head}\nflux run -n 4 -N 2 -c 5 -g 3 ./app a b\n\n`,
    },
    restart: {
      path: 'run_it/N.a_b/run it_N.a b.restart.flux.sh',
      text: `${head}\nflux run -n 1 -N 1 -c 5 -g 3 ./again\n`,
    },
  });
});

describe('the directives of a step', () => {
  it.each([
    ['one node only', { nodes: 1 }, {}, ['-N1', '-n1']],
    ['procs only: one node, as in Maestro 1.1', { procs: 4 }, {}, ['-N1', '-n4']],
    ['nodes of the batch block', { procs: 4 }, { nodes: 3 }, ['-N3', '-n4']],
    ['more nodes of the batch block than tasks', { procs: 2 }, { nodes: 3 }, ['-N2', '-n2']],
    ['minutes', { procs: 1, walltime: 3 }, {}, ['-N1', '-n1', '-t180s']],
    ['no limit', { procs: 1, walltime: 'inf' }, {}, ['-N1', '-n1']],
    ['gpus on one node', { procs: 1, gpus: 3 }, {}, ['-N1', '-n1', '-g3']],
    ['gpus over nodes', { nodes: 2, procs: 2, gpus: 4 }, {}, ['-N2', '-n2', '-g2']],
    ['an exclusive allocation', { nodes: 1, procs: 2, gpus: 1, exclusive: true }, {}, ['-N1', '--exclusive']],
    ['an exclusive launcher', { nodes: 1, exclusive: { launcher: true } }, {}, ['-N1', '-n1']],
    [
      'an allocation that is not exclusive',
      { nodes: 1, exclusive: { allocation: false, launcher: true } },
      {},
      ['-N1', '-n1'],
    ],
  ])('with %s', (_, run, batch, expected) => expect(directives(run, batch)).toEqual(expected));
});

describe('$(LAUNCHER)', () => {
  it.each([
    ['nodes and procs', { nodes: 2, procs: 4 }, {}, 'flux run -n 4 -N 2 -c 1 x'],
    ['procs only', { procs: 4 }, {}, 'flux run -n 4 -N 1 -c 1 x'],
    ['one node only, as in Maestro', { nodes: 1 }, {}, 'flux run -n  -N 1 -c 1 x'],
    ['nodes of the batch block', { procs: 4 }, { nodes: 3 }, 'flux run -n 4 -N 3 -c 1 x'],
    ['more nodes of the batch block than tasks', { procs: 2 }, { nodes: 3 }, 'flux run -n 2 -N 2 -c 1 x'],
    ['cores and gpus', { procs: 4, 'cores per task': 2, gpus: 1 }, {}, 'flux run -n 4 -N 1 -c 2 -g 1 x'],
    ['no gpus', { procs: 4, gpus: 0 }, {}, 'flux run -n 4 -N 1 -c 1 x'],
    ['brackets', { nodes: 2, procs: 4, cmd: '$(LAUNCHER)[2p] x' }, {}, 'flux run -n 2 -N 1 -c 1 x'],
    ['brackets with nodes', { nodes: 2, procs: 4, cmd: '$(LAUNCHER)[2n,2p] x' }, {}, 'flux run -n 2 -N 2 -c 1 x'],
    ['an argument', { procs: 1 }, { args: { mpi: 'spectrum' } }, 'flux run -n 1 -N 1 -c 1 -o mpi=spectrum x'],
    [
      'arguments',
      { procs: 1 },
      { args: { mpi: 'spectrum', verbose: 2 } },
      'flux run -n 1 -N 1 -c 1 -o mpi=spectrum,verbose=2 x',
    ],
  ])('with %s', (_, run, batch, expected) => expect(command(run, batch)).toBe(expected));
});

it.each(['abc', ' 10', '1h', '1:', '$(NOPE)'])('the walltime %j is refused', (walltime) =>
  expect(messagesOf(planOf({ batch: { type: 'flux' }, steps: [{ name: 'a', procs: 1, walltime }] }).errors)).toEqual([
    `step 'a': '${walltime}' is no walltime (write minutes, "MM:SS" or "HH:MM:SS")`,
  ]),
);

it('a walltime is refused at its place, for each text that it becomes', () =>
  expect(
    planOf(
      specText(`
        batch: {type: flux}
        study:
          - name: a
            description: d
            run: {cmd: x, procs: 1, walltime: $(T)}
        global.parameters: {T: {values: [x, "1:00", y], label: T.%%}}
      `),
    ).errors,
  ).toEqual([
    `study.yaml:6:39: step 'a': 'x' is no walltime (write minutes, "MM:SS" or "HH:MM:SS")`,
    `study.yaml:6:39: step 'a': 'y' is no walltime (write minutes, "MM:SS" or "HH:MM:SS")`,
  ]));

it('an unscheduled step has the line of the shell, in its restart too, and any walltime', () => {
  expect(script({ cmd: 'x', restart: 'y', walltime: 'abc' }, { nodes: 2 })).toEqual({
    main: { path: 'a/a.flux.sh', text: '#!/bin/bash\n\nx\n' },
    restart: { path: 'a/a.restart.flux.sh', text: '#!/bin/bash\n\ny\n' },
  });
});

describe('the keys of Maestro 1.2', () => {
  it.each([
    [{ o: { fastload: 'on' } }, / (-o |--setopt=)fastload=on x$/],
    [{ setopt: { cpu: { affinity: 'off' } } }, / (-o |--setopt=)cpu\.affinity=off x$/],
    [{ l: { verbose: null } }, / -l verbose x$/],
    [{ requires: { host: 'a' } }, / --requires=host=a x$/],
    [{ o: { trace: true } }, / (-o |--setopt=)trace=true x$/],
  ])('launcher_args %j', (args, expected) => expect(command({ procs: 1 }, { launcher_args: args })).toMatch(expected));

  it.each([
    [{ o: { mpi: 'none' } }, /^(-o ?|--setopt=)mpi=none$/],
    [{ setattr: { 'system.x': 1 } }, /^(-S ?|--setattr=)system\.x=1$/],
  ])('allocation_args %j', (args, expected) =>
    expect(directives({ procs: 1 }, { allocation_args: args })).toContainEqual(expect.stringMatching(expected)),
  );

  it('an exclusive launcher has whole nodes, whatever a task needs', () => {
    const launched = command({ nodes: 2, procs: 2, gpus: 1, 'cores per task': 3, exclusive: { launcher: true } });
    expect(launched).toMatch(/ --exclusive x$/);
    expect(launched).not.toMatch(/ -[cg] /);
  });
});

import { describe, expect, it } from 'vitest';
import { messagesOf, planOf, slurm, specText, validPlan } from '../support/plan.js';

/** What a step's command becomes, with the scheduler Slurm. */
function launched(cmd: string, run: Readonly<Record<string, unknown>> = { nodes: 2, procs: 4 }): string {
  const { scripts } = validPlan({
    batch: slurm,
    variables: { TWO: 2, FOUR: 4 },
    parameters: { P: [3], N: [1] },
    steps: [{ name: 'a', cmd, ...run }],
  });
  return scripts[0]!.main.text.split('\n\n').slice(1).join('\n\n').slice(0, -1);
}

/** What is wrong with a step whose command begins on line 7. */
const errors = (cmd: string, run = 'nodes: 2\n        procs: 4') =>
  planOf(
    specText(`
      batch: {type: slurm, host: h, bank: b, queue: q}
      study:
      - name: a
        description: d
        run:
          cmd: |
            ${cmd.replaceAll('\n', '\n            ')}
          ${run.replaceAll('\n        ', '\n          ')}
    `),
  ).errors;

describe('a bare $(LAUNCHER)', () => {
  it.each([
    ['all of the nodes and procs of the step', { nodes: 2, procs: 4 }, 'srun -n 4 -N 2'],
    ['the procs of a step without nodes', { procs: 4 }, 'srun -n 4'],
    ['no number of procs if there is none, as in Maestro', { nodes: 2 }, 'srun -n  -N 2'],
    ['numbers from variables', { nodes: '$(TWO)', procs: '$(FOUR)' }, 'srun -n 4 -N 2'],
    ['numbers from parameters', { nodes: '$(N)', procs: '$(P)' }, 'srun -n 3 -N 1'],
    ['the cores of a task', { nodes: 2, procs: 4, 'cores per task': 3 }, 'srun -n 4 -N 2 -c 3'],
    ['nothing else of the run block', { procs: 4, gpus: 2, walltime: '10', exclusive: true, bind: 'x' }, 'srun -n 4'],
  ])('starts %s', (_, run, command) => expect(launched('$(LAUNCHER) ./app', run)).toBe(`${command} ./app`));

  it('may be written more than once', () =>
    expect(launched('$(LAUNCHER) a; $(LAUNCHER) b\n$(LAUNCHER) c')).toBe(
      'srun -n 4 -N 2 a; srun -n 4 -N 2 b\nsrun -n 4 -N 2 c',
    ));

  it('is not needed', () => expect(launched('./app $(LAUNCHERS) $LAUNCHER')).toBe('./app $(LAUNCHERS) $LAUNCHER'));
});

describe('a $(LAUNCHER) with brackets', () => {
  it.each([
    ['[1n, 2p]', 'srun -n 2 -N 1'],
    ['[2p, 1n]', 'srun -n 2 -N 1'],
    ['[2n4p]', 'srun -n 4 -N 2'],
    ['[4p]', 'srun -n 4'],
    ['[ 4p ]', 'srun -n 4'],
    ['[0p]', 'srun -n 0'],
    ['[02n,04p]', 'srun -n 04 -N 02'],
    ['[2nodes,4procs]', 'srun -n 4 -N 2'],
    ['[2,4]', 'srun -n 4 -N 2'],
    // The legacy form keeps its blanks.
    ['[2, 4]', 'srun -n  4 -N 2'],
    ['[1,2,3]', 'srun -n 2 -N 1'],
    ['[$(N)n, $(P)p]', 'srun -n 3 -N 1'],
    ['[$(TWO)n, $(FOUR)p]', 'srun -n 4 -N 2'],
  ])('such as %s starts %s', (brackets, command) =>
    expect(launched(`$(LAUNCHER)${brackets} ./app`)).toBe(`${command} ./app`),
  );

  it('is followed by anything, brackets too', () => {
    expect(launched('$(LAUNCHER)[4p] a ${x[0]} [b]')).toBe('srun -n 4 a ${x[0]} [b]');
    expect(launched('$(LAUNCHER)[4p]./app')).toBe('srun -n 4./app');
  });

  it('may be written more than once in a line, with the same numbers or others', () =>
    expect(launched('$(LAUNCHER)[1n,1p] a & $(LAUNCHER)[1n,2p] b & $(LAUNCHER)[1p] c')).toBe(
      'srun -n 1 -N 1 a & srun -n 2 -N 1 b & srun -n 1 c',
    ));

  it('leaves those without brackets in the same text as they are', () =>
    expect(launched('$(LAUNCHER)[4p] a\n$(LAUNCHER) b')).toBe('srun -n 4 a\n$(LAUNCHER) b'));

  it('ends on its line', () => {
    expect(launched('$(LAUNCHER)[4p\n] a')).toBe('srun -n 4 -N 2[4p\n] a');
    expect(launched('$(LAUNCHER)[2n,4p a')).toBe('srun -n 4 -N 2[2n,4p a');
  });

  it('has brackets only if they come straight after it', () =>
    expect(launched('$(LAUNCHER) [4p] a')).toBe('srun -n 4 -N 2 [4p] a'));

  it('is allowed all that the step has, once', () =>
    expect(launched('$(LAUNCHER)[1n,2p] a\n$(LAUNCHER)[1n,2p] b')).toBe('srun -n 2 -N 1 a\nsrun -n 2 -N 1 b'));

  it('may give procs only when the step has no nodes', () =>
    expect(launched('$(LAUNCHER)[2p] a', { procs: 2 })).toBe('srun -n 2 a'));
});

describe('a $(LAUNCHER) is refused', () => {
  it.each([
    ['[2n]', 'does not say how many procs'],
    ['[]', 'does not say how many procs'],
    ['[4P]', 'does not say how many procs'],
    ['[1p, 2p]', 'gives nodes or procs more than once'],
    ['[1n, 2p, 1n]', 'gives nodes or procs more than once'],
    ['[4 p]', 'has no number of procs'],
    ['[p]', 'has no number of procs'],
    ['[5p]', 'asks for 5 procs, but the step has 4'],
    ['[3n, 1p]', 'asks for 3 nodes, but the step has 2'],
    ['[3, 1]', 'asks for 3 nodes, but the step has 2'],
    ['[1, 5]', 'asks for 5 procs, but the step has 4'],
  ])('with %s because it %s', (brackets, message) =>
    expect(errors(`$(LAUNCHER)${brackets} ./app`)).toEqual([
      expect.stringContaining(`study.yaml:8:7: step 'a': $(LAUNCHER)${brackets} ${message}`),
    ]),
  );

  it.each(['[1n,2,4p]', '[x2,4]', '[1,2p,3]'])('with %s, which mixes the forms', (brackets) =>
    expect(errors(`$(LAUNCHER)${brackets} ./app`)).toEqual([
      expect.stringContaining(`study.yaml:8:7: step 'a': $(LAUNCHER)${brackets}`),
    ]),
  );

  it.each([
    ['procs: 4', '[1n, 1p]', 'asks for 1 nodes, but the step does not set nodes'],
    ['nodes: 2', '[1p]', 'asks for 1 procs, but the step does not set procs'],
  ])('when the step has only %s and it says %s', (run, brackets, message) =>
    expect(errors(`$(LAUNCHER)${brackets} ./app`, run)).toEqual([
      `study.yaml:8:7: step 'a': $(LAUNCHER)${brackets} ${message}`,
    ]),
  );

  it.each(['$(NOPE)', '$(WORD)'])('when what the step has is no number: %s', (procs) =>
    expect(
      messagesOf(
        planOf({
          batch: slurm,
          variables: { WORD: 'four' },
          steps: [{ name: 'a', cmd: '$(LAUNCHER)[4p] ./app', procs }],
        }).errors,
      ),
    ).toEqual([expect.stringContaining("step 'a'")]),
  );

  it('when all of a step together ask for too much, even in turn', () => {
    expect(errors('$(LAUNCHER)[2p] a\n$(LAUNCHER)[3p] b')).toEqual([
      "study.yaml:8:7: step 'a': its $(LAUNCHER)s ask for 5 procs together, but the step has 4 (Maestro counts all launches of a step, even those that run in turn)",
    ]);
    expect(errors('$(LAUNCHER)[2n,1p] a\n$(LAUNCHER)[1n,1p] b')).toEqual([
      "study.yaml:8:7: step 'a': its $(LAUNCHER)s ask for 3 nodes together, but the step has 2 (Maestro counts all launches of a step, even those that run in turn)",
    ]);
  });

  it('at its own place, not at that of another one', () =>
    expect(errors('$(LAUNCHER)[1p] a\n  $(LAUNCHER)[2n] b')).toEqual([
      expect.stringMatching(/^study\.yaml:9:9: step 'a': \$\(LAUNCHER\)\[2n\] does not say how many procs/),
    ]));

  it('at its own place when texts before it were replaced by longer or shorter ones', () =>
    expect(
      planOf(
        specText(`
          batch: {type: slurm, host: h, bank: b, queue: q}
          env: {variables: {LONG: ${'l'.repeat(99)}, SHORT_AS_CAN_BE: s}}
          study:
            - name: a
              description: d
              run:
                cmd: |
                  echo $(LONG)
                  $(LAUNCHER)[2n]
                restart: |
                  echo $(SHORT_AS_CAN_BE)
                  $(LAUNCHER)[2n]
                procs: 4
        `),
      ).errors.map((error) => error.slice(0, error.indexOf(' '))),
    ).toEqual(['study.yaml:10:9:', 'study.yaml:13:9:']));

  it('once a step, not once an instance', () =>
    expect(
      planOf({
        batch: slurm,
        parameters: { P: [1, 2, 3] },
        steps: [{ name: 'a', cmd: '$(LAUNCHER)[5p] $(P)', procs: 4 }],
      }).errors,
    ).toHaveLength(1));

  it('only where it is too much', () =>
    expect(
      planOf({
        batch: slurm,
        parameters: { P: [1, 2, 3] },
        steps: [{ name: 'a', cmd: '$(LAUNCHER)[$(P)p]', procs: 2 }],
      }).errors,
    ).toEqual([expect.stringContaining('$(LAUNCHER)[3p] asks for 3 procs, but the step has 2')]));
});

describe('a restart has launchers of its own', () => {
  it('with numbers that are counted by themselves', () => {
    const { scripts } = validPlan({
      batch: slurm,
      steps: [{ name: 'a', cmd: '$(LAUNCHER)[4p] a', restart: '$(LAUNCHER)[4p] b', nodes: 2, procs: 4 }],
    });
    expect(scripts[0]!.restart!.text).toMatch(/\n\nsrun -n 4 b\n$/);
  });

  it('bare even if those of the command have brackets', () => {
    const { scripts } = validPlan({
      batch: slurm,
      steps: [{ name: 'a', cmd: '$(LAUNCHER)[4p] a', restart: '$(LAUNCHER) b', nodes: 2, procs: 4 }],
    });
    expect(scripts[0]!.restart!.text).toMatch(/\n\nsrun -n 4 -N 2 b\n$/);
  });
});

it.each(['slurm', 'lsf', 'flux', 'local'])('an unscheduled step of %s keeps its $(LAUNCHER)s', (type) =>
  expect(
    validPlan({ batch: { ...slurm, type }, steps: [{ name: 'a', cmd: '$(LAUNCHER) a\n$(LAUNCHER)[9p] b' }] })
      .scripts[0]!.main.text,
  ).toBe('#!/bin/bash\n\n$(LAUNCHER) a\n$(LAUNCHER)[9p] b\n'),
);

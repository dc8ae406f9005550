import { describe, expect, it } from 'vitest';
import { planOf, slurm, validPlan } from '../support/plan.js';

const pathsOf = (study: Parameters<typeof validPlan>[0], options = {}) =>
  validPlan(study, options).scripts.map(({ main, restart }) => [main.path, restart?.path]);

describe('a local script', () => {
  it.each([
    ['nothing', undefined, '/bin/bash'],
    ['a shell', { type: 'local', shell: '/bin/sh -e' }, '/bin/sh -e'],
    ['an empty shell', { type: 'local', shell: '' }, '/bin/bash'],
  ])('begins with the shell, when the batch block says %s', (_, batch, shell) =>
    expect(
      validPlan({ ...(batch === undefined ? {} : { batch }), steps: [{ name: 'a', cmd: 'x\n', restart: 'y' }] })
        .scripts,
    ).toEqual([
      {
        main: { path: 'a/a.sh', text: `#!${shell}\n\nx\n\n` },
        restart: { path: 'a/a.restart.sh', text: `#!${shell}\n\ny\n` },
      },
    ]),
  );

  it('ends with one line break more than its command, and has the command to the byte', () => {
    const cmd = '  a\t"b" \'c\' \\ $x `y` ${z}  \n\n\n';
    expect(validPlan({ steps: [{ name: 'a', cmd }] }).scripts[0]!.main.text).toBe(`#!/bin/bash\n\n${cmd}\n`);
  });

  it('takes no notice of nodes, procs, walltime, pre and post', () =>
    expect(
      validPlan({ steps: [{ name: 'a', cmd: 'x', nodes: 1, procs: 2, walltime: 'abc', pre: 'p', post: 'q' }] }).scripts,
    ).toEqual([{ main: { path: 'a/a.sh', text: '#!/bin/bash\n\nx\n' }, restart: null }]));
});

describe('a script', () => {
  it.each([
    ['local', '.sh'],
    ['slurm', '.slurm.sh'],
    ['lsf', '.lsf.sh'],
    ['flux', '.flux.sh'],
  ])('of %s ends in %s, scheduled or not', (type, extension) =>
    expect(
      pathsOf({
        batch: { ...slurm, type },
        steps: [
          { name: 'a', restart: 'x' },
          { name: 'b', nodes: 1, procs: 1, restart: 'x' },
        ],
      }),
    ).toEqual([
      [`a/a${extension}`, `a/a.restart${extension}`],
      [`b/b${extension}`, `b/b.restart${extension}`],
    ]),
  );

  it.each([
    ['a b', 'N.a_b/r_N.a_b.sh', 'N.a_b/r_N.a b.restart.sh'],
    ['x/y', 'N.xy/r_N.xy.sh', 'N.xy/r_N.xy.restart.sh'],
    ["q'u", 'N.qu/r_N.qu.sh', "N.qu/r_N.q'u.restart.sh"],
    ['é', 'N./r_N..sh', 'N./r_N.é.restart.sh'],
    ['../..', 'N...../r_N......sh', 'N...../r_N......restart.sh'],
  ])('has a safe name, a restart as in Maestro its own less slashes: %j', (value, main, restart) =>
    expect(pathsOf({ parameters: { N: [value] }, steps: [{ name: 'r', cmd: '$(N)', restart: 'x' }] })).toEqual([
      [`r/${main}`, `r/${restart}`],
    ]),
  );

  it('is named by the hash with hashed workspaces', () => {
    const hash = '1f14ff03af85fd137055f7d680e9aa67';
    const study = {
      batch: slurm,
      parameters: { I: [1], S: [1] },
      steps: [{ name: 'r', cmd: '$(I) $(S)', procs: 1, restart: 'x' }],
    };
    expect(pathsOf(study, { hashWorkspaces: true })).toEqual([
      [`r/${hash}/${hash}.slurm.sh`, `r/${hash}/${hash}.restart.slurm.sh`],
    ]);
    expect(validPlan(study, { hashWorkspaces: true }).scripts[0]!.main.text).toContain(
      `#SBATCH --job-name="${hash}"\n#SBATCH --output="${hash}.out"\n#SBATCH --error="${hash}.err"\n`,
    );
  });

  it('has no restart beside it if the step has none', () =>
    expect(pathsOf({ steps: [{ name: 'a' }] })).toEqual([['a/a.sh', undefined]]));
});

it('all that cannot be written is known at once, and then nothing is planned', () => {
  const { plan, errors } = planOf({
    batch: { ...slurm, type: 'flux' },
    steps: [
      { name: 'a', procs: 1, walltime: 'abc', cmd: '$(LAUNCHER)[2p] x', restart: '$(LAUNCHER)[n]' },
      { name: 'b', procs: 1, walltime: 'abc' },
      { name: 'c', walltime: 'abc' },
    ],
  });
  expect(plan).toBeUndefined();
  expect(errors.map((error) => /step '.'/.exec(error)![0])).toEqual(["step 'a'", "step 'a'", "step 'a'", "step 'b'"]);
});

import { describe, expect, it } from 'vitest';
import { jobFile } from '../../../src/schedulers/batch/job-file.js';
import { slurm } from '../../../src/schedulers/slurm/slurm.js';
import { slurm as block, planOf, type StepBrief, validPlan } from '../../support/plan.js';

const label = 'a-0123456789ab.2';
const shown = 'demo/a, attempt 2';

function submitted(batch: Readonly<Record<string, unknown>> = {}, step: Partial<StepBrief> = {}) {
  const plan = validPlan({ batch: { ...block, ...batch }, steps: [{ name: 'a', nodes: 1, ...step }] });
  const [instance] = plan.graph.steps;
  const [header = ''] = plan.scripts[0]!.main.text.split('\n\n');
  return {
    words: slurm.submitWords(instance!, plan.spec.batch, label, shown),
    file: jobFile(slurm, {
      studyPath: '/study',
      job: { attempt: 2, script: plan.scripts[0]!.main.path, step: instance! } as Parameters<typeof jobFile>[1]['job'],
      label,
      header,
    }),
    outputs: slurm.outputs(instance!, '12'),
  };
}

const usual = ['--export=ALL', `--comment=maestro ${label} ${shown}`];

describe('a job of Slurm is submitted', () => {
  it('with all variables, a comment by which it is found, and without being requeued', () =>
    expect(submitted().words).toEqual([...usual, '--no-requeue']));

  it('with the reservation of the batch block, as in Maestro', () =>
    expect(submitted({ reservation: 'maint' }).words).toEqual([...usual, '--no-requeue', '--reservation=maint']));

  it('with the options of batch.args', () =>
    expect(
      submitted({
        args: {
          constraint: 'gpu&fast',
          C: 'x',
          exclusive: true,
          overcommit: null,
          contiguous: false,
          mem: 0,
          switches: '2@1:00',
          k: null,
          profile: { task: 1, deep: { er: 'x y' } },
        },
      }).words.slice(3),
    ).toEqual([
      '--constraint=gpu&fast',
      ...['-C', 'x'],
      '--exclusive',
      '--overcommit',
      '--mem=0',
      '--switches=2@1:00',
      '-k',
      '--profile=task=1',
      '--profile=deep.er=x y',
    ]));

  it('and requeued if the user says so', () =>
    expect(submitted({ args: { requeue: true } }).words).toEqual([...usual, '--requeue']));

  it('with more variables', () => expect(submitted({ args: { export: 'ALL,A=1' } }).words[0]).toBe('--export=ALL,A=1'));

  it('as a file with the directives of its script and the launcher', () =>
    expect(submitted({}, { description: 'says "hi' }).file).toBe(`#!/bin/bash -p
#SBATCH --nodes=1
#SBATCH --partition=pbatch
#SBATCH --account=science
#SBATCH --job-name="a"
#SBATCH --output="a.out"
#SBATCH --error="a.err"

export CONDUCTOR_JOB="$SLURM_JOB_ID\${SLURM_CLUSTERS:+@$SLURM_CLUSTER_NAME}.\${SLURM_RESTART_COUNT:-0}" CONDUCTOR_BELL=${label} CONDUCTOR_NODES="$SLURM_JOB_NODELIST"
exec /study/.conductor/run a 2 /study/a/a.slurm.sh
`));

  it('and writes into files of its workspace', () =>
    expect(submitted({}, { name: 'a b' }).outputs).toEqual({ stdout: 'a_b/a_b.out', stderr: 'a_b/a_b.err' }));

  it.each([
    ['a/b', 'ab'],
    ['100%j', '100j'],
    ['a"b', 'ab'],
    ['a\\b', 'ab'],
  ])('and with its name %j into files that there can be', (name, base) => {
    const { words, file, outputs } = submitted({}, { name });
    expect(words).toEqual([
      ...usual,
      '--no-requeue',
      `--job-name=${name}`,
      `--output=${base}.out`,
      `--error=${base}.err`,
    ]);
    expect(file).not.toMatch(/--(job-name|output|error)/);
    expect(outputs.stdout).toMatch(new RegExp(`^[^/]+/${base}\\.out$`));
  });
});

describe('batch.args', () => {
  const errors = (args: unknown) =>
    planOf({ batch: { ...block, args }, steps: [{ name: 'a', nodes: 1 }] }).errors.map((line) =>
      line.replace(/^study\.yaml:\d+:\d+: /, ''),
    );

  it.each([
    [
      { output: 'x' },
      "batch.args: 'output' cannot be given to sbatch (reports read the files that each step has in its workspace)",
    ],
    [
      { e: 'x' },
      "batch.args: 'e' cannot be given to sbatch (reports read the files that each step has in its workspace)",
    ],
    [{ chdir: '/x' }, "batch.args: 'chdir' cannot be given to sbatch (steps run in their workspaces)"],
    [
      { array: '1-3' },
      "batch.args: 'array' cannot be given to sbatch (use parameters: each combination is a job of its own)",
    ],
    [{ wait: null }, "batch.args: 'wait' cannot be given to sbatch (leave it out)"],
    [
      { 'job-name': 'x' },
      "batch.args: 'job-name' cannot be given to sbatch (jobs are found by the ones that they have)",
    ],
    [{ partition: 'x' }, "batch.args: 'partition' cannot be given to sbatch (use `queue` of batch)"],
    [{ t: 10 }, "batch.args: 't' cannot be given to sbatch (use `walltime` of the steps)"],
    [
      { M: 'x' },
      "batch.args: 'M' cannot be given to sbatch (set SLURM_CLUSTERS in `setup`, so that all commands ask the same cluster)",
    ],
    [
      { export: 'NONE' },
      `batch.args: 'export' must have ALL, because steps need the variables of the run (write "ALL,NAME=value")`,
    ],
    [{ '--exclusive': true }, "batch.args: '--exclusive' begins with a dash (write exclusive)"],
    [{ 'a b': 1 }, "batch.args: 'a b' is no option of sbatch"],
    [
      { exclude: ['n1', 'n2'] },
      "batch.args: 'exclude' must be text, a number, true or a mapping, not a list (write a,b,c)",
    ],
    ['--exclusive', 'batch.args must be a mapping of options for sbatch (write it as {option: value})'],
  ])('cannot be %j', (args, message) => expect(errors(args)).toEqual([message]));

  it('is refused where it stands', () =>
    expect(
      planOf(`
description: {name: demo, description: a demo}
batch:
  type: slurm
  host: h
  bank: b
  queue: q
  args:
    mem: 1
    output: x
study:
  - {name: a, description: d, run: {cmd: x, nodes: 1}}
`).errors,
    ).toEqual([expect.stringMatching(/^study\.yaml:10:5: batch\.args: 'output' /)]));

  it.each([[{}], [null], [''], [{ export: 'ALL' }], [{ constraint: 'x' }]])('can be %j', (args) =>
    expect(errors(args)).toEqual([]),
  );
});

describe('a job of Slurm that is not to run on some nodes', () => {
  const excluded = (batch: Readonly<Record<string, unknown>> = {}, header = '#!/bin/bash') => {
    const plan = validPlan({ batch: { ...block, ...batch }, steps: [{ name: 'a', nodes: 1 }] });
    return slurm.excludeWords(['n1', 'n2'], plan.spec.batch, header);
  };

  it('has them on the command line', () => expect(excluded()).toEqual(['--exclude=n1,n2']));

  it.each([
    [{ args: { exclude: 'n[7-8]' } }, '#!/bin/bash'],
    [{ args: { x: 'n[7-8]' } }, '#SBATCH --exclude=n9'],
    [{}, '#!/bin/bash\n#SBATCH --nodes=1\n#SBATCH --exclude=n[7-8]\n'],
    [{}, '#SBATCH -x n[7-8]'],
    [{}, '#SBATCH -xn[7-8]'],
    [{}, '#SBATCH -N 2 --exclude=n[7-8]'],
    [{}, '#SBATCH -t 5 -x n[7-8] --exclusive'],
    [{}, '#SBATCH --exclude="n[7-8]" # known to be bad'],
    [{}, "#SBATCH --exclude 'n[7-8]'"],
    [{}, '#SBATCH --exclude=n9 -x n[7-8]'],
    [{}, '#SBATCH -x n9\n#SBATCH -C ib --exclude=n[7-8]'],
    [{}, '#SBATCH --exclude=n[7-8] --comment="not -x n9"'],
  ])('has those of the study itself, too: %j %j', (batch, header) =>
    expect(excluded(batch, header)).toEqual(['--exclude=n[7-8],n1,n2']),
  );

  it.each(['#SBATCH -N 2 # -x n9', '#SBATCH --comment="-x n9"', '#SBATCH', '# -x n9'])(
    'has no others for: %s',
    (line) => expect(excluded({}, line)).toEqual(['--exclude=n1,n2']),
  );

  it('has only those of a file, if the study excludes the nodes of one', () =>
    expect(excluded({}, '#SBATCH --exclude=./bad-nodes')).toEqual([]));
});

import { describe, expect, it } from 'vitest';
import type { AllocationRequest } from '../../../src/schedulers/allocation/request.js';
import { isNewFlux, jobNameOf, submissionOf, submittedId } from '../../../src/schedulers/batch/submission.js';

const plain: AllocationRequest = {
  with: 'slurm',
  nodes: 1,
  tasks: undefined,
  gpus: undefined,
  minutes: undefined,
  queue: undefined,
  bank: undefined,
  args: [],
  keep: false,
  renew: 0,
};

const full = { nodes: 4, minutes: 90, gpus: 2, queue: 'pbatch', bank: "o'brien", args: ['-x', 'a b'] } as const;

const submitted = (request: Partial<AllocationRequest>, fluxVersion = '0.88.0') =>
  submissionOf({
    request: { ...plain, ...request },
    studyPath: '/p/my study',
    number: 3,
    jobName: 'maestro-s-3-x',
    flux: '/usr/bin/flux',
    fluxVersion,
  });

describe('an allocation of Slurm', () => {
  it('is whole nodes', () =>
    expect(submitted({}).command).toBe(
      'sbatch --parsable --export=ALL --job-name=maestro-s-3-x --nodes=1 --exclusive --output=.conductor/allocation-3.out',
    ));

  it('is parts of nodes if it is told how many tasks', () =>
    expect(submitted({ tasks: 8 }).command).toBe(
      'sbatch --parsable --export=ALL --job-name=maestro-s-3-x --nodes=1 --ntasks=8 --output=.conductor/allocation-3.out',
    ));

  it('has all that was asked for, quoted, and further words last', () =>
    expect(submitted(full).command).toBe(
      "sbatch --parsable --export=ALL --job-name=maestro-s-3-x --nodes=4 --exclusive --gres=gpu:2 --time=90 --partition=pbatch '--account=o'\\''brien' --output=.conductor/allocation-3.out -x 'a b'",
    ));

  it('starts one broker on each node, bound to nothing', () => {
    const { script } = submitted(full);
    expect(script.split('\n').at(-2)).toBe(
      "exec srun --export=ALL --nodes=4 --ntasks=4 --cpu-bind=none --gres=gpu:2 /usr/bin/flux start '/p/my study/.conductor/allocation' 3 4 /usr/bin/flux",
    );
    expect(script).toMatch(/^#!\/bin\/bash\n/);
  });

  it('makes sure of a PMI only where there are several brokers', () => {
    expect(submitted({ nodes: 2 }).script).toContain('pmi2');
    expect(submitted({ nodes: 1 }).script).not.toContain('pmi2');
  });
});

describe('an allocation of LSF', () => {
  it('has all that was asked for', () =>
    expect(submitted({ ...full, with: 'lsf' }).command).toBe(
      "bsub -nnodes 4 -W 90 -q pbatch -G 'o'\\''brien' -J maestro-s-3-x -o .conductor/allocation-3.out -x 'a b'",
    ));

  it('starts one broker on each node, with all of it', () =>
    expect(submitted({ with: 'lsf', nodes: 4 }).script.split('\n').at(-2)).toBe(
      "exec jsrun -a 1 -c ALL_CPUS -g ALL_GPUS -n 4 --bind=none --smpiargs=-disable_gpu_hooks /usr/bin/flux start '/p/my study/.conductor/allocation' 3 4 /usr/bin/flux",
    ));
});

describe('an allocation of Flux', () => {
  it('has all that was asked for', () =>
    expect(submitted({ ...full, with: 'flux', tasks: 8 }).command).toBe(
      '/usr/bin/flux batch --job-name=maestro-s-3-x --nodes=4 --nslots=8 --gpus-per-slot=1 --time-limit=90m ' +
        `'--setattr=system.queue="pbatch"' '--setattr=system.bank="o'\\''brien"' --output=.conductor/allocation-3.out -x 'a b'`,
    ));

  it.each([
    ['0.39.0', 'mini batch'],
    ['0.47.0', 'mini batch'],
    ['0.48.0', 'batch'],
    ['1.0.0', 'batch'],
  ])('is asked for as version %s has it: flux %s', (version, words) => {
    expect(submitted({ with: 'flux' }, version).command).toContain(`/usr/bin/flux ${words} --job-name`);
    expect(isNewFlux(version)).toBe(words === 'batch');
  });

  it('runs the program where it is, for its script is copied', () =>
    expect(submitted({ with: 'flux' }).script).toBe(
      "#!/bin/bash\nexec '/p/my study/.conductor/allocation' 3 1 /usr/bin/flux\n",
    ));
});

describe("a job's id", () => {
  it.each([
    ['slurm', '1234', '1234'],
    ['slurm', '1234;quartz', '1234'],
    ['slurm', 'sbatch: lua: a banner of the site\n77', '77'],
    ['slurm', 'nothing', undefined],
    ['lsf', 'Job <4711> is submitted to queue <normal>.', '4711'],
    ['lsf', '<<ExitOnForwardFailure>>\nJob <8> is submitted to default queue <normal>.', '8'],
    ['lsf', 'Request aborted by esub. Job not submitted.', undefined],
    ['flux', 'ƒ2NXCUhm', 'ƒ2NXCUhm'],
    ['flux', 'f2NXCUhm', 'f2NXCUhm'],
    ['flux', '', undefined],
  ] as const)('is found in what %s says: %j', (kind, printed, id) => expect(submittedId(kind, printed)).toBe(id));
});

describe("a job's name", () => {
  it('is one that all schedulers take', () =>
    expect(jobNameOf('größe, [x] & "y"'.repeat(5), 2, 'abc')).toMatch(/^maestro-[A-Za-z0-9_.-]{1,40}-2-abc$/));
});

import { describe, expect, it } from 'vitest';
import { lsf as system } from '../../../src/schedulers/lsf/lsf.js';
import { parseQueues } from '../../../src/schedulers/lsf/site.js';
import { excludeWords, submitWords } from '../../../src/schedulers/lsf/submit-words.js';
import { formatProblem } from '../../../src/spec/problem.js';
import { type Brief, lsf, planOf, validPlan } from '../../support/plan.js';

const separator = '-'.repeat(78);
const parameters = (status: string) => `
PARAMETERS/STATISTICS
PRIO NICE STATUS          MAX JL/U JL/P JL/H NJOBS  PEND   RUN SSUSP USUSP  RSV PJOBS
 30    0  ${status}       -    -    -    -     0     0     0     0     0    0     0
Interval for a host to accept two jobs is 0 seconds
`;

/** Of the forms that IBM's "bqueues" and "Viewing detailed queue information" show. */
const bqueues = `
QUEUE: normal
  -- For normal low priority jobs, running only if hosts are lightly loaded. This is the default queue.
${parameters('Open:Active')}
STACKLIMIT MEMLIMIT
  2048 K    5000 K

SCHEDULING PARAMETERS
           r15s   r1m  r15m   ut      pg    io   ls    it    tmp    swp    mem
 loadSched   -     -     -     -       -     -    -     -     -      -      -
${separator}

QUEUE: short
${parameters('Open:Active')}
MAXIMUM LIMITS:
 CPULIMIT                RUNLIMIT
 20.0 min of hostA       30.0 min of hostA

USERS: all
${separator}

QUEUE: chips
${parameters('Closed:Inact_Adm')}
DEFAULT LIMITS:
 RUNLIMIT
 10.0 min of hostA

MAXIMUM LIMITS:
 RUNLIMIT                PROCLIMIT
 60.0 min                1 2 4
${separator}

QUEUE: free
${parameters('Open:Active')}
DEFAULT LIMITS:
 RUNLIMIT
 10.0 min of hostA
`;

const printed = `== lsid
LSF 10.1.0, Jan 5 2016
© Copyright IBM Corp. 1992, 2022.
My cluster name is lsf10
My management host name is hosta.company.com
== bqueues
${bqueues}
== bparams
Default Queues:  normal short
MBD_SLEEP_TIME used for calculations:  10 seconds
`;

it('the queues have their status and their longest run time', () => {
  expect(parseQueues(bqueues)).toEqual([
    { name: 'normal', status: 'Open:Active', limitMinutes: undefined },
    { name: 'short', status: 'Open:Active', limitMinutes: 30 },
    { name: 'chips', status: 'Closed:Inact_Adm', limitMinutes: 60 },
    { name: 'free', status: 'Open:Active', limitMinutes: undefined },
  ]);
});

it.each([
  ['LSF 10.1.0, Jan 5 2016', '10.1.0'],
  ['IBM Spectrum LSF Standard 10.1.0.15, Jun 20 2024', '10.1.0.15'],
  ['IBM Spectrum LSF Suite for HPC 10.2.0.12\nIBM Spectrum LSF 10.1.0.12', '10.2.0.12'],
  ['something else', ''],
])('the version of %s is %s', (text, version) => {
  expect(system.parseSite(`== lsid\n${text}\nMy cluster name is c\n`).version).toBe(version);
});

it('the site introduces itself', () => {
  expect(system.parseSite(printed)).toEqual({
    version: '10.1.0',
    installation: 'lsf10',
    introduction: [
      'LSF 10.1.0, cluster lsf10, master hosta.company.com',
      'queues: normal (default), short (default, at most 30 min), chips (at most 60 min, Closed:Inact_Adm), free',
    ],
  });
});

describe('a plan', () => {
  const step = { name: 'run', cmd: 'true', nodes: 1, procs: 1 };
  const problems = (brief: Brief, isOver = false) =>
    system.checkPlan(validPlan(brief), printed, () => isOver).map(formatProblem);

  it.each([
    ['', 'normal'],
    ['', 'free'],
    ['', ''],
    ['', 'normal free'],
    ["there is no queue 'pbatch' in the LSF cluster lsf10 (its queues are normal, short, chips, free)", 'pbatch'],
  ])('has the problem "%s" with the queue "%s"', (problem, queue) => {
    const found = problems({ batch: { ...lsf, queue }, steps: [step] });
    expect(found).toEqual(problem === '' ? [] : [expect.stringMatching(/^study.yaml:\d+:\d+: /)]);
    if (problem !== '') expect(found[0]).toContain(problem);
  });

  it.each([
    ['short', 30, ''],
    ['short', '0:30', ''],
    ['short', '00:30:00', ''],
    ['short', 31, "31 min is over the limit of the queue 'short', 30 min"],
    ['short', '00:30:01', "31 min is over the limit of the queue 'short', 30 min"],
    ['short', '10:00:00', "600 min is over the limit of the queue 'short', 30 min"],
    // The time is that of a host of this speed.
    ['short', '60/hostB', ''],
    ['normal', '1000:00', ''],
    ['free', '1000:00', ''],
    // One of its queues takes it.
    ['short chips', 60, ''],
    ['', 60, ''],
  ])('in the queue "%s" with the walltime %s has the problem "%s"', (queue, walltime, problem) => {
    const brief = { batch: { ...lsf, queue }, steps: [{ ...step, walltime }] };
    const found = problems(brief);
    expect(found).toEqual(problem === '' ? [] : [expect.stringContaining(`step 'run': its walltime of ${problem}`)]);
    expect(problems(brief, true)).toEqual([]);
  });

  it('has a problem of a step once, however many instances of it there are', () => {
    const found = problems({
      batch: { ...lsf, queue: 'short' },
      parameters: { SIZE: [1, 2, 3] },
      steps: [{ ...step, cmd: 'echo $(SIZE)', walltime: 60 }],
    });
    expect(found).toHaveLength(1);
  });

  it('goes to the queue of the variable LSB_DEFAULTQUEUE if it names none', () => {
    const brief = { batch: { ...lsf, queue: '' }, steps: [{ ...step, walltime: 60 }] };
    const found = system.checkPlan(validPlan(brief), `${printed}== LSB_DEFAULTQUEUE\nshort\n`, () => false);
    expect(found).toMatchObject([{ message: expect.stringContaining("the queue 'short', 30 min") }]);
  });
});

describe('options for bsub', () => {
  it.each([
    ["'K' cannot be given to bsub (leave it out)", { K: '' }],
    ["'Is' cannot be given to bsub (leave it out)", { Is: true }],
    ["'cwd' cannot be given to bsub (steps run in their workspaces)", { cwd: '/tmp' }],
    ["'W' cannot be given to bsub (use `walltime` of the steps)", { W: 60 }],
    ["'-x' begins with a dash (write x)", { '-x': '' }],
  ])('are refused where they stand: %s', (message, args) => {
    const { errors } = planOf({ batch: { ...lsf, args }, steps: [{ name: 'run', nodes: 1, procs: 1 }] });
    expect(errors).toEqual([expect.stringMatching(/^study.yaml:\d+:\d+: batch.args: /)]);
    expect(errors[0]).toContain(message);
  });
});

describe('the words for bsub', () => {
  const words = (args: unknown) => {
    const batch = { ...lsf, ...(args === undefined ? {} : { args }) };
    const plan = validPlan({ batch, steps: [{ name: 'run', cmd: 'true', nodes: 1, procs: 1 }] });
    return submitWords(plan.spec.batch, 'run-1.1', 'demo/run, attempt 1');
  };
  const description = ['-Jd', 'run-1.1 demo/run, attempt 1'];

  it.each([
    ['nothing', undefined, ['-rn']],
    ['a value', { R: 'span[ptile=1]', n: 4 }, ['-rn', '-R', 'span[ptile=1]', '-n', '4']],
    ['a flag', { x: '', H: true, N: null, B: false }, ['-rn', '-x', '-H', '-N']],
    ['a mapping', { gpu: { num: 2 } }, ['-rn', '-gpu', 'num=2']],
    ['a long name', { alloc_flags: 'smt4' }, ['-rn', '-alloc_flags', 'smt4']],
    ['a job that LSF may run again', { r: '' }, ['-r']],
    ['what is said anyway', { rn: '' }, ['-rn']],
  ])('say %s', (_, args, expected) => {
    expect(words(args)).toEqual([...expected, ...description]);
  });
});

it('the outputs of a job are where its directives say', () => {
  const [step] = validPlan({ batch: lsf, steps: [{ name: 'my run', cmd: 'true', nodes: 1, procs: 1 }] }).graph.steps;
  expect(system.outputs(step!, '7')).toEqual({ stdout: 'my_run/my_run.7.out', stderr: 'my_run/my_run.7.err' });
  const stdout = ` >> '/my study/my_run/my_run.'"$LSB_JOBID.out"`;
  const stderr = ` 2>> '/my study/my_run/my_run.'"$LSB_JOBID.err"`;
  const directives = ['#BSUB -o my_run.%J.out', '#BSUB -e my_run.%J.err'];
  expect(system.redirections!(step!, '/my study', directives)).toBe(stdout + stderr);
  const own = (line: string) => system.redirections!(step!, '/my study', [...directives, `#BSUB ${line}`]);
  expect(own('-n 2 -o mine')).toBe(stderr);
  expect(own('-eo mine')).toBe(stdout);
  expect(own('-R order[mem]')).toBe(stdout + stderr);
});

it.each([
  ['-q ', true],
  ['-W', true],
  ['-q normal', false],
  ['-x', false],
  ['-o step.%J.out', false],
])('the directive "%s" is left out: %s', (directive, isLeftOut) => {
  expect(system.replacesDirective?.(directive)).toBe(isLeftOut);
});

it('a job that is not to run on some hosts says so in its resource requirements', () => {
  expect(excludeWords(['hosta', 'hostb'])).toEqual(['-R', "select[hname!='hosta' && hname!='hostb']"]);
});

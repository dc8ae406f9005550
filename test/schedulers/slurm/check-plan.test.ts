import { describe, expect, it } from 'vitest';
import { slurm } from '../../../src/schedulers/slurm/slurm.js';
import { formatProblem } from '../../../src/spec/problem.js';
import { slurm as block, type StepBrief, validPlan } from '../../support/plan.js';

/** A partition as `scontrol --oneliner show partition` of 22.05 prints it, with what is said of it. */
function partition(name: string, said: Readonly<Record<string, string>> = {}): string {
  const values = {
    AllowGroups: 'ALL',
    AllowAccounts: 'ALL',
    AllowQos: 'ALL',
    Default: 'NO',
    QoS: 'N/A',
    DefaultTime: 'NONE',
    MaxNodes: 'UNLIMITED',
    MaxTime: 'UNLIMITED',
    MinNodes: '0',
    Nodes: 'n[1-2]',
    State: 'UP',
    TotalCPUs: '4',
    TotalNodes: '2',
    SelectTypeParameters: 'NONE',
    TRES: 'cpu=4,mem=8000M,node=2,billing=4',
    ...said,
  };
  const words = Object.entries(values).map(([key, value]) => `${key}=${value}`);
  return `partition PartitionName=${name} ${words.join(' ')}`;
}

const config = [
  'config Configuration data as of 2026-11-29T18:53:26',
  'config AccountingStorageEnforce = none',
  'config AccountingStorageType   = accounting_storage/none',
  'config ClusterName             = quartz',
  'config GresTypes               = (null)',
  'config MinJobAge               = 300 sec',
  'config SlurmctldHost[0]        = head(127.0.0.1)',
  'config SlurmctldHost[1]        = other(127.0.0.1)',
  'config SLURM_VERSION           = 22.05.8',
  'config ',
  'config Slurmctld(primary) at head is UP',
];
const partitions = [
  partition('pdebug', { Default: 'YES', MaxTime: '01:00:00' }),
  partition('pbatch', { MaxTime: '2-00:00:00', MaxNodes: '4', MinNodes: '2', TotalNodes: '10', TotalCPUs: '40' }),
  partition('pdown', { State: 'DOWN' }),
];
const plain = [...config, ...partitions, 'groups users'];

const accounting = [
  ...config.map((line) =>
    line
      .replace('= none', '= associations,limits,qos')
      .replace('accounting_storage/none', 'accounting_storage/slurmdbd')
      .replace('(null)', 'gpu,shard'),
  ),
  ...partitions,
  partition('pchem', { AllowAccounts: 'chem,bio' }),
  partition('pnophys', { DenyAccounts: 'phys' }),
  partition('pgroup', { AllowGroups: 'chemists' }),
  'association phys||normal,long|normal||',
  'association chem|pbatch|normal|normal|2|10',
  'qos normal|',
  'qos long|PartitionTimeLimit,DenyOnLimit',
  'groups users staff',
];

interface Question {
  readonly batch?: Readonly<Record<string, unknown>>;
  readonly steps?: readonly Partial<StepBrief>[];
  readonly isOver?: (step: number) => boolean;
}

function problems(printed: readonly string[], { batch = {}, steps = [{}], isOver = () => false }: Question): string[] {
  const plan = validPlan({
    batch: { ...block, bank: '', ...batch },
    steps: steps.map((step, index) => ({ name: `step${index}`, nodes: 2, ...step })),
  });
  return slurm
    .checkPlan(plan, printed.join('\n'), isOver)
    .map((problem) => formatProblem(problem).replace(/^study\.yaml:\d+:\d+: /, ''));
}

const known =
  'its partitions are pdebug (default, at most 1:00:00, 2 nodes), pbatch (at most 2-00:00:00, 4 nodes), pdown (down, 2 nodes)';

describe('a study for a Slurm', () => {
  it.each<[string, Question]>([
    ['a partition that there is', { batch: { queue: 'pdebug' } }],
    ['several partitions', { batch: { queue: 'pdebug,pbatch' }, steps: [{ walltime: '20:00:00', nodes: 4 }] }],
    ['no partition, where there is a default one', { batch: { queue: '' } }],
    ['a walltime as long as it may be', { steps: [{ walltime: '2-00:00:00' }] }],
    ['a bank, where there is no accounting', { batch: { bank: 'any' } }],
    ['a step that is over', { steps: [{ nodes: 99 }], isOver: () => true }],
    ['a local step', { batch: { queue: 'nosuch' }, steps: [{ nodes: undefined, walltime: '99:00:00' }] }],
    ['a partition that is down, which may come back', { batch: { queue: 'pdown' } }],
  ])('is fine with %s', (_, question) => expect(problems(plain, question)).toEqual([]));

  it.each<[string, Question, string]>([
    [
      'another partition',
      { batch: { queue: 'nosuch' } },
      `there is no partition 'nosuch' on the Slurm cluster quartz (${known})`,
    ],
    [
      'one of several',
      { batch: { queue: 'pdebug,nosuch' } },
      `there is no partition 'nosuch' on the Slurm cluster quartz (${known})`,
    ],
    [
      'a walltime',
      { batch: { queue: 'pdebug' }, steps: [{ walltime: '01:00:01' }] },
      "step 'step0': it asks for a walltime of 1:01:00, and the partition 'pdebug' gives 1:00:00 at most",
    ],
    [
      'a walltime without end',
      { steps: [{ walltime: 'infinite' }] },
      "step 'step0': it asks for no time limit, and the partition 'pbatch' gives 2-00:00:00 at most",
    ],
    [
      'a walltime, by default',
      { batch: { queue: '' }, steps: [{ walltime: '90' }] },
      "step 'step0': it asks for a walltime of 1:30:00, and the partition 'pdebug' gives 1:00:00 at most",
    ],
    [
      'nodes',
      { steps: [{ nodes: 5 }] },
      "step 'step0': it asks for 5 nodes, and the partition 'pbatch' gives 4 at most",
    ],
    [
      'nodes that there are not',
      { batch: { queue: 'pdebug' }, steps: [{ nodes: 3 }] },
      "step 'step0': it asks for 3 nodes, and the partition 'pdebug' gives 2 at most",
    ],
    [
      'too few nodes',
      { steps: [{ nodes: 1 }] },
      "step 'step0': it asks for 1 node, and a job in the partition 'pbatch' needs 2 at least",
    ],
    [
      'procs',
      { steps: [{ nodes: 2, procs: 41 }] },
      "step 'step0': it asks for 41 procs, and the partition 'pbatch' has 40 CPUs",
    ],
    ['GPUs', { steps: [{ gpus: 1 }] }, "step 'step0': there are no GPUs on the Slurm cluster quartz"],
  ])('cannot have %s', (_, question, message) => expect(problems(plain, question)).toEqual([message]));

  it('is told where the walltime stands, once for all instances', () => {
    const plan = validPlan(`
description: {name: demo, description: a demo}
batch: {type: slurm, host: h, bank: '', queue: pdebug}
study:
  - name: a
    description: d
    run:
      cmd: echo $(N)
      nodes: 1
      walltime: "02:00:00"
global.parameters: {N: {values: [1, 2], label: N.%%}}
`);
    expect(slurm.checkPlan(plan, plain.join('\n'), () => false).map(({ at }) => `${at.line}:${at.column}`)).toEqual([
      '10:17',
    ]);
  });

  it("follows the user's variables, which win over the spec", () => {
    const withVariables = [...plain, 'variable SBATCH_PARTITION=nosuch'];
    expect(problems(withVariables, {})).toEqual([
      `there is no partition 'nosuch', which SBATCH_PARTITION names, on the Slurm cluster quartz (${known})`,
    ]);
    expect(problems([...plain, 'variable SBATCH_TIMELIMIT=3-0'], {})).toHaveLength(1);
  });

  it('needs a partition where there is no default one', () =>
    expect(problems([...config, partition('pbatch')], { batch: { queue: '' } })).toEqual([
      "the Slurm cluster quartz has no default partition: set 'queue' (its partitions are pbatch (2 nodes))",
    ]));

  it('is not checked against partitions that Slurm does not show', () =>
    expect(problems(config, { batch: { queue: 'any' }, steps: [{ nodes: 99, walltime: '99:00:00' }] })).toEqual([]));
});

describe('a study for a Slurm with accounting', () => {
  it.each<[string, Question]>([
    ['an account of the user', { batch: { bank: 'phys' } }],
    ['an account in other letters', { batch: { bank: 'PHYS' } }],
    ['no account', { batch: { bank: '' } }],
    ['an account that the partition takes', { batch: { bank: 'chem', queue: 'pchem' } }],
    ['a QOS that lifts the limit', { batch: { qos: 'long' }, steps: [{ walltime: '9-00:00:00' }] }],
    ['GPUs', { steps: [{ gpus: 4 }] }],
  ])('is fine with %s', (_, question) => expect(problems(accounting, question)).toEqual([]));

  it.each<[string, Question, string]>([
    [
      'an account of others',
      { batch: { bank: 'bio' } },
      "you have no account 'bio' in Slurm (your accounts are phys, chem)",
    ],
    [
      'an account that the partition does not take',
      { batch: { bank: 'phys', queue: 'pchem' } },
      "the account 'phys' cannot use the partition 'pchem' (it takes chem, bio)",
    ],
    [
      'an account that the partition refuses',
      { batch: { bank: 'phys', queue: 'pnophys' } },
      "the account 'phys' cannot use the partition 'pnophys'",
    ],
    [
      'a partition of a group',
      { batch: { queue: 'pgroup' } },
      "you are in none of the groups that can use the partition 'pgroup' (it takes chemists)",
    ],
    [
      'a QOS that lifts nothing',
      { batch: { qos: 'normal' }, steps: [{ walltime: '9-00:00:00' }] },
      "step 'step0': it asks for a walltime of 9-00:00:00, and the partition 'pbatch' gives 2-00:00:00 at most",
    ],
  ])('cannot have %s', (_, question, message) => expect(problems(accounting, question)).toEqual([message]));
});

describe('a Slurm says of itself', () => {
  it('what it is', () =>
    expect(slurm.parseSite(plain.join('\n'))).toEqual({
      version: '22.05.8',
      installation: 'quartz@head',
      introduction: [
        'Slurm 22.05.8, cluster quartz',
        'partitions: pdebug (default, at most 1:00:00, 2 nodes), pbatch (at most 2-00:00:00, 4 nodes), pdown (down, 2 nodes)',
        'accounting is off: how a job ended is known for 300 s only, unless its launcher has recorded it',
      ],
    }));

  it('which accounts the user has', () => {
    const { introduction } = slurm.parseSite(accounting.join('\n'));
    expect(introduction).toContain(
      'your accounts: phys, chem (in pbatch, at most 10 jobs in the queue, at most 2 running)',
    );
    expect(introduction).toContain('accounting is on');
  });

  it('little, if it is old', () =>
    expect(slurm.parseSite('config ControlMachine = head\nconfig SLURM_VERSION = 17.11.0').installation).toBe(''));
});

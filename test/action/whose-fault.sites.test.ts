import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Slurm } from '../support/slurm.js';
import { isSlurmPossible, SlurmStudy } from '../support/slurm-study.js';
import { until } from '../support/wait.js';

/** The partition of an instance: most of them run on three of four nodes in turn, so that each step passes on each. */
function partitionOf(index: number): string {
  if (index === 5 || index === 6) return 'two';
  if (index === 7) return 'on1';
  return index >= 20 && index <= 22 ? 'on3' : `on${[1, 2, 4][index % 3]}`;
}

const nameOf = (step: string, index: number) => `${step}_I.${index}.P.${partitionOf(index)}`;

/** What the night has planted; each of the three steps has thirty instances. */
const planted = {
  exits: nameOf('post', 3),
  crashes: nameOf('mesh', 4),
  needsMemory: nameOf('solve', 11),
  /** They wait until their node is lost, or taken from them. */
  loses: [nameOf('solve', 5), nameOf('mesh', 6)],
  isPreempted: nameOf('post', 7),
  /** Where two of three steps do not work. */
  badNode: 'n3',
  onBadNode: [20, 21, 22].flatMap((index) => [nameOf('mesh', index), nameOf('solve', index)]),
} as const;

const partitions = [
  ...[1, 2, 3, 4].map((node) => `PartitionName=on${node} Nodes=n${node}`),
  'PartitionName=two Nodes=n2,n4',
];

const indices = Array.from({ length: 30 }, (_, index) => index);
const gate = 'until [ -e go ]; do sleep 0.1; done';
const onBadNode = '[ "$SLURMD_NODENAME" != n3 ] || { echo "no such device" >&2; exit 9; }';

/** A script that begins with a directive of the instance's own, and does something else in some instances. */
const script = (cases: Readonly<Record<number, string>>, always = ':') =>
  [
    '#SBATCH --partition=$(P)',
    'echo $SLURMD_NODENAME >> nodes',
    'case $(I) in',
    ...Object.entries(cases).map(([index, command]) => `${index}) ${command} ;;`),
    'esac',
    always,
  ].join('\n');

describe.skipIf(!isSlurmPossible('whose fault a night of 90 jobs was'))('a night of 90 jobs of Slurm', () => {
  let slurm: Slurm;
  beforeAll(async () => {
    const config = partitions.map((line) => `${line} MaxTime=INFINITE State=UP`);
    slurm = await Slurm.start({ nodes: 4, cpus: 16, preempt: 'CANCEL', config });
  });
  afterAll(() => slurm?.stop());

  it('that loses a node, is preempted, lacks memory and fails by itself is told apart', async () => {
    const memory = `ulimit -v 200000; exec python3 -c 'bytearray(1 << 30)'`;
    const study = new SlurmStudy(slurm, {
      batch: { type: 'slurm', host: 'testing', bank: '', queue: '' },
      parameters: { I: indices, P: indices.map(partitionOf) },
      steps: [
        { name: 'mesh', procs: 1, cmd: script({ 4: 'kill -SEGV $$', 6: gate }, onBadNode) },
        { name: 'solve', procs: 1, cmd: script({ 5: gate, 11: memory }, onBadNode) },
        { name: 'post', procs: 1, cmd: script({ 3: 'exit 3', 7: gate }) },
      ],
    });
    const { ended } = study.start();
    const workspaceOf = (name: string) => name.replace('_', '/');
    const nodesOf = (name: string) => {
      const file = `${workspaceOf(name)}/nodes`;
      return study.has(file)
        ? study
            .read(file)
            .split('\n')
            .filter((line) => line !== '')
        : [];
    };
    const waiting = [...planted.loses, planted.isPreempted];
    for (const name of waiting) await until(`${name} runs`, () => nodesOf(name).length === 1, 60_000);
    // All others have begun and ended, so that nothing else is lost.
    const all = ['mesh', 'solve', 'post'].flatMap((step) => indices.map((index) => nameOf(step, index)));
    await until('all have begun', () => all.every((name) => nodesOf(name).length > 0), 120_000);
    await until('only these are left', async () => (await slurm.queue()).length === waiting.length, 120_000);
    const lost = nodesOf(planted.loses[0])[0]!;
    const losers = planted.loses.filter((name) => nodesOf(name)[0] === lost);
    await slurm.failNode(lost);
    await slurm.command(
      'sbatch',
      '--partition=purgent',
      '--nodelist=n1',
      '--exclusive',
      '--output=/dev/null',
      '--wrap=:',
    );
    for (const name of [...losers, planted.isPreempted]) {
      await until(`${name} runs again`, () => nodesOf(name).length === 2, 60_000);
    }
    await slurm.resumeNode(lost);
    for (const name of waiting) study.write(`${workspaceOf(name)}/go`);
    const { code, stdout } = await ended;
    const { steps, study: about, status } = study.report;
    expect([code, status, about.cause, about.infrastructure]).toEqual([2, 'FAILURE', 'code', false]);
    const causes = steps.flatMap(({ name, cause }: { name: string; cause: string | null }) =>
      cause === null ? [] : [[name, cause]],
    );
    expect(Object.fromEntries(causes)).toEqual({
      [planted.exits]: 'code',
      [planted.crashes]: 'code',
      [planted.needsMemory]: 'memory',
      ...Object.fromEntries(planted.onBadNode.map((name) => [name, 'code'])),
    });
    expect(about.suspects).toEqual([
      { node: planted.badNode, failed: expect.arrayContaining([...planted.onBadNode]), steps: ['mesh', 'solve'] },
    ]);
    const flaky = about.flaky.map(({ name, passedAt, failures }: Flaky) => [name, passedAt, failures]);
    const failure = (cause: string, nodes: string[]) => [{ attempt: 1, nodes, cause, infrastructure: true }];
    expect(Object.fromEntries(flaky.map(([name, ...rest]: [string]) => [name, rest]))).toEqual({
      ...Object.fromEntries(losers.map((name) => [name, [2, failure('node', [lost])]])),
      [planted.isPreempted]: [2, failure('preempted', ['n1'])],
    });
    // Every job knows its node, and what was lost ran elsewhere.
    for (const { name, nodes } of steps as { name: string; nodes: string[] | null }[]) {
      expect([name, nodes]).toEqual([name, [nodesOf(name).at(-1)]]);
    }
    for (const name of losers) expect(nodesOf(name)).toEqual([lost, lost === 'n2' ? 'n4' : 'n2']);
    expect(stdout).toMatch(
      new RegExp(`one of its nodes failed \\(job \\d+ on ${lost}\\); submitting again, on other nodes`),
    );
  }, 240_000);
});

interface Flaky {
  readonly name: string;
  readonly passedAt: number;
  readonly failures: readonly unknown[];
}

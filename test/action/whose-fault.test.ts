import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { startBundle } from '../support/bundle.js';
import { startBroker } from '../support/flux/study-run.js';
import { at } from '../support/flux/submission.js';
import { plainEnvironment } from '../support/hosts.js';
import { yamlOf } from '../support/plan.js';
import { temporaryDirectory } from '../support/temporary.js';
import { validReport } from '../support/valid-report.js';
import { until } from '../support/wait.js';

const indices = Array.from({ length: 30 }, (_, index) => index);
/** What begins first waits until all nodes are full, so that each has jobs of several steps however slow the machine is. */
const cores = 48;
const full = 'until [ -e $(OUTPUT_PATH)/full ]; do sleep 0.1; done';
const gate = 'until [ -e go ]; do sleep 0.1; done; exit 0';
const onBadNode = '[ "$SIMULATED_NODE" != node3 ] || { echo "no such device" >&2; exit 9; }';
const script = (cases: Readonly<Record<number, string>>, always = ':') =>
  [
    full,
    'case $(I) in',
    ...Object.entries(cases).map(([index, command]) => `${index}) ${command} ;;`),
    'esac',
    always,
  ].join('\n');

it('a night of 90 jobs of Flux that loses a node, is preempted, lacks memory and fails by itself is told apart', async () => {
  const directory = temporaryDirectory();
  const broker = await startBroker({ hosts: 'node[1-4]', cores });
  const memory = `ulimit -v 200000; exec python3 -c 'bytearray(1 << 30)'`;
  const step = (name: string, cmd: string) => ({ name, procs: 1, nested: false, cmd });
  const text = yamlOf({
    batch: { type: 'flux' },
    parameters: { I: indices },
    steps: [
      step('mesh', script({ 4: 'kill -SEGV $$' }, onBadNode)),
      step('solve', script({ 11: memory }, onBadNode)),
      // These work on every node, so that those that are lost cannot pass for good ones on the bad one.
      step('post', script({ 3: 'exit 3', 5: gate, 6: gate, 7: gate })),
    ],
  });
  writeFileSync(path.join(directory, 'study.yaml'), text);
  const { ended } = startBundle(
    ['run', 'study.yaml', '--output-path=study', '--report-path=report', `--flux=${broker.uri}`],
    { cwd: directory, env: { ...plainEnvironment, HOME: directory } },
  );
  const jobsOf = (name: string) =>
    broker.jobs.filter(({ submission }) => at(submission.jobspec, 'attributes', 'user', 'maestro', 'step') === name);
  const isUp = (name: string, times: number) =>
    until(
      `${name} has run ${times} times`,
      () =>
        jobsOf(name)
          .at(times - 1)
          ?.events.includes('start'),
      60_000,
    );
  const running = () => broker.jobs.filter(({ state }) => state === 'RUN').length;
  await until('all nodes are full', () => running() === cores, 60_000);
  writeFileSync(path.join(directory, 'study/full'), '');
  const waiting = ['post_I.5', 'post_I.6', 'post_I.7'];
  const [one, other, post] = waiting as [string, string, string];
  for (const name of waiting) await isUp(name, 1);
  const isLeft = () =>
    broker.jobs.length === 90 && broker.jobs.filter(({ state }) => state !== 'INACTIVE').length === 3;
  await until('only these are left', isLeft, 120_000);
  const hostOf = (name: string) => jobsOf(name)[0]!.hosts[0]!;
  const lost = hostOf(one);
  const losers = [one, other].filter((name) => hostOf(name) === lost);
  broker.raise(jobsOf(post)[0]!.id, 'preempt', 'for a more urgent job');
  broker.failNode(lost);
  for (const name of [post, ...losers]) await isUp(name, 2);
  for (const name of waiting) writeFileSync(path.join(directory, 'study', name.replace('_', '/'), 'go'), '');
  const { code } = await ended;
  const file = path.join(directory, 'report/report.json');
  expect(existsSync(file)).toBe(true);
  const { steps, study: about, status } = validReport(readFileSync(file, 'utf8'));
  expect([code, status, about.cause, about.infrastructure]).toEqual([2, 'FAILURE', 'code', false]);
  const isOnBadNode = (name: string) => !name.startsWith('post') && jobsOf(name)[0]!.hosts[0] === 'node3';
  const names: string[] = steps.map(({ name }: { name: string }) => name);
  const bad = names.filter((name) => isOnBadNode(name));
  const causes = steps.flatMap(({ name, cause }: Record<string, string>) => (cause === null ? [] : [[name, cause]]));
  expect(Object.fromEntries(causes)).toEqual({
    ...Object.fromEntries(bad.map((name) => [name, 'code'])),
    'post_I.3': 'code',
    'mesh_I.4': 'code',
    'solve_I.11': isOnBadNode('solve_I.11') ? expect.stringMatching(/^(code|memory)$/) : 'memory',
  });
  // The bad node may be the one that is lost, and then with the last step, too.
  const ofScripts = (steps: string[]) => steps.filter((step) => step !== 'post' || lost !== 'node3');
  expect(about.suspects.map(({ node, steps }: { node: string; steps: string[] }) => [node, ofScripts(steps)])).toEqual([
    ['node3', ['mesh', 'solve']],
  ]);
  expect([...about.suspects[0].failed].sort()).toEqual(expect.arrayContaining([...bad].sort()));
  const failure = (cause: string, nodes: string[]) => [{ attempt: 1, nodes, cause, infrastructure: true }];
  const flaky = about.flaky.map(({ name, passedAt, failures }: Flaky) => [name, [passedAt, failures]]);
  expect(Object.fromEntries(flaky)).toEqual({
    ...Object.fromEntries(losers.map((name) => [name, [2, failure('node', [lost])]])),
    [post]: [2, failure('preempted', [hostOf(post)])],
  });
  // What was lost ran elsewhere, and every job knows its node.
  for (const name of losers) expect(jobsOf(name)[1]!.hosts).not.toContain(lost);
  for (const { name, nodes } of steps) expect([name, nodes]).toEqual([name, jobsOf(name).at(-1)!.hosts]);
}, 240_000);

interface Flaky {
  readonly name: string;
  readonly passedAt: number;
  readonly failures: readonly unknown[];
}

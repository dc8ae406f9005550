import { describe, expect, it } from 'vitest';
import { blame, type Cause } from '../../src/causes/cause.js';
import { blameOfJob } from '../../src/causes/of-step.js';
import type { JobRecord } from '../../src/study/state.js';
import { badNight, explained, instanceOf, jobOf, ran, resultsOf, start } from '../support/results.js';

const night = explained(resultsOf(badNight, { status: 'FAILURE' }));
const stepOf = (name: string, results = night) => results.steps.find(({ step }) => step.name === name)!;

describe('what the results of a study say of whose fault it was', () => {
  it('has a cause for each step that did not finish, and for the study', () => {
    expect(stepOf('run_A.1').blame).toBeNull();
    expect(stepOf('run_A.4').blame).toEqual(blame('node'));
    expect(stepOf('run_A.5').blame).toBeNull();
    expect(night.blame).toEqual(blame('node'));
    expect(night.causeLine).toBe('Nothing here says that the code is wrong: n7 was lost 3 times.');
  });

  it('names the suspect node, and what passed only later', () => {
    expect(night.suspects).toEqual([
      { node: 'n7', failed: ['run_A.4', 'run_A.5', 'post_A.2'], steps: ['run', 'post'] },
    ]);
    expect(night.flaky!.map(({ name, passedAt, failures }) => [name, passedAt, failures.length])).toEqual([
      ['run_A.5', 2, 1],
      ['post_A.3', 2, 1],
    ]);
  });

  it.each<[string, Partial<JobRecord>]>([
    ['was not accepted', { result: 'not submitted', blame: blame('disk') }],
    ['had to wait for another allocation', { result: 'not submitted', blame: blame('allocation') }],
    ['was taken out of the queue', { result: 'not-run', blame: blame('queue') }],
    ['was refused where it was in the queue', { result: 'failed', blame: blame('submission', true) }],
    ['was lost in the queue with its allocation', { result: 'node-failure', blame: blame('allocation') }],
  ])('does not call flaky what never began: its first job %s', (_, first) => {
    const never = { ...jobOf(1, []), started: null, ...first };
    expect(explained(resultsOf([instanceOf('run', 1, [never, jobOf(2, ['n2'])])])).flaky).toEqual([]);
  });

  it('calls flaky what a disk or a node kept from beginning', () => {
    const never = (result: 'not-run' | 'node-failure', cause: Cause) => ({
      ...{ ...jobOf(1, ['n7'], cause), started: null, result },
    });
    const told = [
      instanceOf('run', 1, [never('not-run', 'disk'), jobOf(2, ['n2'])]),
      instanceOf('run', 2, [never('node-failure', 'node'), jobOf(2, ['n2'])]),
    ];
    expect(explained(resultsOf(told)).flaky!.map(({ name }) => name)).toEqual(['run_A.1', 'run_A.2']);
  });

  it('calls flaky what passed after its time limit, but not what was restarted', () => {
    const timedOut: JobRecord = { ...jobOf(1, ['n7'], 'timeout'), result: 'timeout' };
    const told = [
      instanceOf('run', 1, [timedOut, jobOf(2, ['n2'])]),
      instanceOf('run', 2, [timedOut, { ...jobOf(2, ['n2']), script: 'restart' }]),
    ];
    expect(explained(resultsOf(told)).flaky!.map(({ name }) => name)).toEqual(['run_A.1']);
  });

  it('has node-hours of every attempt of a job, by the nodes that it had or else those that were asked for', () => {
    const told = [
      instanceOf('run', 1, [jobOf(1, ['a', 'b'], 'node', 2), jobOf(2, ['a', 'c'], null, 0.5)]),
      instanceOf('run', 2, [jobOf(1, [])]),
      instanceOf('run', 3, [{ ...jobOf(1, ['a']), started: null }]),
      { name: 'here', record: ran(3_600_000) },
    ];
    const results = explained(resultsOf(told), 4);
    expect(results.steps.map(({ nodeHours }) => nodeHours)).toEqual([5, 4, 0, undefined]);
    expect(results.nodeHours).toBe(9);
    expect(explained(resultsOf([{ name: 'here', record: ran(1) }])).nodeHours).toBeUndefined();
  });

  it('counts a job that still runs until the study was left', () => {
    const told = instanceOf('run', 1, [{ ...jobOf(1, ['a', 'b']), ended: null, result: null }]);
    const left = { ...told, record: { ...told.record, state: 'RUNNING', ended: null } } as const;
    expect(explained(resultsOf([left], { status: 'INTERRUPTED' })).nodeHours).toBe(2);
  });

  it('takes a lack of memory from the end of stderr, for what failed by itself only', () => {
    const says = 'slurmstepd: error: Detected 1 oom_kill event in StepId=7.0.';
    const told = (['code', 'node', 'timeout'] as const).map((cause, a) =>
      instanceOf('run', a, [jobOf(1, [`n${a}`], cause)], { says }),
    );
    const { steps } = explained(resultsOf(told));
    expect(steps.map((step) => step.blame?.cause)).toEqual(['memory', 'node', 'timeout']);
  });

  it('says what the failures have in common, but not of those that may be', () => {
    const instance = (a: number, isBad: boolean) =>
      instanceOf('run', a, [jobOf(1, [`n${a % 3}`], isBad ? 'code' : null)]);
    const told = Array.from({ length: 20 }, (_, a) => instance(a, a >= 14));
    expect(explained(resultsOf(told)).pattern).toBe('All 6 failures have A ≥ 14.');
    const odd = instance(3, true);
    const tolerated = { ...odd, name: 'odd', record: { ...odd.record, tolerated: true } };
    expect(explained(resultsOf([...told, tolerated])).pattern).toBe('All 6 failures have A ≥ 14.');
    expect(explained(resultsOf(told.slice(0, 14))).pattern).toBe('');
  });

  it('leaves allowed failures, and attempts of before the study was resumed, out', () => {
    const [first, second] = [jobOf(1, ['n7'], 'code'), { ...jobOf(2, ['n2']), submitted: start + 10 }];
    const resumed = instanceOf('run', 1, [first, second]);
    const may = instanceOf('run', 2, [jobOf(1, ['n1'], 'code')]);
    const results = explained(
      resultsOf([
        { ...resumed, record: { ...resumed.record, submitted: start + 10 } },
        { ...may, record: { ...may.record, tolerated: true } },
      ]),
    );
    expect(results.flaky).toEqual([]);
    expect(results.blame).toBeNull();
    expect(results.causeLine).toBe('');
    // They were paid for all the same.
    expect(results.nodeHours).toBe(3);
  });

  it('does not name a node as lost where it was one of several', () => {
    const results = explained(resultsOf([instanceOf('run', 1, [jobOf(1, ['a', 'b'], 'node')])], { status: 'FAILURE' }));
    expect(results.causeLine).toBe('Nothing here says that the code is wrong: 1 step lost with a node.');
  });
});

describe('a job of a journal that has no causes', () => {
  it.each<[string, Cause | null]>([
    ['completed', null],
    ['failed', 'code'],
    ['timeout', 'timeout'],
    ['cancelled', 'cancelled'],
    ['node-failure', 'node'],
    ['not-run', 'disk'],
    ['evicted', 'allocation'],
    ['not submitted', 'submission'],
  ])('that ended as %s has the cause %s', (result, cause) => {
    const { blame: _, ...job } = jobOf(1, []);
    expect(blameOfJob({ ...job, result: result as NonNullable<typeof job.result> })?.cause ?? null).toBe(cause);
  });

  it('that is not over has none', () => {
    const { blame: _, ...job } = jobOf(1, []);
    expect(blameOfJob({ ...job, ended: null, result: null })).toBeNull();
  });
});

import { describe, expect, it } from 'vitest';
import { blame, type Cause } from '../../src/causes/cause.js';
import { flakyInstances, type NodeAttempt, nodeHours, suspectNodes } from '../../src/causes/suspects.js';

const ran = (name: string, node: string, cause: Cause | null = null, attempt = 1): NodeAttempt => ({
  step: name.split('_')[0]!,
  name,
  attempt,
  nodes: [node],
  blame: cause === null ? null : blame(cause),
});

describe('a suspect node', () => {
  const elsewhere = [ran('run_1', 'n1'), ran('run_2', 'n2'), ran('post_1', 'n1'), ran('post_2', 'n2')];

  it('is one on which two steps failed that pass elsewhere', () =>
    expect(suspectNodes([...elsewhere, ran('run_3', 'n7', 'code'), ran('post_3', 'n7', 'node')])).toEqual([
      { node: 'n7', failed: ['run_3', 'post_3'], steps: ['run', 'post'] },
    ]));

  it.each<[string, readonly NodeAttempt[]]>([
    ['one step alone fails on it', [ran('run_3', 'n7', 'code'), ran('run_4', 'n7', 'code')]],
    [
      'a step fails everywhere',
      [ran('run_3', 'n7', 'code'), ran('check_1', 'n7', 'code'), ran('check_2', 'n1', 'code')],
    ],
    ['a step passed on it, too', [ran('run_3', 'n7', 'code'), ran('post_3', 'n7', 'code'), ran('post_4', 'n7')]],
    ['what failed was cancelled', [ran('run_3', 'n7', 'cancelled'), ran('post_3', 'n7', 'cancelled')]],
    [
      'nobody knows where it passed',
      [
        { ...ran('odd_1', ''), nodes: [] },
        ran('odd_2', 'n7', 'code'),
        { ...ran('other_1', ''), nodes: [] },
        ran('other_2', 'n7', 'code'),
      ],
    ],
    ['what failed was preempted', [ran('run_3', 'n7', 'preempted'), ran('post_3', 'n7', 'preempted')]],
  ])('is none if %s', (_, more) => expect(suspectNodes([...elsewhere, ...more])).toEqual([]));

  it('with the most failures comes first', () => {
    const failures = [ran('run_3', 'n8', 'code'), ran('post_3', 'n8', 'code'), ran('post_4', 'n8', 'code')];
    const others = [ran('run_5', 'n7', 'code'), ran('post_5', 'n7', 'code')];
    expect(suspectNodes([...elsewhere, ...others, ...failures]).map(({ node }) => node)).toEqual(['n8', 'n7']);
  });
});

describe('an instance is flaky', () => {
  it('if it passed at a later attempt', () => {
    const attempts = [ran('run_1', 'n7', 'node', 1), ran('run_1', 'n1', null, 2), ran('run_2', 'n1')];
    expect(flakyInstances(attempts)).toEqual([{ name: 'run_1', passedAt: 2, failures: [attempts[0]] }]);
  });

  it('if it was submitted again after its time limit, and passed', () =>
    expect(flakyInstances([ran('run_1', 'n7', 'timeout', 1), ran('run_1', 'n1', null, 2)])).toMatchObject([
      { name: 'run_1', passedAt: 2 },
    ]));

  it.each<[string, readonly NodeAttempt[]]>([
    ['it failed in the end', [ran('run_1', 'n7', 'node', 1), ran('run_1', 'n1', 'code', 2)]],
    ['its first attempt was cancelled', [ran('run_1', 'n7', 'cancelled', 1), ran('run_1', 'n1', null, 2)]],
    [
      'it was restarted after its time limit',
      [{ ...ran('run_1', 'n7', 'timeout', 1), isRestarted: true }, ran('run_1', 'n1', null, 2)],
    ],
  ])('but not if %s', (_, attempts) => expect(flakyInstances(attempts)).toEqual([]));
});

it('node-hours are those of all jobs that ran', () =>
  expect(
    nodeHours([
      { nodes: 2, runTime: 3_600_000 },
      { nodes: 1, runTime: 1_800_000 },
      { nodes: 4, runTime: null },
    ]),
  ).toBe(2.5));

import { describe, expect, it } from 'vitest';
import { blame, type Cause } from '../../src/causes/cause.js';
import { type NodeAttempt, suspectNodes } from '../../src/causes/suspects.js';

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

import { describe, expect, it } from 'vitest';
import { blame, type Cause } from '../../src/causes/cause.js';
import { flakyInstances } from '../../src/causes/flaky.js';
import type { NodeAttempt } from '../../src/causes/suspects.js';

const ran = (name: string, node: string, cause: Cause | null = null, attempt = 1): NodeAttempt => ({
  step: name.split('_')[0]!,
  name,
  attempt,
  nodes: [node],
  blame: cause === null ? null : blame(cause),
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

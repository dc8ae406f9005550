import { describe, expect, it } from 'vitest';
import { reasonOf } from '../../src/report/results.js';
import { hasFailed } from '../../src/study/state.js';
import { ran, recordOf, resultsOf } from '../support/results.js';

describe('the reason of a state', () => {
  it('says that a failure may be', () => {
    expect(reasonOf(recordOf({ reason: 'exit 1' }))).toBe('exit 1');
    expect(reasonOf(recordOf({ reason: 'exit 1', tolerated: true }))).toBe('exit 1 (allowed to fail)');
  });
});

describe('a step that failed itself', () => {
  it('ran, or was to be submitted, and failed for good', () => {
    const { steps } = resultsOf([
      { name: 'failed', record: ran(1, { state: 'FAILED' }) },
      { name: 'timedout', record: ran(1, { state: 'TIMEDOUT' }) },
      { name: 'lost', record: ran(1, { state: 'HWFAILURE' }) },
      { name: 'again', record: ran(1, { state: 'HWFAILURE', ended: null }) },
      { name: 'cancelled', record: ran(1, { state: 'CANCELLED' }) },
      { name: 'finished', record: ran(1) },
      { name: 'waited', record: { state: 'FAILED', reason: 'dependency failed failed', ended: 1 } },
    ]);
    expect(steps.filter(({ record }) => hasFailed(record)).map(({ step }) => step.name)).toEqual([
      'failed',
      'timedout',
      'lost',
    ]);
  });
});

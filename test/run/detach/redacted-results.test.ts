import { describe, expect, it } from 'vitest';
import { redactedResults } from '../../../src/run/detach/redacted-results.js';
import { redactorOf } from '../../../src/run/detach/redaction.js';
import { explained, instanceOf, jobOf, resultsOf } from '../../support/results.js';

describe('what a conductor reports', () => {
  const told = instanceOf('run', 1, [jobOf(1, ['n1'], 'code')]);
  const failed = {
    ...told,
    record: { ...told.record, reason: 'hunter2: no such account' },
    says: 'the token is hunter2\n',
  };
  const results = { ...explained(resultsOf([failed], { status: 'FAILURE' })), interruption: 'hunter2 was refused' };

  it('has no secrets in what schedulers and steps said', () => {
    const shown = redactedResults(results, redactorOf(['hunter2']));
    expect(shown.interruption).toBe('*** was refused');
    expect(shown.steps[0]!.record.reason).toBe('***: no such account');
    expect(shown.steps[0]!.errorTail).toContain('the token is ***');
    expect(JSON.stringify(shown)).not.toContain('hunter2');
  });

  it('is as it was otherwise, and the records of the conductor stay as they are', () => {
    expect(redactedResults(results, (text) => text)).toEqual(results);
    redactedResults(results, () => '');
    expect(results.steps[0]!.record.reason).toBe('hunter2: no such account');
  });

  it('has no secrets in the lines that metrics were found in', () => {
    const row = {
      metric: { name: 'time', unit: 's', better: 'lower' },
      step: results.steps[0]!.step,
      verdict: {
        verdict: 'unreadable',
        severity: 'failure',
        value: null,
        line: 'time hunter2',
        reason: "'hunter2' is none",
      },
      judgement: null,
    } as unknown as NonNullable<typeof results.metrics>[number];
    const { metrics } = redactedResults({ ...results, metrics: [row] }, redactorOf(['hunter2']));
    expect(metrics).toMatchObject([{ verdict: { line: 'time ***', reason: "'***' is none", severity: 'failure' } }]);
  });
});

import { describe, expect, it } from 'vitest';
import { blame, causes } from '../../src/causes/cause.js';
import { causeIn, reportedCause } from '../../src/report/reported-cause.js';

describe('a cause in report.json', () => {
  it('is read as it was written, with whose it is', () => {
    for (const cause of causes) {
      expect(causeIn(reportedCause(blame(cause)))).toEqual(blame(cause));
    }
    for (const cause of ['submission', 'disk', 'queue'] as const) {
      expect(causeIn(reportedCause(blame(cause, true)))).toEqual(blame(cause, true));
    }
    expect(causeIn(reportedCause(null))).toBeNull();
    expect(causeIn({})).toBeUndefined();
  });
});

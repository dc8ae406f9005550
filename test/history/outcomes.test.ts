import { expect, it } from 'vitest';
import { changesOf } from '../../src/history/outcomes.js';
import type { HistoryRecord, HistoryStep } from '../../src/history/record.js';

it('an instance with a name that all objects know has no outcome in a record without it', () => {
  const passed: HistoryStep = {
    ...{ state: 'FINISHED', skipped: false, tolerated: false, cause: null, isOfSpec: false, time: 1000, failures: 0 },
  };
  const [change] = changesOf({ toString: passed }, [{ steps: {} } as HistoryRecord]);
  expect(change).toMatchObject({ name: 'toString', change: null, lastPassed: null });
});

import type { JobRecord } from '../study/state.js';
import { type Blame, blame } from './cause.js';

/** What the result of a job says of its blame, where its scheduler says no more; null if it completed. */
export function blameOfResult(result: NonNullable<JobRecord['result']>): Blame | null {
  switch (result) {
    case 'completed':
      return null;
    case 'failed':
      return blame('code');
    case 'timeout':
      return blame('timeout');
    case 'cancelled':
      return blame('cancelled');
    case 'node-failure':
      return blame('node');
    case 'not-run':
      return blame('disk');
    case 'evicted':
      return blame('allocation');
    case 'not submitted':
      return blame('submission', true);
  }
}

import type { JobRecord, ShownState } from '../../study/state.js';

/** What the page shows alike, with one colour. */
export type Tone = 'good' | 'bad' | 'late' | 'lost' | 'stopped' | 'skipped' | 'open';

const tones: Readonly<Record<ShownState, Tone>> = {
  FINISHED: 'good',
  FAILED: 'bad',
  TIMEDOUT: 'late',
  HWFAILURE: 'lost',
  CANCELLED: 'stopped',
  SKIPPED: 'skipped',
  INITIALIZED: 'open',
  PENDING: 'open',
  QUEUED: 'open',
  RUNNING: 'open',
  FINISHING: 'open',
  UNKNOWN: 'open',
  DRYRUN: 'open',
};

export function toneOf(state: ShownState): Tone {
  return tones[state];
}

const jobTones: Readonly<Record<NonNullable<JobRecord['result']>, Tone>> = {
  completed: 'good',
  failed: 'bad',
  timeout: 'late',
  'node-failure': 'lost',
  'not-run': 'lost',
  evicted: 'lost',
  cancelled: 'stopped',
  'not submitted': 'bad',
};

export function jobToneOf({ result }: JobRecord): Tone {
  return result === null ? 'open' : jobTones[result];
}

import type { JobRecord, ShownState } from '../../study/state.js';
import type { StepResult } from '../results.js';

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
  cancelled: 'stopped',
  'not submitted': 'bad',
};

export function jobToneOf({ result }: JobRecord): Tone {
  return result === null ? 'open' : jobTones[result];
}

/** The instances of one step of the spec, the steps in the order of their first instances. */
export interface StepGroup {
  readonly name: string;
  readonly results: readonly StepResult[];
}

export function groupsOf(steps: readonly StepResult[]): StepGroup[] {
  const groups = new Map<string, StepResult[]>();
  for (const result of steps) {
    const group = groups.get(result.step.step);
    if (group === undefined) groups.set(result.step.step, [result]);
    else group.push(result);
  }
  return [...groups].map(([name, results]) => ({ name, results }));
}

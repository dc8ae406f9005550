import { describe, expect, it } from 'vitest';
import { briefViewOf, stepNameOf, viewOf, waitingReasons } from '../../../src/run/existing/view.js';
import type { Entry } from '../../../src/store/journal/records.js';
import { replay } from '../../../src/store/journal/replay.js';
import type { Driver } from '../../../src/store/look/driver.js';
import { beginning, type ExistingStep, journalOf } from '../../support/existing.js';

const driving: Driver = { state: 'driving', holder: undefined, quietSeconds: 3 };
const gone: Driver = { state: 'gone', holder: undefined, quietSeconds: 300 };
const none: Driver = { state: 'none', holder: undefined, quietSeconds: 300 };
const seen = { path: '/p/sweep', now: beginning + 60_000, offsetMinutes: 0, statusCsv: '' };

const over = { state: 'FINISHED', submitted: 1, started: 2, ended: 3 } as const;
const steps: readonly ExistingStep[] = [{ name: 'a', record: over }, { name: 'b' }];
const viewIn = (driver: Driver, ...more: readonly Entry[]) =>
  viewOf({ ...seen, driver, state: replay(journalOf(steps, ...more)) });

describe('the status of a study', () => {
  it.each([
    ['is RUNNING while it is driven', driving, [], 'RUNNING', ''],
    [
      'is RUNNING for a driver that took it after it had ended',
      driving,
      [{ type: 'end', status: 'FAILURE' }],
      'RUNNING',
      '',
    ],
    [
      'is RUNNING while it is being cancelled',
      driving,
      [{ type: 'cancel', reason: '^C' }],
      'RUNNING',
      'it is being cancelled: ^C',
    ],
    ['is what its last driver said', none, [{ type: 'end', status: 'FAILURE' }], 'FAILURE', ''],
    [
      'is CANCELLED for a reason',
      none,
      [
        { type: 'cancel', reason: '^C' },
        { type: 'end', status: 'CANCELLED' },
      ],
      'CANCELLED',
      '^C',
    ],
    [
      'is FAILURE if only metrics failed',
      none,
      [{ type: 'end', status: 'FINISHED', failedMetrics: 2 }],
      'FAILURE',
      '2 metrics failed',
    ],
    [
      'is INTERRUPTED if it was left',
      none,
      [{ type: 'end', status: 'INTERRUPTED' }],
      'INTERRUPTED',
      'its driver left it as it was',
    ],
    [
      'is INTERRUPTED if its driver is gone',
      gone,
      [],
      'INTERRUPTED',
      'its driver is gone and has not said how the study ended',
    ],
  ] as const)('%s', (_, driver, more, status, why) => {
    expect(viewIn(driver, ...more)).toMatchObject({ status, why });
  });

  it('is that of its rows in status.csv if it was never planned: a dry run', () => {
    const state = replay(journalOf([]).split('\n').slice(0, 1).join('\n').concat('\n'));
    const statusCsv =
      'Step Name,Job ID,Workspace,State,Run Time,Elapsed Time,Start Time,Submit Time,End Time,Number Restarts,Params\n' +
      'a,--,a,DRYRUN,--:--:--,--:--:--,--,--,--,0,';
    const view = viewOf({ ...seen, driver: none, statusCsv, state });
    expect(view).toMatchObject({ status: 'DRYRUN', name: 'sweep', begun: undefined });
    expect(view.instances.map(({ name }) => name)).toEqual(['a']);
  });
});

it("a study that only Maestro knows has the states of Maestro's status.csv", () => {
  const header =
    'Step Name,Job ID,Workspace,State,Run Time,Elapsed Time,Start Time,Submit Time,End Time,Number Restarts,Params';
  const time = '2026-01-31 12:00:00';
  const row = (name: string, state: string) =>
    `${name},17,${name},${state},0d:00h:00m:01s,0d:00h:00m:01s,${time},${time},${time},0,`;
  const viewWith = (...rows: string[]) =>
    viewOf({ ...seen, path: '/p/sweep_20260131-120000', statusCsv: [header, ...rows].join('\n') });
  expect(viewWith(row('a', 'FINISHED'), row('b', 'RUNNING'))).toMatchObject({
    name: 'sweep',
    status: 'RUNNING',
    driver: 'maestro',
  });
  expect(viewWith(row('a', 'FINISHED'), row('b', 'FAILED'))).toMatchObject({ status: 'FAILURE', begun: beginning });
  expect(viewWith(row('a', 'FINISHED')).status).toBe('FINISHED');
});

it('why jobs wait is counted by reason, the most frequent first', () => {
  const queued = (name: string, reason: string) => ({
    name,
    workspace: `run/${name}`,
    scheduled: true,
    record: { state: 'QUEUED', reason, submitted: 1 } as const,
  });
  const all = [queued('1', 'Priority'), queued('2', 'Resources'), queued('3', 'Priority'), { name: 'later' }];
  const { instances } = viewOf({ ...seen, driver: driving, state: replay(journalOf(all)) });
  expect(waitingReasons(instances)).toEqual([
    ['Priority', 2],
    ['Resources', 1],
  ]);
  expect(instances.map(stepNameOf)).toEqual(['run', 'run', 'run', 'later']);
});

describe('a line of a list', () => {
  const text = journalOf(steps, { type: 'end', status: 'FAILURE' });
  const lines = text.trimEnd().split('\n');
  const counts = new Map([
    ['FINISHED', 2],
    ['FAILED', 1],
  ]);
  const brief = {
    ...seen,
    kind: 'study' as const,
    first: lines[0]!,
    last: text.slice(-300),
    changed: beginning,
    counts,
    bytes: 7,
    conductorJob: 'none' as const,
  };

  it('has what the first and the last line of the journal say', () => {
    expect(briefViewOf({ ...brief, driver: none })).toMatchObject({
      name: 'sweep',
      status: 'FAILURE',
      steps: 3,
      created: beginning,
    });
    expect(briefViewOf({ ...brief, driver: driving }).status).toBe('RUNNING');
  });

  it('is FAILURE if only a metric failed', () => {
    const last = journalOf(steps, { type: 'end', status: 'FINISHED', failedMetrics: 1 }).slice(-300);
    expect(briefViewOf({ ...brief, driver: none, last }).status).toBe('FAILURE');
  });

  it('is INTERRUPTED if the last line is torn', () => {
    expect(briefViewOf({ ...brief, driver: gone, last: text.slice(-300, -9) }).status).toBe('INTERRUPTED');
    expect(briefViewOf({ ...brief, driver: none, first: '', last: '' })).toMatchObject({
      name: 'sweep',
      status: 'INTERRUPTED',
    });
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonText } from '../../src/cli/json-text.js';
import { studyJson } from '../../src/cli/study-json.js';
import { driverText, listText, studyText } from '../../src/cli/study-text.js';
import { type StudyView, viewOf } from '../../src/run/existing/view.js';
import type { Entry } from '../../src/store/journal/records.js';
import { replay } from '../../src/store/journal/replay.js';
import { parseLease } from '../../src/store/lease.js';
import type { Driver } from '../../src/store/look/driver.js';
import { beginning, type ExistingStep, journalOf, leaseOf } from '../support/existing.js';
import { hostileText } from '../support/hostile.js';

const holder = parseLease(leaseOf({ runUrl: 'https://github.com/o/r/actions/runs/1' }))!;
const driving: Driver = { state: 'driving', holder, quietSeconds: 3 };
const none: Driver = { state: 'none', holder, quietSeconds: 3 };

function view(driver: Driver, steps: readonly ExistingStep[], ...more: readonly Entry[]): StudyView {
  const seen = { path: '/p/sweep', now: beginning + 186_000, offsetMinutes: 0, statusCsv: '' };
  return viewOf({ ...seen, driver, state: replay(journalOf(steps, ...more)) });
}

const job = { attempt: 1, script: 'main' as const, place: '', isDoubtful: false, result: null };
const ran = (at: number, ms: number) => ({
  submitted: at,
  started: at,
  ended: at + ms,
  jobs: [{ ...job, id: '17', submitted: at, started: at, ended: at + ms }],
});
const instances: readonly ExistingStep[] = [
  { name: 'run_N.1', workspace: 'run/N.1', record: { state: 'FINISHED', ...ran(beginning, 12_000) } },
  {
    name: 'run_N.2',
    workspace: 'run/N.2',
    record: { state: 'FAILED', reason: 'exit 3', exitCode: 3, ...ran(beginning, 100_000) },
  },
  {
    name: 'run_N.3',
    workspace: 'run/N.3',
    scheduled: true,
    record: { state: 'QUEUED', reason: 'Priority', submitted: beginning },
  },
  { name: 'post' },
];

describe('the text of status', () => {
  it('of a study that is driven has a line a step, its driver, what it waits for, and its failures', () => {
    expect(studyText(view(driving, instances))).toEqual([
      'Study sweep RUNNING for 3m 05s: 2 of 4 steps over (1 finished, 1 failed, 1 queued, 1 initialized)',
      'Directory  /p/sweep',
      'Driver     process 4711 on login7 (https://github.com/o/r/actions/runs/1) since 2026-01-31 12:00 UTC',
      'Waits for  1 job in the queue: Priority',
      '',
      'STEP  INSTANCES  FINISHED  RUNNING  QUEUED  WAITING  FAILED  SKIPPED  CANCELLED  TIME',
      'run   3          1         0        1       0        1       0        0          12s-1m 40s',
      'post  1          0         0        0       1        0       0        0',
      '',
      'FAILED   STATE   REASON',
      'run_N.2  FAILED  exit 3',
    ]);
  });

  it('of a study that is over has how long it took', () => {
    const [first, , driver] = studyText(view(none, [instances[0]!], { type: 'end', status: 'FINISHED' }));
    expect(first).toBe('Study sweep FINISHED in 2.0s: 1 of 1 step over (1 finished)');
    expect(driver).toMatch(/^Driver {5}none; the last was process 4711 on login7 .* since 2026-01-31 12:00 UTC$/);
  });

  it('says how many failures it leaves out', () => {
    const many = Array.from({ length: 23 }, (_, i) => ({ ...instances[1]!, name: `f${i}`, workspace: `f/${i}` }));
    expect(studyText(view(none, many)).at(-1)).toBe('and 3 more (--json has them all)');
  });

  it.each([
    [
      { ...driving, state: 'silent', quietSeconds: 75 },
      / since 2026-01-31 12:00 UTC, not heard from for 1m 15s: it may be gone$/,
    ],
    [{ ...driving, state: 'gone' }, /^none: process 4711 on login7 .* is gone and has not said so$/],
    [{ state: 'none', holder: undefined, quietSeconds: undefined }, /^none yet$/],
    ['maestro', /^Maestro, by itself: /],
  ] as const)('says who drives a study, or does not: %j', (driver, text) => expect(driverText(driver)).toMatch(text));

  it('has every name and reason in its line, without control characters', () => {
    fc.assert(
      fc.property(hostileText, hostileText, (name, reason) => {
        const record = { state: 'FAILED' as const, reason, ...ran(beginning, 1) };
        const lines = studyText(view(none, [{ name, workspace: `${name}/x`, record }]));
        expect(lines.join('')).not.toMatch(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/);
        expect(lines).toHaveLength(9);
      }),
    );
  });
});

it('a list has a line a study', () => {
  const brief = { path: '/p/sweep', name: 'sweep', status: 'RUNNING' as const, driver: driving, created: beginning };
  const more = {
    changed: beginning,
    now: beginning + 90_000,
    steps: 3,
    counts: new Map([
      ['RUNNING', 2],
      ['FAILED', 1],
    ]),
    bytes: 12_345,
  };
  expect(listText([{ ...brief, ...more }], { hasSizes: true })).toEqual([
    'NAME   STATE    AGE     STEPS  DRIVER       SIZE     DIRECTORY',
    'sweep  RUNNING  1m 30s  1/3    4711@login7  12.3 kB  /p/sweep',
  ]);
  expect(listText([{ ...brief, ...more, bytes: undefined }], { hasSizes: false })[0]).not.toContain('SIZE');
});

describe('JSON', () => {
  it('has every instance, and what wants attention', () => {
    expect(studyJson(view(driving, instances), 'login7')).toMatchObject({
      path: '/p/sweep',
      status: 'RUNNING',
      begun: '2026-01-31T12:00:01.000Z',
      ended: null,
      driver: { state: 'driving', pid: 4711, machine: 'login7' },
      steps: { total: 4, states: { FINISHED: 1, FAILED: 1, QUEUED: 1, INITIALIZED: 1 } },
      waiting: [{ reason: 'Priority', jobs: 1 }],
      failures: ['run_N.2'],
      byStep: [{ step: 'run', instances: 3 }, { step: 'post' }],
      instances: [{ name: 'run_N.1', jobId: '17', attempt: 1, started: '2026-01-31T12:00:00.000Z' }, {}, {}, {}],
    });
  });

  it('says the same to a parser, and nothing to a terminal or a runner', () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const printed = jsonText({ text });
        expect(JSON.parse(printed)).toEqual({ text });
        expect(printed).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]|##\[|^\s*::/m);
      }),
    );
  });
});

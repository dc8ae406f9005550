import { describe, expect, it } from 'vitest';
import { blame, type Cause } from '../../src/causes/cause.js';
import { parseResubmitOn, type ResubmitOn } from '../../src/causes/resubmit.js';
import { afterJob, afterRefusal, type Rules } from '../../src/conductor/after-job.js';
import { NODE_FAILURE_LIMIT, NOT_RUN_LIMIT } from '../../src/conductor/policy.js';
import type { JobOutcome } from '../../src/schedulers/scheduler.js';
import { type JobRecord, newRecord, type StepRecord } from '../../src/study/state.js';
import { defaultResubmitOn } from '../support/graphs.js';

const job: JobRecord = {
  attempt: 9,
  script: 'main',
  id: 'ƒ7',
  place: 'local:///run/flux/local',
  isDoubtful: false,
  submitted: 1,
  started: 2,
  ended: 3,
  result: null,
};

/** So many jobs that were lost, before the present one. */
const lost = (count: number, more: Partial<JobRecord> = {}): JobRecord[] =>
  Array.from({ length: count }, (_, i) => ({ ...job, attempt: i + 1, result: 'node-failure', ...more }));

const evicted: JobRecord = { ...job, result: 'evicted' };

const scheduled: Rules = {
  name: 'run',
  isLocal: false,
  hasRestart: false,
  submissionAttempts: 1,
  resubmitOn: defaultResubmitOn,
  restartLimit: 1,
  cancelReason: undefined,
  isInterrupted: false,
};
const local = { ...scheduled, isLocal: true };
const restartable = { ...scheduled, hasRestart: true };
const cancelled = { cancelReason: 'enough' };
const interrupted = { isInterrupted: true };
const record = (fields: Partial<StepRecord>): StepRecord => ({ ...newRecord(), state: 'RUNNING', ...fields });

type Row = readonly [
  name: string,
  result: JobOutcome['result'],
  rules: Rules,
  before: Partial<StepRecord>,
  decision: string,
  after?: Partial<StepRecord>,
];

/** The end of a job: `end FINISHED`, `again PENDING after 2: exit 1; trying again`. */
function decide(result: JobOutcome['result'], rules: Rules, step: StepRecord): string {
  const exitCode = result === 'completed' ? 0 : result === 'failed' ? 1 : null;
  const note = result === 'evicted' ? 'its time was up' : '';
  return told(afterJob(step, job, { result, exitCode, signal: null, note }, rules));
}

function told(decision: ReturnType<typeof afterJob>): string {
  const { type, state, reason } = decision;
  const wait = decision.type === 'again' && decision.failures > 0 ? ` after ${decision.failures}` : '';
  return `${type} ${state}${wait}${reason === '' ? '' : `: ${reason}`}`;
}

const rows: readonly Row[] = [
  ['a job that completed', 'completed', scheduled, {}, 'end FINISHED', { exitCode: 0 }],
  [
    'one that completed forgets that others were not run',
    'completed',
    scheduled,
    { notRun: 3 },
    'end FINISHED',
    { notRun: 0 },
  ],
  ['a scheduled job that failed', 'failed', { ...scheduled, submissionAttempts: 5 }, {}, 'end FAILED: exit 1'],
  ['a local step that failed', 'failed', local, {}, 'end FAILED: exit 1', { failedAttempts: 1 }],
  [
    'a local step with attempts left',
    'failed',
    { ...local, submissionAttempts: 2 },
    {},
    'again PENDING after 1: exit 1; trying again',
  ],
  [
    'a local step after its last attempt',
    'failed',
    { ...local, submissionAttempts: 2 },
    { failedAttempts: 1 },
    'end FAILED: exit 1 (2 attempts)',
  ],
  ['a local step of a study that was cancelled', 'failed', { ...local, ...cancelled }, {}, 'end CANCELLED: enough'],
  [
    'a local step of a study that was interrupted',
    'failed',
    { ...local, ...interrupted, submissionAttempts: 2 },
    {},
    'again PENDING after 1: exit 1; to be tried again',
  ],
  [
    'a local step that the time of the conductor was too short for',
    'evicted',
    local,
    { submitted: 1, jobs: [evicted] },
    'again PENDING after 1: its time was up; trying again',
    { failedAttempts: 0 },
  ],
  [
    'one that did not fit twice',
    'evicted',
    local,
    { submitted: 1, jobs: [evicted, evicted] },
    'end FAILED: its time was up before the step was done, 2 times: give that job more time (`detach-args`), or make the step a job of its own',
  ],
  [
    'one that did not fit twice before it was resumed with more time',
    'evicted',
    local,
    { submitted: 5, jobs: [evicted, evicted, { ...evicted, submitted: 5 }] },
    'again PENDING after 1: its time was up; trying again',
  ],
  [
    'one whose study was cancelled meanwhile',
    'evicted',
    { ...local, ...cancelled },
    { submitted: 1, jobs: [evicted, evicted] },
    'end CANCELLED: enough',
  ],
  ['a job that was cancelled', 'cancelled', scheduled, {}, 'end CANCELLED: its job was cancelled'],
  ['a job that was cancelled with the study', 'cancelled', { ...scheduled, ...cancelled }, {}, 'end CANCELLED: enough'],
  ['a timeout without a restart', 'timeout', scheduled, {}, 'end TIMEDOUT: its time ran out'],
  [
    'a timeout with a restart',
    'timeout',
    restartable,
    { failedAttempts: 2 },
    'again TIMEDOUT: its time ran out (job ƒ7); restarting',
    { restarts: 1, failedAttempts: 0 },
  ],
  [
    'a timeout after the last restart',
    'timeout',
    restartable,
    { restarts: 1 },
    'end FAILED: its time ran out, after 1 restart',
  ],
  [
    'a timeout after restarts before the study was resumed',
    'timeout',
    restartable,
    { restarts: 3, restartsBefore: 3 },
    'again TIMEDOUT: its time ran out (job ƒ7); restarting',
    { restarts: 4 },
  ],
  [
    'a timeout without a limit of restarts',
    'timeout',
    { ...restartable, restartLimit: 0 },
    { restarts: 99 },
    'again TIMEDOUT: its time ran out (job ƒ7); restarting',
  ],
  [
    'a timeout of a study that was cancelled',
    'timeout',
    { ...restartable, ...cancelled },
    {},
    'end CANCELLED: enough',
    { restarts: 0 },
  ],
  [
    'a timeout of a study that was interrupted',
    'timeout',
    { ...restartable, ...interrupted },
    {},
    'again TIMEDOUT: its time ran out (job ƒ7); to be restarted',
  ],
  [
    'a node failure',
    'node-failure',
    scheduled,
    {},
    'again HWFAILURE after 1: a node failed (job ƒ7); submitting again',
    { nodeFailures: 1 },
  ],
  [
    'one node failure too many',
    'node-failure',
    scheduled,
    { jobs: lost(NODE_FAILURE_LIMIT) },
    `end HWFAILURE: a node failed, ${NODE_FAILURE_LIMIT + 1} times`,
  ],
  [
    'a node failure of a study that was cancelled',
    'node-failure',
    { ...scheduled, ...cancelled },
    {},
    'end CANCELLED: enough',
  ],
  [
    'a job that could not write its files',
    'not-run',
    scheduled,
    {},
    'again PENDING after 2: the script was not run; trying again',
    { notRun: 1 },
  ],
  [
    'the last of many that could not',
    'not-run',
    scheduled,
    { notRun: NOT_RUN_LIMIT - 1 },
    'leave PENDING: the script was not run; trying again',
  ],
  [
    'the last of many in a study that was interrupted',
    'not-run',
    { ...scheduled, ...interrupted },
    { notRun: NOT_RUN_LIMIT - 1 },
    `again PENDING after ${NOT_RUN_LIMIT + 1}: the script was not run; to be tried again`,
  ],
  [
    'one that could not in a study that was cancelled',
    'not-run',
    { ...scheduled, ...cancelled },
    {},
    'end CANCELLED: enough',
  ],
];

describe('what becomes of a step once its job is over', () => {
  it.each(rows.map((row) => [row[0], row] as const))('%s', (_, [, result, rules, before, decision, after = {}]) => {
    const step = record(before);
    expect(decide(result, rules, step)).toBe(decision);
    expect(step).toMatchObject(after);
  });

  it('is a reason to leave the study, with the step that could not write', () => {
    const decision = afterJob(
      record({ notRun: NOT_RUN_LIMIT - 1 }),
      job,
      { result: 'not-run', exitCode: null, signal: null, note: 'no space left' },
      scheduled,
    );
    expect(decision).toMatchObject({
      type: 'leave',
      why: `the study directory cannot be written: run was not run, ${NOT_RUN_LIMIT} times in a row: no space left`,
    });
  });

  it.each<readonly [name: string, rules: Rules, decision: string]>([
    ['the only attempt', scheduled, 'end FAILED: could not be submitted: no queue'],
    [
      'the first of two',
      { ...scheduled, submissionAttempts: 2 },
      'again PENDING after 1: could not be submitted: no queue; trying again',
    ],
    ['one of a study that was cancelled', { ...scheduled, ...cancelled }, 'end CANCELLED: enough'],
  ])('that could not be submitted: %s', (_, rules, decision) => {
    const step = record({ exitCode: 3, signal: 'SIGTERM' });
    expect(told(afterRefusal(step, job, 'no queue', rules))).toBe(decision);
    expect(step).toMatchObject({ exitCode: null, signal: null, failedAttempts: 1 });
  });
});

describe('the causes after which a step runs again by itself', () => {
  const on = (text: string) => ({ ...scheduled, resubmitOn: parseResubmitOn(text) as ResubmitOn });
  const decideFor = (
    result: JobOutcome['result'],
    cause: Cause,
    { rules = scheduled, step = record({}), last = job }: { rules?: Rules; step?: StepRecord; last?: JobRecord } = {},
  ) =>
    told(afterJob(step, last, { result, exitCode: null, signal: null, note: 'it ended', blame: blame(cause) }, rules));
  const again = (count: number, state = 'HWFAILURE') =>
    `again ${state} after ${count}: it ended (job ƒ7); submitting again`;

  it.each<[result: JobOutcome['result'], Cause, rules: Rules, decision: string]>([
    ['node-failure', 'preempted', scheduled, again(1)],
    ['node-failure', 'node', on('none'), 'end HWFAILURE: it ended'],
    ['node-failure', 'preempted', on('node'), 'end HWFAILURE: it ended'],
    // What is lost with something that is not said has three attempts more, unless none are wanted.
    ['node-failure', 'allocation', on('node'), again(1)],
    ['node-failure', 'queue', on('node'), again(1)],
    ['node-failure', 'queue', on('queue: 0'), 'end HWFAILURE: it ended'],
    ['node-failure', 'allocation', on('none'), 'end HWFAILURE: it ended'],
    ['node-failure', 'allocation', on('allocation: 0'), 'end HWFAILURE: it ended'],
    ['failed', 'node', scheduled, again(1)],
    ['failed', 'code', scheduled, 'end FAILED: it ended'],
    ['failed', 'memory', scheduled, 'end FAILED: it ended'],
    ['failed', 'memory', on('memory: 1'), again(1, 'PENDING')],
    ['timeout', 'timeout', on('timeout: 1'), again(1, 'PENDING')],
    ['timeout', 'timeout', scheduled, 'end TIMEDOUT: it ended'],
  ])('%s for %s', (result, cause, rules, decision) => expect(decideFor(result, cause, { rules })).toBe(decision));

  it('are each counted by themselves', () => {
    const before = [...lost(3, { blame: blame('preempted') }), ...lost(1, { attempt: 4, blame: blame('node') })];
    expect(decideFor('node-failure', 'node', { step: record({ jobs: before }) })).toBe(again(2));
    expect(decideFor('node-failure', 'preempted', { step: record({ jobs: before }) })).toBe(
      'end HWFAILURE: it ended, 4 times',
    );
  });

  it('are counted since the study was resumed', () => {
    const step = record({ jobs: lost(3), countedFrom: 4 });
    expect(decideFor('node-failure', 'node', { step })).toBe(again(1));
  });

  it('are told with the nodes, which the next job is not to run on', () => {
    const last = { ...job, nodes: ['n1', 'n2', 'n3', 'n4'] };
    expect(decideFor('node-failure', 'node', { last })).toBe(
      'again HWFAILURE after 1: it ended (job ƒ7 on n1, n2, n3, ...); submitting again, on other nodes',
    );
    // Nothing was wrong with these.
    expect(decideFor('node-failure', 'preempted', { last })).toBe(
      'again HWFAILURE after 1: it ended (job ƒ7 on n1, n2, n3, ...); submitting again',
    );
  });

  it('do not matter if the job was refused for the nodes that it was not to run on', () => {
    const refused = { ...job, started: null, excluded: ['n1'], blame: blame('submission', true) };
    const step = record({});
    expect(told(afterRefusal(step, refused, 'no such nodes', scheduled))).toBe(
      'again PENDING after 1: only n1 can run it: no such nodes; submitting again',
    );
    expect(step.failedAttempts).toBe(0);
    const { excluded: _, ...plain } = refused;
    expect(told(afterRefusal(record({}), plain, 'no such nodes', scheduled))).toBe(
      'end FAILED: could not be submitted: no such nodes',
    );
  });
});

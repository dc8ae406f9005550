import { describe, expect, it } from 'vitest';
import type { Policy } from '../../src/conductor/policy.js';
import { type JobRecord, newRecord, type Rerun, type StepRecord, studyStatus } from '../../src/study/state.js';
import type { Shape } from '../support/graphs.js';
import { MachineStudy } from '../support/machine-study.js';

/** What is known of a step, as the test says it: the rest as of a step that never ran. */
type Known = Omit<Partial<StepRecord>, 'jobs'> & { readonly jobs?: readonly Partial<JobRecord>[] };

const recordOf = ({ jobs = [], ...known }: Known): StepRecord => ({
  ...newRecord(),
  ...(jobs.length > 0 && { submitted: 1 }),
  ...known,
  jobs: jobs.map((job, i) => ({
    attempt: i + 1,
    script: 'main',
    id: `${i + 1}`,
    place: '',
    isDoubtful: false,
    submitted: 1,
    started: null,
    ended: null,
    result: null,
    ...job,
  })),
});

interface KnownStep extends Shape {
  readonly known?: Known;
  readonly rerun?: Rerun;
}

/** A machine that takes over a study of which so much is known. */
function takenOver(steps: readonly KnownStep[], policy: Partial<Policy> = {}): MachineStudy {
  const withRecords = steps.map(({ known = {}, rerun, ...step }) => ({
    ...step,
    record: recordOf(rerun === undefined ? known : { ...known, rerun }),
  }));
  return new MachineStudy(withRecords, policy, { now: 100 });
}

const finished: Known = { state: 'FINISHED', ended: 9, jobs: [{ ended: 9, result: 'completed' }] };
const running: Known = { state: 'RUNNING', started: 2, jobs: [{ started: 2 }] };

describe('a study that is taken over', () => {
  it('goes on with the jobs that are in flight, and submits what is ready', () => {
    const study = takenOver([
      { name: 'make', known: finished },
      { name: 'left', after: ['make'], known: running },
      { name: 'right', after: ['make'] },
      { name: 'other', scheduled: true, known: { state: 'PENDING', jobs: [{ id: '' }] } },
      { name: 'join', after: ['left', 'right'] },
    ]);
    expect(study.begin()).toEqual(['attach left other', 'submit right 1 main']);
    expect(study.ended('left')).toEqual([]);
    expect(study.ended('right')).toEqual(['submit join 1 main']);
    expect(study.machine.remaining).toBe(2);
  });

  it('counts what is in flight against the limits', () => {
    const jobs = ['a', 'b', 'c'].map((name): Shape & { known?: Known } => ({ name, scheduled: true }));
    const study = takenOver([{ ...jobs[0]!, known: running }, jobs[1]!, jobs[2]!], { throttle: 2 });
    expect(study.begin()).toEqual(['attach a', 'submit b 1 main']);
    expect(study.ended('a')).toEqual(['submit c 1 main']);
  });

  it('is over at once if all its steps are', () => {
    const study = takenOver([
      { name: 'a', known: finished },
      { name: 'b', after: ['a'], known: finished },
    ]);
    expect(study.machine.isOver).toBe(true);
    expect(study.begin()).toEqual([]);
    expect(study.touched).toEqual([]);
  });

  it('goes on counting attempts behind those that were', () => {
    const failed: Known = {
      jobs: [
        { ended: 3, result: 'failed' },
        { ended: 5, result: 'failed' },
      ],
      submitted: null,
    };
    const study = takenOver([{ name: 'run', scheduled: true, known: failed }]);
    expect(study.begin()).toEqual(['submit run 3 main']);
    expect(study.step('run').submitted).toBe(101);
  });

  it('counts failed attempts and lost nodes from where they were', () => {
    const once = [{ ended: 3, result: 'failed' }] as const;
    const lost = Array.from({ length: 3 }, () => ({ ended: 3, result: 'node-failure' }) as const);
    const study = takenOver(
      [
        { name: 'local', known: { failedAttempts: 1, jobs: once } },
        { name: 'lost', scheduled: true, known: { nodeFailures: 3, jobs: lost } },
      ],
      { submissionAttempts: 2 },
    );
    study.begin();
    study.ended('local', 'failed');
    study.ended('lost', 'node-failure');
    expect(study.outcomes).toEqual(['FAILED (exit 1 (2 attempts))', 'HWFAILURE (a node failed, 4 times)']);
  });

  it('restarts as often as the limit allows, not counting restarts from before', () => {
    const known: Known = { restarts: 2, restartsBefore: 2, jobs: [{ ended: 3, result: 'timeout' }], submitted: null };
    const study = takenOver([{ name: 'run', scheduled: true, restart: true, known }], { restartLimit: 1 });
    expect(study.begin()).toEqual(['submit run 2 restart']);
    expect(study.ended('run', 'timeout')).toEqual(['submit run 3 restart']);
    expect(study.ended('run', 'timeout')).toEqual([]);
    expect(study.outcomes).toEqual(['FAILED (its time ran out, after 3 restarts)']);
  });

  it('runs the main script of a step that has no restart any more', () => {
    const known: Known = { restarts: 1, restartsBefore: 1, jobs: [{ ended: 3, result: 'timeout' }] };
    expect(takenOver([{ name: 'run', scheduled: true, known }]).begin()).toEqual(['submit run 2 main']);
  });

  it('may be interrupted, or left, before it begins: then nothing is taken over', () => {
    const shapes = [{ name: 'run', scheduled: true, known: running }, { name: 'next' }];
    const left = takenOver(shapes);
    expect([left.leave(), left.begin()]).toEqual([[], []]);
    expect([left.machine.isOver, left.outcomes]).toEqual([true, ['RUNNING', 'INITIALIZED']]);
    const interrupted = takenOver(shapes);
    interrupted.tell({ type: 'interrupt', at: 1, reason: 'lost', alsoLocal: true });
    expect(interrupted.begin()).toEqual([]);
    expect([interrupted.machine.isOver, interrupted.outcomes]).toEqual([true, ['UNKNOWN (lost)', 'INITIALIZED']]);
  });

  it('may be cancelled before it begins: what is in flight is taken over to be ended', () => {
    const study = takenOver([{ name: 'run', scheduled: true, known: running }, { name: 'next' }]);
    expect(study.cancel('enough')).toEqual([]);
    expect(study.outcomes).toEqual(['RUNNING', 'CANCELLED (enough)']);
    expect(study.machine.isOver).toBe(false);
    expect(study.begin()).toEqual(['attach run', 'cancel run 1']);
    study.ended('run', 'cancelled');
    expect(study.outcomes).toEqual(['CANCELLED (enough)', 'CANCELLED (enough)']);
    expect(study.machine.isOver).toBe(true);
  });
});

describe('what is told of a job that was taken over', () => {
  it('has its step RUNNING if it had started, whatever was thought of it', () => {
    for (const state of ['PENDING', 'QUEUED', 'UNKNOWN'] as const) {
      const study = takenOver([{ name: 'run', scheduled: true, known: { ...running, state, reason: 'lost' } }]);
      study.begin();
      study.started('run');
      expect([study.outcomes, study.touched]).toEqual([['RUNNING'], ['run']]);
      expect(study.step('run')).toMatchObject({ started: 2, jobs: [{ started: 2 }] });
    }
  });

  it('does not set a step back that is further', () => {
    const study = takenOver([{ name: 'run', scheduled: true, known: { ...running, state: 'FINISHING' } }]);
    study.begin();
    study.started('run');
    expect([study.outcomes, study.touched]).toEqual([['FINISHING'], []]);
  });

  it('may be its id and place, noted although the state is the same', () => {
    const study = takenOver([{ name: 'run', scheduled: true, known: { state: 'PENDING', jobs: [{ id: '' }] } }]);
    study.begin();
    const told = { id: 'ƒ2', endpoint: 'local:///b', mayBeDuplicate: true };
    study.submitted('run', told);
    expect([study.last.changed, study.touched]).toEqual([[], ['run']]);
    expect(study.step('run').jobs[0]).toMatchObject({ id: 'ƒ2', place: 'local:///b', isDoubtful: true });
    study.submitted('run', told);
    expect(study.touched).toEqual([]);
  });
});

describe('a step whose script changed while its job was in flight', () => {
  const shapes = [
    { name: 'run', scheduled: true, restart: true, known: { ...running, restarts: 1 }, rerun: 'changed' },
    { name: 'next', after: ['run'] },
  ] as const;

  it('has the job ended, and runs anew however that ended', () => {
    for (const result of ['completed', 'failed', 'timeout', 'cancelled', 'node-failure', 'not-run'] as const) {
      const study = takenOver(shapes);
      expect(study.begin()).toEqual(['attach run', 'cancel run 1']);
      expect(study.ended('run', result)).toEqual(['submit run 2 main']);
      expect(study.outcomes).toEqual(['PENDING (its script changed)', 'INITIALIZED']);
      expect(study.step('run')).toMatchObject({ failedAttempts: 0, nodeFailures: 0, restarts: 0, exitCode: null });
      expect(study.ended('run')).toEqual(['submit next 1 main']);
    }
  });

  it('runs anew if its job never came to be', () => {
    const study = takenOver(shapes);
    study.begin();
    expect(study.tell({ type: 'not-submitted', step: 0, attempt: 1, at: 200, reason: 'no' })).toEqual([
      'submit run 2 main',
    ]);
  });

  it('is known as such from its record alone', () => {
    const study = takenOver([{ name: 'run', known: { ...running, rerun: 'changed' } }]);
    expect(study.begin()).toEqual(['attach run', 'cancel run 1']);
    study.ended('run');
    expect(study.step('run')).toMatchObject({ state: 'PENDING', rerun: null });
  });

  it('says so in its record, for who comes next', () => {
    const study = takenOver(shapes);
    study.begin();
    expect([study.touched, study.step('run').rerun]).toEqual([['run'], 'changed']);
  });

  it('is CANCELLED with the study, even if the job completed', () => {
    const study = takenOver(shapes);
    study.begin();
    expect(study.cancel('enough')).toEqual(['cancel run 1']);
    expect(study.ended('run')).toEqual([]);
    expect(study.outcomes).toEqual(['CANCELLED (enough)', 'CANCELLED (enough)']);
  });

  it('waits for what it depends on if that runs anew too', () => {
    const study = takenOver([
      { name: 'make', known: running, rerun: 'changed' },
      { name: 'run', after: ['make'], known: running, rerun: 'changed' },
    ]);
    expect(study.begin()).toEqual(['attach make run', 'cancel make 1', 'cancel run 1']);
    expect(study.ended('run', 'cancelled')).toEqual([]);
    expect(study.outcomes).toEqual(['RUNNING', 'INITIALIZED (its script changed)']);
    expect(study.ended('make', 'cancelled')).toEqual(['submit make 2 main']);
    expect(study.ended('make')).toEqual(['submit run 2 main']);
  });

  it('runs after what it depends on though its own job ends last', () => {
    const study = takenOver([{ name: 'make' }, { name: 'run', after: ['make'], known: running, rerun: 'changed' }]);
    study.begin();
    expect(study.ended('make')).toEqual([]);
    expect(study.ended('run', 'cancelled')).toEqual(['submit run 2 main']);
  });

  it('is given up when its job is over if what it depends on has failed meanwhile, and all behind it', () => {
    const study = takenOver([
      { name: 'make' },
      { name: 'run', after: ['make'], known: running, rerun: 'changed' },
      { name: 'next', after: ['run'] },
      { name: 'report', after: ['next', 'run'], afterAll: true },
    ]);
    study.begin();
    study.ended('make', 'failed');
    expect(study.outcomes).toEqual(['FAILED (exit 1)', 'RUNNING', 'INITIALIZED', 'INITIALIZED']);
    expect(study.ended('run', 'cancelled')).toEqual(['submit report 1 main']);
    const givenUp = 'FAILED (dependency make failed)';
    expect(study.outcomes).toEqual(['FAILED (exit 1)', givenUp, givenUp, 'PENDING']);
  });
});

describe('a step whose job an earlier driver had told to end', () => {
  const shapes = [{ name: 'run', scheduled: true, known: running, rerun: 'cancelled' }] as const;

  it('is FINISHED if it completed all the same', () => {
    const study = takenOver(shapes);
    expect(study.begin()).toEqual(['attach run']);
    study.ended('run');
    expect(study.outcomes).toEqual(['FINISHED']);
  });

  it('runs again if it was cancelled', () => {
    const study = takenOver(shapes);
    study.begin();
    expect(study.ended('run', 'cancelled')).toEqual(['submit run 2 main']);
    expect(study.outcomes).toEqual(['PENDING (it was cancelled with the study before)']);
    study.ended('run', 'cancelled');
    expect(study.outcomes).toEqual(['CANCELLED (its job was cancelled)']);
  });

  it('runs again however else it ended, and then fails as any other', () => {
    for (const result of ['failed', 'timeout', 'node-failure', 'not-run'] as const) {
      const study = takenOver(shapes);
      study.begin();
      expect(study.ended('run', result)).toEqual(['submit run 2 main']);
      study.ended('run', 'failed');
      expect(study.outcomes).toEqual(['FAILED (exit 1)']);
    }
  });

  it('goes on with its restart if its time ran out', () => {
    const study = takenOver([{ ...shapes[0], restart: true }]);
    study.begin();
    expect(study.ended('run', 'timeout')).toEqual(['submit run 2 restart']);
    expect(study.step('run')).toMatchObject({ restarts: 1, rerun: null });
  });

  it('is CANCELLED if this driver cancels too', () => {
    const study = takenOver(shapes);
    study.begin();
    study.cancel('enough');
    study.ended('run', 'cancelled');
    expect(study.outcomes).toEqual(['CANCELLED (enough)']);
  });
});

describe('a journal that was cut before the consequences of an end', () => {
  const failed: Known = { state: 'FAILED', reason: 'exit 1', ended: 5, jobs: [{ ended: 5, result: 'failed' }] };

  it('has them drawn when the study is taken over', () => {
    const study = takenOver([
      { name: 'make', known: failed },
      { name: 'run', after: ['make'], known: { state: 'FAILED', reason: 'dependency make failed', ended: 5 } },
      { name: 'next', after: ['run'] },
      { name: 'report', after: ['make', 'next'], afterAll: true },
      { name: 'other' },
    ]);
    expect(study.begin()).toEqual(['submit report 1 main', 'submit other 1 main']);
    expect(study.outcomes).toEqual([
      'FAILED (exit 1)',
      'FAILED (dependency make failed)',
      'FAILED (dependency make failed)',
      'PENDING',
      'PENDING',
    ]);
    expect(study.touched).toEqual(['next', 'report', 'other']);
  });

  it('has a cancellation reach what waits', () => {
    const cancelled: Known = { state: 'CANCELLED', reason: 'enough', ended: 5, jobs: [{ ended: 5 }] };
    const study = takenOver([
      { name: 'make', known: cancelled },
      { name: 'report', after: ['make'], afterAll: true },
    ]);
    expect(study.begin()).toEqual([]);
    expect(study.outcomes[1]).toBe('CANCELLED (dependency make was cancelled)');
    expect(study.machine.isOver).toBe(true);
  });

  it('knows what the study bears with', () => {
    const study = takenOver(
      [
        { name: 'make', known: { ...failed, tolerated: true } },
        { name: 'run', after: ['make'] },
      ],
      { allowsFailure: ({ name }) => name === 'make' },
    );
    study.begin();
    expect(study.step('run').tolerated).toBe(true);
    expect(studyStatus(study.machine.steps)).toBe('FINISHED');
  });
});

describe('leaving a study', () => {
  const shapes = [
    { name: 'local' },
    { name: 'run', scheduled: true },
    { name: 'held', scheduled: true },
    { name: 'next', after: ['run'] },
  ];

  it('is its end at once, local steps and all, and every state stays as it is', () => {
    const study = takenOver(shapes, { throttle: 1 });
    study.begin();
    study.started('local');
    expect(study.leave()).toEqual([]);
    expect([study.last.changed, study.touched]).toEqual([[], []]);
    expect(study.outcomes).toEqual(['RUNNING', 'PENDING', 'INITIALIZED', 'INITIALIZED']);
    expect([study.machine.isOver, study.machine.isLeft, study.machine.interruption]).toEqual([
      true,
      true,
      'time is up',
    ]);
    expect(studyStatus(study.machine.steps)).toBe('INTERRUPTED');
  });

  it('has nothing change any more, whatever is told', () => {
    const study = takenOver(shapes, { throttle: 1 });
    study.begin();
    study.leave();
    const before = structuredClone(study.machine.steps);
    expect([study.started('run'), study.ended('run'), study.ended('local', 'failed'), study.cancel('enough')]).toEqual([
      [],
      [],
      [],
      [],
    ]);
    study.tell({ type: 'interrupt', at: 300, reason: 'lost', alsoLocal: true });
    expect(study.limits({ throttle: 0 })).toEqual([]);
    expect([study.machine.steps, study.machine.interruption]).toEqual([before, 'time is up']);
    expect(study.machine.cancellation).toBeUndefined();
  });

  it('after a cancellation leaves what has not ended yet', () => {
    const study = takenOver(shapes, { throttle: 1 });
    study.begin();
    study.cancel('enough');
    study.ended('run', 'cancelled');
    study.leave();
    expect(study.outcomes).toEqual(['PENDING', 'CANCELLED (enough)', 'CANCELLED (enough)', 'CANCELLED (enough)']);
    expect([study.machine.isOver, study.machine.remaining]).toEqual([true, 1]);
    expect(studyStatus(study.machine.steps)).toBe('INTERRUPTED');
  });

  it('after an interruption does not wait for local steps any more', () => {
    const study = takenOver(shapes);
    study.begin();
    study.tell({ type: 'interrupt', at: 300, reason: 'lost' });
    expect(study.machine.isOver).toBe(false);
    study.leave();
    expect(study.machine.isOver).toBe(true);
    expect(study.outcomes.slice(0, 2)).toEqual(['PENDING', 'UNKNOWN (lost)']);
    expect(study.machine.interruption).toBe('lost');
  });
});

describe('what is said of a step that was to run again', () => {
  const shapes = [
    { name: 'lost', scheduled: true },
    { name: 'slow', scheduled: true, restart: true },
    { name: 'first', scheduled: true },
    { name: 'local' },
  ];
  /** Three steps that are to run again: one waits for its time, one for room, one for its time. */
  const waiting = () => {
    const study = takenOver(shapes, { throttle: 2, submissionAttempts: 2 });
    study.begin();
    study.submitted('slow', { id: '7', endpoint: '', mayBeDuplicate: false });
    study.ended('lost', 'node-failure');
    study.limits({ throttle: 1 });
    study.ended('slow', 'timeout');
    study.ended('local', 'failed');
    return study;
  };

  it('is that it does, while somebody sees to it', () => {
    expect(waiting().outcomes).toEqual([
      'HWFAILURE (a node failed; submitting again)',
      'TIMEDOUT (its time ran out (job 7); restarting)',
      'PENDING',
      'PENDING (exit 1; trying again)',
    ]);
  });

  it('is that it is to, once the study is interrupted or left', () => {
    const [left, interrupted] = [waiting(), waiting()];
    left.leave();
    interrupted.tell({ type: 'interrupt', at: 300, reason: 'lost' });
    const outcomes = [
      'HWFAILURE (a node failed; to be submitted again)',
      'TIMEDOUT (its time ran out (job 7); to be restarted)',
    ];
    const last = 'PENDING (exit 1; to be tried again)';
    expect(left.outcomes).toEqual([...outcomes, 'PENDING', last]);
    expect(interrupted.outcomes).toEqual([...outcomes, 'UNKNOWN (lost)', last]);
    expect(left.touched).toEqual(['lost', 'slow', 'local']);
  });

  it('is true of jobs that are known to have been lost with what interrupts the study', () => {
    const study = takenOver([{ name: 'run', scheduled: true }]);
    study.begin();
    const outcome = { result: 'node-failure', exitCode: null, signal: null, note: '' } as const;
    const ended = [{ type: 'ended', step: 0, attempt: 1, at: 300, outcome }] as const;
    expect(study.tell({ type: 'interrupt', at: 300, reason: 'lost', ended })).toEqual([]);
    expect(study.outcomes).toEqual(['HWFAILURE (a node failed; to be submitted again)']);
  });

  it('is true of a local step that fails while it is waited for', () => {
    const study = takenOver([{ name: 'local' }], { submissionAttempts: 2 });
    study.begin();
    study.tell({ type: 'interrupt', at: 300, reason: 'lost' });
    study.ended('local', 'failed');
    expect(study.outcomes).toEqual(['PENDING (exit 1; to be tried again)']);
  });
});

describe('limits that are changed', () => {
  const jobs = ['a', 'b', 'c', 'd'].map((name): Shape => ({ name, scheduled: true }));

  it('let more be submitted at once', () => {
    const study = takenOver(jobs, { throttle: 1 });
    study.begin();
    expect(study.limits({ throttle: 3 })).toEqual(['submit b 1 main', 'submit c 1 main']);
    expect(study.limits({ throttle: 0 })).toEqual(['submit d 1 main']);
  });

  it('hold back what comes, and leave what is in flight', () => {
    const study = takenOver(jobs, { throttle: 3 });
    study.begin();
    expect(study.limits({ throttle: 1 })).toEqual([]);
    expect([study.ended('a'), study.ended('b')]).toEqual([[], []]);
    expect(study.ended('c')).toEqual(['submit d 1 main']);
  });

  it('allow or forbid the next restart', () => {
    const shapes = [{ name: 'run', scheduled: true, restart: true }];
    const more = takenOver(shapes, { restartLimit: 1 });
    more.begin();
    more.ended('run', 'timeout');
    more.limits({ restartLimit: 0 });
    expect(more.ended('run', 'timeout')).toEqual(['submit run 3 restart']);
    const fewer = takenOver(shapes, { restartLimit: 0 });
    fewer.begin();
    fewer.ended('run', 'timeout');
    fewer.limits({ restartLimit: 1 });
    expect(fewer.ended('run', 'timeout')).toEqual([]);
    expect(fewer.outcomes).toEqual(['FAILED (its time ran out, after 1 restart)']);
  });

  it('that are not given stay, and before the beginning nothing is submitted', () => {
    const study = takenOver(jobs, { throttle: 1 });
    expect(study.limits({ throttle: 2 })).toEqual([]);
    expect(study.begin()).toHaveLength(2);
    expect(study.limits({ restartLimit: 5 })).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import type { StudyEvent } from '../../src/conductor/events.js';
import type { Policy } from '../../src/conductor/policy.js';
import type { JobOutcome } from '../../src/schedulers/scheduler.js';
import { isOver, studyStatus } from '../../src/study/state.js';
import type { Shape } from '../support/graphs.js';
import { MachineStudy } from '../support/machine-study.js';

const diamond: readonly Shape[] = [
  { name: 'make' },
  { name: 'left', after: ['make'] },
  { name: 'right', after: ['make'] },
  { name: 'join', after: ['left', 'right'] },
];

describe('a study', () => {
  it('begins with the steps that wait for nothing, in their order', () => {
    const study = new MachineStudy([...diamond, { name: 'alone' }]);
    expect(study.begin()).toEqual(['submit make 1 main', 'submit alone 1 main']);
    expect(study.outcomesByName).toEqual({
      make: 'PENDING',
      left: 'INITIALIZED',
      right: 'INITIALIZED',
      join: 'INITIALIZED',
      alone: 'PENDING',
    });
  });

  it('submits a step when the last of its dependencies has finished', () => {
    const study = new MachineStudy(diamond);
    study.begin();
    expect(study.ended('make', 'completed')).toEqual(['submit left 1 main', 'submit right 1 main']);
    expect(study.ended('right', 'completed')).toEqual([]);
    expect(study.ended('left', 'completed')).toEqual(['submit join 1 main']);
    expect(study.machine.isOver).toBe(false);
    expect(study.ended('join', 'completed')).toEqual([]);
    expect(study.machine.isOver).toBe(true);
    expect(studyStatus(study.machine.steps)).toBe('FINISHED');
  });

  it('is over before it begins if it has no steps', () => {
    const study = new MachineStudy([]);
    expect(study.machine.isOver).toBe(true);
    expect(study.begin()).toEqual([]);
  });

  it('keeps the times of a step: first submission, first start, end', () => {
    const study = new MachineStudy([{ name: 'run', scheduled: true, restart: true }]);
    study.begin(); // 1
    study.submitted('run', { id: '77' }); // 2
    study.started('run'); // 3
    study.ended('run', 'timeout'); // 4, and submitted again
    study.submitted('run', { id: '78' }); // 5
    study.started('run'); // 6
    study.ended('run', 'completed'); // 7
    const where = { place: 'local:///x', isDoubtful: false };
    expect(study.step('run')).toEqual({
      state: 'FINISHED',
      reason: '',
      exitCode: 0,
      signal: null,
      restarts: 1,
      restartsBefore: 0,
      failedAttempts: 0,
      nodeFailures: 0,
      notRun: 0,
      rerun: null,
      submitted: 1,
      started: 3,
      ended: 7,
      tolerated: false,
      jobs: [
        {
          ...{ attempt: 1, script: 'main', id: '77', ...where, submitted: 1, started: 3, ended: 4, result: 'timeout' },
          blame: { cause: 'timeout', isOfSpec: true },
        },
        {
          ...{ attempt: 2, script: 'restart', id: '78', ...where, submitted: 4, started: 6, ended: 7 },
          ...{ result: 'completed', blame: null },
        },
      ],
    });
  });

  it('says which steps changed, and counts the steps in each state', () => {
    const { machine } = new MachineStudy(diamond);
    const job = { step: 0, attempt: 1, at: 2, id: '5', endpoint: '', mayBeDuplicate: false };
    const submitted = { ...job, type: 'submitted' } as const;
    expect(machine.handle({ type: 'begin', at: 1 }).changed).toEqual([0]);
    expect(machine.handle(submitted).changed).toEqual([]);
    expect(machine.handle({ type: 'started', step: 0, attempt: 1, at: 3 }).changed).toEqual([0]);
    const outcome: JobOutcome = { result: 'failed', exitCode: 1, signal: null, note: '' };
    expect(machine.handle({ type: 'ended', step: 0, attempt: 1, at: 4, outcome }).changed).toEqual([0, 1, 2, 3]);
    expect(Object.fromEntries(machine.counts)).toEqual({ INITIALIZED: 0, PENDING: 0, RUNNING: 0, FAILED: 4 });
    expect(machine.remaining).toBe(0);
  });
});

describe('the throttle', () => {
  const jobs = ['a', 'b', 'c'].map((name): Shape => ({ name, scheduled: true }));

  it('holds back scheduled steps, first come first served', () => {
    const study = new MachineStudy(jobs, { throttle: 2 });
    expect(study.begin()).toEqual(['submit a 1 main', 'submit b 1 main']);
    expect(study.ended('b', 'completed')).toEqual(['submit c 1 main']);
  });

  it('is no limit at 0', () => {
    expect(new MachineStudy(jobs, { throttle: 0 }).begin()).toHaveLength(3);
  });

  it('does not hold back local steps, nor do they count', () => {
    const study = new MachineStudy([{ name: 'l1' }, { name: 'l2' }, ...jobs], { throttle: 1 });
    expect(study.begin()).toEqual(['submit a 1 main', 'submit l1 1 main', 'submit l2 1 main']);
    expect(study.ended('l1', 'completed')).toEqual([]);
    expect(study.ended('a', 'completed')).toEqual(['submit b 1 main']);
  });

  it('lets another step go on while one waits to be submitted again', () => {
    const study = new MachineStudy(jobs, { throttle: 1, submissionAttempts: 2 });
    study.begin();
    expect(study.refused('a')).toEqual(['back-off a 1', 'submit b 1 main']);
    expect(study.wake('a')).toEqual([]);
    expect(study.ended('b', 'completed')).toEqual(['submit c 1 main']);
    expect(study.ended('c', 'completed')).toEqual(['submit a 2 main']);
  });
});

describe('local jobs', () => {
  it('are at most so many at once, whatever the scheduled ones do', () => {
    const study = new MachineStudy(
      [{ name: 's', scheduled: true }, ...['a', 'b', 'c'].map((name): Shape => ({ name }))],
      {
        localJobs: 2,
      },
    );
    expect(study.begin()).toEqual(['submit s 1 main', 'submit a 1 main', 'submit b 1 main']);
    expect(study.ended('s', 'completed')).toEqual([]);
    expect(study.ended('a', 'failed')).toEqual(['submit c 1 main']);
  });
});

describe('a failed step', () => {
  it('fails with its exit status, the signal, or what the scheduler says', () => {
    const reasons = (
      [
        { exitCode: 3 },
        { exitCode: 137, signal: 'SIGKILL' },
        { exitCode: 3, note: 'out of memory' },
        { exitCode: null, note: 'the prolog failed' },
        { exitCode: null },
      ] as const
    ).map((outcome) => {
      const study = new MachineStudy([{ name: 'run', scheduled: true }]);
      study.begin();
      study.ended('run', 'failed', outcome);
      return study.outcome('run');
    });
    expect(reasons).toEqual([
      'FAILED (exit 3)',
      'FAILED (killed by SIGKILL)',
      'FAILED (exit 3: out of memory)',
      'FAILED (the prolog failed)',
      'FAILED (failed)',
    ]);
  });

  it('keeps its exit status and signal', () => {
    const study = new MachineStudy([{ name: 'run' }]);
    study.begin();
    study.ended('run', 'failed', { exitCode: 143, signal: 'SIGTERM' });
    expect(study.step('run')).toMatchObject({ exitCode: 143, signal: 'SIGTERM' });
  });

  it('fails all that waits for it, at once, in its own name, and none of that runs', () => {
    const study = new MachineStudy([...diamond, { name: 'last', after: ['join'] }, { name: 'alone' }]);
    study.begin();
    study.ended('make', 'completed');
    expect(study.ended('left', 'failed')).toEqual([]);
    expect(study.outcomesByName).toEqual({
      make: 'FINISHED',
      left: 'FAILED (exit 1)',
      right: 'PENDING',
      join: 'FAILED (dependency left failed)',
      last: 'FAILED (dependency left failed)',
      alone: 'PENDING',
    });
    expect(study.ended('right', 'completed')).toEqual([]);
    expect(study.step('join').jobs).toEqual([]);
    study.ended('alone', 'completed');
    expect(study.machine.isOver).toBe(true);
    expect(studyStatus(study.machine.steps)).toBe('FAILURE');
  });
});

describe('a step that only waits for others to be over', () => {
  const shapes: readonly Shape[] = [
    { name: 'one' },
    { name: 'two' },
    { name: 'three', after: ['one'] },
    { name: 'collect', after: ['one', 'two', 'three'], afterAll: true },
    { name: 'plot', after: ['collect'] },
  ];

  it('runs when they are, though some failed and some could not run', () => {
    const study = new MachineStudy(shapes);
    study.begin();
    expect(study.ended('one', 'failed')).toEqual([]);
    expect(study.outcomesByName).toMatchObject({
      three: 'FAILED (dependency one failed)',
      collect: 'INITIALIZED',
      plot: 'INITIALIZED',
    });
    expect(study.ended('two', 'completed')).toEqual(['submit collect 1 main']);
    expect(study.ended('collect', 'completed')).toEqual(['submit plot 1 main']);
    study.ended('plot', 'completed');
    expect(studyStatus(study.machine.steps)).toBe('FAILURE');
  });

  it('does not run before', () => {
    const study = new MachineStudy(shapes);
    study.begin();
    study.ended('two', 'failed');
    expect(study.ended('one', 'completed')).toEqual(['submit three 1 main']);
    expect(study.outcome('collect')).toBe('INITIALIZED');
    expect(study.ended('three', 'failed')).toEqual(['submit collect 1 main']);
  });

  it('waits for the last attempt, restart and submission of a step', () => {
    const study = new MachineStudy(
      [
        { name: 'local' },
        { name: 'slow', scheduled: true, restart: true },
        { name: 'lost', scheduled: true },
        { name: 'collect', after: ['local', 'slow', 'lost'], afterAll: true },
      ],
      { submissionAttempts: 2 },
    );
    study.begin();
    study.ended('local', 'failed');
    study.ended('slow', 'timeout');
    study.ended('lost', 'node-failure');
    expect(study.outcome('collect')).toBe('INITIALIZED');
    study.wake('local');
    study.wake('lost');
    study.ended('local', 'failed');
    study.ended('slow', 'timeout');
    expect(study.ended('lost', 'completed')).toEqual(['submit collect 1 main']);
  });

  it('does not run when one of them was cancelled', () => {
    const study = new MachineStudy(shapes);
    study.begin();
    study.ended('two', 'cancelled');
    expect(study.outcomesByName).toMatchObject({
      collect: 'CANCELLED (dependency two was cancelled)',
      plot: 'CANCELLED (dependency two was cancelled)',
    });
    expect(study.ended('one', 'failed')).toEqual([]);
    expect(study.machine.isOver).toBe(true);
  });

  it('is not excused by what failed before it', () => {
    const study = new MachineStudy(shapes, { allowsFailure: ({ name }) => name === 'one' });
    study.begin();
    study.ended('one', 'failed');
    study.ended('two', 'completed');
    study.ended('collect', 'failed');
    expect(study.step('collect').tolerated).toBe(false);
    expect(studyStatus(study.machine.steps)).toBe('FAILURE');
  });
});

describe('the attempts', () => {
  const twice = { submissionAttempts: 3 };

  it('at a scheduled step are submissions, each after a longer wait', () => {
    const study = new MachineStudy([{ name: 'run', scheduled: true }], twice);
    expect(study.begin()).toEqual(['submit run 1 main']);
    expect(study.refused('run', 'no such queue')).toEqual(['back-off run 1']);
    expect(study.outcome('run')).toBe('PENDING (could not be submitted: no such queue; trying again)');
    expect(study.wake('run')).toEqual(['submit run 2 main']);
    expect(study.refused('run')).toEqual(['back-off run 2']);
    expect(study.wake('run')).toEqual(['submit run 3 main']);
    expect(study.refused('run', 'broker is gone')).toEqual([]);
    expect(study.outcome('run')).toBe('FAILED (could not be submitted: broker is gone (3 attempts))');
    expect(study.step('run').jobs.map(({ result }) => result)).toEqual(Array(3).fill('not submitted'));
  });

  it('do not help a scheduled job that ran and failed', () => {
    const study = new MachineStudy([{ name: 'run', scheduled: true }], twice);
    study.begin();
    expect(study.ended('run', 'failed')).toEqual([]);
    expect(study.outcome('run')).toBe('FAILED (exit 1)');
  });

  it('at a local step are runs of it', () => {
    const study = new MachineStudy([{ name: 'run' }, { name: 'next', after: ['run'] }], twice);
    study.begin();
    expect(study.ended('run', 'failed', { exitCode: 3 })).toEqual(['back-off run 1']);
    expect(study.outcome('run')).toBe('PENDING (exit 3; trying again)');
    expect(study.outcome('next')).toBe('INITIALIZED');
    expect(study.wake('run')).toEqual(['submit run 2 main']);
    expect(study.refused('run', 'fork: no memory')).toEqual(['back-off run 2']);
    expect(study.wake('run')).toEqual(['submit run 3 main']);
    expect(study.ended('run', 'completed')).toEqual(['submit next 1 main']);
    expect(study.outcome('run')).toBe('FINISHED');
  });

  it('fail the step, and what waits for it, when they are used up', () => {
    const study = new MachineStudy([{ name: 'run' }, { name: 'next', after: ['run'] }], { submissionAttempts: 2 });
    study.begin();
    study.ended('run', 'failed');
    study.wake('run');
    expect(study.ended('run', 'failed', { exitCode: 9 })).toEqual([]);
    expect(study.outcomesByName).toEqual({
      run: 'FAILED (exit 9 (2 attempts))',
      next: 'FAILED (dependency run failed)',
    });
  });

  it('are as many again for a restart, as in Maestro', () => {
    const study = new MachineStudy([{ name: 'run', scheduled: true, restart: true }], { submissionAttempts: 2 });
    study.begin();
    study.refused('run');
    study.wake('run');
    study.submitted('run');
    expect(study.ended('run', 'timeout')).toEqual(['submit run 3 restart']);
    expect(study.refused('run')).toEqual(['back-off run 1']);
    expect(study.wake('run')).toEqual(['submit run 4 restart']);
  });
});

describe('a step whose time ran out', () => {
  it('is TIMEDOUT if it has no restart, and what waits for it fails', () => {
    const study = new MachineStudy([
      { name: 'run', scheduled: true },
      { name: 'next', after: ['run'] },
    ]);
    study.begin();
    study.ended('run', 'timeout');
    expect(study.outcomesByName).toEqual({
      run: 'TIMEDOUT (its time ran out)',
      next: 'FAILED (dependency run failed)',
    });
    expect(studyStatus(study.machine.steps)).toBe('FAILURE');
  });

  it('is started again by its restart script, at once', () => {
    const study = new MachineStudy([{ name: 'run', scheduled: true, restart: true }]);
    study.begin();
    study.submitted('run');
    expect(study.ended('run', 'timeout')).toEqual(['submit run 2 restart']);
    expect(study.step('run')).toMatchObject({ restarts: 1, ended: null });
    expect(study.ended('run', 'completed')).toEqual([]);
    expect(study.outcome('run')).toBe('FINISHED');
  });

  it('is TIMEDOUT, but not over, while the throttle holds its restart back', () => {
    const study = new MachineStudy(
      [
        { name: 'run', scheduled: true, restart: true },
        { name: 'other', scheduled: true },
      ],
      { throttle: 1 },
    );
    study.begin();
    study.submitted('run', { id: '7' });
    expect(study.ended('run', 'timeout', { note: 'time limit reached' })).toEqual(['submit other 1 main']);
    expect(study.outcome('run')).toBe('TIMEDOUT (time limit reached (job 7); restarting)');
    expect(isOver(study.step('run'))).toBe(false);
    expect(study.ended('other', 'completed')).toEqual(['submit run 2 restart']);
  });

  it('is FAILED after as many restarts as are allowed', () => {
    const study = new MachineStudy(
      [
        { name: 'run', scheduled: true, restart: true },
        { name: 'next', after: ['run'] },
      ],
      { restartLimit: 2 },
    );
    study.begin();
    expect(study.ended('run', 'timeout')).toEqual(['submit run 2 restart']);
    expect(study.ended('run', 'timeout')).toEqual(['submit run 3 restart']);
    expect(study.ended('run', 'timeout')).toEqual([]);
    expect(study.outcomesByName).toEqual({
      run: 'FAILED (its time ran out, after 2 restarts)',
      next: 'FAILED (dependency run failed)',
    });
    expect(study.step('run').restarts).toBe(2);
  });

  it('says so of one restart as of one', () => {
    const study = new MachineStudy([{ name: 'run', scheduled: true, restart: true }], { restartLimit: 1 });
    study.begin();
    study.ended('run', 'timeout');
    study.ended('run', 'timeout');
    expect(study.outcome('run')).toBe('FAILED (its time ran out, after 1 restart)');
  });

  it('is restarted without end at a limit of 0', () => {
    const study = new MachineStudy([{ name: 'run', scheduled: true, restart: true }], { restartLimit: 0 });
    study.begin();
    for (let restart = 1; restart <= 100; restart++) {
      expect(study.ended('run', 'timeout')).toEqual([`submit run ${restart + 1} restart`]);
    }
    expect(study.step('run').restarts).toBe(100);
  });
});

describe('a step that lost a node', () => {
  it('is submitted again three times, each after a longer wait, then it is HWFAILURE', () => {
    const study = new MachineStudy([
      { name: 'run', scheduled: true },
      { name: 'next', after: ['run'] },
    ]);
    study.begin();
    study.submitted('run', { id: '7' });
    for (const failure of [1, 2, 3]) {
      expect(study.ended('run', 'node-failure')).toEqual([`back-off run ${failure}`]);
      expect(study.step('run')).toMatchObject({ state: 'HWFAILURE', ended: null });
      expect(study.outcome('next')).toBe('INITIALIZED');
      expect(study.wake('run')).toEqual([`submit run ${failure + 1} main`]);
    }
    expect(study.ended('run', 'node-failure', { note: 'node n7 died' })).toEqual([]);
    expect(study.outcomesByName).toEqual({
      run: 'HWFAILURE (node n7 died, 4 times)',
      next: 'FAILED (dependency run failed)',
    });
  });

  it('says what it waits for meanwhile', () => {
    const study = new MachineStudy([{ name: 'run', scheduled: true }]);
    study.begin();
    study.submitted('run', { id: '7' });
    study.ended('run', 'node-failure');
    expect(study.outcome('run')).toBe('HWFAILURE (a node failed (job 7); submitting again)');
  });

  it('has used up none of its attempts, nor restarts', () => {
    const study = new MachineStudy([{ name: 'run', scheduled: true, restart: true }], { submissionAttempts: 2 });
    study.begin();
    study.ended('run', 'node-failure');
    study.wake('run');
    expect(study.refused('run')).toEqual(['back-off run 1']);
    expect(study.wake('run')).toEqual(['submit run 3 main']);
    expect(study.ended('run', 'timeout')).toEqual(['submit run 4 restart']);
    expect(study.ended('run', 'node-failure')).toEqual(['back-off run 2']);
    expect(study.wake('run')).toEqual(['submit run 5 restart']);
  });
});

describe('a step whose script was not run, for files that cannot be written', () => {
  const note = 'it could not be claimed';
  const shapes: readonly Shape[] = [
    { name: 'run', scheduled: true, restart: true },
    { name: 'next', after: ['run'] },
    { name: 'other', scheduled: true },
  ];

  it('waits longer each time; after six in a row the study is left, and the step is not over', () => {
    const study = new MachineStudy(shapes);
    study.begin();
    for (let time = 1; time <= 5; time++) {
      study.started('run');
      expect(study.ended('run', 'not-run', { note })).toEqual([`back-off run ${time + 1}`]);
      expect(study.outcome('run')).toBe(`PENDING (${note}; trying again)`);
      expect(study.machine.isOver).toBe(false);
      expect(study.wake('run')).toEqual([`submit run ${time + 1} main`]);
    }
    expect(study.ended('run', 'not-run', { note })).toEqual([]);
    expect(study.outcomesByName).toEqual({
      run: `PENDING (${note}; to be tried again)`,
      next: 'INITIALIZED',
      other: 'PENDING',
    });
    expect([study.machine.isOver, study.machine.isLeft]).toEqual([true, true]);
    expect(study.machine.interruption).toBe(
      `the study directory cannot be written: run was not run, 6 times in a row: ${note}`,
    );
    expect(studyStatus(study.machine.steps)).toBe('INTERRUPTED');
  });

  it('counts from the beginning once one was run, whatever became of it', () => {
    const study = new MachineStudy(shapes);
    study.begin();
    for (const result of ['timeout', 'node-failure'] as const) {
      for (let time = 1; time <= 5; time++) {
        study.ended('run', 'not-run');
        study.wake('run');
      }
      expect(study.step('run').notRun).toBe(5);
      study.ended('run', result);
      expect(study.step('run').notRun).toBe(0);
      study.wake('run');
    }
    expect([study.machine.isOver, study.step('run').jobs.at(-1)!.script]).toEqual([false, 'restart']);
  });

  it('has used up none of its attempts, nor of its nodes', () => {
    for (const scheduled of [true, false]) {
      const study = new MachineStudy([{ name: 'run', scheduled }]);
      study.begin();
      study.ended('run', 'not-run');
      expect(study.step('run')).toMatchObject({ failedAttempts: 0, nodeFailures: 0, ended: null, exitCode: null });
      study.wake('run');
      study.ended('run', 'completed');
      expect(study.outcome('run')).toBe('FINISHED');
      expect(study.step('run').jobs.map(({ result }) => result)).toEqual(['not-run', 'completed']);
    }
  });

  it('is CANCELLED with the study', () => {
    const study = new MachineStudy(shapes);
    study.begin();
    study.cancel();
    study.ended('run', 'not-run');
    expect(study.outcome('run')).toBe('CANCELLED (cancelled by SIGINT)');
  });

  it('does not end the wait for local steps once the jobs are out of sight', () => {
    const study = new MachineStudy([{ name: 'run' }, { name: 'long' }]);
    study.begin();
    for (let time = 1; time <= 5; time++) {
      study.ended('run', 'not-run', { note });
      study.wake('run');
    }
    study.machine.handle({ type: 'interrupt', at: 1000, reason: 'lost' });
    study.ended('run', 'not-run', { note });
    expect(study.outcome('run')).toBe(`PENDING (${note}; to be tried again)`);
    expect([study.machine.isOver, study.machine.interruption]).toEqual([false, 'lost']);
    study.ended('long', 'completed');
    expect(study.machine.isOver).toBe(true);
  });
});

describe('a job that somebody else cancelled', () => {
  it('cancels its step and all that waits for it, but nothing else', () => {
    const study = new MachineStudy([
      { name: 'run', scheduled: true },
      { name: 'next', after: ['run'] },
      { name: 'last', after: ['next'] },
      { name: 'alone' },
    ]);
    study.begin();
    study.ended('run', 'cancelled');
    expect(study.outcomesByName).toEqual({
      run: 'CANCELLED (its job was cancelled)',
      next: 'CANCELLED (dependency run was cancelled)',
      last: 'CANCELLED (dependency run was cancelled)',
      alone: 'PENDING',
    });
    study.ended('alone', 'completed');
    expect(studyStatus(study.machine.steps)).toBe('CANCELLED');
  });
});

describe('cancelling a study', () => {
  const jobs: readonly Shape[] = [
    { name: 'running', scheduled: true },
    { name: 'queued', scheduled: true },
    { name: 'held', scheduled: true },
    { name: 'local' },
    { name: 'next', after: ['running'] },
  ];

  function cancelled(policy: Partial<Policy> = {}) {
    const study = new MachineStudy(jobs, { throttle: 2, ...policy });
    study.begin();
    study.submitted('running');
    study.started('running');
    study.submitted('queued');
    return { study, answer: study.cancel('cancelled by SIGINT') };
  }

  it('cancels the jobs in flight, and ends all other steps at once', () => {
    const { study, answer } = cancelled();
    expect(answer).toEqual(['cancel running 1', 'cancel queued 1', 'cancel local 1']);
    expect(study.outcomesByName).toEqual({
      running: 'RUNNING',
      queued: 'PENDING',
      held: 'CANCELLED (cancelled by SIGINT)',
      local: 'PENDING',
      next: 'CANCELLED (cancelled by SIGINT)',
    });
    expect(study.machine.isOver).toBe(false);
  });

  it('is over when the last job in flight has ended, however that is', () => {
    const { study } = cancelled();
    expect(study.ended('running', 'cancelled')).toEqual([]);
    expect(study.ended('queued', 'completed')).toEqual([]);
    expect(study.machine.isOver).toBe(false);
    expect(study.ended('local', 'cancelled')).toEqual([]);
    expect(study.outcomesByName).toEqual({
      running: 'CANCELLED (cancelled by SIGINT)',
      queued: 'FINISHED',
      held: 'CANCELLED (cancelled by SIGINT)',
      local: 'CANCELLED (cancelled by SIGINT)',
      next: 'CANCELLED (cancelled by SIGINT)',
    });
    expect(study.machine.isOver).toBe(true);
    expect(studyStatus(study.machine.steps)).toBe('CANCELLED');
  });

  it('submits nothing any more, whatever happens', () => {
    for (const result of ['completed', 'failed', 'timeout', 'node-failure', 'cancelled'] as const) {
      const { study } = cancelled({ submissionAttempts: 5 });
      for (const name of ['running', 'queued', 'local']) expect(study.ended(name, result)).toEqual([]);
      expect(study.machine.isOver).toBe(true);
    }
    const { study } = cancelled({ submissionAttempts: 5 });
    expect(study.refused('local')).toEqual([]);
    expect(study.outcome('local')).toBe('CANCELLED (cancelled by SIGINT)');
  });

  it('ends a step that waits for another attempt, at once', () => {
    const study = new MachineStudy([{ name: 'run' }], { submissionAttempts: 2 });
    study.begin();
    study.ended('run', 'failed');
    expect(study.cancel('enough')).toEqual([]);
    expect(study.outcome('run')).toBe('CANCELLED (enough)');
    expect(study.wake('run')).toEqual([]);
    expect(study.machine.isOver).toBe(true);
  });

  it('does not restart a step whose time runs out', () => {
    const study = new MachineStudy([{ name: 'run', scheduled: true, restart: true }]);
    study.begin();
    study.cancel('enough');
    expect(study.ended('run', 'timeout')).toEqual([]);
    expect(study.outcome('run')).toBe('CANCELLED (enough)');
  });

  it('leaves a job that failed by itself FAILED', () => {
    const { study } = cancelled();
    study.ended('running', 'failed', { exitCode: 3 });
    expect(study.outcome('running')).toBe('FAILED (exit 3)');
    expect(study.outcome('next')).toBe('CANCELLED (cancelled by SIGINT)');
  });

  it('counts once: the first reason stays, and no job is cancelled again', () => {
    const { study } = cancelled();
    expect(study.cancel('cancelled by SIGTERM')).toEqual([]);
    study.ended('running', 'cancelled');
    expect(study.outcome('running')).toBe('CANCELLED (cancelled by SIGINT)');
  });

  it('before it begins runs nothing', () => {
    const study = new MachineStudy(jobs);
    expect(study.cancel('enough')).toEqual([]);
    expect(study.machine.isOver).toBe(true);
    expect(study.begin()).toEqual([]);
  });
});

describe('allow-failure', () => {
  const allowing = (...names: string[]): Partial<Policy> => ({
    allowsFailure: ({ name, step }) => names.includes(name) || names.includes(step),
  });
  const tolerated = (study: MachineStudy, ...names: string[]) => names.filter((name) => study.step(name).tolerated);

  it('tolerates the failure of the steps it names, and that what waits for them did not run', () => {
    const study = new MachineStudy(
      [{ name: 'flaky' }, { name: 'next', after: ['flaky'] }, { name: 'last', after: ['next'] }, { name: 'good' }],
      allowing('flaky'),
    );
    study.begin();
    study.ended('flaky', 'failed');
    study.ended('good', 'completed');
    expect(tolerated(study, 'flaky', 'next', 'last', 'good')).toEqual(['flaky', 'next', 'last']);
    expect(study.outcome('next')).toBe('FAILED (dependency flaky failed)');
    expect(studyStatus(study.machine.steps)).toBe('FINISHED');
  });

  it('knows a step by the name of its instance too', () => {
    const study = new MachineStudy(
      [
        { name: 'run_1', step: 'run', workspace: 'run/1' },
        { name: 'run_2', step: 'run', workspace: 'run/2' },
      ],
      allowing('run_1'),
    );
    study.begin();
    study.ended('run_1', 'failed');
    study.ended('run_2', 'failed');
    expect(tolerated(study, 'run_1', 'run_2')).toEqual(['run_1']);
    expect(studyStatus(study.machine.steps)).toBe('FAILURE');
  });

  it('tolerates a timeout and a node failure, but a cancellation is none of its business', () => {
    const ends = (['timeout', 'node-failure', 'cancelled'] as const).map((result) => {
      const study = new MachineStudy([{ name: 'run', scheduled: true }], allowing('run'));
      study.begin();
      for (let i = 0; i < 4 && !study.machine.isOver; i++) {
        study.ended('run', result);
        study.wake('run');
      }
      const { state, tolerated } = study.step('run');
      return [state, tolerated, studyStatus(study.machine.steps)];
    });
    expect(ends).toEqual([
      ['TIMEDOUT', true, 'FINISHED'],
      ['HWFAILURE', true, 'FINISHED'],
      ['CANCELLED', false, 'CANCELLED'],
    ]);
  });

  it('has nothing to tolerate of a step that finished', () => {
    const study = new MachineStudy([{ name: 'run' }], allowing('run'));
    study.begin();
    study.ended('run', 'completed');
    expect(study.step('run').tolerated).toBe(false);
  });

  it('tolerates that a step it names did not run, and what waits for that, but not the failure before', () => {
    const study = new MachineStudy(
      [{ name: 'bad' }, { name: 'plot', after: ['bad'] }, { name: 'movie', after: ['plot'] }],
      allowing('plot'),
    );
    study.begin();
    study.ended('bad', 'failed');
    expect(tolerated(study, 'bad', 'plot', 'movie')).toEqual(['plot', 'movie']);
    expect(studyStatus(study.machine.steps)).toBe('FAILURE');
  });

  for (const order of [
    ['flaky', 'bad'],
    ['bad', 'flaky'],
  ]) {
    it(`does not tolerate a step with one failed dependency that may fail and one that may not (${order})`, () => {
      const study = new MachineStudy(
        [
          { name: 'flaky' },
          { name: 'bad' },
          { name: 'both', after: ['flaky', 'bad'] },
          { name: 'after', after: ['both'] },
          { name: 'apart', after: ['flaky'] },
        ],
        allowing('flaky'),
      );
      study.begin();
      for (const name of order) study.ended(name, 'failed');
      expect(tolerated(study, 'flaky', 'bad', 'both', 'after', 'apart')).toEqual(['flaky', 'apart']);
    });
  }

  it('tolerates that a step it names did not run, though another dependency is cancelled later', () => {
    const study = new MachineStudy(
      [
        { name: 'bad', scheduled: true },
        { name: 'cancelled', scheduled: true },
        { name: 'plot', after: ['bad', 'cancelled'] },
      ],
      allowing('plot'),
    );
    study.begin();
    study.ended('bad', 'failed');
    study.ended('cancelled', 'cancelled');
    expect(study.outcome('plot')).toBe('FAILED (dependency bad failed)');
    expect(tolerated(study, 'plot')).toEqual(['plot']);
  });

  it('keeps its excuse where the way to a failure that may not be passes a step that may', () => {
    const study = new MachineStudy(
      [
        { name: 'flaky' },
        { name: 'bad' },
        { name: 'excused', after: ['bad'] },
        { name: 'both', after: ['flaky', 'excused'] },
      ],
      allowing('flaky', 'excused'),
    );
    study.begin();
    study.ended('flaky', 'failed');
    study.ended('bad', 'failed');
    expect(tolerated(study, 'flaky', 'bad', 'excused', 'both')).toEqual(['flaky', 'excused', 'both']);
  });
});

describe('events that do not fit', () => {
  /** A study in the middle: `old` is over, `retry` waits for its second attempt, `busy` runs, `next` waits for it. */
  function midway() {
    const study = new MachineStudy(
      [
        { name: 'old' },
        { name: 'retry' },
        { name: 'busy', scheduled: true, restart: true },
        { name: 'next', after: ['busy'] },
      ],
      { submissionAttempts: 2 },
    );
    study.begin();
    study.submitted('old');
    study.started('old');
    study.ended('old', 'completed');
    study.ended('retry', 'failed');
    study.ended('busy', 'timeout');
    study.submitted('busy', { id: 'id-busy' });
    study.started('busy');
    return study;
  }
  const failed: JobOutcome = { result: 'failed', exitCode: 9, signal: null, note: '' };
  const completed: JobOutcome = { result: 'completed', exitCode: 0, signal: null, note: '' };
  const at = 1000;

  const cases: Readonly<Record<string, StudyEvent>> = {
    'a second end of a job that is over': { type: 'ended', step: 0, attempt: 1, at, outcome: failed },
    'a start of a job that is over': { type: 'started', step: 0, attempt: 1, at },
    'a submission of a job that is over': {
      type: 'submitted',
      step: 0,
      attempt: 1,
      at,
      id: '99',
      endpoint: '',
      mayBeDuplicate: false,
    },
    'a refusal of a job that is over': { type: 'not-submitted', step: 0, attempt: 1, at, reason: 'late' },
    'a second start': { type: 'started', step: 2, attempt: 2, at },
    'the end of an attempt that was given up': { type: 'ended', step: 2, attempt: 1, at, outcome: completed },
    'the start of an attempt that was given up': { type: 'started', step: 2, attempt: 1, at },
    'an attempt that there never was': { type: 'ended', step: 2, attempt: 3, at, outcome: completed },
    'a job of a step that waits for another attempt': { type: 'ended', step: 1, attempt: 1, at, outcome: completed },
    'a job of a step that has none': { type: 'started', step: 3, attempt: 1, at },
    'a wake-up of a step that does not wait': { type: 'wake', step: 2, at },
    'a wake-up of a step that is over': { type: 'wake', step: 0, at },
    'a second beginning': { type: 'begin', at },
    'an event of a step that there is not': { type: 'started', step: 4, attempt: 1, at },
    'a wake-up of a step that there is not': { type: 'wake', step: 4, at },
  };

  for (const [what, event] of Object.entries(cases)) {
    it(`change nothing: ${what}`, () => {
      const study = midway();
      const before = structuredClone(study.machine.steps);
      expect(study.machine.handle(event)).toEqual({ commands: [], changed: [], touched: [] });
      expect(study.machine.steps).toEqual(before);
    });
  }

  it('do not wake a step twice', () => {
    const study = midway();
    expect(study.wake('retry')).toEqual(['submit retry 2 main']);
    expect(study.wake('retry')).toEqual([]);
  });
});

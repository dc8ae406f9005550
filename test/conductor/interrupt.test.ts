import { describe, expect, it } from 'vitest';
import { StudyMachine } from '../../src/conductor/state-machine.js';
import type { SchedulerListener } from '../../src/schedulers/scheduler.js';
import { studyStatus } from '../../src/study/state.js';
import { conduct } from '../support/conduct.js';
import { graphOf, policyOf, type Shape, scriptsOf } from '../support/graphs.js';
import { MachineStudy } from '../support/machine-study.js';
import { type Course, SimulatedScheduler } from '../support/simulated-scheduler.js';
import { VirtualClock } from '../support/virtual-clock.js';

const reason = 'the Flux broker local:///x is lost';

/** A machine with a study that has begun. */
function begun(...options: ConstructorParameters<typeof MachineStudy>): MachineStudy {
  const study = new MachineStudy(...options);
  study.begin();
  return study;
}

const jobs: readonly Shape[] = [
  { name: 'done', scheduled: true },
  { name: 'running', scheduled: true },
  { name: 'queued', scheduled: true },
  { name: 'asked', scheduled: true },
  { name: 'held', scheduled: true },
  { name: 'next', after: ['running'], scheduled: true },
];

/** One step in each situation; four may be in flight. */
function underWay(): MachineStudy {
  const study = begun(jobs, { throttle: 3 });
  study.submitted('done', { id: '1' });
  study.ended('done');
  study.started('running');
  study.queued('queued');
  return study;
}

describe('an interruption that knows of jobs that have ended', () => {
  it('finishes their steps, and starts nothing that waited for them', () => {
    const study = underWay();
    const outcome = { result: 'completed', exitCode: 0, signal: null, note: '' } as const;
    const ended = [{ type: 'ended', step: 1, attempt: 1, at: 99, outcome } as const];
    const { commands } = study.machine.handle({ type: 'interrupt', at: 100, reason: 'the broker is lost', ended });
    expect(commands).toEqual([]);
    expect(study.states).toEqual(['FINISHED', 'FINISHED', 'UNKNOWN', 'UNKNOWN', 'INITIALIZED', 'INITIALIZED']);
    expect(study.machine.isOver).toBe(true);
  });
});

describe('the way of a job', () => {
  it('leads through all of its states', () => {
    const study = begun([{ name: 'run', scheduled: true }]);
    const seen = [study.states[0]];
    study.submitted('run', { id: 'ƒ1' });
    for (const type of ['queued', 'started', 'finishing'] as const) {
      study[type]('run');
      seen.push(study.states[0]);
    }
    study.ended('run');
    expect([...seen, study.states[0]]).toEqual(['PENDING', 'QUEUED', 'RUNNING', 'FINISHING', 'FINISHED']);
  });

  it('is not gone back', () => {
    const study = begun([{ name: 'run', scheduled: true }]);
    study.started('run');
    study.queued('run');
    expect(study.states).toEqual(['RUNNING']);
    study.finishing('run');
    study.started('run');
    study.queued('run');
    expect(study.states).toEqual(['FINISHING']);
  });

  it('may be short: nothing has to be said of a stage', () => {
    const study = begun([{ name: 'run', scheduled: true }]);
    study.finishing('run');
    expect(study.states).toEqual(['PENDING']);
    study.ended('run');
    expect(study.states).toEqual(['FINISHED']);
  });

  it('may turn out to be that of another job, whose id it has from then on', () => {
    const study = begun([{ name: 'run', scheduled: true }]);
    study.submitted('run', { id: 'ƒsecond' });
    study.started('run');
    study.submitted('run', { id: 'ƒfirst' });
    expect(study.machine.steps[0]).toMatchObject({ state: 'RUNNING', jobs: [{ attempt: 1, id: 'ƒfirst' }] });
    study.ended('run');
    study.submitted('run', { id: 'ƒlate' });
    expect(study.machine.steps[0]!.jobs.map(({ id }) => id)).toEqual(['ƒfirst']);
  });

  it('of an attempt that was given up is no more of interest', () => {
    const study = begun([{ name: 'run', scheduled: true, restart: true }]);
    study.submitted('run', { id: 'ƒ1' });
    study.ended('run', 'timeout');
    study.submitted('run', { id: 'ƒlate', attempt: 1 });
    study.queued('run', { attempt: 1 });
    study.submitted('run', { id: 'ƒ2', attempt: 2 });
    expect(study.machine.steps[0]).toMatchObject({ state: 'PENDING', jobs: [{ id: 'ƒ1' }, { id: 'ƒ2' }] });
  });
});

describe('an interruption', () => {
  it('leaves what is in flight UNKNOWN, with the reason, and the rest as it is', () => {
    const study = underWay();
    expect(study.interrupt(reason)).toEqual([]);
    expect(study.states).toEqual(['FINISHED', 'UNKNOWN', 'UNKNOWN', 'UNKNOWN', 'INITIALIZED', 'INITIALIZED']);
    expect(study.machine.steps[1]).toMatchObject({ reason, ended: null, jobs: [{ ended: null, result: null }] });
    expect(study.machine.interruption).toBe(reason);
    expect(study.machine.counts.get('UNKNOWN')).toBe(3);
  });

  it('is the end: the study is over, INTERRUPTED, though steps are left', () => {
    const study = underWay();
    expect(study.machine.isOver).toBe(false);
    study.interrupt(reason);
    expect(study.machine.isOver).toBe(true);
    expect(study.machine.remaining).toBe(5);
    expect(study.status).toBe('INTERRUPTED');
  });

  it('has nothing more submitted, and what is told of jobs after it changes nothing', () => {
    const study = underWay();
    study.interrupt(reason);
    const before = structuredClone(study.machine.steps);
    for (const commands of [
      study.submitted('asked', { id: 'ƒ3' }),
      study.started('queued'),
      study.ended('running'),
      study.ended('queued', 'failed'),
      study.tell({ type: 'not-submitted', step: 3, attempt: 1, at: 9, reason: 'no' }),
      study.tell({ type: 'wake', step: 4, at: 9 }),
    ]) {
      expect(commands).toEqual([]);
    }
    expect(study.machine.steps).toEqual(before);
  });

  it('counts once, with its first reason', () => {
    const study = underWay();
    study.interrupt(reason);
    study.interrupt('again');
    expect(study.machine.interruption).toBe(reason);
    expect(study.machine.steps[1]!.reason).toBe(reason);
  });

  it('before anything was submitted has nothing submitted', () => {
    const study = begun([]);
    expect(study.machine.isOver).toBe(true);
    const graph = graphOf(jobs);
    const machine = new StudyMachine(graph, policyOf());
    expect(machine.handle({ type: 'interrupt', at: 1, reason })).toEqual({ commands: [], changed: [], touched: [] });
    expect(machine.handle({ type: 'begin', at: 2 })).toEqual({ commands: [], changed: [], touched: [] });
    expect(machine.isOver).toBe(true);
    expect(studyStatus(machine.steps)).toBe('INTERRUPTED');
  });

  it('does not wake what waits for another attempt', () => {
    const study = begun([{ name: 'run', scheduled: true }], { submissionAttempts: 3 });
    expect(study.tell({ type: 'not-submitted', step: 0, attempt: 1, at: 1, reason: 'busy' })).toEqual([
      'back-off run 1',
    ]);
    study.interrupt(reason);
    expect(study.machine.isOver).toBe(true);
    expect(study.tell({ type: 'wake', step: 0, at: 2 })).toEqual([]);
    expect(study.status).toBe('INTERRUPTED');
  });

  it('after the end of the study changes nothing of how it ended', () => {
    const study = begun([{ name: 'run', scheduled: true }]);
    study.ended('run');
    study.interrupt(reason);
    expect([study.states, study.status]).toEqual([['FINISHED'], 'FINISHED']);
  });
});

describe('local steps, when the jobs are out of sight,', () => {
  const shapes: readonly Shape[] = [
    { name: 'local' },
    { name: 'after', after: ['local'] },
    { name: 'run', scheduled: true },
    { name: 'waits' },
  ];

  it('are waited for, and nothing is started after them', () => {
    const study = begun(shapes, { localJobs: 1 });
    study.started('local');
    study.interrupt(reason);
    expect(study.machine.isOver).toBe(false);
    expect(study.states).toEqual(['RUNNING', 'INITIALIZED', 'UNKNOWN', 'INITIALIZED']);
    expect(study.ended('local')).toEqual([]);
    expect(study.machine.isOver).toBe(true);
    expect(study.states).toEqual(['FINISHED', 'INITIALIZED', 'UNKNOWN', 'INITIALIZED']);
    expect(study.status).toBe('INTERRUPTED');
  });

  it('may fail, and what waits for them with them', () => {
    const study = begun(shapes, { localJobs: 1 });
    study.interrupt(reason);
    study.ended('local', 'failed');
    expect(study.machine.isOver).toBe(true);
    expect(study.states).toEqual(['FAILED', 'FAILED', 'UNKNOWN', 'INITIALIZED']);
    expect(study.status).toBe('INTERRUPTED');
  });

  it('are not tried again', () => {
    const study = begun(shapes, { localJobs: 1, submissionAttempts: 2 });
    study.interrupt(reason);
    study.ended('local', 'failed');
    expect(study.machine.isOver).toBe(true);
    expect(study.states[0]).toBe('PENDING');
    expect(study.tell({ type: 'wake', step: 0, at: 99 })).toEqual([]);
  });

  it('are left too if that is asked for', () => {
    const study = begun(shapes);
    study.started('local');
    study.interrupt(reason, { alsoLocal: true });
    expect(study.machine.isOver).toBe(true);
    expect(study.states).toEqual(['UNKNOWN', 'INITIALIZED', 'UNKNOWN', 'UNKNOWN']);
    study.ended('local');
    expect(study.states[0]).toBe('UNKNOWN');
  });

  it('are left if that is asked for after they were waited for', () => {
    const study = begun(shapes);
    study.interrupt(reason);
    expect(study.machine.isOver).toBe(false);
    study.interrupt('and now all of it', { alsoLocal: true });
    expect(study.machine.isOver).toBe(true);
    expect(study.machine.steps[0]).toMatchObject({ state: 'UNKNOWN', reason: 'and now all of it' });
    expect(study.machine.interruption).toBe(reason);
  });
});

describe('a cancellation and an interruption', () => {
  it('together are INTERRUPTED: what became of jobs is not known', () => {
    const study = underWay();
    expect(study.cancel()).toEqual(['cancel running 1', 'cancel queued 1', 'cancel asked 1']);
    study.ended('running', 'cancelled');
    study.interrupt(reason);
    expect(study.machine.isOver).toBe(true);
    expect(study.states).toEqual(['FINISHED', 'CANCELLED', 'UNKNOWN', 'UNKNOWN', 'CANCELLED', 'CANCELLED']);
    expect(study.status).toBe('INTERRUPTED');
  });

  it('are CANCELLED if no job is left to be unknown', () => {
    const study = begun([{ name: 'run', scheduled: true }]);
    study.cancel();
    study.ended('run', 'cancelled');
    study.interrupt(reason);
    expect(study.status).toBe('CANCELLED');
  });

  it('the other way round end local steps, and settle what was not submitted', () => {
    const study = begun([{ name: 'local' }, { name: 'run', scheduled: true }, { name: 'next', after: ['run'] }]);
    study.interrupt(reason);
    expect(study.cancel()).toContain('cancel local 1');
    expect(study.machine.isOver).toBe(false);
    study.ended('local', 'cancelled');
    expect(study.machine.isOver).toBe(true);
    expect(study.states).toEqual(['CANCELLED', 'UNKNOWN', 'CANCELLED']);
    expect(study.status).toBe('INTERRUPTED');
  });
});

describe('the conductor', () => {
  /** A study on a virtual clock, whose batch scheduler can be lost. */
  function conducted(
    shapes: readonly Shape[],
    options: {
      interrupt?: AbortSignal;
      cancel?: AbortSignal;
      courseOf?: (name: string) => Course;
      policy?: Parameters<typeof policyOf>[0];
    } = {},
  ) {
    const clock = new VirtualClock(1_000_000);
    const graph = graphOf(shapes);
    const changes: string[] = [];
    let listener!: SchedulerListener;
    let local!: SimulatedScheduler;
    let batch!: SimulatedScheduler;
    const courseOf = ({ step }: { step: { name: string } }) => options.courseOf?.(step.name) ?? {};
    const { interrupt, cancel } = options;
    const done = conduct({
      graph,
      scripts: scriptsOf(graph),
      policy: policyOf(options.policy),
      clock,
      schedulers: (given) => {
        listener = given;
        local = new SimulatedScheduler(clock, given, courseOf);
        batch = new SimulatedScheduler(clock, given, courseOf);
        return { local, batch };
      },
      onChange: (records, changed) => {
        for (const index of changed) changes.push(`${shapes[index]!.name} ${records[index]!.state}`);
      },
      ...(interrupt === undefined ? {} : { interrupt }),
      ...(cancel === undefined ? {} : { cancel }),
    });
    const lose = () => listener({ type: 'interrupt', at: clock.now(), reason });
    return { clock, done, local, batch, lose, changes };
  }

  const shapes: readonly Shape[] = [
    { name: 'local' },
    { name: 'run', scheduled: true },
    { name: 'next', after: ['local'] },
  ];

  it('is done with a study whose jobs are out of sight when its local steps are', async () => {
    const { clock, done, local, batch, lose, changes } = conducted(shapes);
    clock.advance(700);
    lose();
    clock.runOut();
    const machine = await done;
    expect(machine.steps.map(({ state }) => state)).toEqual(['FINISHED', 'UNKNOWN', 'INITIALIZED']);
    expect([...local.asked, ...batch.asked]).toEqual(['submit local 1', 'submit run 1']);
    expect(changes).toContain('run UNKNOWN');
  });

  it('is done at once if there are none', async () => {
    const { clock, done, lose } = conducted([{ name: 'run', scheduled: true }]);
    clock.advance(100);
    lose();
    const machine = await done;
    expect([machine.isOver, studyStatus(machine.steps)]).toEqual([true, 'INTERRUPTED']);
  });

  it('leaves no timer behind', async () => {
    const { clock, done, lose } = conducted([{ name: 'run', scheduled: true }, { name: 'again' }], {
      courseOf: (name) => (name === 'again' ? { result: 'failed', waits: 0, runs: 1 } : {}),
      policy: { submissionAttempts: 5 },
    });
    clock.advance(100);
    const before = clock.pending;
    lose();
    const machine = await done;
    expect(machine.steps.map(({ state }) => state)).toEqual(['UNKNOWN', 'PENDING']);
    expect(clock.pending).toBe(before - 1);
  });

  it('leaves everything where it is when it is told to', async () => {
    const interrupt = new AbortController();
    const { clock, done, local, batch } = conducted(shapes, { interrupt: interrupt.signal });
    clock.advance(700);
    interrupt.abort('the instance that we are in is ending (SIGTERM)');
    const machine = await done;
    expect(machine.steps.map(({ state, reason }) => `${state} ${reason}`.trim())).toEqual([
      'UNKNOWN the instance that we are in is ending (SIGTERM)',
      'UNKNOWN the instance that we are in is ending (SIGTERM)',
      'INITIALIZED',
    ]);
    expect([...local.asked, ...batch.asked].filter((asked) => asked.startsWith('cancel'))).toEqual([]);
  });

  it('begins nothing if it is told to before', async () => {
    const { done, local, batch } = conducted(shapes, { interrupt: AbortSignal.abort('already ending') });
    const machine = await done;
    expect([...local.asked, ...batch.asked]).toEqual([]);
    expect(machine.interruption).toBe('already ending');
    expect(studyStatus(machine.steps)).toBe('INTERRUPTED');
  });

  it('has local steps cancelled while it waits for them', async () => {
    const cancel = new AbortController();
    const { clock, done, local, lose } = conducted(shapes, { cancel: cancel.signal });
    clock.advance(700);
    lose();
    cancel.abort('cancelled by SIGINT');
    expect(local.asked).toContain('cancel local 1');
    clock.runOut();
    const machine = await done;
    expect(machine.steps.map(({ state }) => state)).toEqual(['CANCELLED', 'UNKNOWN', 'CANCELLED']);
    expect(studyStatus(machine.steps)).toBe('INTERRUPTED');
  });

  it('takes no notice of an interruption of a study that is over', async () => {
    const interrupt = new AbortController();
    const { clock, done } = conducted(shapes, { interrupt: interrupt.signal });
    clock.runOut();
    const machine = await done;
    interrupt.abort('late');
    expect(machine.interruption).toBeUndefined();
    expect(studyStatus(machine.steps)).toBe('FINISHED');
  });
});

import { describe, expect, it } from 'vitest';
import { blame } from '../../src/causes/cause.js';
import { newJob } from '../../src/conductor/attempts.js';
import type { Job } from '../../src/schedulers/scheduler.js';
import { type JobRecord, newRecord, openJob, studyStatus } from '../../src/study/state.js';
import { conduct } from '../support/conduct.js';
import { graphOf, policyOf, type Shape, scriptsOf } from '../support/graphs.js';
import { MachineStudy } from '../support/machine-study.js';
import { type Course, SimulatedScheduler } from '../support/simulated-scheduler.js';
import { VirtualClock } from '../support/virtual-clock.js';

const shapes: readonly Shape[] = [
  { name: 'a', scheduled: true },
  { name: 'b', scheduled: true },
  { name: 'next', after: ['a'], scheduled: true },
];

/** A study of jobs that may wait for a minute, on a virtual clock. */
function study(courseOf: (job: Job) => Course, all: readonly Shape[] = shapes) {
  const clock = new VirtualClock(0);
  const graph = graphOf(all);
  let batch!: SimulatedScheduler;
  const done = conduct({
    graph,
    scripts: scriptsOf(graph),
    policy: policyOf({ maxWaitMs: 60_000 }),
    clock,
    schedulers: (listener) => {
      batch = new SimulatedScheduler(clock, listener, courseOf);
      return { local: new SimulatedScheduler(clock, listener, courseOf), batch };
    },
  });
  return { clock, done, batch: () => batch };
}

const reason = 'max-wait: no job has begun to run within 1m 00s';

describe('a study whose jobs may wait for a minute', () => {
  it('takes them out of the queue then, and stops', async () => {
    const { clock, done, batch } = study(() => ({ waits: 3_600_000 }));
    clock.runOut();
    const machine = await done;
    expect([machine.interruption, machine.interruptionKind]).toEqual([reason, 'waited-too-long']);
    expect(studyStatus(machine.steps)).toBe('INTERRUPTED');
    expect(machine.steps.map(({ state, reason }) => [state, reason])).toEqual([
      ['PENDING', `${reason}; to be submitted again`],
      ['PENDING', `${reason}; to be submitted again`],
      ['INITIALIZED', ''],
    ]);
    expect(machine.steps.flatMap((record) => openJob(record) ?? [])).toEqual([]);
    expect(batch().asked).toEqual(['submit a 1', 'submit b 1', 'cancel a 1', 'cancel b 1']);
    expect(clock.now()).toBeLessThan(120_000);
  });

  it('goes on as long as it takes once one of them has begun', async () => {
    const waits = { a: 30_000, b: 7_200_000, next: 7_200_000 };
    const { clock, done } = study(({ step }) => ({ waits: waits[step.name as 'a'] }));
    clock.runOut();
    expect(studyStatus((await done).steps)).toBe('FINISHED');
  });

  it('lets local steps take their time, and waits for them', async () => {
    const all: Shape[] = [{ name: 'make' }, { name: 'run', after: ['make'], scheduled: true }, { name: 'other' }];
    const runs = { make: 90_000, other: 300_000 };
    const { clock, done } = study(
      ({ step }) => ({ waits: step.scheduled ? 3_600_000 : 1, runs: runs[step.name as 'make'] ?? 1 }),
      all,
    );
    clock.runOut();
    const machine = await done;
    expect(machine.interruption).toBe(reason);
    expect(machine.steps.map(({ state }) => state)).toEqual(['FINISHED', 'PENDING', 'FINISHED']);
  });

  describe('of a study whose first job is refused, and whose other one comes an hour later', () => {
    const steps: Shape[] = [
      { name: 'odd', scheduled: true },
      { name: 'make' },
      { name: 'run', after: ['make'], scheduled: true },
    ];
    const conduct = async (run: Course) => {
      const courses: Record<string, Course> = { odd: { refused: 'no such queue' }, make: { runs: 3_600_000 }, run };
      const { clock, done } = study(({ step }) => courses[step.name]!, steps);
      clock.runOut();
      const { interruption, steps: records } = await done;
      return { interruption, states: records.map(({ state }) => state), ended: clock.now() };
    };

    it('does not count the time in which no job waits', async () => {
      const { interruption, states } = await conduct({ waits: 50_000 });
      expect([interruption, states]).toEqual([undefined, ['FAILED', 'FINISHED', 'FINISHED']]);
    });

    it('counts anew for the next job after the last one has left the queue', async () => {
      const { interruption, states, ended } = await conduct({ waits: 7_200_000 });
      expect([interruption, states]).toEqual([reason, ['FAILED', 'FINISHED', 'PENDING']]);
      expect(ended).toBeLessThan(3_600_000 + 120_000);
    });
  });
});

describe('a wait that is too long', () => {
  const waited = { type: 'waited-too-long', at: 9, reason: 'too long' } as const;
  function inQueue(): MachineStudy {
    const queued = new MachineStudy(shapes);
    queued.begin();
    for (const name of ['a', 'b']) queued.queued(name);
    return queued;
  }

  it('is noted before the jobs are cancelled, so that a later driver does not take that for their end', () => {
    const queued = inQueue();
    expect(queued.tell(waited)).toEqual(['cancel a 1', 'cancel b 1']);
    expect(queued.touched).toEqual(['a', 'b']);
    expect(['a', 'b'].map((name) => queued.step(name).rerun)).toEqual(['cancelled', 'cancelled']);
    expect(queued.machine.isOver).toBe(false);
  });

  it('does not undo what a job has done in the last moment', () => {
    const queued = inQueue();
    queued.tell(waited);
    expect(queued.ended('a')).toEqual([]);
    queued.ended('b', 'cancelled');
    expect(queued.outcomes).toEqual(['FINISHED', 'PENDING (too long; to be submitted again)', 'INITIALIZED']);
    expect([queued.machine.isOver, queued.machine.interruptionKind]).toEqual([true, 'waited-too-long']);
  });

  it('gives way to a cancellation of the study', () => {
    const queued = inQueue();
    queued.cancel('enough');
    expect(queued.tell(waited)).toEqual([]);
    for (const name of ['a', 'b']) queued.ended(name, 'cancelled');
    expect(queued.states).toEqual(['CANCELLED', 'CANCELLED', 'CANCELLED']);
  });

  it('lets a study be cancelled while it waits for its local steps', () => {
    const mixed = new MachineStudy([...shapes, { name: 'make' }]);
    mixed.begin();
    mixed.started('make');
    for (const name of ['a', 'b']) mixed.queued(name);
    mixed.tell(waited);
    for (const name of ['a', 'b']) mixed.ended(name, 'cancelled');
    expect([mixed.machine.interruptionKind, mixed.machine.isOver]).toEqual(['waited-too-long', false]);
    expect(mixed.cancel()).toEqual(['cancel make 1']);
    mixed.ended('make', 'cancelled');
    expect(mixed.states).toEqual(['CANCELLED', 'CANCELLED', 'CANCELLED', 'CANCELLED']);
    expect(mixed.machine.isOver).toBe(true);
  });

  it('does not leave a study that is cancelled meanwhile INTERRUPTED', () => {
    const queued = inQueue();
    queued.tell(waited);
    expect(queued.cancel('enough')).toEqual(['cancel a 1', 'cancel b 1']);
    for (const name of ['a', 'b']) queued.ended(name, 'cancelled');
    expect(queued.states).toEqual(['CANCELLED', 'CANCELLED', 'CANCELLED']);
    expect([queued.machine.interruption, queued.machine.isOver]).toEqual([undefined, true]);
  });

  it('is none while no job waits', () => {
    const local = new MachineStudy([{ name: 'odd', scheduled: true }, { name: 'make' }]);
    local.begin();
    local.started('make');
    local.refused('odd');
    expect(local.tell(waited)).toEqual([]);
    expect(local.machine.interruption).toBeUndefined();
  });

  it('ends with what never was submitted', () => {
    const queued = inQueue();
    queued.tell(waited);
    for (const name of ['a', 'b']) queued.refused(name, 'it was cancelled before');
    expect(queued.states).toEqual(['PENDING', 'PENDING', 'INITIALIZED']);
    expect(queued.machine.isOver).toBe(true);
  });
});

describe('a restart that is taken out of the queue', () => {
  const waited = { type: 'waited-too-long', at: 9, reason: 'too long' } as const;
  const job = { script: 'main', id: 'x', place: 'p', isDoubtful: false, submitted: 1, started: 2, ended: 3 } as const;
  /** A step whose time ran out in an earlier run, and which this run goes on with. */
  function resumed(): MachineStudy {
    const timedOut: JobRecord = { ...job, attempt: 1, result: 'timeout', blame: blame('timeout') };
    const record = { ...newRecord(), jobs: [timedOut], restarts: 1, restartsBefore: 1 };
    const study = new MachineStudy([{ name: 'a', scheduled: true, restart: true, record }], {}, { now: 10 });
    expect(study.begin()).toEqual(['submit a 2 restart']);
    study.queued('a');
    return study;
  }
  /** What a later driver begins with. */
  const next = (study: MachineStudy) =>
    new MachineStudy([{ name: 'a', scheduled: true, restart: true, record: structuredClone(study.step('a')) }]);

  it('is submitted again by the next run, not the script that it restarts', () => {
    const study = resumed();
    study.tell(waited);
    study.ended('a', 'cancelled');
    expect(study.outcomes).toEqual(['PENDING (too long; to be submitted again)']);
    expect(next(study).begin()).toEqual(['submit a 3 restart']);
  });

  it('is so, too, if it began in the last moment', () => {
    const study = resumed();
    study.tell(waited);
    study.started('a');
    study.ended('a', 'cancelled');
    expect(next(study).begin()).toEqual(['submit a 3 restart']);
  });

  it('is so, too, if the driver dies between the note and the end of the job', () => {
    const study = resumed();
    study.tell(waited);
    const later = next(study);
    expect(later.begin()).toEqual(['attach a']);
    expect(later.ended('a', 'cancelled')).toEqual(['submit a 3 restart']);
  });
});

describe('a job that was cancelled with its study, whose driver died', () => {
  it('begins anew with its main script if it had begun', () => {
    const open: JobRecord = {
      ...newJob({ ...newRecord() }, { attempt: 2, script: 'restart', at: 5, isLocal: false }),
      started: 6,
    };
    const record = {
      ...newRecord(),
      state: 'RUNNING',
      jobs: [open],
      restarts: 1,
      submitted: 5,
      started: 6,
      rerun: 'cancelled',
    } as const;
    const study = new MachineStudy([
      { name: 'a', scheduled: true, restart: true, record: { ...record, jobs: [open] } },
    ]);
    study.begin();
    expect(study.ended('a', 'cancelled')).toEqual(['submit a 3 main']);
  });
});

import { describe, expect, it } from 'vitest';
import type { ConductedStudy } from '../../src/conductor/conductor.js';
import type { Job, Scheduler, SchedulerListener } from '../../src/schedulers/scheduler.js';
import { studyStatus } from '../../src/study/state.js';
import { type ConductOptions, conduct } from '../support/conduct.js';
import { graphOf, policyOf, type Shape, scriptsOf } from '../support/graphs.js';
import { type Course, SimulatedScheduler } from '../support/simulated-scheduler.js';
import { VirtualClock } from '../support/virtual-clock.js';

interface Setting extends Partial<Pick<ConductOptions, 'cancel' | 'onChange'>> {
  readonly policy?: Parameters<typeof policyOf>[0];
  readonly courseOf?: (job: Job) => Course;
  /** Whether the schedulers report all from within `submit`. */
  readonly atOnce?: boolean;
}

/** A study on a virtual clock with two simulated schedulers. */
function study(shapes: readonly Shape[], { policy, courseOf, atOnce, ...options }: Setting = {}) {
  const clock = new VirtualClock(1_000_000);
  const graph = graphOf(shapes);
  const jobs: Job[] = [];
  const observed = (job: Job): Course => {
    jobs.push(job);
    return courseOf?.(job) ?? {};
  };
  let local!: SimulatedScheduler;
  let batch!: SimulatedScheduler;
  const done = conduct({
    graph,
    scripts: scriptsOf(graph),
    policy: policyOf(policy),
    clock,
    schedulers: (listener) => {
      local = new SimulatedScheduler(clock, listener, observed, atOnce);
      batch = new SimulatedScheduler(clock, listener, observed, atOnce);
      return { local, batch };
    },
    ...options,
  });
  return { clock, done, jobs, local, batch };
}

const states = (machine: ConductedStudy) => machine.steps.map(({ state }) => state);
const chain = (length: number, shape: Partial<Shape> = {}): Shape[] =>
  Array.from({ length }, (_, i) => ({ ...shape, name: `s${i}`, after: i === 0 ? [] : [`s${i - 1}`] }));

describe('the conductor', () => {
  it('runs a study to its end, each step by the scheduler of its kind', async () => {
    const { clock, done, local, batch } = study([
      { name: 'make' },
      { name: 'run', after: ['make'], scheduled: true },
      { name: 'post', after: ['run'] },
    ]);
    clock.runOut();
    const machine = await done;
    expect(studyStatus(machine.steps)).toBe('FINISHED');
    expect(local.asked).toEqual(['submit make 1', 'submit post 1']);
    expect(batch.asked).toEqual(['submit run 1']);
    // Half a second in a queue and one to run, three times over.
    expect(machine.steps.map(({ submitted, started, ended }) => [submitted, started, ended])).toEqual([
      [1_000_000, 1_000_500, 1_001_500],
      [1_001_500, 1_002_000, 1_003_000],
      [1_003_000, 1_003_500, 1_004_500],
    ]);
  });

  it('hands over the script of the step, and after a timeout that of its restart', async () => {
    const { clock, done, jobs } = study([{ name: 'run', scheduled: true, restart: true }], {
      courseOf: ({ attempt }) => (attempt === 1 ? { result: 'timeout' } : {}),
    });
    clock.runOut();
    expect(states(await done)).toEqual(['FINISHED']);
    expect(jobs.map(({ attempt, script }) => [attempt, script])).toEqual([
      [1, 'run/run.sh'],
      [2, 'run/run.restart.sh'],
    ]);
  });

  it('keeps as many in flight as it may, and no more', async () => {
    const shapes = Array.from({ length: 40 }, (_, i): Shape => ({ name: `s${i}`, scheduled: i % 2 === 0 }));
    const { clock, done, local, batch } = study(shapes, { policy: { throttle: 7, localJobs: 3 } });
    clock.runOut();
    expect(studyStatus((await done).steps)).toBe('FINISHED');
    expect([batch.mostInFlight, local.mostInFlight]).toEqual([7, 3]);
    // Twenty steps, three at a time, of one and a half seconds each.
    expect(clock.now() - 1_000_000).toBe(7 * 1500);
  });

  it('waits longer after each attempt that failed', async () => {
    const { clock, done, jobs } = study([{ name: 'run', scheduled: true }], {
      policy: { submissionAttempts: 4 },
      courseOf: ({ attempt }) => (attempt < 4 ? { refused: 'busy' } : {}),
    });
    const times: number[] = [];
    for (let n = 1; n <= 4; n++) {
      while (jobs.length < n) clock.advance(1);
      times.push(clock.now() - 1_000_000);
    }
    clock.runOut();
    expect(states(await done)).toEqual(['FINISHED']);
    expect(times).toEqual([0, 1000, 3000, 7000]);
  });

  it('is done at once with a study without steps', async () => {
    const { done, clock } = study([]);
    expect((await done).isOver).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('leaves no timer behind', async () => {
    const cancel = new AbortController();
    const { clock, done } = study([{ name: 'run' }, { name: 'lost', scheduled: true }], {
      policy: { submissionAttempts: 2 },
      courseOf: ({ step }) => (step.scheduled ? { result: 'node-failure' } : { result: 'failed' }),
      cancel: cancel.signal,
    });
    clock.advance(1500);
    expect(clock.pending).toBe(2);
    cancel.abort('enough');
    expect(states(await done)).toEqual(['CANCELLED', 'CANCELLED']);
    expect(clock.pending).toBe(0);
  });

  it('tells what changed, each time', async () => {
    const changes: string[] = [];
    const { clock, done } = study(chain(2), {
      courseOf: ({ step }) => ({ result: step.index === 0 ? 'completed' : 'failed' }),
      onChange: (records, changed) => {
        changes.push(changed.map((index) => `${index} ${records[index]!.state}`).join(', '));
      },
    });
    clock.runOut();
    await done;
    expect(changes).toEqual(['0 PENDING', '0 RUNNING', '0 FINISHED, 1 PENDING', '1 RUNNING', '1 FAILED']);
  });

  it('says it when a scheduler breaks', async () => {
    const broken: Scheduler = {
      submit: () => {
        throw new Error('out of order');
      },
      reattach: () => {},
      cancelObsolete: async () => {},
      cancel: () => {},
      outputs: () => ({ stdout: '', stderr: '' }),
      close: () => {},
    };
    const graph = graphOf([{ name: 'run' }]);
    const done = conduct({
      graph,
      scripts: scriptsOf(graph),
      policy: policyOf(),
      clock: new VirtualClock(),
      schedulers: () => ({ local: broken, batch: undefined }),
    });
    await expect(done).rejects.toThrow('out of order');
  });
});

describe('a scheduler that reports from within submit', () => {
  it('is understood', async () => {
    const { done, local } = study(chain(3), { atOnce: true });
    expect(states(await done)).toEqual(['FINISHED', 'FINISHED', 'FINISHED']);
    expect(local.asked).toEqual(['submit s0 1', 'submit s1 1', 'submit s2 1']);
    expect(local.mostInFlight).toBe(1);
  });

  it('does not make the stack grow with the study', async () => {
    const { done } = study(chain(50_000), { atOnce: true });
    expect((await done).counts.get('FINISHED')).toBe(50_000);
  });

  it('keeps the limits', async () => {
    const shapes = Array.from({ length: 100 }, (_, i): Shape => ({ name: `s${i}` }));
    const { done, local } = study(shapes, { atOnce: true, policy: { localJobs: 2 } });
    expect((await done).counts.get('FINISHED')).toBe(100);
    expect(local.mostInFlight).toBeLessThanOrEqual(2);
  });

  it('may refuse from there too', async () => {
    const { done } = study(chain(2), { atOnce: true, courseOf: () => ({ refused: 'no' }) });
    const machine = await done;
    expect(machine.steps.map(({ state, reason }) => [state, reason])).toEqual([
      ['FAILED', 'could not be submitted: no'],
      ['FAILED', 'dependency s0 failed'],
    ]);
  });

  it('may report twice', async () => {
    let listener!: SchedulerListener;
    const graph = graphOf(chain(2));
    const asked: string[] = [];
    const twice: Scheduler = {
      submit: (jobs) => {
        const { step, attempt } = jobs[0]!;
        asked.push(...jobs.map((job) => `${job.step.name} ${job.attempt}`));
        const event = { step: step.index, attempt, at: 0 };
        const outcome = { result: 'completed', exitCode: 0, signal: null, note: '' } as const;
        for (let i = 0; i < 2; i++) {
          listener({ ...event, type: 'submitted', id: '1', endpoint: '', mayBeDuplicate: false });
          listener({ ...event, type: 'started' });
          listener({ ...event, type: 'ended', outcome });
        }
      },
      reattach: () => {},
      cancelObsolete: async () => {},
      cancel: () => {},
      outputs: () => ({ stdout: '', stderr: '' }),
      close: () => {},
    };
    const machine = await conduct({
      graph,
      scripts: scriptsOf(graph),
      policy: policyOf(),
      clock: new VirtualClock(),
      schedulers: (given) => {
        listener = given;
        return { local: twice, batch: undefined };
      },
    });
    expect(states(machine)).toEqual(['FINISHED', 'FINISHED']);
    expect(asked).toEqual(['s0 1', 's1 1']);
  });
});

describe('cancelling', () => {
  const shapes: readonly Shape[] = [
    { name: 'local' },
    { name: 'b1', scheduled: true },
    { name: 'b2', scheduled: true },
    { name: 'held', scheduled: true },
    { name: 'next', after: ['local'] },
  ];

  it('ends what is in flight by its own scheduler, and the study with it', async () => {
    const cancel = new AbortController();
    const { clock, done, local, batch } = study(shapes, { policy: { throttle: 2 }, cancel: cancel.signal });
    clock.advance(700);
    cancel.abort('cancelled by SIGINT');
    expect(local.asked).toEqual(['submit local 1', 'cancel local 1']);
    expect(batch.asked).toEqual(['submit b1 1', 'submit b2 1', 'cancel b1 1', 'cancel b2 1']);
    clock.runOut();
    const machine = await done;
    expect(machine.steps.map(({ state, reason }) => `${state}: ${reason}`)).toEqual(
      shapes.map(() => 'CANCELLED: cancelled by SIGINT'),
    );
    expect(clock.now()).toBe(1_000_710);
  });

  it('waits for a job that goes on to its end, and says how that was', async () => {
    const cancel = new AbortController();
    const { clock, done } = study(shapes, {
      cancel: cancel.signal,
      courseOf: ({ step }) => ({ ignoresCancel: step.name === 'b1' }),
    });
    clock.advance(700);
    cancel.abort('enough');
    clock.runOut();
    const machine = await done;
    expect(states(machine)).toEqual(['CANCELLED', 'FINISHED', 'CANCELLED', 'CANCELLED', 'CANCELLED']);
    expect(studyStatus(machine.steps)).toBe('CANCELLED');
  });

  it('before the study began runs nothing', async () => {
    const { clock, done, local, batch } = study(shapes, { cancel: AbortSignal.abort('cancelled by SIGTERM') });
    clock.runOut();
    const machine = await done;
    expect([...local.asked, ...batch.asked]).toEqual([]);
    expect(machine.steps.map(({ state, reason }) => `${state}: ${reason}`)).toEqual(
      shapes.map(() => 'CANCELLED: cancelled by SIGTERM'),
    );
  });

  it('from within a change is understood', async () => {
    const cancel = new AbortController();
    const { clock, done } = study(chain(3), {
      cancel: cancel.signal,
      onChange: (records) => {
        if (records[0]!.state === 'FINISHED') cancel.abort('enough');
      },
    });
    clock.runOut();
    expect(states(await done)).toEqual(['FINISHED', 'CANCELLED', 'CANCELLED']);
  });

  it('after the study has ended changes nothing', async () => {
    const cancel = new AbortController();
    const { clock, done } = study(chain(1), { cancel: cancel.signal });
    clock.runOut();
    const machine = await done;
    cancel.abort('late');
    expect(states(machine)).toEqual(['FINISHED']);
  });
});

import { describe, expect, it } from 'vitest';
import type { ConductedStudy } from '../../src/conductor/conductor.js';
import { HostError } from '../../src/hosts/host.js';
import type { Job, SchedulerListener } from '../../src/schedulers/scheduler.js';
import type { StudyJournal } from '../../src/store/journal/journal.js';
import { applyPatch } from '../../src/store/journal/patch.js';
import type { Entry } from '../../src/store/journal/records.js';
import { LeaseLostError } from '../../src/store/lease.js';
import type { Limits } from '../../src/store/update-lock.js';
import { newRecord, type StepRecord } from '../../src/study/state.js';
import { type ConductOptions, conduct } from '../support/conduct.js';
import { graphOf, policyOf, type Shape, scriptsOf } from '../support/graphs.js';
import { type Course, SimulatedCluster, SimulatedScheduler } from '../support/simulated-scheduler.js';
import { VirtualClock } from '../support/virtual-clock.js';

/** A journal whose disk the test is. */
class HeldJournal implements StudyJournal {
  readonly noted: string[] = [];
  readonly written: Entry[] = [];
  /** How often `durable` was asked for. */
  waits = 0;
  #waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  #error: Error | undefined;

  note(steps: Iterable<number>, records: readonly StepRecord[]): void {
    for (const index of steps) this.noted.push(`${index} ${records[index]!.state}`);
  }

  write(entry: Entry): void {
    this.written.push(entry);
  }

  durable(): Promise<void> {
    this.waits += 1;
    if (this.#error !== undefined) return Promise.reject(this.#error);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** All that was noted is on the disk; what follows from that has happened when this is done. */
  async sync(): Promise<void> {
    for (const { resolve } of this.#waiting.splice(0)) resolve();
    await turn();
  }

  async fail(error: Error): Promise<void> {
    this.#error = error;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
    await turn();
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

interface Setting extends Partial<Pick<ConductOptions, 'cancel' | 'leave' | 'interrupt' | 'records' | 'onLimits'>> {
  readonly policy?: Parameters<typeof policyOf>[0];
  readonly courseOf?: (job: Job) => Course;
}

function study(shapes: readonly Shape[], { policy, courseOf, ...options }: Setting = {}) {
  const clock = new VirtualClock(1000);
  const cluster = new SimulatedCluster(clock);
  const graph = graphOf(shapes);
  const journal = new HeldJournal();
  const asked: string[] = [];
  let ended: ConductedStudy | undefined;
  let listener!: SchedulerListener;
  const done = conduct({
    graph,
    scripts: scriptsOf(graph),
    policy: policyOf(policy),
    clock,
    journal,
    schedulers: (given) => {
      listener = given;
      const [local, batch] = [0, 1].map(() => new SimulatedScheduler(clock, given, courseOf, false, cluster));
      for (const scheduler of [local!, batch!]) scheduler.asked.push = (...words) => asked.push(...words);
      return { local: local!, batch: batch! };
    },
    ...options,
  }).then((machine) => {
    ended = machine;
    return machine;
  });
  const lose = () => listener({ type: 'interrupt', at: clock.now(), reason: 'the broker is lost' });
  return { clock, cluster, done, journal, asked, lose, ended: () => ended };
}

const states = (machine: ConductedStudy | undefined) => machine?.steps.map(({ state }) => state);

describe('with a journal', () => {
  it('a step is submitted once it is on the disk that it is', async () => {
    const { clock, journal, asked, done } = study([{ name: 'a' }, { name: 'b', after: ['a'] }]);
    expect(journal.noted).toEqual(['0 PENDING']);
    await turn();
    expect(asked).toEqual([]);
    await journal.sync();
    expect(asked).toEqual(['submit a 1']);
    await journal.sync();
    clock.advance(1500);
    expect(journal.noted.slice(-2)).toEqual(['0 FINISHED', '1 PENDING']);
    await turn();
    expect(asked).toEqual(['submit a 1']);
    await journal.sync();
    await journal.sync();
    expect(asked).toEqual(['submit a 1', 'submit b 1']);
    clock.runOut();
    await turn();
    await journal.sync();
    await journal.sync();
    expect(states(await done)).toEqual(['FINISHED', 'FINISHED']);
  });

  it("a job's id is noted, though no state changes with it", async () => {
    const { journal } = study([{ name: 'a' }]);
    await journal.sync();
    expect(journal.noted).toEqual(['0 PENDING', '0 PENDING']);
  });

  it('what waits to be submitted when the jobs are out of sight is, if it is local', async () => {
    const { clock, journal, asked, lose, done } = study([{ name: 'a' }, { name: 'b', scheduled: true }]);
    lose();
    await journal.sync();
    await journal.sync();
    expect(asked).toEqual(['submit a 1']);
    clock.runOut();
    await turn();
    for (let i = 0; i < 3; i++) await journal.sync();
    expect(states(await done)).toEqual(['FINISHED', 'UNKNOWN']);
  });

  it('what happens while the disk is waited for shares the next wait', async () => {
    const shapes = Array.from({ length: 20 }, (_, i): Shape => ({ name: `s${i}`, scheduled: true }));
    const next = shapes.map(({ name }): Shape => ({ name: `${name}b`, after: [name], scheduled: true }));
    const { clock, journal, asked } = study([...shapes, ...next]);
    await journal.sync();
    expect(asked).toHaveLength(20);
    await journal.sync();
    const before = journal.waits;
    clock.advance(1500);
    await turn();
    for (let i = 0; i < 3; i++) await journal.sync();
    expect(asked).toHaveLength(40);
    expect(journal.waits - before).toBeLessThanOrEqual(4);
  });

  it('another attempt is waited for from the moment that the failure is on the disk', async () => {
    const { clock, journal, asked } = study([{ name: 'a' }], {
      policy: { submissionAttempts: 2 },
      courseOf: ({ attempt }) => (attempt === 1 ? { result: 'failed' } : {}),
    });
    await journal.sync();
    clock.advance(1500);
    expect(clock.pending).toBe(0);
    for (let i = 0; i < 3; i++) await journal.sync();
    expect(clock.pending).toBe(1);
    clock.advance(1000);
    await journal.sync();
    await journal.sync();
    expect(asked).toEqual(['submit a 1', 'submit a 2']);
  });

  it('the end is told when it is on the disk', async () => {
    const { clock, journal, ended } = study([{ name: 'a' }]);
    await journal.sync();
    clock.runOut();
    await turn();
    expect(ended()).toBeUndefined();
    await journal.sync();
    expect(states(ended())).toEqual(['FINISHED']);
  });

  it('a study whose steps are all over is at its end at once', async () => {
    const records = [{ ...newRecord(), state: 'FINISHED' as const, ended: 5 }];
    const { journal, done, asked } = study([{ name: 'a' }], { records });
    await journal.sync();
    expect([states(await done), asked, journal.noted]).toEqual([['FINISHED'], [], []]);
  });

  describe('a cancellation', () => {
    /** Two steps run, and a third waits for one, when the study is cancelled. */
    const cancelled = async () => {
      const cancel = new AbortController();
      const shapes = [{ name: 'a' }, { name: 'b', after: ['a'] }, { name: 'c', scheduled: true }];
      const all = study(shapes, { cancel: cancel.signal });
      await all.journal.sync();
      await all.journal.sync();
      cancel.abort('enough');
      await turn();
      expect(all.journal.written).toEqual([{ type: 'cancel', reason: 'enough' }]);
      expect(all.asked).toEqual(['submit c 1', 'submit a 1']);
      return { ...all, cancels: () => all.asked.slice(2) };
    };
    const both = ['cancel a 1', 'cancel c 1'];

    it('is on the disk before jobs are told to end: whoever resumes the study knows why they did', async () => {
      const { clock, journal, cancels, done } = await cancelled();
      await journal.sync();
      expect(cancels()).toEqual(both);
      clock.runOut();
      for (let i = 0; i < 3; i++) await journal.sync();
      expect(states(await done)).toEqual(['CANCELLED', 'CANCELLED', 'CANCELLED']);
      expect([cancels(), clock.pending]).toEqual([both, 0]);
    });

    it('waits for the disk no more than a second, and tells them once', async () => {
      const { clock, journal, cancels, done } = await cancelled();
      clock.advance(999);
      expect(cancels()).toEqual([]);
      clock.advance(1);
      expect(cancels()).toEqual(both);
      clock.runOut();
      for (let i = 0; i < 4; i++) await journal.sync();
      expect(states(await done)).toEqual(['CANCELLED', 'CANCELLED', 'CANCELLED']);
      expect(cancels()).toEqual(both);
    });

    it('reaches jobs if the journal cannot be written any more', async () => {
      const { clock, journal, cancels, done } = await cancelled();
      await journal.fail(new HostError('the connection is lost'));
      expect([(await done).interruption, cancels()]).toEqual(['the connection is lost', both]);
      clock.runOut();
      expect(cancels()).toEqual(both);
    });

    it('is none of our business if somebody else drives the study', async () => {
      const { clock, journal, cancels, done } = await cancelled();
      await journal.fail(new LeaseLostError('/p', undefined));
      expect((await done).isLeft).toBe(true);
      clock.runOut();
      expect([cancels(), clock.pending]).toEqual([[], 0]);
    });

    it('is not carried out after the study was left', async () => {
      const [cancel, leave] = [new AbortController(), new AbortController()];
      const { clock, journal, asked, done } = study([{ name: 'a' }], { cancel: cancel.signal, leave: leave.signal });
      await journal.sync();
      await journal.sync();
      cancel.abort('enough');
      leave.abort('somebody else has it');
      clock.runOut();
      await journal.sync();
      expect([(await done).isLeft, asked]).toEqual([true, ['submit a 1']]);
    });

    it('reaches a job within a second that was only submitted after it', async () => {
      const cancel = new AbortController();
      const { clock, journal, asked } = study([{ name: 'a' }], { cancel: cancel.signal });
      cancel.abort('enough');
      clock.advance(2000);
      expect(asked).toEqual([]);
      await journal.sync();
      expect(asked).toEqual(['submit a 1']);
      clock.advance(1000);
      expect(asked).toEqual(['submit a 1', 'cancel a 1']);
    });
  });

  it('a job that waits to be submitted is submitted, and then cancelled', async () => {
    const cancel = new AbortController();
    const { clock, journal, asked, done } = study([{ name: 'a' }, { name: 'b', scheduled: true }], {
      cancel: cancel.signal,
    });
    cancel.abort('enough');
    await turn();
    expect(asked).toEqual([]);
    await journal.sync();
    await journal.sync();
    expect(asked).toEqual(['submit b 1', 'submit a 1', 'cancel a 1', 'cancel b 1']);
    clock.runOut();
    await turn();
    for (let i = 0; i < 3; i++) await journal.sync();
    expect(states(await done)).toEqual(['CANCELLED', 'CANCELLED']);
  });

  it('limits that change are held to, and noted by whoever changed them', async () => {
    let change!: (limits: Limits) => void;
    const { journal, asked } = study(
      ['a', 'b', 'c'].map((name) => ({ name, scheduled: true })),
      {
        policy: { throttle: 1 },
        onLimits: (given) => {
          change = given;
        },
      },
    );
    await journal.sync();
    change({ throttle: 2 });
    expect(journal.written).toEqual([]);
    await journal.sync();
    await journal.sync();
    expect(asked).toEqual(['submit a 1', 'submit b 1']);
  });

  it('limits that changed before the study began hold from its beginning', async () => {
    const { journal, asked } = study(
      ['a', 'b', 'c'].map((name) => ({ name, scheduled: true })),
      { policy: { throttle: 1 }, onLimits: (change) => change({ throttle: 0 }) },
    );
    await journal.sync();
    await journal.sync();
    expect(asked).toHaveLength(3);
  });
});

describe('a study that is left', () => {
  const shapes: readonly Shape[] = [{ name: 'a' }, { name: 'b', scheduled: true }, { name: 'c', after: ['a'] }];

  it('has nothing submitted that was not, whether or not that is on the disk', async () => {
    const leave = new AbortController();
    const { journal, asked, done, clock } = study(shapes, { leave: leave.signal });
    await turn();
    leave.abort('time is up');
    await journal.sync();
    await journal.sync();
    const machine = await done;
    expect([asked, states(machine)]).toEqual([[], ['PENDING', 'PENDING', 'INITIALIZED']]);
    expect([machine.isLeft, machine.interruption, clock.pending]).toEqual([true, 'time is up', 0]);
  });

  it('has its jobs go on, unheard', async () => {
    const leave = new AbortController();
    const { clock, cluster, journal, asked, done } = study(shapes, { leave: leave.signal });
    await journal.sync();
    clock.advance(700);
    leave.abort('time is up');
    clock.runOut();
    await journal.sync();
    await journal.sync();
    expect(states(await done)).toEqual(['RUNNING', 'RUNNING', 'INITIALIZED']);
    expect([asked, cluster.runs]).toEqual([
      ['submit b 1', 'submit a 1'],
      ['b 1', 'a 1'],
    ]);
    expect(['a 1', 'b 1'].map((name) => cluster.find(name)!.stage)).toEqual(['ended', 'ended']);
  });

  it('before it begins, runs nothing', async () => {
    const { journal, asked, done } = study(shapes, { leave: AbortSignal.abort('no time') });
    await journal.sync();
    expect([(await done).interruption, asked, journal.noted]).toEqual(['no time', [], []]);
  });

  it('while its jobs are submitted submits no other batch', async () => {
    const leave = new AbortController();
    const { journal, asked, done } = study(
      ['a', 'b', 'c'].map((name) => ({ name, scheduled: name !== 'c' })),
      {
        leave: leave.signal,
        courseOf: ({ step }) => {
          if (step.name === 'b') leave.abort('now');
          return {};
        },
      },
    );
    await journal.sync();
    await journal.sync();
    expect([(await done).isLeft, asked]).toEqual([true, ['submit a 1', 'submit b 1']]);
  });
});

describe('a journal that cannot be written any more', () => {
  it('has the study left, with the reason, and nothing done any more', async () => {
    const cancel = new AbortController();
    const { clock, journal, asked, done } = study([{ name: 'a' }, { name: 'b', after: ['a'] }], {
      cancel: cancel.signal,
    });
    await journal.sync();
    await journal.sync();
    clock.advance(1500);
    await journal.fail(new Error('the study is driven by PID 7 on login2'));
    const machine = await done;
    expect([machine.interruption, machine.isLeft]).toEqual(['the study is driven by PID 7 on login2', true]);
    cancel.abort('late');
    clock.runOut();
    await turn();
    expect([asked, clock.pending]).toEqual([['submit a 1'], 0]);
  });

  it('is noticed though nothing is to be done about what is noted', async () => {
    const { clock, journal, done } = study([{ name: 'a' }]);
    await journal.sync();
    await journal.sync();
    clock.advance(600);
    expect(journal.noted.at(-1)).toBe('0 RUNNING');
    await journal.fail(new Error('no space left'));
    expect((await done).interruption).toBe('no space left');
  });

  it('at the very end changes nothing of it', async () => {
    const { clock, journal, done } = study([{ name: 'a' }]);
    await journal.sync();
    await journal.sync();
    clock.runOut();
    await journal.fail(new Error('no space left'));
    const machine = await done;
    expect([states(machine), machine.interruption]).toEqual([['FINISHED'], undefined]);
  });
});

describe('a fault of ours', () => {
  it('leaves jobs to the next driver', async () => {
    const { clock, cluster, journal, asked, done } = study([{ name: 'a', scheduled: true }, { name: 'b' }], {
      courseOf: ({ step }) => {
        if (step.name === 'b') throw new Error('out of order');
        return {};
      },
    });
    const failed = expect(done).rejects.toThrow('out of order');
    await journal.sync();
    await failed;
    clock.runOut();
    expect([asked, cluster.runs]).toEqual([['submit a 1', 'submit b 1'], ['a 1']]);
  });
});

describe('jobs that an earlier driver left', () => {
  const record = (id: string, place: string) =>
    applyPatch(newRecord(), {
      state: 'PENDING',
      submitted: 1,
      jobs: [{ attempt: 1, script: 'main', id, place, isDoubtful: false, submitted: 1, ended: null }],
    });
  const shapes: readonly Shape[] = [
    { name: 'a' },
    { name: 'b', scheduled: true },
    { name: 'c', scheduled: true },
    { name: 'd' },
  ];
  const left = () => [record('1', ''), record('', ''), record('2', 'local:///x'), newRecord()];

  it('are taken over by their schedulers, all of each at once, when that is on the disk', async () => {
    const { clock, journal, asked, done } = study(shapes, { records: left() });
    await turn();
    expect(asked).toEqual([]);
    await journal.sync();
    await journal.sync();
    // The cluster knows of none: they are brought to it.
    const lost = ['a', 'b', 'c'].flatMap((name) => [`attach ${name} 1`, `submit ${name} 1`]);
    expect(asked).toEqual([...lost, 'submit d 1']);
    clock.runOut();
    await turn();
    for (let i = 0; i < 3; i++) await journal.sync();
    const machine = await done;
    expect(states(machine)).toEqual(shapes.map(() => 'FINISHED'));
    expect(machine.steps[1]!.jobs).toMatchObject([{ attempt: 1, id: '2', isDoubtful: true, result: 'completed' }]);
  });

  it('are taken over before they are cancelled', async () => {
    const { clock, journal, asked, done } = study(shapes, {
      records: left(),
      cancel: AbortSignal.abort('cancelled after all'),
    });
    await journal.sync();
    await journal.sync();
    expect(asked.filter((what) => !what.startsWith('submit'))).toEqual(
      ['attach', 'cancel'].flatMap((what) => ['a', 'b', 'c'].map((name) => `${what} ${name} 1`)),
    );
    clock.runOut();
    await turn();
    for (let i = 0; i < 3; i++) await journal.sync();
    expect(states(await done)).toEqual(shapes.map(() => 'CANCELLED'));
  });

  it('and are out of sight before that are taken over if they are local', async () => {
    const { clock, journal, asked, lose, done } = study(shapes, { records: left() });
    lose();
    await journal.sync();
    await journal.sync();
    expect(asked).toEqual(['attach a 1', 'submit a 1', 'submit d 1']);
    clock.runOut();
    await turn();
    for (let i = 0; i < 3; i++) await journal.sync();
    expect(states(await done)).toEqual(['FINISHED', 'UNKNOWN', 'UNKNOWN', 'FINISHED']);
  });

  it('and are out of sight before that, all of them, are not taken over', async () => {
    const interrupt = new AbortController();
    const { journal, asked, done } = study(shapes, { records: left(), interrupt: interrupt.signal });
    interrupt.abort('the broker is lost');
    await journal.sync();
    await journal.sync();
    expect([asked, states(await done)]).toEqual([[], ['UNKNOWN', 'UNKNOWN', 'UNKNOWN', 'UNKNOWN']]);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Journal } from '../../../src/store/journal/journal.js';
import { cloneRecord, diffRecord } from '../../../src/store/journal/patch.js';
import type { Entry, PlannedStep } from '../../../src/store/journal/records.js';
import { replay, serialize } from '../../../src/store/journal/replay.js';
import { newRecord, type StepRecord } from '../../../src/study/state.js';
import type { Clock } from '../../../src/util/clock.js';
import { jobOf } from '../../support/results.js';
import { VirtualClock } from '../../support/virtual-clock.js';
import { stepRecords } from './arbitrary-records.js';

/** A disk that writes when it is told to. */
class Disk {
  /** The appends so far, each when it began. */
  readonly appends: string[] = [];
  #finish: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined;

  readonly append = (text: string): Promise<void> => {
    expect(this.#finish, 'one append at a time').toBeUndefined();
    this.appends.push(text);
    return new Promise((resolve, reject) => {
      this.#finish = { resolve, reject };
    });
  };

  async finish(): Promise<void> {
    this.#finish!.resolve();
    this.#finish = undefined;
    await settled();
  }

  async fail(error: unknown): Promise<void> {
    this.#finish!.reject(error);
    this.#finish = undefined;
    await settled();
  }

  /** What the records of each append say, shortened. */
  get told(): unknown[][] {
    return this.appends.map((text) =>
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line))
        .map(({ reason, steps }) => reason ?? steps),
    );
  }
}

/** Once everything that can go on without the disk has. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

const cancel = (reason: string): Entry => ({ type: 'cancel', reason });

const plannedOf = (records: readonly StepRecord[]): PlannedStep[] =>
  records.map((record, i) => ({
    name: `s${i}`,
    workspace: `s${i}`,
    scheduled: false,
    script: '',
    dependencies: '',
    record: diffRecord(newRecord(), record) ?? {},
  }));

/** @param isLeisurely whether what nobody waits for is written when its time has come, and not as soon as it can be */
function begin(
  steps = 0,
  start: { readonly isTorn?: boolean; readonly seq?: number; readonly redact?: (text: string) => string } = {},
  isLeisurely = false,
) {
  const disk = new Disk();
  const records = Array.from({ length: steps }, () => newRecord());
  const clock = new VirtualClock(5000);
  const eager: Clock = {
    now: clock.now,
    random: clock.random,
    after: (_, call) => {
      queueMicrotask(call);
      return () => {};
    },
  };
  const journal = new Journal(
    disk.append,
    { seq: 0, fence: 3, isTorn: false, ...start, records },
    isLeisurely ? clock : eager,
  );
  return { disk, records, journal, clock };
}

/** Whether a promise is settled by now, and how. */
function watch(promise: Promise<void>): { state: 'waits' | 'done' | 'failed' } {
  const watched: { state: 'waits' | 'done' | 'failed' } = { state: 'waits' };
  promise.then(
    () => {
      watched.state = 'done';
    },
    () => {
      watched.state = 'failed';
    },
  );
  return watched;
}

describe('what nobody waits for', () => {
  it('is written a little later, with all else that there is by then', async () => {
    const { disk, journal, clock } = begin(0, {}, true);
    journal.write(cancel('a'));
    await settled();
    journal.write(cancel('b'));
    expect(disk.told).toEqual([]);
    clock.runOut();
    await settled();
    expect(disk.told).toEqual([['a', 'b']]);
    journal.write(cancel('c'));
    await disk.finish();
    expect(disk.told).toHaveLength(1);
    clock.runOut();
    await settled();
    expect(disk.told).toEqual([['a', 'b'], ['c']]);
    await disk.finish();
    expect(clock.pending).toBe(0);
  });

  it('is written at once when somebody does', async () => {
    const { disk, journal, clock } = begin(0, {}, true);
    journal.write(cancel('a'));
    const a = watch(journal.durable());
    journal.write(cancel('b'));
    await settled();
    expect([disk.told, clock.pending]).toEqual([[['a', 'b']], 0]);
    journal.write(cancel('c'));
    const c = watch(journal.durable());
    await disk.finish();
    expect([a.state, c.state, disk.told]).toEqual(['done', 'waits', [['a', 'b'], ['c']]]);
    await disk.finish();
    expect(c.state).toBe('done');
  });
});

describe('the id that a batch system has given a job', () => {
  it('is written soon: by it the job is found again', async () => {
    const { disk, journal, records, clock } = begin(1, {}, true);
    const noted = cloneRecord(records[0]!);
    const job = { attempt: 1, script: 'main', submitted: 1, started: null, ended: null, result: null } as const;
    noted.jobs.push({ ...job, id: '', place: '', isDoubtful: false });
    journal.note([0], [noted]);
    await settled();
    expect(disk.appends).toEqual([]);
    noted.jobs[0]!.id = 'ƒ1';
    noted.jobs[0]!.place = 'ssh://n1/run/flux/local';
    journal.note([0], [noted]);
    clock.advance(20);
    await settled();
    expect(disk.appends).toHaveLength(1);
    await disk.finish();
    expect(clock.pending).toBe(0);
  });
});

describe('a journal', () => {
  it('numbers its records from where it goes on', async () => {
    const { disk, journal, clock } = begin(0, { seq: 41 });
    journal.write(cancel('a'));
    clock.advance(7);
    journal.write(cancel('b'));
    await settled();
    expect(disk.appends.join('')).toBe(
      serialize({ seq: 42, fence: 3, at: 5000 }, cancel('a')) + serialize({ seq: 43, fence: 3, at: 5007 }, cancel('b')),
    );
  });

  it('writes at once what is noted together, and in one append what is noted meanwhile', async () => {
    const { disk, journal } = begin();
    journal.write(cancel('a'));
    journal.write(cancel('b'));
    await settled();
    for (const reason of ['c', 'd', 'e']) {
      journal.write(cancel(reason));
      await settled();
    }
    expect(disk.told).toEqual([['a', 'b']]);
    await disk.finish();
    expect(disk.told).toEqual([
      ['a', 'b'],
      ['c', 'd', 'e'],
    ]);
  });

  it('is durable once all that was noted before is written, and not what was noted later', async () => {
    const { disk, journal } = begin();
    journal.write(cancel('a'));
    const a = watch(journal.durable());
    await settled();
    journal.write(cancel('b'));
    const b = watch(journal.durable());
    await settled();
    expect([a.state, b.state]).toEqual(['waits', 'waits']);
    await disk.finish();
    expect([a.state, b.state]).toEqual(['done', 'waits']);
    journal.write(cancel('c'));
    await disk.finish();
    expect([a.state, b.state]).toEqual(['done', 'done']);
    expect(disk.told).toEqual([['a'], ['b'], ['c']]);
  });

  it('is durable at once if nothing was noted', async () => {
    const { disk, journal, records } = begin(1);
    await journal.durable();
    journal.note([0], records);
    await journal.durable();
    journal.write(cancel('a'));
    await settled();
    await disk.finish();
    await journal.durable();
    expect(disk.appends).toHaveLength(1);
  });

  it('begins a new line if the last one is torn, once', async () => {
    const { disk, journal } = begin(0, { isTorn: true });
    journal.write(cancel('a'));
    await settled();
    journal.write(cancel('b'));
    await disk.finish();
    expect(disk.appends.map((text) => text.slice(0, 2))).toEqual(['\n{', '{"']);
  });
});

describe('a journal that cannot be written', () => {
  const full = new Error('no space left');

  it('tells everybody who waits, now or later, and writes nothing more', async () => {
    const { disk, journal } = begin();
    journal.write(cancel('a'));
    const a = journal.durable();
    await settled();
    journal.write(cancel('b'));
    const b = journal.durable();
    expect(journal.failure).toBeUndefined();
    await disk.fail(full);
    expect(journal.failure).toBe(full);
    journal.write(cancel('c'));
    for (const waiting of [a, b, journal.durable(), journal.durable()]) await expect(waiting).rejects.toBe(full);
    await settled();
    expect(disk.told).toEqual([['a']]);
  });

  it('disturbs nobody who does not wait', async () => {
    const rejections: unknown[] = [];
    const listener = (error: unknown) => rejections.push(error);
    process.on('unhandledRejection', listener);
    try {
      const { disk, journal } = begin();
      journal.write(cancel('a'));
      void journal.durable();
      await settled();
      journal.write(cancel('b'));
      void journal.durable();
      await disk.fail(full);
      void journal.durable();
      await settled();
      expect(journal.failure).toBe(full);
      expect(rejections).toEqual([]);
    } finally {
      process.off('unhandledRejection', listener);
    }
  });

  it('is one too whose append throws', async () => {
    const journal = new Journal(
      () => {
        throw full;
      },
      { seq: 0, fence: 1, isTorn: false, records: [] },
      new VirtualClock(),
    );
    journal.write(cancel('a'));
    await expect(journal.durable()).rejects.toBe(full);
  });
});

describe('what a journal notes of steps', () => {
  it('is what changed since they were noted last, all of one event in one record', async () => {
    const { disk, journal, records } = begin(3);
    records[0]!.state = 'PENDING';
    records[2]!.reason = 'because';
    journal.note([0, 1, 2], records);
    records[0]!.exitCode = 3;
    journal.note([0, 2], records);
    journal.note([0, 1, 2], records);
    await settled();
    expect(disk.told).toEqual([[{ 0: { state: 'PENDING' }, 2: { reason: 'because' } }, { 0: { exitCode: 3 } }]]);
  });

  it('has no secrets in its reasons, and all else as it is', async () => {
    const { disk, journal, records } = begin(0, { seq: 1, redact: (text) => text.replaceAll('"hunter2', '***') });
    records.push({ ...newRecord(), reason: 'was "hunter2"' }, newRecord());
    const planned = plannedOf(records).map((step) => ({ ...step, name: `${step.name}_"hunter2`, script: '"hunter2' }));
    journal.writePlan('', planned);
    records[1]!.reason = 'sbatch: "hunter2" is no account';
    records[1]!.jobs.push({ ...jobOf(1, []), id: '"hunter2' });
    journal.note([0, 1], records);
    journal.note([0, 1], records);
    journal.write(cancel('"hunter2'));
    await settled();
    const lines = disk.appends.join('').trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    const study = serialize({ seq: 1, fence: 0, at: 0 }, { type: 'study', version: 1, key: '', name: '' });
    const { plan, records: read, cancelReason } = replay(study + disk.appends.join(''));
    expect(plan?.steps).toMatchObject([{ name: 's0_"hunter2', script: '"hunter2' }, { name: 's1_"hunter2' }]);
    expect(read.map(({ reason }) => reason)).toEqual(['was ***"', 'sbatch: ***" is no account']);
    expect(read[1]!.jobs[0]!.id).toBe('"hunter2');
    expect(cancelReason).toBe('***');
  });

  it('is nothing of a job that is queued, until there is more to say', async () => {
    const { disk, journal, records } = begin(2);
    records[0]!.state = 'QUEUED';
    journal.note([0], records);
    await settled();
    expect(disk.appends).toEqual([]);
    records[0]!.exitCode = 0;
    journal.note([0], records);
    await settled();
    expect(disk.told).toEqual([[{ 0: { state: 'QUEUED', exitCode: 0 } }]]);
  });

  it('is compared with the plan once there is a new one', async () => {
    const { disk, journal, records } = begin(1);
    records[0]!.state = 'RUNNING';
    journal.note([0], records);
    const planned = [newRecord(), { ...newRecord(), state: 'FINISHED' as const }];
    journal.writePlan('0.88.0', plannedOf(planned));
    journal.note([0, 1], planned);
    planned[0]!.state = 'RUNNING';
    journal.note([0, 1], planned);
    await settled();
    expect(disk.told[0]).toEqual([
      { 0: { state: 'RUNNING' } },
      plannedOf(planned.map((record, i) => (i === 0 ? newRecord() : record))),
      { 0: { state: 'RUNNING' } },
    ]);
  });

  it('makes the records again when it is read, whatever was noted of them', async () => {
    const changes = fc.array(fc.tuple(fc.nat({ max: 2 }), stepRecords(), fc.boolean()), { maxLength: 15 });
    await fc.assert(
      fc.asyncProperty(changes, async (list) => {
        let text = '';
        const records = [newRecord(), newRecord(), newRecord()];
        const append = async (more: string) => {
          text += more;
        };
        const journal = new Journal(append, { seq: 0, fence: 1, isTorn: false, records: [] }, new VirtualClock());
        journal.write({ type: 'study', version: 1, key: 'k', name: 'n' });
        journal.writePlan('', plannedOf(records));
        for (const [index, next, waits] of list) {
          // Jobs are only ever added; a queued job alone is not noted.
          const jobs = [...next.jobs, ...records[index]!.jobs.slice(next.jobs.length)];
          const state = next.state === 'QUEUED' || next.state === 'FINISHING' ? 'RUNNING' : next.state;
          records[index] = cloneRecord({ ...next, state, jobs });
          journal.note([index], records);
          if (waits) await journal.durable();
        }
        await journal.durable();
        expect(replay(text).records).toEqual(records);
      }),
    );
  });
});

import { expect, it } from 'vitest';
import { HostError, HostLostError } from '../../../src/hosts/host.js';
import type { QueueRow } from '../../../src/schedulers/batch/batch-system.js';
import { NotAnsweredError } from '../../../src/schedulers/batch/commands.js';
import { QueueWatch } from '../../../src/schedulers/batch/queue-watch.js';
import { QueuedJob } from '../../../src/schedulers/batch/queued-job.js';
import { graphOf } from '../../support/graphs.js';
import { VirtualClock } from '../../support/virtual-clock.js';

const second = 1000;
const hour = 3600 * second;

/** A watch over some jobs, and what it asked when. */
class Watched {
  readonly clock = new VirtualClock();
  readonly jobs: QueuedJob[];
  readonly asked: { readonly what: 'query' | 'explain'; readonly at: number; readonly ids: readonly string[] }[] = [];
  readonly told: string[] = [];
  readonly failures: string[] = [];
  readonly watch: QueueWatch;
  /** What the next questions fail with. */
  error: Error | undefined;
  /** Called with the answers to explanations. */
  onExplained: (jobs: readonly QueuedJob[]) => void = () => {};

  constructor(count: number) {
    const { steps } = graphOf(Array.from({ length: count }, (_, i) => ({ name: `s${i}` })));
    this.jobs = steps.map((step, i) => {
      const queued = new QueuedJob({ step, attempt: 1, script: 's' }, `s${i}.1`);
      queued.id = String(i + 1);
      return queued;
    });
    const ask = (what: 'query' | 'explain') => async (ids: readonly string[]) => {
      this.asked.push({ what, at: this.clock.now(), ids });
      if (this.error !== undefined) throw this.error;
      return new Map<string, QueueRow>();
    };
    this.watch = new QueueWatch({
      commands: { query: ask('query'), explain: ask('explain') },
      systemName: 'Slurm',
      clock: this.clock,
      log: (line) => this.told.push(line),
      jobs: () => this.jobs,
      onRows: () => {},
      onExplained: async (jobs) => this.onExplained(jobs),
      onFailure: (words) => this.failures.push(words),
      guard: (task) => void task,
    });
  }

  /** Lets time pass, a little at a time, so that answers come in between. */
  async pass(milliseconds: number, step = 100): Promise<void> {
    for (const end = this.clock.now() + milliseconds; this.clock.now() < end; ) {
      this.clock.advance(step);
      for (let turn = 0; turn < 4; turn++) await Promise.resolve();
    }
  }

  get times(): readonly number[] {
    return this.asked.map(({ at }) => at);
  }
}

it('asks about 500 jobs that wait an hour at most 140 times, and each time with one question', async () => {
  const watched = new Watched(500);
  watched.watch.onChange();
  await watched.pass(hour, second / 2);
  expect(watched.asked.length).toBeLessThanOrEqual(140);
  expect(watched.asked.length).toBeGreaterThanOrEqual(110);
  for (const { what, ids } of watched.asked) expect([what, ids.length]).toEqual(['query', 500]);
});

it('asks every second while something happens', async () => {
  const watched = new Watched(2);
  for (let i = 0; i < 20; i++) {
    watched.watch.onChange();
    await watched.pass(second);
  }
  expect(watched.asked.length).toBeGreaterThanOrEqual(18);
  expect(watched.asked.length).toBeLessThanOrEqual(20);
});

it('asks nothing without jobs', async () => {
  const watched = new Watched(0);
  watched.watch.onChange();
  await watched.pass(hour, second);
  expect(watched.asked).toEqual([]);
});

it('asks soon and ever more rarely about a job that should be over, and about no other, until it is', async () => {
  const watched = new Watched(3);
  watched.watch.explain([watched.jobs[1]!]);
  await watched.pass(20 * second);
  expect(watched.asked.filter(({ what }) => what === 'explain').map(({ at }) => at)).toEqual([
    ...[200, 600, 1400, 2900, 5900, 10_900, 15_900],
  ]);
  for (const { ids } of watched.asked) expect(ids).toEqual(['2']);
  watched.watch.forget(watched.jobs[1]!);
  await watched.pass(hour, second);
  expect(watched.asked.length).toBeLessThanOrEqual(8);
});

it('asks soon about another one, whatever the first has waited', async () => {
  const watched = new Watched(3);
  watched.watch.explain([watched.jobs[1]!]);
  await watched.pass(16 * second);
  watched.watch.explain([watched.jobs[2]!]);
  const before = watched.asked.length;
  await watched.pass(second / 2);
  expect(watched.asked.slice(before).map(({ ids }) => ids)).toEqual([['2', '3']]);
});

it('does not ask in the queue about jobs that it asks about anyway', async () => {
  const watched = new Watched(3);
  watched.watch.onChange();
  watched.watch.explain([watched.jobs[0]!]);
  await watched.pass(1.5 * second);
  expect(watched.asked.filter(({ what }) => what === 'query').map(({ ids }) => ids)).toEqual([['2', '3']]);
});

it('waits longer and longer for a batch system that does not answer, and says so once', async () => {
  const watched = new Watched(3);
  watched.error = new NotAnsweredError('Unable to contact slurm controller');
  watched.watch.onChange();
  await watched.pass(100 * second);
  expect(watched.asked.length).toBeLessThanOrEqual(8);
  expect(watched.told).toEqual([
    'Slurm cannot be asked about the jobs, and is asked again: Unable to contact slurm controller',
  ]);
  watched.error = new HostLostError('the connection broke');
  await watched.pass(100 * second);
  watched.error = undefined;
  await watched.pass(60 * second);
  expect(watched.told.at(-1)).toBe('Slurm answers again');
  expect(watched.told).toHaveLength(2);
  expect(watched.failures).toEqual([]);
});

it('gives up a host that runs no commands any more', async () => {
  const watched = new Watched(3);
  watched.error = new HostError('cannot run bash');
  watched.watch.onChange();
  await watched.pass(200 * second);
  expect(watched.failures[0]).toBe('cannot run bash');
});

it('asks nothing after it is closed', async () => {
  const watched = new Watched(3);
  watched.watch.onChange();
  watched.watch.explain([watched.jobs[0]!]);
  watched.watch.close();
  watched.watch.onChange();
  watched.watch.explain([watched.jobs[0]!]);
  await watched.pass(hour, second);
  expect(watched.asked).toEqual([]);
});

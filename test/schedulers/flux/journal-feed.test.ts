import { describe, expect, it } from 'vitest';
import { ConnectionError, errno, FluxError } from '../../../src/flux/errors.js';
import type { Handle, StreamListener } from '../../../src/flux/handle.js';
import { JournalFeed } from '../../../src/schedulers/flux/journal-feed.js';

const event = (name: string) => ({ timestamp: 1, name });
const story = ['submit', 'validate', 'depend', 'priority', 'alloc', 'start', 'finish', 'clean'];

/** A journal in which the test writes, and a feed that reads it. */
class Journal {
  readonly feed: JournalFeed;
  stops = 0;
  #broker: StreamListener | undefined;

  constructor() {
    const stream = (_topic: string, _payload: object, listener: StreamListener) => {
      this.#broker = listener;
      return () => {
        this.stops += 1;
      };
    };
    this.feed = new JournalFeed({ stream } as unknown as Handle);
  }

  post(id: bigint, ...names: string[]): void {
    this.#broker!.onResponse({ id, events: names.map(event) });
  }

  answer(payload: unknown): void {
    this.#broker!.onResponse(payload);
  }

  end(error?: Error): void {
    this.#broker!.onEnd(error);
  }

  /** Follows a job. Returns what is told of it, and what stops that; undefined if its first events are not known. */
  follow(id: bigint) {
    const told: string[] = [];
    const ends: (Error | undefined)[] = [];
    const stop = this.feed.follow(id, {
      onEvents: (events) => told.push(...events.map(({ name }) => name)),
      onEnd: (error) => ends.push(error),
    });
    return stop && { told, ends, stop };
  }
}

const early = () => new Promise<void>((resolve) => queueMicrotask(resolve));

describe('a job whose id becomes known', () => {
  it('after all of its events is told of from the first to the last', async () => {
    const journal = new Journal();
    journal.post(7n, ...story);
    const followed = journal.follow(7n)!;
    expect(followed.told).toEqual([]);
    await early();
    expect(followed.told).toEqual(story);
  });

  it.each(story.map((name, i) => [name, i + 1]))(
    'after its event %s is told of each event once, in order',
    async (_, known) => {
      const journal = new Journal();
      for (const name of story.slice(0, known)) journal.post(7n, name);
      const followed = journal.follow(7n)!;
      // These come before what was kept is delivered.
      for (const name of story.slice(known)) journal.post(7n, name);
      await early();
      expect(followed.told).toEqual(story);
      expect(followed.ends).toEqual([]);
    },
  );

  it('before its first event has to be followed by its eventlog', () => {
    const journal = new Journal();
    expect(journal.follow(7n)).toBeUndefined();
    journal.post(7n, ...story);
    expect(journal.follow(8n)).toBeUndefined();
  });

  it('but whose first event the journal does not have has to be followed by its eventlog', () => {
    const journal = new Journal();
    journal.post(7n, ...story.slice(1));
    expect(journal.follow(7n)).toBeUndefined();
  });

  it('after the first events of a thousand other jobs has to be followed by its eventlog', async () => {
    const journal = new Journal();
    for (let id = 1n; id <= 1025n; id++) journal.post(id, 'submit');
    journal.post(1n, 'validate');
    expect(journal.follow(1n)).toBeUndefined();
    const second = journal.follow(2n)!;
    journal.post(2n, 'validate');
    await early();
    expect(second.told).toEqual(['submit', 'validate']);
  });
});

describe('a job that is followed', () => {
  it('is told nothing of other jobs', async () => {
    const journal = new Journal();
    journal.post(7n, 'submit');
    journal.post(8n, 'submit');
    const seven = journal.follow(7n)!;
    journal.post(8n, 'clean');
    await early();
    expect(seven.told).toEqual(['submit']);
  });

  it('is told nothing after it was stopped, not even what was kept', async () => {
    const journal = new Journal();
    journal.post(7n, 'submit');
    const followed = journal.follow(7n)!;
    followed.stop();
    await early();
    journal.post(7n, 'clean');
    expect(followed.told).toEqual([]);
    // Its first events are not known any more.
    expect(journal.follow(7n)).toBeUndefined();
  });

  it('is told that the journal has ended if that is before its own end, and only then', async () => {
    const journal = new Journal();
    for (const id of [7n, 8n, 9n]) journal.post(id, 'submit');
    const [over, running] = [journal.follow(7n)!, journal.follow(8n)!];
    await early();
    journal.post(7n, 'clean');
    const untold = journal.follow(9n)!;
    journal.end();
    await early();
    expect(over.ends).toEqual([]);
    expect(running.ends).toEqual([undefined]);
    expect([untold.ends, untold.told]).toEqual([[undefined], []]);
  });
});

describe('a journal that ends', () => {
  const refused = new FluxError('job-manager.events-journal', errno.EPERM, 'Request requires owner credentials');
  it.each([
    ['by itself', undefined, undefined],
    ['because it is refused', refused, undefined],
    ['with the connection', new ConnectionError('cut'), new ConnectionError('cut')],
  ])('%s says so to those who follow, and no later job is followed', async (_, error, told) => {
    const journal = new Journal();
    for (const id of [7n, 8n]) journal.post(id, 'submit');
    const followed = journal.follow(7n)!;
    await early();
    journal.end(error);
    expect(followed.ends).toEqual([told]);
    expect(journal.follow(8n)).toBeUndefined();
  });

  it.each([
    ['nothing', undefined],
    ['no events', { id: 7 }],
    ['events without a job', { id: 'f', events: [event('submit')] }],
    ['events without a name', { id: 7, events: [{ timestamp: 1 }] }],
    ['no event of several', { events: [{ id: 7 }] }],
  ])('because its answer has %s is stopped, and the jobs go on by their eventlogs', async (_, answer) => {
    const journal = new Journal();
    journal.post(7n, 'submit');
    const followed = journal.follow(7n)!;
    await early();
    journal.answer(answer);
    expect(journal.stops).toBe(1);
    expect(followed.ends).toEqual([undefined]);
  });
});

it('an event of the journal tells the nodes that the job got, where the broker says them', async () => {
  const journal = new Journal();
  journal.post(7n, 'submit');
  const nodes: (readonly string[] | undefined)[] = [];
  journal.feed.follow(7n, {
    onEvents: (events) => nodes.push(...events.map((event) => event.nodes)),
    onEnd: () => {},
  });
  const execution = { nodelist: ['n[1-2]', 'login'] };
  journal.answer({ id: 7n, events: [event('alloc')], R: { version: 1, execution } });
  journal.answer({ id: 7n, events: [event('start')] });
  await early();
  expect(nodes).toEqual([undefined, ['n1', 'n2', 'login'], undefined]);
});

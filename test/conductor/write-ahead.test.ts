import { expect, it } from 'vitest';
import type { Command } from '../../src/conductor/events.js';
import { WriteAheadQueue } from '../../src/conductor/write-ahead.js';
import { HostError } from '../../src/hosts/host.js';
import type { StudyJournal } from '../../src/store/journal/journal.js';
import { VirtualClock } from '../support/virtual-clock.js';

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

const submit = (step: number, attempt = 1): Command => ({ type: 'submit', step, attempt, script: 'main' });
const cancel = (step: number, attempt = 1): Command => ({ type: 'cancel', step, attempt });

/** A queue, and what it has had done. Even steps can wait for the disk where they run. */
class Queue {
  readonly clock = new VirtualClock();
  readonly did: string[] = [];
  /** What the journal calls the append that is not on the disk. */
  append: string | undefined = '1.1';
  #settle: { resolve: () => void; reject: (error: Error) => void }[] = [];
  readonly #queue: WriteAheadQueue;

  constructor() {
    const { did } = this;
    const jobOf = (command: Command) => ('attempt' in command ? `${command.step}.${command.attempt}` : '');
    this.#queue = new WriteAheadQueue(
      this.#journal(),
      {
        act: ({ type }) => did.push(type),
        submit: (commands) => did.push(`submit ${commands.map(jobOf)}`),
        submitAhead: (commands, append) => {
          const ahead = commands.filter(({ step }) => step % 2 === 0);
          if (ahead.length > 0) did.push(`submit ${ahead.map(jobOf)} after ${append}`);
          return ahead;
        },
        cancel: (commands) => did.push(`cancel ${commands.map(jobOf)}`),
        onLost: (error) => did.push(`lost ${(error as Error).message}`),
        onFault: (error) => did.push(`fault ${(error as Error).message}`),
      },
      this.clock,
    );
  }

  take(...commands: Command[]): void {
    this.#queue.take(commands);
  }

  /** All that was noted is on the disk. */
  async sync(): Promise<void> {
    for (const { resolve } of this.#settle.splice(0)) resolve();
    await turn();
  }

  async fail(): Promise<void> {
    for (const { reject } of this.#settle.splice(0)) reject(new HostError('the disk is full'));
    await turn();
  }

  #journal(): StudyJournal {
    const durable = () => new Promise<void>((resolve, reject) => this.#settle.push({ resolve, reject }));
    const append = () => this.append;
    return {
      note: () => {},
      write: () => {},
      durable,
      get pendingAppend() {
        return append();
      },
    };
  }
}

it('a job that can wait for the disk where it runs goes out at once, and once', async () => {
  const queue = new Queue();
  queue.take(submit(0), submit(1), submit(2));
  expect(queue.did).toEqual(['submit 0.1,2.1 after 1.1']);
  await queue.sync();
  expect(queue.did.slice(1)).toEqual(['submit 1.1']);
  await queue.sync();
  expect(queue.did).toHaveLength(2);
});

it('no job goes out before the disk if nothing tells the host what is there', async () => {
  const queue = new Queue();
  queue.append = undefined;
  queue.take(submit(0));
  await turn();
  expect(queue.did).toEqual([]);
  await queue.sync();
  expect(queue.did).toEqual(['submit 0.1']);
});

it('a job goes out behind others that have, and not before a command that waits', async () => {
  const queue = new Queue();
  queue.take(submit(0));
  queue.append = '1.2';
  queue.take(submit(2), { type: 'attach', steps: [7] }, submit(4));
  queue.take(submit(6));
  expect(queue.did).toEqual(['submit 0.1 after 1.1', 'submit 2.1 after 1.2']);
  await queue.sync();
  await queue.sync();
  expect(queue.did.slice(2)).toEqual(['attach', 'submit 4.1,6.1']);
});

it('a job that has gone out is cancelled once the record of its submit is on the disk, however long that takes', async () => {
  const queue = new Queue();
  queue.take(submit(0));
  queue.take(cancel(0));
  queue.clock.advance(60_000);
  await turn();
  expect(queue.did).toEqual(['submit 0.1 after 1.1']);
  await queue.sync();
  await queue.sync();
  expect(queue.did.slice(1)).toEqual(['cancel 0.1']);
});

it('the cancellation of an attempt waits for its submit though the submit of an earlier one is still waited for', async () => {
  const queue = new Queue();
  queue.take(submit(0, 1));
  // It has run, and ended, before the answer about the disk came.
  queue.append = undefined;
  queue.take(submit(0, 2));
  queue.take(cancel(0, 2));
  await queue.sync();
  queue.clock.advance(60_000);
  await turn();
  expect(queue.did).toEqual(['submit 0.1 after 1.1']);
  await queue.sync();
  await queue.sync();
  expect(queue.did.slice(1)).toEqual(['submit 0.2', 'cancel 0.2']);
});

it('nothing goes out any more once the journal cannot be written', async () => {
  const queue = new Queue();
  queue.take(submit(0), submit(1));
  await queue.fail();
  queue.take(submit(2));
  await turn();
  expect(queue.did).toEqual(['submit 0.1 after 1.1', 'lost the disk is full']);
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fifo } from '../../src/util/fifo.js';

describe('a queue', () => {
  it('gives back what it got, in that order, then nothing', () => {
    const queue = new Fifo<string>();
    expect(queue.shift()).toBeUndefined();
    queue.push('a');
    queue.push('b');
    expect(queue.length).toBe(2);
    expect([queue.shift(), queue.shift(), queue.shift()]).toEqual(['a', 'b', undefined]);
    queue.push('c');
    expect(queue.shift()).toBe('c');
    expect(queue.length).toBe(0);
  });

  it('is the same as an array, however pushes and shifts follow each other', () => {
    // Counts of pushes and, below zero, shifts: enough of both that what is spent is given back.
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1500, max: 1500 }), { maxLength: 20 }), (runs) => {
        const queue = new Fifo<number>();
        const array: number[] = [];
        let next = 0;
        for (const count of runs) {
          for (let i = 0; i < count; i++) {
            queue.push(next);
            array.push(next++);
          }
          for (let i = 0; i < -count; i++) {
            const [actual, expected] = [queue.shift(), array.shift()];
            if (actual !== expected) expect(actual).toBe(expected);
          }
          expect(queue.length).toBe(array.length);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('takes a million in no time', () => {
    const queue = new Fifo<number>();
    for (let i = 0; i < 1_000_000; i++) queue.push(i);
    let sum = 0;
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) sum += item;
    expect(sum).toBe((1_000_000 * 999_999) / 2);
  });
});

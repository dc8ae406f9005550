import { describe, expect, it } from 'vitest';
import { type Failure, listFailures, listRepeated } from './failure-list.js';

const lines = (count: number, word: string) => Array.from({ length: count }, (_, i) => `${word} ${i}`).join('\n');

describe('the list of failed tests at the end of a CI log', () => {
  it('has the name and the message of each, and how many they are in the last line', () => {
    const failures = [
      { where: 'a.test.ts > adds', text: 'AssertionError: expected 3 to be 2\n- 2\n\u001b[31m+ 3\u001b[39m' },
      { where: 'b.test.ts', text: 'Error: cannot import' },
    ];
    expect(listFailures(failures, 60)).toEqual([
      'FAIL a.test.ts > adds',
      '  AssertionError: expected 3 to be 2',
      '  - 2',
      '  + 3',
      'FAIL b.test.ts',
      '  Error: cannot import',
      '2 failed',
    ]);
  });

  it('has the beginning and the end of a long message, as many lines as there is room for', () => {
    const list = listFailures([{ where: 'a.test.ts', text: lines(500, 'line') }], 60);
    expect(list).toHaveLength(60);
    expect(list.slice(0, 2)).toEqual(['FAIL a.test.ts', '  line 0']);
    expect(list.filter((line) => line.includes(' lines)'))).toEqual(['  ... (443 lines)']);
    expect(list.slice(-2)).toEqual(['  line 499', '1 failed']);
  });

  it('has no line that is very long', () => {
    expect(listFailures([{ where: 'a.test.ts', text: 'x'.repeat(5000) }], 60)[1]).toHaveLength(240);
  });

  it('has what only ran out of time before what says more', () => {
    const timeout = { where: 'slow.test.ts', text: 'Error: Test timed out in 60000ms.' };
    const telling = { where: 'a.test.ts', text: 'AssertionError: expected 3 to be 2' };
    expect(listFailures([telling, timeout], 60).filter((line) => line.startsWith('FAIL'))).toEqual([
      'FAIL slow.test.ts',
      'FAIL a.test.ts',
    ]);
  });

  it.each([1, 2, 7, 8, 9, 40, 300])(
    'keeps within its lines with %s long failures, and says how many they are',
    (count) => {
      const failures: Failure[] = Array.from({ length: count }, (_, i) => ({
        where: `${i}.test.ts`,
        text: lines(99, 'x'),
      }));
      const list = listFailures(failures, 60);
      expect(list.length).toBeLessThanOrEqual(60);
      expect(list.length).toBeGreaterThan(50);
      expect(list.at(-1)).toBe(`${count} failed`);
      expect(list).toContain(`FAIL ${count - 1}.test.ts`);
    },
  );
});

describe('the list of tests that passed the second time', () => {
  it('has the name and the first lines of what went wrong', () => {
    expect(listRepeated([{ where: 'a.test.ts > adds', text: lines(9, 'line') }], 40)).toEqual([
      'PASSED THE SECOND TIME a.test.ts > adds',
      ...lines(4, 'line')
        .split('\n')
        .map((line) => `  ${line}`),
    ]);
  });

  it('keeps within its lines', () => {
    const one: Failure = { where: 'a.test.ts', text: lines(9, 'x') };
    expect(listRepeated(Array<Failure>(99).fill(one), 40)).toHaveLength(40);
  });
});

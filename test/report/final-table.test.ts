import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { finalTable, outcomeLine } from '../../src/report/final-table.js';
import { hostileText } from '../support/hostile.js';
import { badNight, explained, instanceOf, jobOf, ran, resultsOf, type Told } from '../support/results.js';

describe('the final table', () => {
  it('has a line for each instance of a small study', () => {
    expect(
      finalTable(
        resultsOf(
          [
            { name: 'make', record: ran(1500) },
            { name: 'run_A.1', record: ran(62_000, { state: 'FAILED', reason: 'exit 3', restarts: 1 }) },
            { name: 'flaky', record: ran(100, { state: 'TIMEDOUT', reason: 'its time ran out', tolerated: true }) },
            { name: 'post', record: { state: 'FAILED', reason: 'dependency run_A.1 failed', ended: 3 } },
          ],
          { status: 'FAILURE', ended: resultsOf([]).started + 63_000 },
        ),
      ),
    ).toEqual([
      'STEP     STATE     TIME    RESTARTS  REASON',
      'make     FINISHED  1.5s    0',
      'run_A.1  FAILED    1m 02s  1         exit 3',
      'flaky    TIMEDOUT  0.1s    0         its time ran out (allowed to fail)',
      'post     SKIPPED           0         dependency run_A.1 failed',
      '',
      'Study hello FAILURE in 1m 03s: 4 steps, 1 finished, 1 failed, 1 timedout, 1 skipped',
    ]);
  });

  it('has a line for each step of a big one, with its first failure', () => {
    const steps: Told[] = [
      { name: 'make', record: ran(1) },
      ...Array.from({ length: 50 }, (_, i): Told => {
        const base = { name: `run_${i}`, step: 'run', workspace: `run/${i}` };
        if (i === 5) return { ...base, record: ran(1, { state: 'FAILED', reason: 'exit 5', tolerated: true }) };
        if (i === 7 || i === 9) return { ...base, record: ran(1, { state: 'FAILED', reason: `exit ${i}` }) };
        if (i === 8) return { ...base, record: ran(1, { state: 'CANCELLED' }) };
        return { ...base, record: i === 6 ? { state: 'FAILED', reason: 'dependency make failed', ended: 1 } : ran(1) };
      }),
    ];
    expect(finalTable(resultsOf(steps, { status: 'CANCELLED' }))).toEqual([
      'STEP  INSTANCES  FINISHED  FAILED  SKIPPED  CANCELLED  FIRST FAILURE',
      'make  1          1         0       0        0',
      'run   50         45        3       1        1          run_7: exit 7',
      '',
      'Study hello CANCELLED in 1h 00m: 51 steps, 46 finished, 3 failed, 1 skipped, 1 cancelled',
    ]);
  });

  it('has causes and nodes where they say more than the reason, and below it whose fault it was', () => {
    expect(finalTable(explained(resultsOf(badNight, { status: 'FAILURE' })))).toEqual([
      'STEP      STATE      CAUSE  TIME    RESTARTS  NODES  REASON',
      'run_A.1   FINISHED          1h 00m  0',
      'run_A.2   FINISHED          1h 00m  0',
      'run_A.3   FINISHED          1h 00m  0',
      'run_A.4   HWFAILURE  node   1h 00m  0         n7     node!',
      'run_A.5   FINISHED          1h 00m  0',
      'post_A.1  FINISHED          1h 00m  0',
      'post_A.2  HWFAILURE  node   1h 00m  0         n7     node!',
      'post_A.3  FINISHED          1h 00m  0',
      '',
      'Nothing here says that the code is wrong: n7 was lost 3 times.',
      'Suspect node n7: 3 instances of run and post failed on it (run_A.4, run_A.5, post_A.2), while others of these steps passed elsewhere',
      'Flaky: run_A.5 passed at attempt 2; attempt 1 was lost with a node (n7)',
      'Flaky: post_A.3 passed at attempt 2; attempt 1 was preempted (on n3)',
      'Used: 11 node-hours',
      'Study hello FAILURE in 1h 00m: 8 steps, 6 finished, 2 hwfailure',
    ]);
  });

  it('names a few of many flaky steps', () => {
    const told = Array.from({ length: 12 }, (_, a) =>
      instanceOf('run', a, [jobOf(1, ['n7'], 'node'), jobOf(2, ['n2'])]),
    );
    const lines = finalTable(explained(resultsOf(told)));
    expect(lines.filter((line) => line.startsWith('Flaky: '))).toHaveLength(10);
    expect(lines).toContain('and 2 more, which are in report.json');
  });

  it('ends in a line that says it all', () => {
    expect(outcomeLine(resultsOf([{ name: 'a', record: ran(1) }]))).toBe(
      'Study hello FINISHED in 1h 00m: 1 step, 1 finished',
    );
    expect(outcomeLine(resultsOf([{ name: 'a', record: { state: 'DRYRUN' } }], { status: 'DRYRUN' }))).toBe(
      'Study hello DRYRUN in 1h 00m: 1 step, 1 dryrun',
    );
  });

  it('has as many lines whatever names and reasons hold, and no control characters', () => {
    fc.assert(
      fc.property(hostileText, hostileText, (name, reason) => {
        const steps: Told[] = [{ name: `s${name}`, record: ran(1, { state: 'FAILED', reason }) }];
        const lines = finalTable(resultsOf(steps, { name }));
        expect(lines).toHaveLength(4);
        expect(lines.join('')).not.toMatch(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029]/);
      }),
    );
  });
});

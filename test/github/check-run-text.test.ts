import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cannotRunOutput, conclusions, finalOutput, runningOutput } from '../../src/github/check-run-text.js';
import type { MetricRow } from '../../src/report/metrics/rows.js';
import type { StudyStatus } from '../../src/study/state.js';
import { hostileText } from '../support/hostile.js';
import { metricRow } from '../support/metric-rows.js';
import { badNight, explained, ran, resultsOf, type Told } from '../support/results.js';

const url = 'https://github.com/octo/studies/actions/runs/1';
const none = { comparison: '', cut: [] };
const failed = (name: string, says = ''): Told => ({
  name,
  record: ran(1000, { state: 'FAILED', reason: 'exit 3' }),
  outputs: { stdout: 'o', stderr: 'e' },
  says,
});
const bytes = (text: string | undefined) => Buffer.byteLength(text ?? '');

describe('a check run', () => {
  it('lets a required check pass only if the study was run to its end', () => {
    const all: Record<StudyStatus, string> = conclusions;
    expect(all).toEqual({
      FINISHED: 'success',
      DRYRUN: 'success',
      FAILURE: 'failure',
      CANCELLED: 'cancelled',
      INTERRUPTED: 'timed_out',
    });
  });

  it('shows how far the study is', () => {
    const counts = new Map([
      ['FINISHED', 12],
      ['RUNNING', 3],
      ['FINISHING', 1],
      ['FAILED', 1],
      ['TIMEDOUT', 1],
      ['INITIALIZED', 72],
    ] as const);
    const { title, summary } = runningOutput(counts, url);
    expect(title).toBe('12 of 90 finished, 4 running, 2 failed');
    expect(summary).toContain('| INITIALIZED | 72 |');
    expect(runningOutput(new Map(), url).title).toBe('The study is starting');
    expect(runningOutput(new Map([['FINISHED', 2]]), url).title).toBe('2 of 2 finished');
  });

  it('shows in the end what happened, the comparison, the failures and all steps', () => {
    const results = resultsOf([failed('a', 'no\n\nway'), { name: 'b', record: ran(5) }], { status: 'FAILURE' });
    const { title, summary, text } = finalOutput(results, url, { comparison: '### Since then\n', cut: ['x was cut.'] });
    expect(title).toBe('Failed in 1h 00m: 1 failed, 1 finished');
    expect(summary).toContain('study directory <code>/p/studies/hello&#95;1</code> on this machine');
    expect(summary).toContain(`(${url})`);
    expect(summary).toContain('_x was cut._');
    expect(text!.indexOf('### Since then')).toBe(0);
    expect(text!.indexOf('### Failures')).toBeLessThan(text!.indexOf('### Steps'));
    expect(text).toContain('<b>a</b> exit 3 (line 1)');
    expect(text).toContain('no\n&#8203;\nway');
  });

  it('says first whose fault it was, then how the study ended, and names suspects and flaky steps', () => {
    const { summary, text } = finalOutput(explained(resultsOf(badNight, { status: 'FAILURE' })), url, none);
    expect(summary.split('\n\n').slice(0, 2)).toEqual([
      '**Nothing here says that the code is wrong&#58; n7 was lost 3 times.**',
      'Study hello FAILURE in 1h 00m&#58; 8 steps, 6 finished, 2 hwfailure; 11 node-hours.',
    ]);
    expect(summary).toContain('### Suspect nodes\n\n- <code>n7</code>: 3 instances of');
    expect(summary).toContain('### Flaky steps\n\n- <code>run&#95;A.5</code> passed at attempt 2;');
    expect(text).toContain('| Step | State | Cause | Time | Reason |');
    expect(text).toContain('| <code>run&#95;A.4</code> | HWFAILURE | node | 1h 00m |');
  });

  it('says with how many earlier runs metrics are compared, with none too', () => {
    const summaryOf = (metrics: readonly MetricRow[]) => finalOutput({ ...resultsOf([]), metrics }, url, none).summary;
    expect(summaryOf([metricRow('a')])).toContain('\n\nCompared with no earlier run.\n\n');
    expect(summaryOf([])).not.toContain('Compared');
  });

  it('says of a neutral one what GitHub makes of that, and how to go on', () => {
    const results = explained(resultsOf(badNight, { status: 'FAILURE' }));
    const { summary } = finalOutput(results, url, { ...none, isNeutral: true });
    expect(summary).toContain(
      'GitHub counts that as passed. Use “Re-run all jobs” of the run to run what has not finished.',
    );
    expect(finalOutput(results, url, none).summary).not.toContain('neutral');
  });

  it('counts what did not run as skipped, while the study runs and in the end', () => {
    const counts = new Map([
      ['FAILED', 1],
      ['SKIPPED', 6],
    ] as const);
    expect(runningOutput(counts, url).title).toBe('0 of 7 finished, 1 failed, 6 skipped');
    const next: Told = { name: 'b', record: { state: 'FAILED', reason: 'dependency a failed', ended: 1 } };
    const { title, text } = finalOutput(resultsOf([failed('a'), next], { status: 'FAILURE' }), url, none);
    expect(title).toBe('Failed in 1h 00m: 1 failed, 1 skipped');
    expect(text).toContain('| <code>b</code> | SKIPPED |');
  });

  it('shows failures that must not be before those that may, and has room for them beside a long comparison', () => {
    const may = Array.from({ length: 2000 }, (_, i): Told => {
      const told = failed(`may${i}`, 'words\n'.repeat(10));
      return { ...told, record: { ...told.record, tolerated: true } };
    });
    const comparison = `### Since then\n\n${'- a line\n'.repeat(7000)}`;
    const { text } = finalOutput(resultsOf([...may, failed('bad')]), url, { comparison, cut: [] });
    expect(bytes(text)).toBeLessThanOrEqual(65_535);
    expect(text!.indexOf('<b>bad</b>')).toBeLessThan(text!.indexOf('<b>may0</b>'));
    expect(text).toMatch(/^### Failures/);
  });

  it('says how to continue what was stopped', () => {
    const results = resultsOf([{ name: 'a' }], { status: 'INTERRUPTED', interruption: 'timeout' });
    expect(finalOutput(results, url, none).summary).toContain('`study-key`');
  });

  it('leaves out the table of steps, then failures, if there is no room, and says so', () => {
    const steps = Array.from({ length: 2000 }, (_, i) => ({ name: `step${i}`, record: ran(1) }));
    const some = finalOutput(resultsOf([failed('bad'), ...steps]), url, none);
    expect(some.text).toContain('<b>bad</b>');
    expect(some.text).not.toContain('### Steps');
    expect(some.summary).toContain('The table of all steps does not fit here');

    const many = Array.from({ length: 2000 }, (_, i) => failed(`bad${i}`, 'words\n'.repeat(10)));
    const all = finalOutput(resultsOf(many), url, { comparison: 'compared', cut: [] });
    expect(bytes(all.text)).toBeLessThanOrEqual(65_535);
    expect(bytes(all.text)).toBeGreaterThan(60_000);
    expect(all.text).toMatch(/^compared\n/);
    // No block is open where it ends.
    expect(all.text).toMatch(/<\/details>\n\n_The rest does not fit here._$/);
    expect(all.summary).toContain('Not all failures fit here');
  });

  it('keeps within the limits whatever the texts are, and is nothing but what is meant', () => {
    const long = fc.oneof(
      hostileText,
      hostileText.map((text) => text.repeat(10_000)),
    );
    fc.assert(
      fc.property(long, hostileText, (text, name) => {
        const results = resultsOf([failed(name || 'x', text)], { name, path: text, interruption: text, host: name });
        for (const { title, summary, text: more } of [
          finalOutput(results, url, { comparison: text.slice(0, 1000), cut: [name] }),
          finalOutput(resultsOf([]), url, { comparison: text, cut: [] }),
          cannotRunOutput([text, name], url, [name]),
        ]) {
          expect(bytes(title)).toBeLessThanOrEqual(255);
          expect(bytes(summary)).toBeLessThanOrEqual(65_535);
          expect(bytes(more)).toBeLessThanOrEqual(65_535);
          expect(title).not.toMatch(/[\n\r]/);
          expect(summary).not.toMatch(/<(?!\/?code>)/);
          for (const part of [title, summary, more ?? '']) expect(Buffer.from(part).toString()).toBe(part);
        }
      }),
      { numRuns: 50 },
    );
  });
});

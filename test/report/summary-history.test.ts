import { describe, expect, it } from 'vitest';
import type { Change } from '../../src/history/outcomes.js';
import { HISTORY_FORMAT, HISTORY_SCHEMA, type HistoryRecord } from '../../src/history/record.js';
import type { ShownHistory } from '../../src/report/results.js';
import { historyMarkdown } from '../../src/report/summary/history.js';

const commit = (letter: string) => letter.repeat(40);
const record = (letter: string): HistoryRecord => ({
  ...{ format: HISTORY_FORMAT, schema: HISTORY_SCHEMA, study: 'hello', status: 'FINISHED', cause: null },
  run: {
    ...{ repository: 'octo/app', workflow: 'nightly.yml', spec: 'study.yaml', branch: 'main', leg: '' },
    ...{ commit: commit(letter), event: 'schedule', url: '', attempt: 1 },
  },
  ...{ started: 0, ended: 1, steps: {}, metrics: {} },
});
const change = (name: string, more: Partial<Change> = {}): Change => ({
  ...{ name, change: null, isFlaky: false, failingSince: null, lastPassed: null },
  ...more,
});
const history: ShownHistory = {
  ...{ branch: 'main', commit: commit('c'), server: 'https://github.com', runs: 14, values: {} },
  ...{ changes: [change('run_0')], slower: [] },
};
const compare = (from: string, to: string) => `https&#58;//github.com/octo/app/compare/${commit(from)}...${commit(to)}`;

describe('what a summary says of earlier runs', () => {
  it.each<[number, string]>([
    [14, '### Since earlier runs\n\nCompared with 14 earlier runs of <code>main</code>: nothing is new.'],
    [0, '### Since earlier runs\n\nCompared with no earlier run of <code>main</code>.'],
  ])('is how many there are (%d)', (runs, text) => expect(historyMarkdown({ ...history, runs })).toBe(text));

  it('names what fails newly or still, since which commit, and leads to what changed', () => {
    const text = historyMarkdown({
      ...history,
      changes: [
        change('run_1', { change: 'newly-failing', lastPassed: record('a') }),
        change('run_2', { change: 'still-failing', lastPassed: record('a'), failingSince: record('b') }),
        change('run_3', { change: 'still-failing', failingSince: record('b') }),
        change('run_4', { change: 'fixed', isFlaky: true, lastPassed: record('a') }),
      ],
      slower: [{ name: 'run_5', time: 90_000, usual: 60_000 }],
    });
    expect(text.split('\n\n').slice(1)).toEqual([
      'Compared with 14 earlier runs of <code>main</code>.',
      '**Newly failing** (1)',
      `- <code>run&#95;1</code> since cccccccccc ([what changed](${compare('a', 'c')}))`,
      '**Still failing** (2)',
      `- <code>run&#95;2</code> since bbbbbbbbbb ([what changed](${compare('a', 'b')}))\n` +
        '- <code>run&#95;3</code>, which has not passed in any of them',
      '**Fixed** (1)',
      '- <code>run&#95;4</code>',
      '**Flaky: they pass in some runs and fail in others** (1)',
      '- <code>run&#95;4</code>',
      '**Slower than usual** (1)',
      '- <code>run&#95;5</code> 1m 30s, usually 1m 00s',
    ]);
  });

  it('names some of many, and has no links elsewhere than on GitHub', () => {
    const many = Array.from({ length: 30 }, (_, i) =>
      change(`run_${i}`, { change: 'newly-failing', lastPassed: record('a') }),
    );
    const text = historyMarkdown({ ...history, server: '', branch: '', commit: '', changes: many }, 5);
    expect(text).toContain('Compared with 14 earlier runs.');
    expect(text).toContain('- <code>run&#95;4</code>\n- and 25 more');
    expect(text).not.toContain('](');
  });
});

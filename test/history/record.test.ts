import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { changesOf, compareLink, outcomeOf } from '../../src/history/outcomes.js';
import { type HistoryRecord, type HistoryStep, isOfSame, readHistory, recordText } from '../../src/history/record.js';
import { hostileText } from '../support/hostile.js';

const passed: HistoryStep = {
  ...{ state: 'FINISHED', skipped: false, tolerated: false, cause: null, isOfSpec: false, time: 1000, failures: 0 },
};
const failed: HistoryStep = { ...passed, state: 'FAILED', cause: 'code', isOfSpec: true };
const lost: HistoryStep = { ...passed, state: 'HWFAILURE', cause: 'node' };
const skipped: HistoryStep = { ...passed, state: 'FAILED', skipped: true, cause: 'dependency' };
const wavered: HistoryStep = { ...passed, failures: 1 };

const record = (
  night: number,
  steps: Record<string, HistoryStep> = {},
  more: Partial<HistoryRecord['run']> = {},
): HistoryRecord => ({
  format: 'maestro-on-flux-history',
  schema: 1,
  run: {
    ...{ repository: 'octo/app', workflow: 'nightly', spec: 'study.yaml', branch: 'main', leg: '', event: 'schedule' },
    ...{
      commit: String(night).padStart(40, '0'),
      url: `https://github.com/octo/app/actions/runs/${night}`,
      attempt: 1,
    },
    ...more,
  },
  ...{ study: 'demo', status: 'FINISHED', cause: null, started: night * 1000, ended: night * 1000 + 500, steps },
  metrics: { 'grind-time': { run: 3.1 } },
});
const file = (name: string, text: string | null) => ({ name, text });

describe('a history', () => {
  it('is read as it was written, the earliest first', () => {
    const records = [record(2, { run: passed }), record(1, { run: failed })];
    const files = records.map((each, i) => file(`${i}.json`, recordText(each)));
    expect(readHistory(files)).toEqual({ records: [records[1], records[0]], skipped: [] });
  });

  it.each<[string, string | null, string]>([
    ['cannot be read', null, 'cannot be read'],
    ['is empty', '', 'is cut off'],
    ['is torn', recordText(record(1)).slice(0, -20), 'is cut off'],
    ['is torn at its last character', recordText(record(1)).slice(0, -1), 'is cut off'],
    ['is none of JSON', 'hello\n', 'is not JSON'],
    ['is something else', '{"a": 1}\n', 'is not a record of a study'],
    ['is null', 'null\n', 'is not a record of a study'],
    ['is a list', '[1]\n', 'is not a record of a study'],
    ['is of a later version', recordText({ ...record(1), schema: 2 as 1 }), 'has version 2, which is not known'],
    ['has a wrong value', recordText({ ...record(1), status: 'DONE' as 'FINISHED' }), 'has an unexpected status: '],
    ['has a wrong step', recordText(record(1, { run: { ...passed, time: -1 } })), 'has an unexpected steps.run: '],
  ])('goes without a file that %s, and says so', (_, text, why) => {
    const good = record(2);
    const { records, skipped } = readHistory([file('bad.json', text), file('good.json', recordText(good))]);
    expect(records).toEqual([good]);
    expect(skipped).toEqual([{ name: 'bad.json', why: expect.stringContaining(why) }]);
  });

  it('may have more in it than is known today', () => {
    const text = recordText({ ...record(1), later: true } as HistoryRecord);
    expect(readHistory([file('a.json', text)])).toEqual({ records: [record(1)], skipped: [] });
  });

  it('has the last report of a run that was reported twice', () => {
    const first = record(1, { run: failed });
    const second = { ...record(1, { run: passed }), ended: first.ended + 1 };
    const files = [file('b.json', recordText(second)), file('a.json', recordText(first))];
    expect(readHistory(files).records).toEqual([second]);
    const legs = [record(1, {}, { leg: 'gpu' }), record(1, {}, { leg: 'cpu' })];
    expect(readHistory(legs.map((each, i) => file(`${i}`, recordText(each)))).records).toHaveLength(2);
  });

  it('of any files is read without an error', () =>
    fc.assert(
      fc.property(fc.array(hostileText, { maxLength: 5 }), fc.nat(400), (texts, cut) => {
        const files = [...texts, recordText(record(1)).slice(0, cut)].map((text, i) => file(`${i}`, `${text}\n`));
        const { records, skipped } = readHistory(files);
        expect(records.length + skipped.length).toBe(files.length);
      }),
    ));

  it('is of one study by repository, workflow, spec, branch and leg', () => {
    expect(isOfSame(record(1).run, record(2).run)).toBe(true);
    for (const key of ['repository', 'workflow', 'spec', 'branch', 'leg']) {
      expect(isOfSame(record(1).run, record(2, {}, { [key]: 'other' }).run)).toBe(false);
    }
  });
});

describe('what a run says about an instance', () => {
  it.each<[string, HistoryStep | undefined, ReturnType<typeof outcomeOf>]>([
    ['that finished', passed, 'passed'],
    ['that passed at a later attempt', wavered, 'wavered'],
    ['that failed', failed, 'failed'],
    ['that timed out', { ...failed, state: 'TIMEDOUT', cause: 'timeout' }, 'failed'],
    ['that was lost with its node', lost, null],
    ['that was refused for the spec', { ...failed, cause: 'submission' }, 'failed'],
    ['that was refused for the site', { ...failed, cause: 'submission', isOfSpec: false }, null],
    ['that was skipped', skipped, null],
    ['that was cancelled', { ...failed, state: 'CANCELLED', cause: 'cancelled', isOfSpec: false }, null],
    ['that was not there', undefined, null],
  ])('%s', (_, step, outcome) => expect(outcomeOf(step)).toBe(outcome));
});

describe('what has become of an instance', () => {
  /** P passed, F failed, L lost, S skipped, W wavered; the last one is of this run. */
  const letters: Readonly<Record<string, HistoryStep>> = { P: passed, F: failed, L: lost, S: skipped, W: wavered };
  const change = (runs: string) => {
    const steps = [...runs].map((letter) => letters[letter]!);
    const records = steps.slice(0, -1).map((step, night) => record(night + 1, { run: step }));
    const [found] = changesOf({ run: steps.at(-1)! }, records);
    return {
      ...found!,
      since: found!.failingSince?.run.commit.slice(-2),
      passed: found!.lastPassed?.run.commit.slice(-2),
    };
  };

  it.each<[string, string | null, string | undefined, string | undefined, boolean]>([
    ['PPPPF', 'newly-failing', undefined, '04', false],
    ['F', null, undefined, undefined, false],
    ['SF', 'newly-failing', undefined, undefined, false],
    ['PPLSF', 'newly-failing', undefined, '02', false],
    ['PPFFF', 'still-failing', '03', '02', false],
    ['PPFLSF', 'still-failing', '03', '02', false],
    ['FFF', 'still-failing', '01', undefined, false],
    ['PPFFP', 'fixed', undefined, '02', false],
    ['PPFLP', 'fixed', undefined, '02', false],
    ['PPPP', null, undefined, '03', false],
    ['PPPL', null, undefined, '03', false],
    ['PPFL', null, undefined, '02', false],
    ['PFPF', 'newly-failing', undefined, '03', true],
    ['PFPFP', 'fixed', undefined, '03', true],
    ['PLPLP', null, undefined, '03', false],
    ['PPWPP', null, undefined, '04', true],
    ['PPPW', null, undefined, '03', true],
    ['PFPFPPPPPPPPPPPPPP', null, undefined, '17', false],
  ])('after %s is %j, failing since %s, passed last in %s; flaky: %s', (runs, is, since, last, isFlaky) =>
    expect(change(runs)).toMatchObject({ change: is, since, passed: last, isFlaky }),
  );

  it('has a link to what may have broken it', () => {
    const link = (runs: string) => compareLink('https://github.com', change(runs), 'f'.repeat(40));
    const commit = (night: number) => String(night).padStart(40, '0');
    expect(link('PPF')).toBe(`https://github.com/octo/app/compare/${commit(2)}...${'f'.repeat(40)}`);
    expect(link('PPFF')).toBe(`https://github.com/octo/app/compare/${commit(2)}...${commit(3)}`);
    expect(link('FF')).toBe('');
  });

  it('has no link of texts that are no commits or repositories', () => {
    const bad = record(1, { run: passed }, { repository: 'octo/app?x=' });
    const none = record(1, { run: passed }, { commit: '../evil' });
    for (const lastPassed of [bad, none]) {
      expect(compareLink('https://github.com', { failingSince: null, lastPassed }, 'f'.repeat(40))).toBe('');
    }
  });
});

import { describe, expect, it } from 'vitest';
import { nightOf } from '../../../src/github/issue/night.js';
import type { StudyResults } from '../../../src/report/results.js';
import type { StudyStatus } from '../../../src/study/state.js';
import { explained, instanceOf, jobOf, resultsOf, type Told } from '../../support/results.js';

const good = instanceOf('run', 1, [jobOf(1, ['n1'])]);
const bad = instanceOf('run', 2, [jobOf(1, ['n1'], 'code')]);
const lost = instanceOf('run', 3, [jobOf(1, ['n7'], 'node')]);
const allowed = { ...bad, name: 'odd', record: { ...bad.record, tolerated: true } };
const open: Told = { name: 'later' };

const night = (results: StudyResults) => {
  const { outcome, failing } = nightOf(results, 'schedule');
  return [outcome, failing];
};
const of = (status: StudyStatus, ...told: Told[]) => night(explained(resultsOf(told, { status })));

describe('a night', () => {
  it.each<[string, StudyStatus, readonly Told[], string, readonly string[]]>([
    ['in which all passed is green', 'FINISHED', [good], 'green', []],
    ['in which only what may fail failed is green', 'FINISHED', [good, allowed], 'green', []],
    ['in which a step failed by itself is red', 'FAILURE', [good, bad], 'red', ['run_A.2']],
    ['in which a node was lost is the site’s', 'FAILURE', [good, lost], 'site', []],
    ['in which both happened is red for the one that failed by itself', 'FAILURE', [bad, lost], 'red', ['run_A.2']],
    ['that was cancelled says nothing', 'CANCELLED', [bad], 'none', []],
    ['that was not over when it was left says nothing', 'INTERRUPTED', [good, open], 'none', []],
    ['that was not over, but in which a step had failed, is red', 'INTERRUPTED', [bad, open], 'red', ['run_A.2']],
    ['that was not over for a lost node is the site’s', 'INTERRUPTED', [lost, open], 'site', []],
    ['of a dry run says nothing', 'DRYRUN', [{ name: 'a', record: { state: 'DRYRUN' } }], 'none', []],
  ])('%s', (_, status, told, outcome, failing) => {
    expect(of(status, ...told)).toEqual([outcome, outcome === 'none' ? expect.anything() : failing]);
  });

  it('was bad before if the history says so, which is not known without one', () => {
    const results = explained(resultsOf([good], { status: 'FINISHED' }));
    const history = { branch: 'main', runs: 1, changes: [], slower: [], values: {} };
    const wasBad = (shown?: typeof history & { readonly wasBad?: boolean }) =>
      nightOf({ ...results, ...(shown && { history: shown }) }, 'schedule').wasBad;
    expect([wasBad({ ...history, wasBad: true }), wasBad(history), wasBad()]).toEqual([true, false, null]);
  });

  it('is red for a metric that fails the study, which is named with its instance', () => {
    const results = explained(resultsOf([good], { status: 'FAILURE' }));
    const row = {
      metric: { name: 'grind-time', unit: '', better: 'lower' },
      step: results.steps[0]!.step,
      verdict: { verdict: 'worse', severity: 'failure', value: 3.4, reference: 3.1, line: null, reason: 'it is' },
      judgement: null,
    } as unknown as NonNullable<StudyResults['metrics']>[number];
    expect(night({ ...results, metrics: [row] })).toEqual(['red', ['grind-time of run_A.1']]);
  });
});

import { describe, expect, it } from 'vitest';
import { junitXml } from '../../../src/report/junit.js';
import { withMetricRows } from '../../../src/report/metrics/outcome.js';
import { readReport, resultsOfReport } from '../../../src/report/read-report.js';
import { reportJson } from '../../../src/report/report-json.js';
import type { ShownHistory } from '../../../src/report/results.js';
import { summaryMarkdown } from '../../../src/report/summary.js';
import { metricRow, worseRow } from '../../support/metric-rows.js';
import { ran, resultsOf } from '../../support/results.js';
import { validReport } from '../../support/valid-report.js';

const instances = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ name: `run_${i}`, step: 'run', line: 12, record: ran(1000) }));
const results = resultsOf(instances(30));
const history: ShownHistory = {
  ...{ branch: 'main', commit: 'b'.repeat(40), server: 'https://github.com', runs: 14, values: {} },
  changes: [],
  slower: [],
};

describe('a metric that fails a study', () => {
  it('makes a FINISHED one FAILURE, by the code, and leaves another as it is', () => {
    const rows = [metricRow('run_0'), worseRow('run_1')];
    expect(withMetricRows(results, rows)).toMatchObject({ status: 'FAILURE', blame: { cause: 'code' }, metrics: rows });
    const interrupted = { ...results, status: 'INTERRUPTED' as const };
    expect(withMetricRows(interrupted, rows).status).toBe('INTERRUPTED');
    expect(withMetricRows(results, [metricRow('run_0')])).toMatchObject({ status: 'FINISHED' });
  });

  it('fails the test case of its instance, and is a property of it', () => {
    const xml = junitXml(withMetricRows(results, [metricRow('run_0'), worseRow('run_1')]));
    expect(xml).toContain('<property name="metric.time" value="3.5 s"/>');
    expect(xml).toContain('tests="30" failures="1" errors="0"');
    expect(xml).toMatch(
      /<testcase name="run_1"[^>]*>\s*(?:<\/?propert[^>]*>\s*)*<failure type="METRIC" message="time of run_1 is 3.5 s: 10 % above the reference 3.2">/,
    );
  });

  it('leaves nothing to continue', () => {
    const text = summaryMarkdown(withMetricRows(results, [worseRow('run_1')]));
    expect(text).toContain('❌ worse');
    expect(text).not.toContain('How to continue');
  });
});

describe('report.json', () => {
  const judgement = {
    name: 'run_1',
    now: 3.5,
    verdict: 'worse' as const,
    runs: 14,
    median: 3,
    change: 0.5,
    limit: 0.1,
  };

  it('has the metrics, from which the same rows can be made again', () => {
    const rows = [worseRow('run_0'), metricRow('run_1', { value: 3.5 }, judgement)];
    const text = reportJson(withMetricRows(results, rows));
    expect(validReport(text).metrics).toHaveLength(2);
    const read = resultsOfReport(readReport(text)).metrics!;
    expect(read.map(({ step, ...row }) => ({ ...row, name: step.name }))).toEqual(
      rows.map(({ step, ...row }) => ({ ...row, name: step.name })),
    );
  });

  it('without metrics, as of an earlier version, has none', () => {
    const { metrics: _, history: __, ...earlier } = JSON.parse(reportJson(results));
    expect(resultsOfReport(readReport(JSON.stringify(earlier))).metrics).toBeUndefined();
  });

  it('has what earlier runs say, but for what is as before', () => {
    const changes = [
      { name: 'run_0', change: null, isFlaky: false, failingSince: null, lastPassed: null },
      { name: 'run_1', change: 'newly-failing' as const, isFlaky: true, failingSince: null, lastPassed: null },
    ];
    const report = validReport(reportJson({ ...results, history: { ...history, changes } }));
    expect(report.history).toEqual({
      ...{ branch: 'main', runs: 14, slower: [] },
      changes: [{ instance: 'run_1', change: 'newly-failing', flaky: true, failingSince: null, lastPassed: null }],
    });
  });
});

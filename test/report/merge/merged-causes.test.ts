import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { merge } from '../../../src/report/merge/merge.js';
import { mergedHtml } from '../../../src/report/merge/merged-html.js';
import { mergedJson } from '../../../src/report/merge/merged-json.js';
import { mergedJunit } from '../../../src/report/merge/merged-junit.js';
import { mergedSchema } from '../../../src/report/merge/merged-schema.js';
import { mergedSummary } from '../../../src/report/merge/merged-summary.js';
import { mergedTable } from '../../../src/report/merge/merged-table.js';
import { readReport, resultsOfReport } from '../../../src/report/read-report.js';
import { reportJson } from '../../../src/report/report-json.js';
import { nightlyResults } from '../../support/nightly-results.js';
import { badNight, explained, ran, recordOf, resultsOf } from '../../support/results.js';

const run = {
  ...{ repository: 'octo/studies', commit: 'c0ffee', ref: 'refs/heads/main', event: 'schedule' },
  ...{ workflow: 'nightly.yml', job: 'study', url: 'https://github.com/octo/studies/actions/runs/1', attempt: 1 },
};
const night = explained(resultsOf(badNight, { status: 'FAILURE', run }));
// As they come from another machine.
const alpha = resultsOfReport(readReport(reportJson(night)));
const beta = explained(resultsOf([{ name: 'run_A.4', step: 'run', record: ran(1) }]));
const merged = merge(
  new Map([
    ['alpha', alpha],
    ['beta', beta],
  ]),
  [],
);

describe('a merged result', () => {
  it('keeps causes, nodes, suspects, flaky steps and the run of each machine', () => {
    const report = JSON.parse(mergedJson(merged));
    const ajv = new Ajv({ allErrors: true });
    addFormats.default(ajv);
    const validate = ajv.compile(z.toJSONSchema(mergedSchema, { io: 'output', target: 'draft-7' }));
    expect(validate(report), JSON.stringify(validate.errors)).toBe(true);
    const { study, ...machine } = report.machines[0];
    expect(machine.run).toEqual(run);
    expect(study).toMatchObject({ cause: 'node', infrastructure: true, nodeHours: 11, suspects: [{ node: 'n7' }] });
    expect(study.flaky).toHaveLength(2);
    const lost = report.steps.find(({ name }: { name: string }) => name === 'run_A.4');
    expect(lost.results).toMatchObject([
      { machine: 'alpha', cause: 'node', infrastructure: true, nodes: ['n7'] },
      { machine: 'beta', cause: null, infrastructure: false, nodes: null },
    ]);
  });

  it('has what only the infrastructure is to blame for as errors', () => {
    const xml = mergedJunit(merged);
    expect(xml).toContain('failures="0" errors="2"');
    expect(xml).toContain('<property name="nodes" value="n7"/>');
  });

  it('says why a machine is red on which every step finished: which metrics fail it', () => {
    const steps = nightlyResults().steps.map((result) => ({ ...result, record: recordOf(ran(1)), blame: null }));
    const gamma = resultsOfReport(readReport(reportJson({ ...nightlyResults(), steps })));
    const both = merge(
      new Map([
        ['beta', beta],
        ['gamma', gamma],
      ]),
      [],
    );
    const summary = mergedSummary(both);
    expect(summary).toContain('- <code>gamma</code>: **1 metric failed.**');
    expect(summary).toContain('### Metrics on gamma');
    expect(summary).toContain('| <code>run&#95;SIZE.40.TRIAL.3</code> | grind-time |');
    expect(summary).not.toContain('Metrics on beta');
    const [, ofGamma] = JSON.parse(mergedJson(both)).machines;
    expect(ofGamma.metrics).toEqual(JSON.parse(reportJson(gamma)).metrics);
    expect(ofGamma.metrics).toContainEqual(
      expect.objectContaining({ instance: 'run_SIZE.40.TRIAL.3', metric: 'grind-time', severity: 'failure' }),
    );
    const page = mergedHtml(both, { runUrl: undefined });
    expect(page).toContain('<p class="cause">1 metric failed.</p>');
    expect(page).toMatch(/<h2 id="metrics".*<summary>gamma .*grind-time of run_SIZE\.40\.TRIAL\.3/s);
    expect(mergedHtml(merge(new Map([['beta', beta]]), []), { runUrl: undefined })).not.toContain('id="metrics"');
  });

  it('names the cause of each machine beside its status', () => {
    expect(mergedSummary(merged)).toContain('| <code>alpha</code> | ❌ FAILURE (node) |');
    expect(mergedSummary(merged)).toContain('| <code>beta</code> | ✅ FINISHED |');
    expect(mergedTable(merged)[1]).toMatch(/^alpha\s+FAILURE \(node\)\s/);
  });
});

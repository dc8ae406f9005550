import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { parseBaseline } from '../../src/report/comparison.js';
import { readReport, resultsOfReport } from '../../src/report/read-report.js';
import { reportJson } from '../../src/report/report-json.js';
import { stepStates } from '../../src/study/state.js';
import { badNight, explained, ran, resultsOf, start } from '../support/results.js';
import { validReport } from '../support/valid-report.js';

const published = JSON.parse(readFileSync(path.resolve(import.meta.dirname, '../../docs/report.schema.json'), 'utf8'));

describe("report.json's schema", () => {
  it('allows steps of every state, and a study of every status', () => {
    const steps = stepStates.map((state) => ({ name: state.toLowerCase(), record: ran(1, { state }) }));
    for (const status of ['FINISHED', 'FAILURE', 'CANCELLED', 'INTERRUPTED', 'DRYRUN'] as const) {
      expect(validReport(reportJson(resultsOf(steps, { status }))).steps).toHaveLength(stepStates.length);
    }
  });

  it('as it is published, lets a later version add members, but leave none out', () => {
    const ajv = new Ajv({ allErrors: true });
    addFormats.default(ajv);
    const { $schema: _, ...schema } = published;
    const validate = ajv.compile(schema);
    const report = JSON.parse(reportJson(resultsOf([{ name: 'make', record: ran(1) }])));
    expect(validate({ ...report, later: 1 })).toBe(true);
    const { status: _status, ...less } = report;
    expect(validate(less)).toBe(false);
    expect(validate({ ...report, status: 'DONE' })).toBe(false);
  });

  it('has a description for each member whose name does not say what it is', () => {
    const { properties } = published.properties.steps.items;
    const bare = Object.entries<{ description?: string }>(properties).filter(([, { description }]) => !description);
    expect(bare.map(([name]) => name)).toEqual(['exitCode', 'restartScript', 'stderr', 'started']);
  });

  it('is read as it was written', () => {
    const results = resultsOf(
      [
        { name: 'make', line: 3, record: ran(1500), outputs: { stdout: 'make/a.out', stderr: 'make/a.err' } },
        {
          name: 'run_SIZE.10',
          step: 'run',
          params: { SIZE: '10' },
          after: ['make'],
          scheduled: true,
          restart: true,
          record: ran(3, { state: 'FAILED', reason: 'exit 3', tolerated: true, exitCode: 3 }),
          outputs: { stdout: 'run/a.out', stderr: 'run/a.err' },
          says: 'no space left',
        },
        { name: 'post', record: { state: 'FAILED', reason: 'dependency run failed', ended: start } },
        { name: 'open', record: { state: 'RUNNING', submitted: start } },
      ],
      { status: 'INTERRUPTED', interruption: 'time is over', scheduler: 'slurm' },
    );
    const text = reportJson(results);
    expect(reportJson(resultsOfReport(readReport(text)))).toBe(text);
  });

  it('is read as it was written of a night with causes, suspects and flaky steps, and none of an earlier version', () => {
    const allocation = { nodeHours: 20, usedNodeHours: 11 };
    const results = explained(resultsOf(badNight, { status: 'FAILURE', allocation }));
    const text = reportJson(results);
    const read = resultsOfReport(readReport(text));
    expect(reportJson(read)).toBe(text);
    expect(read.suspects).toEqual(results.suspects);
    expect(read.allocation).toEqual(allocation);
    expect(read.flaky).toEqual(results.flaky);
    expect(read.causeLine).toBe(results.causeLine);

    const { run: _, study, steps, ...report } = JSON.parse(text);
    for (const name of ['cause', 'infrastructure', 'pattern', 'suspects', 'flaky', 'nodeHours', 'allocation'])
      delete study[name];
    for (const step of steps) {
      for (const of of [step, ...step.jobs])
        for (const name of ['cause', 'infrastructure', 'nodes', 'excluded']) delete of[name];
      delete step.attempts;
      delete step.nodeHours;
    }
    const earlier = resultsOfReport(readReport(JSON.stringify({ ...report, study, steps })));
    expect(earlier.blame).toBeUndefined();
    expect(earlier.causeLine).toBe('');
    expect(validReport(reportJson(earlier)).study.suspects).toEqual([]);
  });

  it('is read of an earlier version, which had less in it', () => {
    const { study, steps, ...report } = JSON.parse(
      reportJson(resultsOf([{ name: 'a', record: ran(7, { state: 'FAILED', reason: 'exit 3', tolerated: true }) }])),
    );
    delete study.interruption;
    for (const step of steps) {
      delete step.tolerated;
      delete step.stderrTail;
      delete step.stdoutTail;
    }
    const earlier = JSON.stringify({ ...report, study, steps });
    expect(parseBaseline(earlier).steps.get('a')).toEqual({ state: 'FAILED', runTime: 7 });
    expect(resultsOfReport(readReport(earlier)).steps[0]!.record).toMatchObject({
      state: 'FAILED',
      reason: 'exit 3',
      tolerated: true,
    });
  });
});

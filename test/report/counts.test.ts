import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse, type TestSuites } from 'junit2json';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { outputsOf, setOutputs } from '../../src/action/runner.js';
import { finalOutput } from '../../src/github/check-run-text.js';
import { finalTable } from '../../src/report/final-table.js';
import { reportHtml } from '../../src/report/html/report-html.js';
import { junitXml } from '../../src/report/junit.js';
import { stepGraph } from '../../src/report/mermaid.js';
import { reportJson } from '../../src/report/report-json.js';
import { summaryMarkdown } from '../../src/report/summary.js';
import { ran, resultsOf, type Told } from '../support/results.js';
import { temporaryDirectory } from '../support/temporary.js';

/** Six that failed, four that did not run for them, three that the study was cancelled before, two that finished. */
const results = resultsOf(
  [
    ...Array.from({ length: 6 }, (_, i): Told => ({ name: `bad${i}`, record: ran(1, { state: 'FAILED' }) })),
    ...Array.from(
      { length: 4 },
      (_, i): Told => ({
        name: `next${i}`,
        after: ['bad0'],
        record: { state: 'FAILED', reason: 'dependency bad0 failed', ended: 1 },
      }),
    ),
    ...Array.from(
      { length: 3 },
      (_, i): Told => ({
        name: `late${i}`,
        record: { state: 'CANCELLED', reason: 'cancelled by SIGINT', ended: 1 },
      }),
    ),
    { name: 'good0', record: ran(1) },
    { name: 'good1', record: ran(1) },
  ],
  { status: 'CANCELLED' },
);

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('every report of a study', () => {
  it('counts the same as failed and as skipped', async () => {
    const text = '7 skipped, 6 failed, 2 finished';
    expect(finalTable(results).at(-1)).toContain(text);
    expect(summaryMarkdown(results)).toContain(text);
    expect(finalOutput(results, 'https://example.org', { comparison: '', cut: [] }).title).toContain(text);
    for (const count of ['7 skipped', '6 failed', '2 finished']) {
      expect(reportHtml(results)).toContain(`</span>${count}</span>`);
    }
    const { testsuite = [] } = (await parse(junitXml(results))) as TestSuites;
    const sum = (key: 'failures' | 'skipped' | 'errors') =>
      testsuite.reduce((total, suite) => total + Number(suite[key]), 0);
    expect([sum('failures'), sum('skipped'), sum('errors')]).toEqual([6, 7, 0]);
    const { steps } = JSON.parse(reportJson(results)) as { steps: { skipped: boolean }[] };
    expect(steps.filter(({ skipped }) => skipped)).toHaveLength(7);
  });

  it('calls the same steps skipped, in tables and pictures', () => {
    const names = ['next0', 'next1', 'next2', 'next3', 'late0', 'late1', 'late2'];
    const found = (lines: readonly string[], line: RegExp) => lines.flatMap((text) => line.exec(text)?.[1] ?? []);
    expect(found(finalTable(results), /^(\S+) +SKIPPED /)).toEqual(names);
    expect(found(summaryMarkdown(results).split('\n'), /^\| <code>(\w+)<\/code> \| SKIPPED \|/)).toEqual(names);
    expect(found(stepGraph(results)!.split('\n'), /\["(\w+)<br\/>SKIPPED"\]/)).toEqual(names);
    expect(found(stepGraph(results)!.split('\n'), /^ {2}class (.*) skipped$/)[0]!.split(',')).toHaveLength(7);
    expect(found(reportHtml(results).split('\n'), /<title>(\w+): SKIPPED<\/title>/)).toEqual(names);
  });

  it('gives them as outputs of the action', () => {
    const file = path.join(temporaryDirectory(), 'output');
    writeFileSync(file, '');
    vi.stubEnv('GITHUB_OUTPUT', file);
    setOutputs(outputsOf(results, '/reports', undefined));
    const text = readFileSync(file, 'utf8');
    const output = (name: string) => new RegExp(`^${name}<<.*\\n(.*)$`, 'm').exec(text)?.[1];
    expect(['total', 'finished', 'failed', 'skipped'].map((what) => output(`steps-${what}`))).toEqual([
      ...['15', '2', '6', '7'],
    ]);
  });
});

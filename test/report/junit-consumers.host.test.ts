import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { mergeToString } from 'junit-report-merger';
import { parse, type TestSuites } from 'junit2json';
import { parse as parseResults } from 'test-results-parser';
import { describe, expect, it } from 'vitest';
import { junitXml } from '../../src/report/junit.js';
import { merge } from '../../src/report/merge/merge.js';
import { mergedJunit } from '../../src/report/merge/merged-junit.js';
import type { StudyResults } from '../../src/report/results.js';
import { everyEnd, failed } from '../support/ended-steps.js';
import { badNight, explained, ran, resultsOf } from '../support/results.js';
import { temporaryDirectory } from '../support/temporary.js';

/** A test case as a reader of junit.xml has it: its suite, its name and how it ended. */
type Case = readonly [suite: string, name: string, verdict: 'passed' | 'failed' | 'skipped'];

const program = fileURLToPath(new URL('read-junit.py', import.meta.url));
const python = process.env.JUNIT_PYTHON ?? '';
const hasPython = python !== '' && spawnSync(python, ['-c', 'import junitparser, junit2htmlreport']).status === 0;
if (!hasPython) {
  console.warn(
    'JUNIT_PYTHON names no Python that has junitparser and junit2html: junit.xml is NOT TESTED with these readers',
  );
}

/** Where the spec defines what a test case is of, as a reader has it. */
type Place = readonly [name: string, place: string];

function byPython<T>(reader: string, what: 'cases' | 'places'): (file: string) => readonly T[] {
  return (file) => {
    const { status, stdout, stderr } = spawnSync(python, [program, reader, what, file], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout);
  };
}

async function byJunit2json(xml: string): Promise<readonly Case[]> {
  const { testsuite: suites = [] } = (await parse(xml)) as TestSuites;
  return suites.flatMap(({ name, testcase = [] }) =>
    testcase.map(({ name: of, failure, error, skipped }): Case => {
      return [name!, of!, (failure ?? error) ? 'failed' : skipped ? 'skipped' : 'passed'];
    }),
  );
}

const verdicts = { PASS: 'passed', FAIL: 'failed', SKIP: 'skipped' } as const;

function byTestResultsParser(file: string): readonly Case[] {
  const { suites } = parseResults({ type: 'junit', files: [file] });
  return suites.flatMap(({ name, cases }) =>
    cases.map(({ name: of, status }): Case => [name, of, verdicts[status as keyof typeof verdicts]]),
  );
}

async function placesByJunit2json(xml: string): Promise<readonly Place[]> {
  const { testsuite: suites = [] } = (await parse(xml)) as TestSuites;
  return suites.flatMap(({ testcase = [] }) =>
    testcase.map((one): Place => {
      const { name, file, line } = one as typeof one & { file?: string; line?: number };
      return [name!, `${file}:${line}`];
    }),
  );
}

/** It does not know the place of a test case, and gives that of its suite, which is a property. */
function placesByTestResultsParser(file: string): readonly Place[] {
  const { suites } = parseResults({ type: 'junit', files: [file] });
  return suites.flatMap(({ cases }) =>
    cases.map(({ name, metadata }): Place => [name, (metadata as { place: string }).place]),
  );
}

/** Merges the report with another one, whose suite comes first. */
async function byMerger(file: string): Promise<readonly Case[]> {
  const texts = [junitXml(resultsOf([{ name: 'other', record: ran(1) }])), readFileSync(file, 'utf8')];
  const [other, ...cases] = await byJunit2json(await mergeToString(texts, { sumTime: true }));
  expect(other).toEqual(['other', 'other', 'passed']);
  return cases;
}

async function placesByMerger(file: string): Promise<readonly Place[]> {
  return placesByJunit2json(await mergeToString([readFileSync(file, 'utf8')], { sumTime: true }));
}

/** Readers of junit.xml that other people wrote, and use in their workflows. */
const readers: readonly (readonly [
  name: string,
  read: (file: string) => Promise<readonly Case[]> | readonly Case[],
  placesIn: (file: string) => Promise<readonly Place[]> | readonly Place[],
])[] = [
  [
    'junit2json',
    (file) => byJunit2json(readFileSync(file, 'utf8')),
    (file) => placesByJunit2json(readFileSync(file, 'utf8')),
  ],
  ['test-results-parser', byTestResultsParser, placesByTestResultsParser],
  ['junit-report-merger', byMerger, placesByMerger],
  ...(hasPython
    ? (['junitparser', 'junit2html'] as const).map(
        (name) => [name, byPython<Case>(name, 'cases'), byPython<Place>(name, 'places')] as const,
      )
    : []),
];

function writtenText(xml: string): string {
  const file = path.join(temporaryDirectory(), 'junit.xml');
  writeFileSync(file, xml);
  return file;
}

const written = (results: StudyResults) => writtenText(junitXml(results));

describe.each(readers)('junit.xml, read by %s', (_, read, placesIn) => {
  it('has how each step ended', async () => {
    expect(await read(written(resultsOf(everyEnd, { status: 'FAILURE' })))).toEqual([
      ['make', 'make', 'passed'],
      ['run', 'run_A.1', 'passed'],
      ['run', 'run_A.2', 'failed'],
      ['run', 'run_A.3', 'failed'],
      ['run', 'run_A.4', 'failed'],
      ['run', 'run_A.5', 'skipped'],
      ['run', 'run_A.6', 'skipped'],
      ['next', 'next', 'skipped'],
    ]);
  });

  it('has the file and the line of the spec at which each step is', async () => {
    const steps = [
      { name: 'make', line: 7, record: ran(1) },
      failed('run_A.1', { step: 'run', line: 12 }),
      failed('run_A.2', { step: 'run', line: 12 }),
    ];
    expect(await placesIn(written(resultsOf(steps, { status: 'FAILURE' })))).toEqual([
      ['make', 'specs/hello.yaml:7'],
      ['run_A.1', 'specs/hello.yaml:12'],
      ['run_A.2', 'specs/hello.yaml:12'],
    ]);
  });

  it('has what was lost with a node as failed, with nodes and causes beside', async () => {
    const cases = await read(written(explained(resultsOf(badNight, { status: 'FAILURE' }))));
    expect(cases.filter(([, , verdict]) => verdict !== 'passed')).toEqual([
      ['run', 'run_A.4', 'failed'],
      ['post', 'post_A.2', 'failed'],
    ]);
    expect(cases).toHaveLength(badNight.length);
  });

  it('has steps that a study left open as failed, and none of a study without any', async () => {
    const open = resultsOf([{ name: 'open' }], { status: 'INTERRUPTED', interruption: 'timeout-minutes ran out' });
    expect(await read(written(open))).toEqual([['open', 'open', 'failed']]);
    expect(await read(written(resultsOf([])))).toEqual([]);
  });

  it('has the steps of each machine, and those that were not run, if it is of several machines', async () => {
    const alpha = resultsOf([{ name: 'make', record: ran(1) }, failed('run')], { status: 'FAILURE' });
    const merged = mergedJunit(merge(new Map([['alpha', alpha]]), ['alpha', 'beta']));
    expect(await read(writtenText(merged))).toEqual([
      ['alpha', 'make', 'passed'],
      ['alpha', 'run', 'failed'],
      ['beta', 'not run', 'skipped'],
    ]);
    expect(await read(writtenText(mergedJunit(merge(new Map(), ['beta']))))).toEqual([['beta', 'not run', 'failed']]);
  });

  it('has names and messages with marks of XML and of other writing in them', async () => {
    const name = 'run_A.<1> & "two" é😀';
    const says = ']]> </failure> <!-- & \u001b[31m\u0000 \ud800';
    const steps = [failed(name, { step: 'run', says, record: ran(7, { state: 'FAILED', reason: says }) })];
    expect(await read(written(resultsOf(steps, { name: says, host: says })))).toEqual([['run', name, 'failed']]);
  });
});

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { parse, type TestSuites } from 'junit2json';
import { describe, expect, it } from 'vitest';
import { junitXml } from '../../src/report/junit.js';
import type { StudyResults } from '../../src/report/results.js';
import { everyEnd, failed } from '../support/ended-steps.js';
import { hostileText } from '../support/hostile.js';
import { badNight, explained, instanceOf, jobOf, ran, resultsOf } from '../support/results.js';

const schema = fileURLToPath(new URL('junit.xsd', import.meta.url));
const hasXmllint = spawnSync('xmllint', ['--version']).error === undefined;
if (!hasXmllint) console.warn('There is no xmllint here: junit.xml is NOT checked against its schema');

/** What is wrong with a text, by the schema; '' if nothing is. */
function faults(xml: string): string {
  const { status, stderr } = spawnSync('xmllint', ['--noout', '--schema', schema, '-'], {
    input: xml,
    encoding: 'utf8',
  });
  return status === 0 ? '' : stderr;
}

/** The report as a reader of JUnit's format has it. */
async function read(results: StudyResults): Promise<NonNullable<TestSuites['testsuite']>> {
  return ((await parse(junitXml(results))) as TestSuites).testsuite ?? [];
}

describe('junit.xml', () => {
  it('has a suite for each step, with counts and times, and a case for each instance', async () => {
    const suites = await read(resultsOf(everyEnd, { status: 'FAILURE' }));
    expect(
      suites.map(({ name, package: study, tests, failures, errors, skipped, time, timestamp, hostname }) => ({
        ...{ name, study, tests, failures, errors, skipped, time, timestamp, hostname },
      })),
    ).toEqual(
      [
        { name: 'make', tests: 1, failures: 0, skipped: 0, time: 1.5 },
        { name: 'run', tests: 6, failures: 3, skipped: 2, time: 63.228 },
        { name: 'next', tests: 1, failures: 0, skipped: 1, time: 0 },
      ].map((suite) => ({
        ...suite,
        ...{ study: 'hello', errors: 0, timestamp: '2026-01-31T22:59:58', hostname: 'this machine' },
      })),
    );
    expect(suites[1]!.testcase!.map(({ name, classname, time }) => [name, classname, time])).toEqual([
      ['run_A.1', 'hello.run', 62],
      ['run_A.2', 'hello.run', 1.2],
      ['run_A.3', 'hello.run', 0.007],
      ['run_A.4', 'hello.run', 0.007],
      ['run_A.5', 'hello.run', 0.007],
      ['run_A.6', 'hello.run', 0.007],
    ]);
  });

  it('tells of a failure its kind, its reason, where it is defined, and what it said last', async () => {
    const [, run] = await read(resultsOf(everyEnd, { status: 'FAILURE' }));
    expect(run!.testcase!.slice(1, 4).map(({ failure }) => failure)).toEqual([
      [
        {
          type: 'FAILED',
          message: 'exit 3',
          inner: 'specs/hello.yaml:7\n/p/studies/hello_1/run_A.2/run_A.2.17.err\nno <input>\n\n& no output',
        },
      ],
      [expect.objectContaining({ type: 'TIMEDOUT', message: 'its walltime (7 s) ran out' })],
      [expect.objectContaining({ type: 'HWFAILURE', message: 'a node was lost' })],
    ]);
  });

  it('has as errors what only the infrastructure is to blame for, as failures what the code is', async () => {
    const mixed = [...badNight, instanceOf('post', 4, [jobOf(1, ['n1'], 'code')])];
    const suites = await read(explained(resultsOf(mixed, { status: 'FAILURE' })));
    expect(suites.map(({ name, errors, failures }) => [name, errors, failures])).toEqual([
      ['run', 1, 0],
      ['post', 1, 1],
    ]);
    const lost = suites[0]!.testcase!.find(({ name }) => name === 'run_A.4')!;
    expect(lost.error).toMatchObject([{ type: 'HWFAILURE', message: 'node!' }]);
  });

  it('has for each case where it is defined, its cause, its nodes and its node-hours', () => {
    const xml = junitXml(explained(resultsOf(badNight, { status: 'FAILURE' })));
    expect(xml).toContain(
      '<testcase name="post_A.2" classname="hello.post" file="specs/hello.yaml" line="1" time="3600.000">\n' +
        '   <properties>\n    <property name="cause" value="node"/>\n    <property name="nodes" value="n7"/>\n' +
        '    <property name="node-hours" value="2"/>\n   </properties>\n   <error ',
    );
    expect(xml).toContain('   <property name="cause" value="node"/>\n   <property name="node-hours" value="6"/>\n');
    expect(junitXml(resultsOf([{ name: 'make', line: 7, record: ran(1) }]))).toContain(
      '<testcase name="make" classname="hello.make" file="specs/hello.yaml" line="7" time="0.001"/>',
    );
  });

  it('has what may fail, was cancelled, or did not run as skipped, with the reason', async () => {
    const [, run, next] = await read(resultsOf(everyEnd, { status: 'FAILURE' }));
    expect([...run!.testcase!.slice(4), ...next!.testcase!].map(({ skipped }) => skipped)).toEqual([
      [{ message: 'exit 1 (allowed to fail)' }],
      [{ message: 'the workflow was cancelled' }],
      [{ message: 'dependency run_A.2 failed' }],
    ]);
    const [dry] = await read(resultsOf([{ name: 'make', record: { state: 'DRYRUN' } }], { status: 'DRYRUN' }));
    expect(dry!.testcase![0]!.skipped).toEqual([{ message: 'a dry run: it was staged only' }]);
  });

  it('has what an interrupted study had not brought to its end as errors, begun or not', async () => {
    const record = ran(0, { state: 'RUNNING', ended: null });
    const open = { ...record, jobs: record.jobs!.map((job) => ({ ...job, ended: null, result: null })) };
    const suites = await read(
      resultsOf(
        [
          { name: 'done', record: ran(5) },
          { name: 'runs', record: open },
          { name: 'later', after: ['runs'] },
        ],
        { status: 'INTERRUPTED', interruption: 'timeout-minutes ran out' },
      ),
    );
    expect(suites.map(({ errors }) => errors)).toEqual([0, 1, 1]);
    expect(suites[1]!.testcase![0]).toMatchObject({
      // So long had it run.
      time: 3600,
      error: [
        {
          type: 'INTERRUPTED',
          message: 'RUNNING when the study was interrupted',
          inner: 'specs/hello.yaml:1\ntimeout-minutes ran out',
        },
      ],
    });
    expect(suites[2]!.testcase![0]!.error![0]!.message).toBe('INITIALIZED when the study was interrupted');
  });

  it('gives no time that is negative, and names to what has blank ones', async () => {
    const backwards = ran(-500, { state: 'FINISHED' });
    const suites = await read(resultsOf([{ name: ' \n ', record: backwards }], { name: '\t', host: '' }));
    expect(suites).toMatchObject([{ name: 'unnamed', package: 'unnamed', hostname: 'unnamed', time: 0 }]);
  });

  it.skipIf(!hasXmllint)(
    'is what the schemas of Ant and of Jenkins allow, but for places and properties of cases',
    () => {
      expect(faults(junitXml(explained(resultsOf(badNight, { status: 'FAILURE' }))))).toBe('');
      expect(faults(junitXml(resultsOf(everyEnd, { status: 'FAILURE' })))).toBe('');
      expect(faults(junitXml(resultsOf([])))).toBe('');
      expect(faults(junitXml(resultsOf([{ name: 'open' }], { status: 'INTERRUPTED' })))).toBe('');
      // The check does find faults.
      expect(faults(junitXml(resultsOf(everyEnd)).replace('hostname=', 'host='))).toContain('hostname');
    },
  );

  it.skipIf(!hasXmllint)('is valid whatever names, reasons and outputs hold', () => {
    fc.assert(
      fc.property(hostileText, hostileText, hostileText, (name, reason, says) => {
        const record = ran(1, { state: 'FAILED', reason });
        const steps = [
          failed(name, { says, record }),
          { name: 'next', step: reason, record: { ...record, tolerated: true } },
        ];
        expect(faults(junitXml(resultsOf(steps, { name, path: says, spec: says, host: reason })))).toBe('');
      }),
      { numRuns: 40 },
    );
  });

  it('is read back the same whatever a step said', async () => {
    await fc.assert(
      fc.asyncProperty(hostileText, async (says) => {
        const xml = junitXml(resultsOf([failed('run', { says: `${says}.` })]));
        // All that XML 1.0 cannot hold is gone.
        expect(xml).not.toMatch(/[^\t\n\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u);
        const suites = (await parse(xml)) as TestSuites;
        expect(suites.testsuite!.map(({ failures, testcase }) => [failures, testcase!.length])).toEqual([[1, 1]]);
        const lines = suites.testsuite![0]!.testcase![0]!.failure![0]!.inner!.split('\n');
        expect(lines.slice(0, 2)).toEqual(['specs/hello.yaml:7', '/p/studies/hello_1/run/run.17.err']);
      }),
    );
    const says = 'plain, <tag attribute="\'">, &amp; ]]> é😀';
    const [suite] = await read(resultsOf([failed('run', { says })]));
    expect(suite!.testcase![0]!.failure![0]!.inner!.split('\n').slice(2)).toEqual([says]);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  annotationsOf,
  annotationsOfProblems,
  chunksOf,
  limits,
  MAX_ANNOTATIONS,
  toApi,
} from '../../src/github/annotations.js';
import { hostileText } from '../support/hostile.js';
import { nightlyResults } from '../support/nightly-results.js';
import { ran, resultsOf, type Told } from '../support/results.js';

const outputs = (name: string) => ({ stdout: `run/${name}/run.out`, stderr: `run/${name}/run.err` });
const failed = (name: string, told: Partial<Told> = {}): Told => ({
  name: `run_${name}`,
  step: 'run',
  line: 31,
  workspace: `run/${name}`,
  record: ran(1000, { state: 'FAILED', reason: 'exit 3', exitCode: 3 }),
  outputs: outputs(name),
  says: 'no such file',
  ...told,
});
const many = (count: number, told: (i: number) => Partial<Told> = () => ({})) =>
  Array.from({ length: count }, (_, i) => failed(`SIZE.${i}`, told(i)));
const warning = (line: number) => ({
  severity: 'warning' as const,
  at: { file: 'specs/hello.yaml', line, column: 1 },
  message: 'odd',
  hint: 'mend it',
});

describe('the annotations of results', () => {
  it('say of a failed instance, on the line of its step, why, where it ran, and how to look closer', () => {
    const { annotations, cut } = annotationsOf(resultsOf([failed('SIZE.10'), { name: 'fine', record: ran(1) }]));
    expect(cut).toEqual([]);
    expect(annotations).toEqual([
      {
        level: 'failure',
        line: 31,
        step: 'run',
        title: 'run_SIZE.10 failed: exit 3',
        message:
          'exit 3\nIt ran on this machine in /p/studies/hello_1/run/SIZE.10\n' +
          'To look closer: tail -n 100 /p/studies/hello_1/run/SIZE.10/run.err',
        details: 'no such file',
      },
    ]);
  });

  it('look closer over SSH on another machine, whatever the names are', () => {
    const command = (host: string, path = '/p/a') => {
      const [annotation] = annotationsOf(resultsOf([failed("it's")], { host, path })).annotations;
      return /closer: (.*)/s.exec(annotation!.message)?.[1];
    };
    expect(command('alice@cluster:2222')).toBe(
      `ssh -p 2222 alice@cluster 'tail -n 100 '\\''/p/a/run/it'\\''\\'\\'''\\''s/run.err'\\'''`,
    );
    expect(command('[::1]:22')).toMatch(/^ssh -p 22 ::1 /);
    expect(command('cluster')).toMatch(/^ssh cluster /);
    // A name that is none of a machine is in no command.
    expect(command('-oProxyCommand=x')).toBeUndefined();
    expect(command('this machine', '/p/\u0000')).toBeUndefined();
  });

  it('are none for what only waited for a failure, finished, or was cancelled', () => {
    const results = resultsOf([
      { name: 'waits', record: { state: 'FAILED', ended: 1, reason: 'dependency run failed' } },
      { name: 'fine', record: ran(1) },
      { name: 'cancelled', record: ran(1, { state: 'CANCELLED' }) },
    ]);
    expect(annotationsOf(results).annotations).toEqual([]);
  });

  it('are warnings for failures that are allowed, after the others', () => {
    const allowed = failed('a', { record: ran(1, { state: 'TIMEDOUT', reason: 'took 2m', tolerated: true }) });
    const { annotations } = annotationsOf(resultsOf([allowed, failed('b')]), { warnings: [warning(4)] });
    expect(annotations.map(({ level, line, title }) => [level, line, title])).toEqual([
      ['failure', 31, 'run_b failed: exit 3'],
      ['warning', 31, 'run_a ran out of time: took 2m (allowed to fail)'],
      ['warning', 4, 'Warning about the study'],
    ]);
    expect(annotations[2]!.message).toBe('odd (mend it)');
  });

  it('are all warnings where the check run is neutral', () => {
    const results = resultsOf([failed('a'), failed('b')]);
    const levels = annotationsOf(results, { isNeutral: true }).annotations.map(({ level }) => level);
    expect(levels).toEqual(['warning', 'warning']);
  });

  it('are none for what is wrong in an input: it has no line', () => {
    const at = { file: "input 'parameters'", line: 1, column: 1 };
    expect(annotationsOf(resultsOf([]), { warnings: [{ ...warning(1), at }] }).annotations).toEqual([]);
  });

  it('are one for thousands of failures of a step', () => {
    const { annotations, cut } = annotationsOf(resultsOf([...many(3000), failed('other', { step: 'post' })]));
    expect(cut).toEqual([]);
    expect(annotations.map(({ title }) => title)).toEqual(['run: 3000 of 3000 failed', 'run_other failed: exit 3']);
    expect(annotations[0]!.message.split('\n').slice(0, 12)).toEqual([
      ...Array.from({ length: 10 }, (_, i) => `run_SIZE.${i} failed: exit 3`),
      'and 2990 more',
      'Of the first, run_SIZE.0:',
    ]);
    expect(annotations[0]!.details).toBe('no such file');
  });

  it('are failures only if there are too many, and that is said', () => {
    const warnings = Array.from({ length: MAX_ANNOTATIONS }, (_, i) => warning(i + 1));
    const { annotations, cut } = annotationsOf(resultsOf([failed('a')]), { warnings });
    expect(annotations.map(({ level }) => level)).toEqual(['failure']);
    expect(cut).toEqual([`${MAX_ANNOTATIONS} warnings were left out, to make room for failures.`]);
  });

  it('are one for each step, then the first of those, if there are still too many', () => {
    const some = annotationsOf(resultsOf(many(600, (i) => ({ step: `step${i % 10}` }))));
    expect(some.annotations).toHaveLength(10);
    expect(some.cut).toEqual([]);
    const all = annotationsOf(resultsOf(many(600, (i) => ({ step: `step${i}` }))));
    expect(all.annotations).toHaveLength(MAX_ANNOTATIONS);
    expect(all.cut).toEqual(['Failures of 100 steps were left out.']);
  });

  it('say of metrics that are left out that they are that, not steps', () => {
    const told = many(600, (i) => ({ step: `step${i}`, record: ran(1) }));
    const finished = resultsOf([...told, ...many(400, (i) => ({ name: `bad${i}`, step: `bad${i}` }))]);
    const [row] = nightlyResults().metrics!.filter(({ verdict }) => verdict.severity === 'failure');
    const metrics = finished.steps.slice(0, 600).map(({ step }) => ({ ...row!, step }));
    const { annotations, cut } = annotationsOf({ ...finished, metrics });
    expect(annotations).toHaveLength(MAX_ANNOTATIONS);
    expect(cut).toEqual(['500 metric failures were left out.']);
  });

  it('of a spec that cannot be run are its problems, errors first', () => {
    const error = { ...warning(9), severity: 'error' as const };
    const { annotations } = annotationsOfProblems([warning(2), error], 'specs/hello.yaml');
    expect(annotations.map(({ level, line }) => [level, line])).toEqual([
      ['failure', 9],
      ['warning', 2],
    ]);
  });
});

describe("annotations in GitHub's form", () => {
  const annotation = { level: 'failure' as const, line: 3, title: 't', message: 'm', details: '' };

  it('have what GitHub wants, and what is cut says so', () => {
    expect(toApi(annotation, { line: 4 }, 'a.yaml')).toEqual({
      path: 'a.yaml',
      start_line: 4,
      end_line: 4,
      annotation_level: 'failure',
      title: 't',
      message: 'm',
    });
    const long = 'ä\n'.repeat(100_000);
    const cut = toApi({ ...annotation, title: 'ä'.repeat(200), message: long, details: long }, { line: 1 }, 'a');
    expect(cut.title).toBe('ä'.repeat(127));
    expect(cut.message).toMatch(/ä\n\[the rest is cut off\]$/);
    expect(cut.raw_details).toMatch(/^\[what was before this is cut off\]\nä\n/);
  });

  it('say which line is meant if they are on another', () => {
    expect(toApi(annotation, { line: 1, note: 'Line 3 of then' }, 'a').message).toBe('m\nLine 3 of then');
  });

  it('keep within the limits whatever they are made of', () => {
    const text = fc.oneof(
      hostileText,
      hostileText.map((some) => some.repeat(20_000)),
    );
    fc.assert(
      fc.property(text, hostileText, (long, name) => {
        const results = resultsOf(
          [failed(name, { says: long, record: ran(1, { state: 'FAILED', reason: long, exitCode: 1 }) })],
          { path: `/p/${name}`, host: name },
        );
        const api = annotationsOf(results, { warnings: [{ ...warning(1), message: long }] }).annotations.map(
          (annotation) => toApi(annotation, { line: 1 }, 'a.yaml'),
        );
        expect(api).toHaveLength(2);
        for (const { title, message, raw_details = 'none' } of api) {
          expect(Buffer.byteLength(title)).toBeLessThanOrEqual(limits.title);
          expect(Buffer.byteLength(message)).toBeLessThanOrEqual(limits.message);
          expect(Buffer.byteLength(raw_details)).toBeLessThanOrEqual(limits.details);
          for (const told of [title, message, raw_details]) {
            expect(told).not.toBe('');
            expect(told).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/);
            expect(Buffer.from(told).toString()).toBe(told);
          }
          expect(title).not.toContain('\n');
        }
      }),
      { numRuns: 50 },
    );
  });

  it('go in requests of fifty at most, fewer if they are large, in their order', () => {
    const api = (details: string) => toApi({ ...annotation, details }, { line: 1 }, 'a');
    const small = Array.from({ length: 120 }, (_, i) => api(String(i + 1)));
    expect(chunksOf(small).map((chunk) => chunk.length)).toEqual([50, 50, 20]);
    expect(chunksOf(small).flat()).toEqual(small);
    const large = chunksOf(Array.from({ length: 50 }, () => api('x'.repeat(60_000))));
    expect(large.flat()).toHaveLength(50);
    for (const chunk of large) expect(JSON.stringify(chunk).length).toBeLessThan(600_000);
    expect(chunksOf([])).toEqual([]);
  });
});

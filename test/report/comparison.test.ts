import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BaselineError, compare, comparisonLine, growthText, parseBaseline } from '../../src/report/comparison.js';
import { findingsOf } from '../../src/report/findings.js';
import { reportJson } from '../../src/report/report-json.js';
import { comparisonMarkdown } from '../../src/report/summary/comparison.js';
import type { StepState } from '../../src/study/state.js';
import { hostileText } from '../support/hostile.js';
import { ran, resultsOf, start, type Told } from '../support/results.js';

const second = 1000;
const failed = (reason = 'exit 3', told: Partial<Told> = {}) => ({
  record: ran(1, { state: 'FAILED', reason }),
  ...told,
});
const ok = (milliseconds = 1) => ({ record: ran(milliseconds) });
const unrun = { record: { state: 'FAILED', reason: 'dependency a failed', ended: 5 } as const };

/** Steps by name; all but a dependency's failure ran. */
type Study = Readonly<Record<string, Partial<Told>>>;

function study(steps: Study, told: Parameters<typeof resultsOf>[1] = {}) {
  return resultsOf(
    Object.entries(steps).map(([name, step]): Told => ({ name, step: name.split('_')[0]!, workspace: name, ...step })),
    told,
  );
}

function compared(before: Study, now: Study, slowerThan = 25) {
  const comparison = compare(parseBaseline(reportJson(study(before))), study(now), slowerThan);
  const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);
  return {
    ...comparison,
    names: {
      newly: names(comparison.newlyFailing),
      still: names(comparison.stillFailing),
      fixed: names(comparison.fixed),
      steps: names(comparison.slowerSteps),
      instances: names(comparison.slowerInstances),
    },
  };
}

const nothing = { newly: [], still: [], fixed: [], steps: [], instances: [] };

describe('what is new since a baseline', () => {
  it('is nothing for the same results', () => {
    const same: Study = { a: ok(), b: ok(60 * second), c: { record: { state: 'CANCELLED', ended: 1 } } };
    const comparison = compared(same, same);
    expect(comparison).toMatchObject({ names: nothing, unfinished: 0, added: 0, gone: [], isOfSameStudy: true });
    expect(comparisonLine(comparison)).toBe('nothing new');
    expect(findingsOf(study({}), comparison)).toEqual([]);
  });

  it.each<[was: StepState | undefined, now: StepState, where: 'newly' | 'still' | 'fixed' | 'unfinished' | undefined]>([
    ['FINISHED', 'FAILED', 'newly'],
    ['FINISHED', 'TIMEDOUT', 'newly'],
    ['CANCELLED', 'HWFAILURE', 'newly'],
    ['INITIALIZED', 'FAILED', 'newly'],
    [undefined, 'FAILED', 'newly'],
    ['FAILED', 'TIMEDOUT', 'still'],
    ['HWFAILURE', 'FAILED', 'still'],
    ['TIMEDOUT', 'FINISHED', 'fixed'],
    ['FINISHED', 'CANCELLED', 'unfinished'],
    ['FINISHED', 'RUNNING', 'unfinished'],
    ['FAILED', 'CANCELLED', undefined],
    ['CANCELLED', 'FINISHED', undefined],
    [undefined, 'FINISHED', undefined],
  ])('of a step that was %s and is %s: %s', (was, now, where) => {
    const comparison = compared(was === undefined ? {} : { a: { record: ran(1, { state: was }) } }, {
      a: { record: ran(1, { state: now }) },
    });
    const { names, unfinished } = comparison;
    const found = [
      ...(['newly', 'still', 'fixed'] as const).filter((key) => names[key].length > 0),
      ...(unfinished > 0 ? ['unfinished'] : []),
    ];
    expect(found).toEqual(where === undefined ? [] : [where]);
  });

  it('counts instances that are only in one of both: other parameters are other instances', () => {
    const comparison = compared({ run_1: ok(), run_2: ok(), run_3: ok() }, { run_3: ok(), run_4: ok() });
    expect(comparison).toMatchObject({ names: nothing, added: 1, gone: ['run_1', 'run_2'] });
    expect(comparisonLine(comparison)).toBe('2 not there any more');
    expect(comparisonMarkdown(comparison)).toContain('1 instance is new, 2 of the baseline are not there any more.');
  });

  it('tells those that failed from those that did not run because of them, and from those that may fail', () => {
    const tolerated = { record: ran(1, { state: 'FAILED', reason: 'exit 1', tolerated: true }) };
    const comparison = compared({ a: ok(), b: ok(), c: ok() }, { a: failed(), b: unrun, c: tolerated });
    expect(comparison.newlyFailing.map(({ name, tolerated }) => ({ name, tolerated }))).toEqual([
      { name: 'a', tolerated: false },
      { name: 'c', tolerated: true },
    ]);
    expect(comparisonLine(comparison)).toBe('2 newly failing, 1 newly skipped');
    // Both are told as failures of this run already.
    expect(findingsOf(study({}), comparison)).toEqual([]);
    expect(comparisonMarkdown(comparison)).toContain('1 more did not run because of others, and did before.');
  });

  it('says that no step is in common with a baseline of other steps, rather than that nothing is new', () => {
    const comparison = compared({ other_1: ok(), other_2: failed() }, { a: ok(), b: ok() });
    expect(comparison).toMatchObject({ common: 0, added: 2, gone: ['other_1', 'other_2'] });
    expect(comparisonLine(comparison)).toBe('no step is in common, so nothing can be compared');
    expect(comparisonMarkdown(comparison)).toContain('no step is in common');
    expect(comparisonMarkdown(comparison)).not.toContain('nothing new');
  });

  it('names in the section the instances that the baseline has and this run has not', () => {
    const text = comparisonMarkdown(compared({ a: ok(), b_1: ok(), b_2: ok() }, { a: ok() }), 1);
    expect(text).toContain('**Missing now** (2)\n\n- <code>b&#95;1</code>\n- and 1 more');
  });

  it('does not count as failing what did not run because of others, before or now', () => {
    const comparison = compared({ a: failed(), b: unrun, c: unrun }, { a: ok(), b: failed(), c: unrun });
    expect(comparison.names).toEqual({ ...nothing, newly: ['b'], fixed: ['a'] });
    expect(comparison.newlyFailing[0]!.was).toBe('SKIPPED');
    expect(comparisonLine(comparison)).toBe('1 newly failing, 1 fixed');
  });

  it('says of another study that it is one', () => {
    const other = compare(parseBaseline(reportJson(study({}, { name: 'other' }))), study({}), 25);
    expect(other.isOfSameStudy).toBe(false);
    expect(comparisonMarkdown(other)).toContain(
      'Since a run of another study, other, of 2026-01-31 23:59 UTC, which ended FINISHED: nothing new.',
    );
  });
});

describe('a step is slower', () => {
  it.each([
    [100, 125, false],
    [100, 126, true],
    [8, 17.9, false],
    [8, 18, true],
    [0, 9.9, false],
    [0, 10, true],
    [100, 50, false],
    [100, 100, false],
    [40, 50, false],
    [39.9, 50, true],
  ])('from %d s to %d s: %s', (was, now, isSlower) => {
    const { names } = compared({ a: ok(was * second) }, { a: ok(now * second) });
    expect(names).toEqual({ ...nothing, ...(isSlower ? { steps: ['a'], instances: ['a'] } : {}) });
  });

  it('by as much as is asked for', () => {
    const of = (slowerThan: number) =>
      compared({ a: ok(100 * second) }, { a: ok(160 * second) }, slowerThan).names.steps;
    expect([0, 50, 60, 100].map(of)).toEqual([['a'], ['a'], [], []]);
  });

  it('by the medians of the instances that FINISHED in both', () => {
    const comparison = compared(
      { run_1: ok(100 * second), run_2: ok(100 * second), run_3: ok(100 * second), run_4: failed(), run_5: ok(1) },
      {
        run_1: ok(500 * second),
        run_2: ok(100 * second),
        run_3: ok(100 * second),
        run_4: ok(900 * second),
        run_6: ok(900 * second),
      },
    );
    expect(comparison.names).toEqual({ ...nothing, fixed: ['run_4'], instances: ['run_1'] });
    expect(comparison.slowerInstances).toEqual([
      { name: 'run_1', step: 'run', at: expect.anything(), was: 100_000, now: 500_000, percent: 400 },
    ]);
    const most = compared({ run_1: ok(1), run_2: ok(2) }, { run_1: ok(60_001), run_2: ok(60_002) });
    expect(most.slowerSteps).toMatchObject([{ name: 'run', instances: 2, was: 1.5, now: 60_001.5 }]);
  });

  it('and its instances have no annotations of their own, but those of other steps have', () => {
    const before = { a: ok(60 * second), run_1: ok(60 * second), run_2: ok(60 * second), run_3: ok(60 * second) };
    const now = {
      a: { record: ran(120 * second), line: 7 },
      run_1: { record: ran(90 * second), line: 9 },
      run_2: ok(60 * second),
      run_3: ok(60 * second),
    };
    expect(
      findingsOf(study({}), compared(before, now)).map(({ at, title, message }) => [at.line, title, message]),
    ).toEqual([
      [7, 'a is slower than before', 'The median of 1 instance: 2m 00s, was 1m 00s: +100 %.'],
      [9, 'run_1 is slower than before', '1m 30s, was 1m 00s: +50 %.'],
    ]);
  });

  it('by its last job since the study was begun or continued', () => {
    const job = { attempt: 1, script: 'main', id: '', place: '', isDoubtful: false, submitted: start } as const;
    const twice = (last: number) => ({
      record: ran(1, {
        jobs: [
          { ...job, started: start, ended: start + 500 * second, result: 'timeout' },
          { ...job, started: start, ended: start + last * second, result: 'completed' },
        ],
      }),
    });
    expect(compared({ a: ok(60 * second) }, { a: twice(61) }).names).toEqual(nothing);
    expect(compared({ a: twice(61) }, { a: ok(600 * second) }).names.steps).toEqual(['a']);
    expect(compared({ a: { record: { ...ran(1), submitted: null } } }, { a: ok(600 * second) }).names).toEqual(nothing);
  });
});

describe('growth', () => {
  it('is told in percent, if there was something to grow', () => {
    const of = (was: number, now: number, percent: number) =>
      growthText({ name: '', step: '', at: { file: '', line: 1, column: 1 }, was, now, percent });
    expect(of(60_000, 90_000, 50)).toBe('1m 30s, was 1m 00s: +50 %');
    expect(of(0, 12_000, Number.POSITIVE_INFINITY)).toBe('12s, was 0.0s');
  });
});

describe('a baseline', () => {
  const good = JSON.parse(reportJson(study({ a: ok(1500), b: failed(), c: {} })));
  const wrong = (text: string) => {
    try {
      parseBaseline(text);
    } catch (error) {
      expect(error).toBeInstanceOf(BaselineError);
      return (error as Error).message;
    }
    return 'fine';
  };

  it('is what report.json has, as far as it is compared', () => {
    const { steps, ...rest } = parseBaseline(JSON.stringify(good));
    expect(rest).toEqual({ name: 'hello', status: 'FINISHED', ended: start + 3_600_000 });
    expect([...steps]).toEqual([
      ['a', { state: 'FINISHED', runTime: 1500 }],
      ['b', { state: 'FAILED', runTime: 1 }],
      ['c', { state: 'INITIALIZED', runTime: null }],
    ]);
  });

  it('may have more in it, and a byte order mark before it', () => {
    const more = { ...good, later: 1, steps: good.steps.map((step: object) => ({ ...step, later: {} })) };
    expect(parseBaseline(`\ufeff${JSON.stringify(more)}`).steps.size).toBe(3);
  });

  it.each([
    ['', 'is empty'],
    [' \n', 'is empty'],
    ['<html>', 'is not JSON'],
    ['{"schema": 1', 'is not JSON'],
    ['null', 'has no `schema`'],
    ['[]', 'has no `schema`'],
    ['{}', 'has no `schema`'],
    ['{"schema": 2}', 'has schema 2, and this version knows schema 1 only'],
    ['{"schema": "1"}', 'has schema "1", and this version knows schema 1 only'],
  ])('that is %j is refused: it %s', (text, what) => {
    expect(wrong(text)).toBe(`the baseline ${what}: it has to be the report.json of an earlier run`);
  });

  it.each<[change: (report: typeof good) => void, where: string]>([
    [
      (report) => {
        report.status = 'GOOD';
      },
      '`status`',
    ],
    [
      (report) => {
        delete report.study;
      },
      '`study`',
    ],
    [
      (report) => {
        report.study.ended = 'yesterday';
      },
      '`study.ended` (is no time)',
    ],
    [
      (report) => {
        report.steps = {};
      },
      '`steps`',
    ],
    [
      (report) => {
        report.steps[1].state = 'LOST';
      },
      '`steps[1].state`',
    ],
    [
      (report) => {
        delete report.steps[2].name;
      },
      '`steps[2].name`',
    ],
    [
      (report) => {
        report.steps[0].jobs[0].started = 7;
      },
      '`steps[0].jobs[0].started`',
    ],
    [
      (report) => {
        report.steps[1].name = 'a';
      },
      'has two steps of the name "a"',
    ],
    [
      (report) => {
        report.status = 'DRYRUN';
      },
      'is of a dry run, in which nothing ran',
    ],
  ])('that is wrong somewhere is refused, with the place (%#)', (change, where) => {
    const report = structuredClone(good);
    change(report);
    expect(wrong(JSON.stringify(report))).toContain(where);
  });

  it('is read or refused in words, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.json(),
          fc.json().map((json) => `{"schema": 1, "status": ${json}, "steps": ${json}}`),
          hostileText,
        ),
        (text) => {
          expect(wrong(text)).toMatch(/^the baseline [^\n]{1,300}: it has to be/);
        },
      ),
    );
  });
});

describe('the section of what is new', () => {
  it('names what fails, what is fixed and what is slower', () => {
    const comparison = compared(
      {
        a: ok(),
        b: failed('exit 1'),
        c: failed('exit 2'),
        run_1: ok(60 * second),
        d: { record: ran(1, { state: 'CANCELLED' }) },
        f: ok(),
      },
      { a: failed('exit 9'), b: ok(), c: failed('exit 4'), run_1: ok(120 * second), d: failed(), e: failed(), f: {} },
    );
    expect(comparisonMarkdown(comparison)).toBe(
      `### What is new

Since the run of 2026-01-31 23:59 UTC, which ended FINISHED: 3 newly failing, 1 fixed, 1 still failing, 1 did not come to their end this time, 1 step slower, 1 instance slower.

**Newly failing** (3)

- <code>a</code> exit 9
- <code>d</code> exit 3 (was CANCELLED)
- <code>e</code> exit 3 (new)

**Fixed** (1)

- <code>b</code> was FAILED

**Still failing** (1)

- <code>c</code> exit 4

**Slower steps** (1)

- <code>run</code> 2m 00s, was 1m 00s&#58; +100 % (median of 1)

**Slower instances** (1)

- <code>run&#95;1</code> 2m 00s, was 1m 00s&#58; +100 %

1 that had FINISHED did not come to their end this time.

1 instance is new.`,
    );
  });

  it('names so many of each kind, and counts the others', () => {
    const names = Array.from({ length: 30 }, (_, i) => `s_${i}`);
    const all = (step: Partial<Told>) => Object.fromEntries(names.map((name) => [name, step]));
    const text = comparisonMarkdown(compared(all(ok()), all(failed())), 5);
    expect(text.match(/^- <code>/gm)).toHaveLength(5);
    expect(text).toContain('**Newly failing** (30)');
    expect(text).toContain('- and 25 more');
  });

  it('is the same structure whatever names and reasons hold', () => {
    fc.assert(
      fc.property(hostileText, hostileText, hostileText, (name, reason, of) => {
        const results = study({ [`s${name}`]: failed(reason, { step: name }) });
        const text = comparisonMarkdown(compare(parseBaseline(reportJson(study({}, { name: of }))), results, 25));
        expect(text.match(/<\/?[^>]*>/g)).toEqual(['<code>', '</code>']);
        expect(text.replaceAll('**', '').replaceAll('<code>', '').replaceAll('</code>', '')).not.toMatch(
          /[`*@~[\]\\|]/,
        );
        expect(text.split('\n').filter((line) => line.startsWith('- '))).toHaveLength(1);
        expect(text.split('\n\n')).toHaveLength(5);
      }),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignMetrics } from '../../src/metrics/assign.js';
import { readMetrics } from '../../src/metrics/read.js';
import { bandOf } from '../../src/metrics/tolerance.js';
import { formatProblem } from '../../src/spec/problem.js';
import { Source } from '../../src/spec/source.js';
import { hostileText } from '../support/hostile.js';

const read = (text: string) => readMetrics(new Source('metrics', text));
const problemsOf = (text: string) => read(text).problems.map(formatProblem);
/** The only metric of a text without problems. */
function metricOf(text: string) {
  const { metrics, problems } = read(text);
  expect(problems).toEqual([]);
  expect(metrics).toHaveLength(1);
  return metrics[0]!;
}
const withReference = (rest: string) => metricOf(`m:\n  pattern: (x)\n  better: lower\n${rest}`);

describe('metrics', () => {
  it('are read with all that they can say', () => {
    const metric = metricOf(
      [
        'grind-time:',
        '  steps: [run_*, post]',
        '  file: "*.out"',
        "  pattern: 'grind time = (\\S+)'",
        '  take: min',
        '  unit: ns/zone',
        '  better: lower',
        '  reference: {SIZE=10: 3.1, SIZE=20: 6.0}',
        '  tolerance: {lower: -20 %, upper: 5 %}',
        '  baseline-tolerance: 7.5 %',
        '  on-regression: warn',
        '  optional: true',
      ].join('\n'),
    );
    expect(metric).toMatchObject({
      name: 'grind-time',
      at: { line: 1, column: 1 },
      steps: ['run_*', 'post'],
      file: '*.out',
      pattern: 'grind time = (\\S+)',
      take: 'min',
      unit: 'ns/zone',
      better: 'lower',
      references: [
        { params: { SIZE: '10' }, value: 3.1, at: { line: 8, column: 15 } },
        { params: { SIZE: '20' }, value: 6, at: { line: 8, column: 29 } },
      ],
      tolerance: { lower: { amount: 20, isPercent: true }, upper: { amount: 5, isPercent: true } },
      baselineTolerance: 7.5,
      onRegression: 'warn',
      isOptional: true,
    });
  });

  it('need only a pattern', () =>
    expect(metricOf('m: {pattern: "t=(.*)"}')).toMatchObject({
      steps: ['*'],
      file: null,
      take: 'last',
      unit: '',
      better: 'none',
      references: [],
      baselineTolerance: 5,
      onRegression: 'fail',
      isOptional: false,
    }));

  it('may be none', () => expect(read('# none yet\n')).toEqual({ metrics: [], problems: [] }));

  it.each<[string, string, readonly [number, number]]>([
    ['one share, where lower is better', '  reference: 100\n  tolerance: 5 %', [Number.NEGATIVE_INFINITY, 105]],
    ['nothing, which is 5 %', '  reference: 100', [Number.NEGATIVE_INFINITY, 105]],
    ['both sides', '  reference: 100\n  tolerance: {lower: -20%, upper: +5 %}', [80, 105]],
    ['one side', '  reference: 100\n  tolerance: {lower: -20 %}', [80, Number.POSITIVE_INFINITY]],
    ['an amount', '  reference: 0\n  tolerance: {lower: -1e-12 absolute, upper: 1.0D-12 absolute}', [-1e-12, 1e-12]],
    ['a negative reference', '  reference: -100\n  tolerance: {lower: -10 %, upper: 5 %}', [-110, -95]],
  ])('have the band of a tolerance that is %s', (_, rest, band) => {
    const { references, tolerance } = withReference(rest);
    expect(bandOf(references[0]!.value, tolerance)).toEqual(band);
  });

  it.each<[string, string]>([
    ['[a]', 'metrics:1:1: metrics must be a mapping of metrics by their names'],
    ['m: 3', "metrics:1:4: metric 'm' must be a mapping with a pattern"],
    ['m: {take: last}', "metrics:1:1: 'pattern' is missing from metric 'm'"],
    [
      'm:\n  pattern: (',
      "metrics:2:12: 'pattern' of metric 'm' is not a valid regular expression: /(/: Unterminated group",
    ],
    ['m:\n  pattern: time', "metrics:2:12: 'pattern' of metric 'm' has no group for the value (such as time = (\\S+))"],
    ['m:\n  pattern: ""', "metrics:2:12: 'pattern' of metric 'm' must be a text that is not empty"],
    ['m:\n  patern: (a)\n  pattern: (a)', "metrics:2:3: unknown key 'patern' of metric 'm' (did you mean 'pattern'?)"],
    [
      'm:\n  pattern: (a)\n  take: median',
      "metrics:3:9: 'take' of metric 'm' must be first, last, min, max, mean or count, not 'median'",
    ],
    [
      'm:\n  pattern: (a)\n  better: [lower]',
      "metrics:3:11: 'better' of metric 'm' must be lower, higher or none, not a list",
    ],
    [
      'm:\n  pattern: (a)\n  optional: maybe',
      "metrics:3:13: 'optional' of metric 'm' must be true or false, not 'maybe'",
    ],
    [
      'm:\n  pattern: (a)\n  steps: []',
      "metrics:3:10: 'steps' of metric 'm' must be a glob for names of steps or instances, or a list of such",
    ],
    [
      'm:\n  pattern: (a)\n  file: ../x',
      "metrics:3:9: 'file' of metric 'm' must be a glob for files below the step's workspace",
    ],
    [
      'm:\n  pattern: (a)\n  file: /etc/x',
      "metrics:3:9: 'file' of metric 'm' must be a glob for files below the step's workspace",
    ],
    [
      'm:\n  pattern: (a)\n  reference: fast',
      "metrics:3:14: 'reference' of metric 'm' must be a number, or a mapping of parameters to numbers",
    ],
    [
      'm:\n  pattern: (a)\n  reference: {SIZE: 3}',
      "metrics:3:15: 'SIZE' in 'reference' of metric 'm' is not a parameter with a value (such as SIZE=10)",
    ],
    ['m:\n  pattern: (a)\n  reference: {A=1: x}', "metrics:3:20: 'A=1' in 'reference' of metric 'm' must be a number"],
    [
      'm:\n  pattern: (a)\n  reference: {A=1 B=2: 1, B=2 A=1: 2}',
      "metrics:3:27: 'reference' of metric 'm' has 'B=2 A=1' twice",
    ],
    ['m:\n  pattern: (a)\n  tolerance: 5 %', "metrics:3:3: 'tolerance' of metric 'm' needs a 'reference'"],
    [
      'm:\n  pattern: (a)\n  reference: 1\n  tolerance: 0.05',
      "metrics:4:14: 'tolerance' of metric 'm' must be such as 5 %, or 0.2 absolute, or a mapping of lower and upper",
    ],
    [
      'm:\n  pattern: (a)\n  reference: 1\n  tolerance: {lower: 20 %}',
      "metrics:4:22: 'lower' in 'tolerance' of metric 'm' must be zero or below, such as -20 % or -0.2 absolute",
    ],
    [
      'm:\n  pattern: (a)\n  reference: 1\n  tolerance: {above: 20 %}',
      "metrics:4:15: unknown key 'above' in 'tolerance' of metric 'm' (there are lower and upper)",
    ],
    [
      'm:\n  pattern: (a)\n  baseline-tolerance: -5 %',
      "metrics:3:23: 'baseline-tolerance' of metric 'm' must be a share such as 5 %, not '-5 %'",
    ],
    [
      'a b: {pattern: (a)}',
      "metrics:1:1: the name of metric 'a b' must be of letters, digits, `.`, `_` and `-`, at most 64 of them",
    ],
  ])('that say %j are refused: %s', (text, message) => {
    expect(problemsOf(text)).toEqual([message]);
    expect(read(text).metrics).toEqual([]);
  });

  it('are told all that is wrong with them at once', () =>
    expect(problemsOf('a: {take: x}\nb: {pattern: (, optional: 3}')).toHaveLength(4));

  it('need no group to be counted', () => expect(metricOf('m: {pattern: WARNING, take: count}').take).toBe('count'));

  it('of any text give metrics or problems, and no error', () =>
    fc.assert(
      fc.property(hostileText, (text) => {
        const { metrics, problems } = read(text);
        expect(Array.isArray(metrics) && Array.isArray(problems)).toBe(true);
      }),
    ));
});

describe('the instances of a metric', () => {
  const steps = [10, 20, 30].flatMap((size) =>
    [1, 2].map((trial) => ({
      step: 'run',
      name: `run_SIZE.${size}.TRIAL.${trial}`,
      params: { SIZE: `${size}`, TRIAL: `${trial}` },
    })),
  );
  const all = [{ step: 'build', name: 'build', params: {} }, ...steps].map((step, index) => ({ ...step, index }));
  const assigned = (rest: string) => {
    const { assignments, problems } = assignMetrics([metricOf(`m:\n  pattern: (x)\n${rest}`)], all);
    return {
      values: Object.fromEntries(assignments.map(({ step, reference }) => [step.name, reference?.value ?? null])),
      problems: problems.map((problem) => formatProblem(problem)),
    };
  };

  it('are those whose step or name matches', () => {
    expect(Object.keys(assigned('  steps: run').values)).toHaveLength(6);
    expect(Object.keys(assigned('  steps: "run_SIZE.10*"').values)).toHaveLength(2);
    expect(Object.keys(assigned('').values)).toHaveLength(7);
  });

  it('have the reference that says most about them', () => {
    const { values, problems } = assigned(
      '  steps: run\n  reference: {SIZE=10: 1, "SIZE=10, TRIAL=2": 1.5, SIZE=20.0: 2}',
    );
    expect(problems).toEqual([]);
    expect(values).toEqual({
      'run_SIZE.10.TRIAL.1': 1,
      'run_SIZE.10.TRIAL.2': 1.5,
      'run_SIZE.20.TRIAL.1': 2,
      'run_SIZE.20.TRIAL.2': 2,
      'run_SIZE.30.TRIAL.1': null,
      'run_SIZE.30.TRIAL.2': null,
    });
  });

  it.each<[string, string, string]>([
    ['no value', '  reference: {SIZE=11: 1}', "metrics:3:15: warning: no instance with metric 'm' is of SIZE=11"],
    [
      'no parameter',
      '  reference: {SISE=10: 1}',
      "metrics:3:15: warning: no instance with metric 'm' has a parameter SISE",
    ],
  ])('are none if %s matches, which is a warning', (_, rest, message) =>
    expect(assigned(rest).problems).toEqual([message]),
  );

  it.each([
    ['rum', "did you mean 'run'?"],
    ['solve_*', 'the steps are build, run'],
  ])('cannot be of no step, as %s', (steps, hint) =>
    expect(assigned(`  steps: ${steps}`).problems).toEqual([
      `metrics:3:10: no step matches 'steps' of metric 'm' (${hint})`,
    ]),
  );

  it('of 10,000 have their 10,000 references at once', () => {
    const many = Array.from({ length: 10_000 }, (_, index) => ({
      ...{ index, step: 'run', name: `run_N.${index}`, params: { N: `${index}` } },
    }));
    const metric = metricOf('m: {pattern: (x)}');
    const references = many.map(({ index }) => ({ params: { N: `${index}.0` }, value: index, at: metric.at }));
    const { assignments, problems } = assignMetrics([{ ...metric, references }], many);
    expect(problems).toEqual([]);
    expect(assignments.every(({ step, reference }) => reference?.value === step.index)).toBe(true);
  });

  it('have no parameters but their own', () => {
    const { problems } = assigned('  reference: {toString=1: 1, __proto__=1: 2}');
    expect(problems).toEqual([
      "metrics:3:15: warning: no instance with metric 'm' has a parameter toString",
      "metrics:3:30: warning: no instance with metric 'm' has a parameter __proto__",
    ]);
  });

  it('cannot have two references of which neither says more', () =>
    expect(assigned('  reference: {SIZE=10: 1, TRIAL=2: 2}').problems).toEqual([
      "metrics:3:27: two references of metric 'm' are for run_SIZE.10.TRIAL.2 (give one for both parameters together)",
    ]));
});

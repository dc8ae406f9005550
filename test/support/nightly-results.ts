import { blame } from '../../src/causes/cause.js';
import type { HistoryRecord } from '../../src/history/record.js';
import { faultOf } from '../../src/report/causes.js';
import type { MetricRow } from '../../src/report/metrics/rows.js';
import type { StepResult, StudyResults } from '../../src/report/results.js';
import { ran, resultsOf, start, type Told } from './results.js';

const day = 86_400_000;
const sizes = [10, 20, 30, 40, 50, 60, 70, 80, 90];
const trials = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const commitOf = (night: number) => String(night).padStart(2, '0').repeat(20);

/** A number from 0 to 1 that looks random, and is the same each time. */
function noise(...parts: readonly number[]): number {
  const x = Math.sin(parts.reduce((sum, part, i) => sum + (part + 1) * 12.9898 * (i + 1.7), 0)) * 43758.5453;
  return x - Math.floor(x);
}

const nameOf = (size: number, trial: number) => `run_SIZE.${size}.TRIAL.${trial}`;
const hasFailed = (size: number, trial: number) => size >= 70 && trial >= 7;
const grind = (size: number, trial: number, night: number) =>
  (2.4 + size / 60) * (1 + 0.01 * (2 * noise(size, trial, night) - 1));

/** One metric of an instance as `grind-time` in a night: the regression of one instance is the 15th's. */
function grindRow(step: StepResult['step']): MetricRow {
  const [size, trial] = [Number(step.params.SIZE), Number(step.params.TRIAL)];
  const isWorse = size === 40 && trial === 3;
  const reference = 2.4 + size / 60;
  const value = grind(size, trial, 15) * (isWorse ? 1.08 : 1);
  const before = Array.from({ length: 14 }, (_, night) => grind(size, trial, night)).sort((a, b) => a - b);
  const median = (before[6]! + before[7]!) / 2;
  return {
    metric: { name: 'grind-time', unit: 'ns/zone', better: 'lower' },
    step,
    verdict: {
      value,
      line: `grind time = ${value}`,
      reference,
      low: reference * 0.8,
      high: reference * 1.05,
      verdict: isWorse ? 'worse' : 'ok',
      severity: isWorse ? 'failure' : 'none',
      reason: isWorse ? '8.1 % above the median 3.067 of 14 runs' : '',
    },
    judgement: {
      ...{ name: step.name, now: value, verdict: isWorse ? 'worse' : 'same', runs: 14 },
      ...{ median, change: value - median, limit: median * 0.05 },
    },
  };
}

function historyRecord(night: number): HistoryRecord {
  return {
    format: 'maestro-on-flux-history',
    schema: 1,
    run: {
      ...{ repository: 'octo/studies', workflow: 'nightly', spec: 'specs/hello.yaml', branch: 'main', leg: '' },
      ...{ commit: commitOf(night), event: 'schedule', url: `https://github.com/octo/studies/actions/runs/${night}` },
      attempt: 1,
    },
    ...{ study: 'hello', status: 'FINISHED', cause: null, started: start - (15 - night) * day },
    ...{ ended: start - (15 - night) * day + 3_600_000, steps: {}, metrics: {} },
  };
}

/**
 * The fifteenth night of a study over SIZE and TRIAL: the large ones fail for the code's reasons, two nodes were lost, one
 * instance has become slower by 8 %.
 */
export function nightlyResults(told: Partial<Omit<StudyResults, 'steps'>> = {}): StudyResults {
  const steps = sizes.flatMap((size) =>
    trials.map((trial): Told => {
      const [name, isBad] = [nameOf(size, trial), hasFailed(size, trial)];
      const time = 20_000 + size * 900 + 4000 * noise(size, trial);
      return {
        name,
        step: 'run',
        after: ['make'],
        params: { SIZE: String(size), TRIAL: String(trial) },
        says: isBad ? `solver: no convergence for size ${size}` : '',
        outputs: { stdout: `run/${name}.out`, stderr: `run/${name}.err` },
        record: ran(time, isBad ? { state: 'FAILED', reason: 'exit 3', exitCode: 3 } : {}),
        line: 14,
      };
    }),
  );
  const plain = resultsOf([{ name: 'make', record: ran(9000) }, ...steps], { status: 'FAILURE', ...told });
  const results = plain.steps.map(
    (result): StepResult => (result.record.state === 'FAILED' ? { ...result, blame: blame('code') } : result),
  );
  const metrics = results
    .filter(({ step, record }) => step.step === 'run' && record.state === 'FINISHED')
    .map(({ step }) => grindRow(step));
  const values = Object.fromEntries(
    metrics.map(({ step }) => [
      step.name,
      Array.from({ length: 14 }, (_, night) => ({
        commit: commitOf(night),
        ended: historyRecord(night).ended,
        value: grind(Number(step.params.SIZE), Number(step.params.TRIAL), night),
      })),
    ]),
  );
  const change = { change: null, isFlaky: false, failingSince: null, lastPassed: null } as const;
  return {
    ...plain,
    steps: results,
    ...faultOf(results, metrics),
    pattern: 'All 9 failures have SIZE ≥ 70 and TRIAL ≥ 7.',
    suspects: [{ node: 'node7', failed: [nameOf(70, 7), nameOf(80, 8)], steps: ['run', 'check'] }],
    flaky: [
      {
        name: nameOf(20, 2),
        passedAt: 2,
        failures: [{ step: 'run', name: nameOf(20, 2), attempt: 1, nodes: ['node7'], blame: blame('node') }],
      },
    ],
    nodeHours: 12.345,
    run: {
      ...{ repository: 'octo/studies', commit: commitOf(15), ref: 'refs/heads/main', event: 'schedule' },
      ...{ workflow: 'nightly', job: 'study', url: 'https://github.com/octo/studies/actions/runs/15', attempt: 1 },
    },
    metrics,
    history: {
      branch: 'main',
      commit: commitOf(15),
      server: 'https://github.com',
      runs: 14,
      changes: [
        { ...change, name: nameOf(70, 7), change: 'newly-failing', lastPassed: historyRecord(13) },
        {
          ...change,
          name: nameOf(80, 8),
          change: 'still-failing',
          failingSince: historyRecord(12),
          lastPassed: historyRecord(11),
        },
        { ...change, name: nameOf(10, 1), change: 'fixed', lastPassed: historyRecord(12) },
        { ...change, name: nameOf(30, 5), isFlaky: true, lastPassed: historyRecord(13) },
      ],
      slower: [{ name: nameOf(50, 4), time: 95_000, usual: 62_000 }],
      values: { 'grind-time': values },
    },
    ...told,
  };
}

import { COMPARED_RUNS, type Judgement, judge, type Series } from '../../history/judge.js';
import { changesOf } from '../../history/outcomes.js';
import type { HistoryRecord, HistoryRun, HistoryStep } from '../../history/record.js';
import { isOfSame } from '../../history/record.js';
import type { Metric } from '../../metrics/metric.js';
import { MIN_GROWTH_MS } from '../../report/comparison.js';
import type { HistoryValue, ShownHistory, StudyResults } from '../../report/results.js';
import { runTime } from '../../report/run-time.js';
import { groupBy } from '../../util/group-by.js';
import { own } from '../../util/own.js';
import type { Measured } from './read-metrics.js';

/** What earlier runs say of a study: `ShownHistory` but for where it was. */
export interface Compared {
  /** How many runs there are to compare with. */
  readonly runs: number;
  readonly changes: ShownHistory['changes'];
  readonly slower: ShownHistory['slower'];
  /** By metric, then instance. */
  readonly judgements: ReadonlyMap<string, ReadonlyMap<string, Judgement>>;
  readonly values: ShownHistory['values'];
}

/** The values of all instances of a large study would make its reports several times as large. */
const MOST_SERIES = 2000;

/** The records of the same study that ended before a run, and are not of an attempt of this very run. */
export function earlierRecords(records: readonly HistoryRecord[], run: HistoryRun, ended: number): HistoryRecord[] {
  const isThis = ({ url }: HistoryRun) => run.url !== '' && url === run.url;
  return records.filter((record) => isOfSame(record.run, run) && !isThis(record.run) && record.ended < ended);
}

/** Those that a run is compared with: they came to their end. */
export function baselineOf(earlier: readonly HistoryRecord[]): HistoryRecord[] {
  return earlier.filter(({ status }) => status === 'FINISHED' || status === 'FAILURE');
}

/**
 * Compares a study with earlier runs of it.
 *
 * @param steps of this run, as its record has them
 * @param records those to compare with, the earliest first
 */
export function compareWithHistory(
  { steps: results }: Pick<StudyResults, 'steps'>,
  {
    measured,
    steps,
    records,
    slowerThan,
  }: {
    readonly measured: readonly Measured[];
    readonly steps: Readonly<Record<string, HistoryStep>>;
    readonly records: readonly HistoryRecord[];
    /** In percent. */
    readonly slowerThan: number;
  },
): Compared {
  const recent = records.slice(-COMPARED_RUNS);
  const times = results.flatMap((result): (Series & { readonly step: string })[] => {
    const { name, step } = result.step;
    const now = result.record.state === 'FINISHED' ? runTime(result) : null;
    return now === null ? [] : [{ name, step, now, before: recent.flatMap((record) => timeIn(record, name)) }];
  });
  const figures = measured.flatMap(({ metric, step, reading }): (Series & { readonly metric: Metric })[] => {
    if (reading.is !== 'value') return [];
    const before = recent.flatMap((record) => valueIn(record, metric.name, step.name) ?? []);
    return [{ name: step.name, metric, now: reading.value, before }];
  });
  const comparisons = times.length + figures.length;
  const slower = [...groupBy(times, ({ step }) => step).values()]
    .flatMap((series) => judge(series, { better: 'lower', tolerancePercent: slowerThan, comparisons }))
    .filter(({ verdict, change }) => verdict === 'worse' && change! >= MIN_GROWTH_MS)
    .map(({ name, now, median }) => ({ name, time: now, usual: median! }));
  const judgements = new Map(
    [...groupBy(figures, ({ metric }) => metric)].map(([metric, series]) => {
      const { better, baselineTolerance: tolerancePercent } = metric;
      const judged = judge(series, { better, tolerancePercent, comparisons });
      return [metric.name, new Map(judged.map((each) => [each.name, each]))];
    }),
  );
  return {
    runs: recent.length,
    changes: changesOf(steps, records),
    slower,
    judgements,
    values: valuesOf(figures, recent),
  };
}

/** How long an instance ran, if it finished. */
function timeIn({ steps }: HistoryRecord, name: string): number[] {
  const step = own(steps, name);
  return step?.state === 'FINISHED' && !step.skipped && step.time !== null ? [step.time] : [];
}

function valueIn({ metrics }: HistoryRecord, metric: string, name: string): number | undefined {
  const values = own(metrics, metric);
  return values && own(values, name);
}

function valuesOf(
  figures: readonly { readonly name: string; readonly metric: Metric }[],
  records: readonly HistoryRecord[],
): ShownHistory['values'] {
  const byMetric = groupBy(figures.slice(0, MOST_SERIES), ({ metric }) => metric.name);
  return Object.fromEntries(
    [...byMetric].map(([metric, instances]) => [
      metric,
      Object.fromEntries(
        instances.map(({ name }) => [
          name,
          records.flatMap((record): HistoryValue[] => {
            const value = valueIn(record, metric, name);
            return value === undefined ? [] : [{ commit: record.run.commit, ended: record.ended, value }];
          }),
        ]),
      ),
    ]),
  );
}

import * as z from 'zod';
import type { HistoryRecord } from '../../history/record.js';
import { betters, verdicts } from '../../metrics/metric.js';
import { isoTime } from '../../util/format.js';
import type { ShownHistory } from '../results.js';
import type { MetricRow } from './rows.js';

const number = (what: string) => z.number().nullable().describe(what);

const judgementSchema = z.object({
  runs: z.int().describe('How many earlier runs it is compared with.'),
  verdict: z.enum(['worse', 'better', 'moved', 'same', 'unknown']),
  median: number('Of the earlier runs; null if there are none.'),
  change: number('How far the value is from the median.'),
  limit: number('How far it may be; null if there are too few runs to tell.'),
});

/** A metric of one instance in report.json. */
export const metricSchema = z.object({
  metric: z.string().describe('Its name.'),
  instance: z.string().describe('The name of the instance that it was read from.'),
  unit: z.string().describe('Empty if it has none.'),
  better: z.enum(betters).describe('Which direction is good.'),
  value: number('Null if there is none.'),
  reference: number('What it should be; null if nothing was given.'),
  low: number('The least that the reference allows; null without a bound.'),
  high: number('The most that it allows.'),
  verdict: z
    .enum(verdicts)
    .describe(
      'What is thought of it; `recorded` if there was nothing to compare it with, `unread` if the host could not be asked for it.',
    ),
  severity: z.enum(['failure', 'warning', 'none']).describe('Whether the study fails for it.'),
  reason: z.string().describe('What is wrong with it, or new; empty if nothing is.'),
  line: z.string().describe('The line of the output that has it; empty if none was found.'),
  history: judgementSchema.nullable().describe('What earlier runs say of it; null if none were looked at.'),
});

const runSchema = z
  .object({ commit: z.string(), url: z.string().describe('Of the run on GitHub.'), ended: z.string() })
  .nullable();

/** What earlier runs say of a study in report.json. */
export const historySchema = z.object({
  branch: z.string().describe('The branch that they are runs of.'),
  runs: z.int().describe('How many earlier runs it is compared with.'),
  changes: z
    .array(
      z.object({
        instance: z.string(),
        change: z.enum(['newly-failing', 'still-failing', 'fixed']).nullable(),
        flaky: z.boolean().describe('Whether it passes in some of the runs and fails in others.'),
        failingSince: runSchema.describe('The first earlier run of those in a row in which it failed.'),
        lastPassed: runSchema.describe('The last earlier run in which it passed.'),
      }),
    )
    .describe('Instances whose outcome is another than before, or that fail, or are flaky.'),
  slower: z
    .array(
      z.object({
        instance: z.string(),
        time: z.number().describe('Milliseconds.'),
        usual: z.number().describe('The median of the earlier runs.'),
      }),
    )
    .describe('Instances that ran longer than earlier runs allow for.'),
});

export type ReportedHistory = z.infer<typeof historySchema>;

export function reportedHistory({ branch, runs, changes, slower }: ShownHistory): ReportedHistory {
  const run = (record: HistoryRecord | null) =>
    record && { commit: record.run.commit, url: record.run.url, ended: isoTime(record.ended) };
  return {
    ...{ branch, runs },
    changes: changes
      .filter(({ change, isFlaky }) => change !== null || isFlaky)
      .map(({ name, change, isFlaky, failingSince, lastPassed }) => ({
        ...{ instance: name, change, flaky: isFlaky },
        ...{ failingSince: run(failingSince), lastPassed: run(lastPassed) },
      })),
    slower: slower.map(({ name, time, usual }) => ({ instance: name, time, usual })),
  };
}

export type ReportedMetric = z.infer<typeof metricSchema>;

export function reportedMetric({ metric, step, verdict, judgement }: MetricRow): ReportedMetric {
  const { value, reference, low, high, severity, reason, line } = verdict;
  return {
    ...{ metric: metric.name, instance: step.name, unit: metric.unit, better: metric.better },
    ...{ value, reference, low, high, verdict: verdict.verdict, severity, reason, line },
    history: judgement && {
      ...{ runs: judgement.runs, verdict: judgement.verdict, median: judgement.median },
      ...{ change: judgement.change, limit: judgement.limit },
    },
  };
}

/** The rows that a report was written from, but for those of instances that it does not have. */
export function metricRows(
  reported: readonly ReportedMetric[],
  steps: readonly {
    readonly name: string;
    readonly step?: string | undefined;
    readonly params?: MetricRow['step']['params'] | undefined;
  }[],
): MetricRow[] {
  const known = new Map(steps.map(({ name, step = name, params = {} }) => [name, { name, step, params }]));
  return reported.flatMap((one): MetricRow[] => {
    const step = known.get(one.instance);
    const { metric, unit, better, value, reference, low, high, verdict, severity, reason, line, history } = one;
    if (step === undefined) return [];
    const judgement = history && { ...history, name: step.name, now: value ?? 0 };
    const judged = { value, reference, low, high, verdict, severity, reason, line };
    return [{ metric: { name: metric, unit, better }, step, verdict: judged, judgement }];
  });
}

import type { Comparison } from './comparison.js';
import { graphSection, timelineSection } from './mermaid.js';
import type { StudyResults } from './results.js';
import { flakyMarkdown, nodeHoursMarkdown, patternMarkdown, suspectsMarkdown } from './summary/causes.js';
import { comparisonMarkdown } from './summary/comparison.js';
import { failures } from './summary/failures.js';
import { arrange, firstFitting, type Section } from './summary/fit.js';
import { historyMarkdown } from './summary/history.js';
import { metricsMarkdown } from './summary/metrics.js';
import { outcome, resuming } from './summary/outcome.js';
import { parameterTables, stepTables } from './summary/tables.js';

/** GitHub drops a summary of more than 1 MiB altogether; the rest is for other steps of the job. */
export const MAX_SUMMARY_BYTES = 900 * 1024;

/** What a summary can say besides the results. */
export interface SummaryExtras {
  /** With the baseline, if there is one. */
  readonly comparison?: Comparison | undefined;
  /** Whether the study counts as neutral, so that GitHub offers no re-run of failed jobs. */
  readonly isNeutral?: boolean;
  /** What a person does to continue the study, as a clause on one line; by default what is so on GitHub and elsewhere. */
  readonly resume?: string | undefined;
}

/**
 * The job summary, as Markdown: the outcome and whose fault it was, what the failures have in common, the failures with the
 * end of their stderr, what is new, the step graph, the timeline, tables, and how to continue. It is never larger than `MAX_SUMMARY_BYTES`: details are shortened or left out first.
 */
export function summaryMarkdown(results: StudyResults, extras: SummaryExtras = {}): string {
  const { comparison, isNeutral = false, resume } = extras;
  const fixed = (name: string, rank: number, text: () => string): Section => ({ name, rank, render: text });
  const sections: Section[] = [
    fixed('the outcome', 1, () => outcome(results)),
    fixed('what the failures have in common', 2, () => patternMarkdown(results)),
    { name: 'suspect nodes', rank: 3, most: 50 * 1024, render: (bytes) => suspectsMarkdown(results, bytes) },
    { name: 'the failures', rank: 4, most: 500 * 1024, render: (bytes) => failures(results, bytes) },
    { name: 'flaky steps', rank: 4, most: 50 * 1024, render: (bytes) => flakyMarkdown(results, bytes) },
    {
      name: 'what is new',
      rank: 3,
      most: 200 * 1024,
      render: (bytes) => firstFitting(bytes, ...[20, 5, 0].map((most) => () => comparisonMarkdown(comparison, most))),
    },
    historySection(results, { rank: 3, most: 100 * 1024 }),
    metricsSection(results, { rank: 4, most: 200 * 1024 }),
    fixed('the step graph', 5, () => graphSection(results)),
    fixed('the timeline', 8, () => timelineSection(results)),
    { name: 'the parameters', rank: 6, most: 300 * 1024, render: (bytes) => parameterTables(results, bytes) },
    { name: 'the steps', rank: 7, render: (bytes) => stepTables(results, bytes) },
    { name: 'node-hours', rank: 9, most: 50 * 1024, render: (bytes) => nodeHoursMarkdown(results, bytes) },
    fixed('how to continue', 2, () => resuming(results, resume, isNeutral)),
  ];
  return arrange(sections, MAX_SUMMARY_BYTES);
}

/**
 * The beginning of the job summary, for places that have less room: the outcome, the failures, what is new and the metrics that
 * moved, in at most so many bytes.
 */
export function summaryBeginning(results: StudyResults, bytes: number): string {
  const sections: Section[] = [
    { name: 'the outcome', rank: 1, render: () => outcome(results) },
    { name: 'the failures', rank: 3, render: (room) => failures(results, room) },
    historySection(results, { rank: 2, most: bytes / 4 }),
    metricsSection(results, { rank: 2, most: bytes / 4 }),
  ];
  return arrange(sections, bytes).trimEnd();
}

type Room = Pick<Section, 'rank' | 'most'>;

function historySection({ history }: StudyResults, room: Room): Section {
  const render = (bytes: number) =>
    history === undefined ? '' : firstFitting(bytes, ...[20, 5, 0].map((most) => () => historyMarkdown(history, most)));
  return { name: 'what earlier runs say', ...room, render };
}

function metricsSection({ metrics = [] }: StudyResults, room: Room): Section {
  return { name: 'the metrics', ...room, render: (bytes) => metricsMarkdown(metrics, bytes) };
}

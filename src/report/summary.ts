import type { Comparison } from './comparison.js';
import { graphSection, timelineSection } from './mermaid.js';
import type { StudyResults } from './results.js';
import { comparisonMarkdown } from './summary/comparison.js';
import { failures } from './summary/failures.js';
import { arrange, firstFitting, type Section } from './summary/fit.js';
import { outcome, resuming } from './summary/outcome.js';
import { parameterTables, stepTables } from './summary/tables.js';

/** GitHub drops a summary of more than 1 MiB altogether; the rest is for other steps of the job. */
export const MAX_SUMMARY_BYTES = 900 * 1024;

/** What a summary can say besides the results. */
export interface SummaryExtras {
  /** With the baseline, if there is one. */
  readonly comparison?: Comparison | undefined;
  /** What a person does to continue the study, as a clause on one line; by default what is so on GitHub and elsewhere. */
  readonly resume?: string | undefined;
}

/**
 * The job summary, as Markdown: the outcome, the failures with the end of their stderr, what is new, the step graph, the
 * timeline, tables, and how to continue. It is never larger than `MAX_SUMMARY_BYTES`: details are shortened or left out first.
 */
export function summaryMarkdown(results: StudyResults, extras: SummaryExtras = {}): string {
  const { comparison, resume } = extras;
  const fixed = (name: string, rank: number, text: () => string): Section => ({ name, rank, render: text });
  const sections: Section[] = [
    fixed('the outcome', 1, () => outcome(results)),
    { name: 'the failures', rank: 4, most: 500 * 1024, render: (bytes) => failures(results, bytes) },
    {
      name: 'what is new',
      rank: 3,
      most: 200 * 1024,
      render: (bytes) =>
        comparison === undefined
          ? ''
          : firstFitting(bytes, ...[20, 5, 0].map((most) => () => comparisonMarkdown(comparison, most))),
    },
    fixed('the step graph', 5, () => graphSection(results)),
    fixed('the timeline', 8, () => timelineSection(results)),
    { name: 'the parameters', rank: 6, most: 300 * 1024, render: (bytes) => parameterTables(results, bytes) },
    { name: 'the steps', rank: 7, render: (bytes) => stepTables(results, bytes) },
    fixed('how to continue', 2, () => resuming(results, resume)),
  ];
  return arrange(sections, MAX_SUMMARY_BYTES);
}

/** The beginning of the job summary, for places that have less room: the outcome and the failures, in at most so many bytes. */
export function summaryBeginning(results: StudyResults, bytes: number): string {
  const sections: Section[] = [
    { name: 'the outcome', rank: 1, render: () => outcome(results) },
    { name: 'the failures', rank: 2, render: (room) => failures(results, room) },
  ];
  return arrange(sections, bytes).trimEnd();
}

import { shortDuration, someOf } from '../../util/format.js';
import { countsText, failuresOf, sortedBy } from '../attention.js';
import { folded, inline } from '../markdown.js';
import { failures } from '../summary/failures.js';
import { arrange, firstFitting, fittingLines, type Section } from '../summary/fit.js';
import { isNews, metricsMarkdown } from '../summary/metrics.js';
import { marks, short, shortCode } from '../summary/outcome.js';
import { cell, mostOpen, type Row, tableText } from '../summary/tables.js';
import { MAX_SUMMARY_BYTES } from '../summary.js';
import {
  emptinessOf,
  type Leg,
  legStatus,
  legsText,
  type MergedResults,
  type MergedRow,
  mergedWarnings,
  rowRank,
  shownStatus,
} from './merge.js';

/** Machines side by side: more of them are in report.html. */
const mostMachines = 40;
/** The stderr of the failures of so many machines is shown. */
const mostFailing = 10;

/** The job summary of a merged result, as Markdown: the outcome, the machines, the grid of steps and machines, the failures. */
export function mergedSummary(merged: MergedResults, bytes = MAX_SUMMARY_BYTES): string {
  const failing = merged.legs.filter(({ results }) => failuresOf(results?.steps ?? []).length > 0);
  const moved = merged.legs.filter(({ results }) => results?.metrics?.some(isNews));
  const sections: Section[] = [
    { name: 'the outcome', rank: 1, render: () => outcomeOf(merged) },
    { name: 'whose fault it was', rank: 1, most: 10 * 1024, render: (bytes) => causesOf(merged, bytes) },
    { name: 'the machines', rank: 2, most: 100 * 1024, render: (bytes) => machinesTable(merged, bytes) },
    { name: 'the steps', rank: 3, most: 400 * 1024, render: (bytes) => grid(merged, bytes) },
    ...moved.slice(0, mostFailing).map(({ name, results }): Section => {
      const what = `metrics on ${short(name)}`;
      const render = (bytes: number) => metricsMarkdown(results!.metrics!, bytes, `M${what.slice(1)}`);
      return { name: `the ${what}`, rank: 2, most: 20 * 1024, render };
    }),
    ...failing.slice(0, mostFailing).map(({ name, results }, i): Section => {
      const title = `Failures on ${short(name)}`;
      return {
        name: `the failures on ${short(name)}`,
        rank: 4 + i,
        most: 100 * 1024,
        render: (bytes) => failures(results!, bytes, title),
      };
    }),
    {
      name: 'other failures',
      rank: 4 + mostFailing,
      render: () =>
        [elsewhere('Steps failed', failing), elsewhere('Metrics moved', moved)]
          .filter((text) => text !== '')
          .join('\n\n'),
    },
  ];
  return arrange(sections, bytes);
}

/** On which machines it is so, too, whose own sections are left out; '' if on none. */
function elsewhere(what: string, legs: readonly Leg[]): string {
  const names = legs.slice(mostFailing).map(({ name }) => short(name));
  return names.length === 0 ? '' : `${what} on ${someOf(names, 20)}, too: report.html has them.`;
}

/** `hello on 3 machines: 1 FAILURE, 2 FINISHED`; without markup. */
export function mergedTitle(merged: MergedResults): string {
  const { studies } = merged;
  return `${studies.length === 0 ? '' : `${someOf(studies, 3)} on `}${legsText(merged)}`;
}

function outcomeOf(merged: MergedResults): string {
  const empty = emptinessOf(merged);
  const lines = [
    ...(empty === '' ? [] : [`It is no success that ${empty}.`]),
    ...mergedWarnings(merged).map((line) => `${line}.`),
  ];
  return [`## ${marks[merged.status]} ${short(mergedTitle(merged))}`, ...lines.map((line) => `⚠️ ${short(line)}`)].join(
    '\n\n',
  );
}

/** Whose fault it was, on each machine on which something went wrong. */
function causesOf({ legs }: MergedResults, bytes: number): string | undefined {
  const lines = legs.flatMap(({ name, results }) => {
    const cause = results?.causeLine ?? '';
    return cause === '' ? [] : [`- ${shortCode(name)}: **${inline(cause)}**`];
  });
  return fittingLines(bytes, lines, lines.length, (count) => `- and ${count} more`);
}

function machinesTable({ legs }: MergedResults, bytes: number): string | undefined {
  const rows = legs.map((leg): Row => {
    const { name, results } = leg;
    const status = legStatus(leg);
    const told =
      results === undefined
        ? ['', '', '']
        : [countsText(results.steps), shortDuration(results.ended - results.started), short(results.host)];
    const cause = results?.blame == null ? '' : ` (${results.blame.cause})`;
    const cells = [shortCode(name), `${marks[status]} ${shownStatus(status)}${cause}`, ...told];
    return { rank: legRank(leg), cells: () => cells };
  });
  return tableText(['Machine', 'Status', 'Steps', 'Time', 'Host'], rows, bytes);
}

const legRank = (leg: Leg) => ['FAILURE', 'CANCELLED', 'INTERRUPTED', 'NOTRUN'].indexOf(legStatus(leg)) >>> 0;

/** A row for each instance, those that need attention first, a column for each machine. */
function grid({ legs, rows }: MergedResults, bytes: number): string | undefined {
  if (rows.length === 0) return '';
  const chosen = sortedBy([...legs.keys()], (i) => legRank(legs[i]!)).slice(0, mostMachines);
  const columns = chosen.toSorted((a, b) => a - b);
  const header = ['Step', ...columns.map((i) => short(legs[i]!.name))];
  const lines = sortedBy(rows, rowRank).map(
    (row): Row => ({ rank: rowRank(row), cells: () => rowCells(row, columns) }),
  );
  const begin = `### Steps${columns.length < legs.length ? ` on ${columns.length} of the machines` : ''}\n\n`;
  const table = tableText(header, lines, bytes - Buffer.byteLength(begin) - 100);
  if (table === undefined) return firstFitting(bytes, () => `${begin}The table does not fit here; report.html has it.`);
  return `${begin}${rows.length > mostOpen ? folded(`${rows.length} steps`, table) : table}`;
}

function rowCells({ name, cells }: MergedRow, columns: readonly number[]): string[] {
  return [
    shortCode(name),
    ...columns.map((i) => {
      const result = cells[i];
      return result === undefined ? '' : cell([result]);
    }),
  ];
}

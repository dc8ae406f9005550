import { shortDuration, someOf } from '../../util/format.js';
import { countsText, failuresOf, sortedBy } from '../attention.js';
import { folded } from '../markdown.js';
import { failures } from '../summary/failures.js';
import { arrange, firstFitting, type Section } from '../summary/fit.js';
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
  const sections: Section[] = [
    { name: 'the outcome', rank: 1, render: () => outcomeOf(merged) },
    { name: 'the machines', rank: 2, most: 100 * 1024, render: (bytes) => machinesTable(merged, bytes) },
    { name: 'the steps', rank: 3, most: 400 * 1024, render: (bytes) => grid(merged, bytes) },
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
      render: () => {
        const names = failing.slice(mostFailing).map(({ name }) => short(name));
        return names.length === 0 ? '' : `Steps failed on ${someOf(names, 20)}, too: report.html has them.`;
      },
    },
  ];
  return arrange(sections, bytes);
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

function machinesTable({ legs }: MergedResults, bytes: number): string | undefined {
  const rows = legs.map((leg): Row => {
    const { name, results } = leg;
    const status = legStatus(leg);
    const told =
      results === undefined
        ? ['', '', '']
        : [countsText(results.steps), shortDuration(results.ended - results.started), short(results.host)];
    const cells = [shortCode(name), `${marks[status]} ${shownStatus(status)}`, ...told];
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

import { hasFailed, isFailure, isSkipped, lastJob, type StepRecord, shownState } from '../../study/state.js';
import { shortDuration, someOf } from '../../util/format.js';
import { groupBy } from '../../util/group-by.js';
import { median } from '../../util/median.js';
import { attentionRank, sortedBy } from '../attention.js';
import { folded, markdownTable } from '../markdown.js';
import { byStep, reasonOf, type StepResult, type StudyResults } from '../results.js';
import { runTime, runTimeText } from '../run-time.js';
import { fittingLines } from './fit.js';
import { short, shortCode } from './outcome.js';

/** A longer table is folded, so that what is below it is found. */
export const mostOpen = 40;
const mostRows = 500;
/** Steps side by side. */
const mostColumns = 12;

/**
 * The instances by the values of their parameters: a table for all steps that use the same parameters, a row for each
 * combination, a column for each step. '' if no step uses any.
 */
export function parameterTables({ steps }: StudyResults, bytes: number): string | undefined {
  const used = steps.filter(({ step }) => Object.keys(step.params).length > 0);
  if (used.length === 0) return '';
  const groups = groupBy(used, ({ step }) => JSON.stringify(Object.keys(step.params)));
  let text = '### Parameters';
  let isFirst = true;
  for (const group of groups.values()) {
    const table = parameterTable(group, bytes - Buffer.byteLength(text + restElsewhere) - 2);
    if (table === undefined) return isFirst ? undefined : `${text}${restElsewhere}`;
    text += `\n\n${table}`;
    isFirst = false;
  }
  return text;
}

const restElsewhere = '\n\nOther parameters are in report.json.';

function parameterTable(group: readonly StepResult[], bytes: number): string | undefined {
  const keys = Object.keys(group[0]!.step.params);
  const steps = byStep(group);
  const all = [...steps.keys()];
  const kept = new Set(sortedBy(all, (name) => rankOf(steps.get(name)!)).slice(0, mostColumns));
  const columns = all.filter((name) => kept.has(name));
  const combinations = groupBy(group, ({ step }) => JSON.stringify(Object.values(step.params)));
  const rows = [...combinations.values()].map((instances) => ({
    rank: rankOf(instances),
    cells: () => [
      ...keys.map((key) => shortCode(instances[0]!.step.params[key]!)),
      ...columns.map((name) => cell(instances.filter(({ step }) => step.step === name))),
    ],
  }));
  const others = all.filter((name) => !kept.has(name));
  const wide = others.length === 0 ? '' : `The steps ${others.map(short).join(', ')} are below.`;
  const table = tableText([...keys.map(short), ...columns.map(short)], rows, bytes - Buffer.byteLength(wide) - 100);
  if (table === undefined) return undefined;
  const whole = rows.length > mostOpen ? folded(`By ${keys.map(short).join(', ')}: ${rows.length} rows`, table) : table;
  return wide === '' ? whole : `${whole}\n\n${wide}`;
}

/** Labels that are equal are those of one instance, so there is mostly one for each cell. */
export function cell(instances: readonly StepResult[]): string {
  return instances
    .map((result) => `${mark(result.record)}${stateWord(result.record)} ${runTimeText(result)}`.trim())
    .join(', ');
}

/** Whether it is FINISHED is seen by the mark. */
const stateWord = (record: StepRecord) => (record.state === 'FINISHED' ? '' : ` ${shownState(record)}`);

function mark(record: StepRecord): string {
  const { state, tolerated } = record;
  if (isSkipped(record)) return '⏭️';
  if (state === 'FINISHED') return '✅';
  if (isFailure(state)) return tolerated ? '⚠️' : '❌';
  return state === 'CANCELLED' ? '🚫' : '⏸️';
}

/** A line for each instance; of a big study one for each step first, and the instances folded. */
export function stepTables({ steps }: StudyResults, bytes: number): string | undefined {
  const begin = '### Steps\n\n';
  // Of results that all finished, the columns would be empty.
  const hasCauses = steps.some(({ blame }) => blame != null);
  const header = [
    'Step',
    'State',
    ...(hasCauses ? ['Cause'] : []),
    'Time',
    'Restarts',
    ...(hasCauses ? ['Nodes'] : []),
    'Reason',
  ];
  const rows = steps.map((result) => {
    const { step, record, blame } = result;
    const cells = () => {
      const reason = short(reasonOf(record));
      return [
        shortCode(step.name),
        shownState(record),
        ...(hasCauses ? [blame?.cause ?? ''] : []),
        runTimeText(result),
        String(record.restarts),
        ...(hasCauses ? [nodesText(result)] : []),
        reason,
      ];
    };
    return { rank: attentionRank(record), cells };
  });
  if (steps.length <= mostOpen) return prefixed(begin, tableText(header, rows, bytes - begin.length));
  const overview = tableText(...overviewOf(steps), bytes - begin.length);
  if (overview === undefined) return undefined;
  const room = bytes - Buffer.byteLength(begin + overview) - 100;
  const instances = tableText(header, rows, room);
  return `${begin}${overview}${instances === undefined ? '' : `\n\n${folded(`${steps.length} instances`, instances)}`}`;
}

/** The nodes of the last job of a step that failed in the batch system. */
const nodesText = ({ step, record }: StepResult) =>
  step.scheduled && hasFailed(record) ? someOf((lastJob(record)?.nodes ?? []).map(short), 3) : '';

function overviewOf(steps: readonly StepResult[]): [header: string[], rows: Row[]] {
  return [
    ['Step', 'Instances', 'Finished', 'Failed', 'Skipped', 'Cancelled', 'Other', 'Median time'],
    [...byStep(steps)].map(([name, group]) => {
      const count = (is: (record: StepRecord) => boolean) => group.filter(({ record }) => is(record)).length;
      const finished = count(({ state }) => state === 'FINISHED');
      const failed = count(hasFailed);
      const skipped = count(isSkipped);
      const cancelled = count((record) => shownState(record) === 'CANCELLED');
      const other = group.length - finished - failed - skipped - cancelled;
      const times = group.flatMap((result) => runTime(result) ?? []);
      const cells = [
        shortCode(name),
        ...[group.length, finished, failed, skipped, cancelled, other].map(String),
        times.length === 0 ? '' : shortDuration(median(times)),
      ];
      return { rank: rankOf(group), cells: () => cells };
    }),
  ];
}

/** A row of a table, and its rank if not all rows fit: rows that need attention are kept. */
export interface Row {
  readonly rank: number;
  /** Made for the rows that are shown only. */
  readonly cells: () => readonly string[];
}

const rankOf = (results: readonly StepResult[]) =>
  results.reduce((least, { record }) => Math.min(least, attentionRank(record)), Number.POSITIVE_INFINITY);

export function tableText(header: readonly string[], rows: readonly Row[], bytes: number): string | undefined {
  const text = (shown: readonly Row[]) =>
    markdownTable(
      header,
      shown.map(({ cells }) => cells()),
    );
  const whole = rows.length <= mostRows ? text(rows) : undefined;
  if (whole !== undefined && Buffer.byteLength(whole) <= bytes) return whole;
  const lines = text(sortedBy(rows, ({ rank }) => rank).slice(0, mostRows)).split('\n');
  const head = lines.slice(0, 2).join('\n');
  const more = (count: number) => `\nAnd ${count} more; all are in report.json.`;
  return prefixed(`${head}\n`, fittingLines(bytes - Buffer.byteLength(head) - 1, lines.slice(2), rows.length, more));
}

function prefixed(prefix: string, text: string | undefined): string | undefined {
  return text === undefined ? undefined : prefix + text;
}

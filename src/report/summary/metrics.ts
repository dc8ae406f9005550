import { numberText } from '../../metrics/verdict.js';
import { counted } from '../../util/format.js';
import { comparedWith, type MetricRow, unitSuffix } from '../metrics/rows.js';
import { short, shortCode } from './outcome.js';
import { type Row, tableText } from './tables.js';

/** What a verdict looks like, in the order of attention. */
const marks: Readonly<Record<MetricRow['verdict']['verdict'], string>> = {
  worse: '❌ worse',
  outside: '❌ out of bounds',
  unreadable: '❌ not readable',
  missing: '❌ missing',
  unread: '⚠️ not read',
  moved: '↕️ moved',
  better: '💚 better',
  ok: '✅ as expected',
  recorded: '✅ recorded',
};
const order = Object.keys(marks);

/**
 * The metrics that are not as they were expected to be, or were, and how many are: a section of a summary. '' if the study
 * has none.
 *
 * @param title Markdown
 */
export function metricsMarkdown(rows: readonly MetricRow[], bytes: number, title = 'Metrics'): string | undefined {
  if (rows.length === 0) return '';
  const moved = rows.filter(isNews);
  const quiet = rows.length - moved.length;
  const rest =
    quiet === 0 ? '' : ` ${counted(quiet, 'value')} ${quiet === 1 ? 'is' : 'are'} as expected, or only recorded.`;
  const begin = `### ${title}\n\n${comparedWith(rows)}.${rest}`;
  if (moved.length === 0) return begin;
  const room = bytes - Buffer.byteLength(begin) - 2;
  const table = tableText(['Instance', 'Metric', 'Value', 'Verdict', 'Why'], moved.map(rowOf), room);
  return table === undefined ? undefined : `${begin}\n\n${table}`;
}

/** Whether there is something to say of a metric: one that may be missing, and is, is no news. */
export function isNews({ verdict: { verdict, severity } }: MetricRow): boolean {
  return verdict !== 'ok' && verdict !== 'recorded' && !(verdict === 'missing' && severity === 'none');
}

function rowOf({ metric, step, verdict }: MetricRow): Row {
  const { value, severity, reason } = verdict;
  const isWarning = severity === 'warning';
  const mark = isWarning ? marks[verdict.verdict].replace('❌', '⚠️') : marks[verdict.verdict];
  return {
    rank: order.indexOf(verdict.verdict) + (isWarning ? order.length : 0),
    cells: () => [
      shortCode(step.name),
      short(metric.name),
      value === null ? '' : short(`${numberText(value)}${unitSuffix(metric)}`),
      mark,
      short(reason),
    ],
  };
}

import { countsText, failuresOf } from '../report/attention.js';
import { nodeHoursText } from '../report/cause-texts.js';
import { outcomeLine } from '../report/final-table.js';
import { code, inline, markdownTable, preformatted } from '../report/markdown.js';
import { comparedWith } from '../report/metrics/rows.js';
import { lastWords, reasonOf, type StepResult, type StudyResults } from '../report/results.js';
import { runTimeText } from '../report/run-time.js';
import { flakyMarkdown, patternMarkdown, suspectsMarkdown } from '../report/summary/causes.js';
import { isFailure, type ShownState, type StudyStatus, shownState } from '../study/state.js';
import { shortDuration } from '../util/format.js';
import { oneLine } from '../util/log/plain-text.js';
import { limits } from './annotations.js';
import { firstBytes, firstLines } from './bytes.js';

/** What a check run's page says. Title without markup, the others in Markdown. */
export interface CheckOutput {
  readonly title: string;
  readonly summary: string;
  readonly text?: string;
}

/** How many steps are in each state. */
export type Counts = ReadonlyMap<ShownState, number>;

export type Conclusion = 'success' | 'failure' | 'neutral' | 'cancelled' | 'timed_out';

/** Nothing that has not been run to its end lets a required check pass. */
export const conclusions: Readonly<Record<StudyStatus, Conclusion>> = {
  FINISHED: 'success',
  DRYRUN: 'success',
  FAILURE: 'failure',
  CANCELLED: 'cancelled',
  INTERRUPTED: 'timed_out',
};

/** What people see while the study runs. */
export function runningOutput(counts: Counts, runUrl: string): CheckOutput {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const finished = counts.get('FINISHED') ?? 0;
  const running = (counts.get('RUNNING') ?? 0) + (counts.get('FINISHING') ?? 0);
  const skipped = counts.get('SKIPPED') ?? 0;
  const failed = [...counts].reduce((sum, [state, count]) => (isFailure(state) ? sum + count : sum), 0);
  const title =
    total === 0
      ? 'The study is starting'
      : `${finished} of ${total} finished${running > 0 ? `, ${running} running` : ''}${failed > 0 ? `, ${failed} failed` : ''}${skipped > 0 ? `, ${skipped} skipped` : ''}`;
  const rows = [...counts].filter(([, count]) => count > 0).map(([state, count]) => [state, String(count)]);
  const table = rows.length === 0 ? '' : `${markdownTable(['State', 'Steps'], rows)}\n\n`;
  return { title, summary: `${table}[The run's log](${runUrl}) has more. This page is updated less and less often.` };
}

/** What people see of a study that runs detached. @param where it is, in Markdown */
export function detachedOutput(where: string, runUrl: string): CheckOutput {
  return {
    title: 'The study runs detached',
    summary: `${where}\n\n[The run that started it](${runUrl}) is over. A run with \`command: collect\` updates this, and completes it once the study is over.`,
  };
}

/** What people see in the end. */
export interface FinalNotes {
  /** The comparison with an earlier run, in Markdown; '' for none. */
  readonly comparison: string;
  /** What was cut elsewhere, in sentences. */
  readonly cut: readonly string[];
  /** Whether the conclusion is `neutral` although the study did not finish. */
  readonly isNeutral?: boolean;
}

const neutralNote =
  'The check is neutral, because only the infrastructure is to blame; GitHub counts that as passed. Use “Re-run all jobs” of the run to run what has not finished.';

/** So much of a check run's summary suspect nodes may have, and flaky steps. */
const MOST_NAMES_BYTES = 10_000;

/**
 * The outcome, and in the text the comparison, the failures and all steps; if that does not fit, the comparison and the
 * failures; then what fits of those, trimmed at a line.
 */
export function finalOutput(
  results: StudyResults,
  runUrl: string,
  { comparison, cut, isNeutral = false }: FinalNotes,
): CheckOutput {
  const failed = failuresOf(results.steps);
  const { text, cut: more } = textOf(results, failed, comparison);
  const { path, host, spec, causeLine, interruption, fluxUri, metrics = [] } = results;
  const hours = nodeHoursText(results);
  const summary = [
    ...(causeLine === '' ? [] : [`**${inline(causeLine)}**`]),
    `${inline(outcomeLine(results))}${hours && `; ${hours}`}.`,
    ...(metrics.length === 0 ? [] : [`${comparedWith(metrics)}.`]),
    ...(isNeutral ? [neutralNote] : []),
    ...(interruption === ''
      ? []
      : ['It can be continued: re-run this job, or run the workflow again with the same `study-key`.']),
    `Spec ${code(spec)}, study directory ${code(path)} on ${inline(host)}${fluxUri === null ? '' : `, Flux broker ${code(fluxUri)}`}. [The run](${runUrl}) has the job summary and the log.`,
    ...[...cut, ...more].map((sentence) => `_${inline(sentence)}_`),
    ...[
      patternMarkdown(results),
      suspectsMarkdown(results, MOST_NAMES_BYTES),
      flakyMarkdown(results, MOST_NAMES_BYTES),
    ].filter((section) => section !== undefined && section !== ''),
  ].join('\n\n');
  return {
    title: firstBytes(titleOf(results), limits.title),
    summary: firstLines(summary, limits.output, '_The rest does not fit here._'),
    ...(text === '' ? {} : { text: firstLines(text, limits.output, '') }),
  };
}

function titleOf({ steps, started, ended, status }: StudyResults): string {
  const time = shortDuration(ended - started);
  const words: Readonly<Record<StudyStatus, string>> = {
    FINISHED: 'Finished',
    DRYRUN: 'Dry run',
    FAILURE: 'Failed',
    CANCELLED: 'Cancelled',
    INTERRUPTED: 'Stopped before its end',
  };
  return oneLine(`${words[status]} in ${time}: ${countsText(steps)}`);
}

function textOf(
  { steps }: StudyResults,
  failed: readonly StepResult[],
  comparison: string,
): { readonly text: string; readonly cut: readonly string[] } {
  const compared = comparison === '' ? [] : [comparison.trimEnd()];
  // A long comparison must not leave the failures without room.
  const isLong = Buffer.byteLength(comparison) > limits.output / 4;
  const parts = isLong ? [...failureParts(failed), ...compared] : [...compared, ...failureParts(failed)];
  const all = [...parts, stepsOf(steps)].join('\n\n');
  if (Buffer.byteLength(all) <= limits.output) return { text: all, cut: [] };
  const failures = parts.join('\n\n');
  const noTable = 'The table of all steps does not fit here; the job summary and report.json have it.';
  if (Buffer.byteLength(failures) <= limits.output) return { text: failures, cut: [noTable] };
  return {
    text: trimmed(parts),
    cut: [noTable, 'Not all failures fit here; the job summary and report.json have them.'],
  };
}

/** Whole parts, as many as fit: half a block would swallow what follows. Of a first one that is too long, its first lines. */
function trimmed(parts: readonly string[]): string {
  const note = '_The rest does not fit here._';
  const most = limits.output - Buffer.byteLength(note) - 2;
  let text = '';
  for (const part of parts) {
    const longer = text === '' ? part : `${text}\n\n${part}`;
    if (Buffer.byteLength(longer) > most) break;
    text = longer;
  }
  return text === '' ? firstLines(parts[0] ?? '', limits.output, note) : `${text}\n\n${note}`;
}

function failureParts(failed: readonly StepResult[]): string[] {
  if (failed.length === 0) return [];
  return ['### Failures', ...failed.map(failureOf)];
}

function failureOf(result: StepResult): string {
  const { step, record, errorTail } = result;
  const title = `<b>${inline(step.name)}</b> ${inline(reasonOf(record))} (line ${step.at.line})`;
  const tail = errorTail ? preformatted(errorTail) : `<p>${inline(lastWords(result))}</p>`;
  return `<details><summary>${title}</summary>\n${tail}\n</details>`;
}

function stepsOf(steps: readonly StepResult[]): string {
  // Of a study that finished the column would be empty.
  const hasCauses = steps.some(({ blame }) => blame != null);
  const rows = steps.map((result) => {
    const { step, record, blame } = result;
    const cause = hasCauses ? [blame?.cause ?? ''] : [];
    return [code(step.name), shownState(record), ...cause, runTimeText(result), inline(reasonOf(record))];
  });
  const header = ['Step', 'State', ...(hasCauses ? ['Cause'] : []), 'Time', 'Reason'];
  return `### Steps\n\n${markdownTable(header, rows)}`;
}

/** What people see of a study that could not be run. */
export function cannotRunOutput(reasons: readonly string[], runUrl: string, cut: readonly string[]): CheckOutput {
  const lines = [
    ...reasons.map((reason) => `- ${inline(reason)}`),
    ...cut.map((sentence) => `\n_${inline(sentence)}_`),
  ];
  const first = oneLine(reasons[0] ?? '');
  return {
    title: firstBytes(`The study cannot be run${first === '' ? '' : `: ${first}`}`, limits.title),
    summary: firstLines(
      `The study cannot be run ([log](${runUrl})):\n\n${lines.join('\n')}`,
      limits.output,
      '_The rest does not fit here._',
    ),
  };
}

/** What people see of a study whose driver was killed. */
export function stoppedOutput(runUrl: string): CheckOutput {
  return {
    title: 'Stopped before its end: the job was killed',
    summary: `The state of the study is not known. It can be continued: re-run this job, or run the workflow again with the same \`study-key\`. [The run's log](${runUrl}) may have more.`,
  };
}

import { isFailure, type StudyStatus } from '../conductor/state.js';
import { countStates, runTime } from './final-table.js';
import { code, inline, markdownTable, preformatted } from './markdown.js';
import { failedItself, lastWords, reasonOf, type StepResult, type StudyResults } from './results.js';
import { shortDuration } from './time.js';

/** GitHub drops a summary over 1 MiB whole; the rest is left to what other steps of the job write. */
export const largestSummary = 900 * 1024;

const mostFailures = 50;
const mostRows = 500;

const marks: Readonly<Record<StudyStatus, string>> = {
  FINISHED: '✅',
  DRYRUN: '✅',
  FAILURE: '❌',
  CANCELLED: '🚫',
  INTERRUPTED: '⏸️',
};

/** The job summary: the outcome, the failures with the end of their stderr, then every step. */
export function summaryMarkdown(results: StudyResults): string {
  const parts = [heading(results), ...failures(results), stepTable(results)];
  let text = '';
  for (const part of parts) {
    if (Buffer.byteLength(text) + Buffer.byteLength(part) > largestSummary) {
      return `${text}_What does not fit here is in report.json._\n`;
    }
    text += `${part}\n\n`;
  }
  return text;
}

function heading(results: StudyResults): string {
  const { name, status, interruption, steps, started, ended, path, host, spec, fluxUri } = results;
  const counts = [...countStates(steps.map(({ record }) => record.state))].map(
    ([state, count]) => `${count} ${state.toLowerCase()}`,
  );
  return [
    `## ${marks[status]} ${inline(name)}: ${status}`,
    '',
    `${steps.length} step${steps.length === 1 ? '' : 's'} in ${shortDuration(ended - started)}: ${counts.join(', ')}.`,
    ...(interruption === '' ? [] : [`It stopped before its end: ${inline(interruption)}.`]),
    `Spec ${code(spec)}, study directory ${code(path)} on ${inline(host)}${fluxUri === null ? '' : `, Flux broker ${code(fluxUri)}`}.`,
  ].join('\n');
}

function failures({ steps }: StudyResults): string[] {
  const failed = steps.filter(failedItself);
  const notRun = steps.filter(({ record }) => isFailure(record.state)).length - failed.length;
  if (failed.length === 0) return [];
  const more = failed.length - mostFailures;
  return [
    '### Failures',
    ...failed.slice(0, mostFailures).map(failure),
    ...(more > 0 ? [`And ${more} more.`] : []),
    ...(notRun > 0 ? [`${notRun} more did not run because of these.`] : []),
  ];
}

function failure(result: StepResult): string {
  const { step, record, outputs, errorTail } = result;
  const words = lastWords(result);
  const title = `<b>${inline(step.name)}</b> ${inline(reasonOf(record))}`;
  const tail = errorTail ? preformatted(errorTail) : `<p>${words[0]!.toUpperCase()}${words.slice(1)}.</p>`;
  const file = outputs === null ? '' : `<p>${code(outputs.stderr)}</p>`;
  return `<details><summary>${title} (line ${step.at.line})</summary>\n${file}${tail}\n</details>`;
}

function stepTable({ steps }: StudyResults): string {
  const rows = steps.slice(0, mostRows).map((result) => {
    const { step, record } = result;
    return [code(step.name), record.state, runTime(result), String(record.restarts), inline(reasonOf(record))];
  });
  const more = steps.length - mostRows;
  const table = markdownTable(['Step', 'State', 'Time', 'Restarts', 'Reason'], rows);
  return `### Steps\n\n${table}${more > 0 ? `\n\nAnd ${more} more; all are in report.json.` : ''}`;
}

import { isFailure, isSkipped } from '../../study/state.js';
import { capitalized } from '../../util/format.js';
import { failuresOf } from '../attention.js';
import { clip, code, inline, preformatted } from '../markdown.js';
import { byStep, lastWords, MAX_ERROR_TAILS, reasonOf, type StepResult, type StudyResults } from '../results.js';
import { firstFitting, fittingLines } from './fit.js';
import { short } from './outcome.js';

const mostFailures = 50;

/** How much of each step's stderr is shown, the most first. */
const tails = [
  { lines: Number.POSITIVE_INFINITY, characters: Number.POSITIVE_INFINITY },
  { lines: 10, characters: 2000 },
  { lines: 3, characters: 300 },
] as const;
type Tail = (typeof tails)[number];

/**
 * Each step that failed, with the reason and the end of its stderr in a block that opens.
 *
 * @param title Markdown
 */
export function failures({ steps }: StudyResults, bytes: number, title = 'Failures'): string | undefined {
  const failed = failuresOf(steps);
  if (failed.length === 0) return '';
  const notRun = steps.filter(({ record }) => isSkipped(record) && isFailure(record.state)).length;
  const begin = `### ${title}\n\n`;
  const end = notRun > 0 ? `\n\n${notRun} more did not run because of these.` : '';
  const more = (count: number) => moreFailures(failed.slice(failed.length - count));
  const shown = failed.slice(0, mostFailures);
  const room = bytes - Buffer.byteLength(begin + end);
  const whole = (tail: Tail) => () => {
    const blocks = shown.map((result) => failure(result, tail));
    return [...blocks, ...(failed.length > shown.length ? [more(failed.length - shown.length)] : [])].join('\n\n');
  };
  const text =
    firstFitting(room, ...tails.map(whole)) ??
    fittingLines(
      room,
      shown.map((result) => failure(result, tails.at(-1)!)),
      failed.length,
      more,
      '\n\n',
    );
  return text === undefined ? undefined : begin + text + end;
}

/** Which the others are, by step. */
function moreFailures(failed: readonly StepResult[]): string {
  const groups = [...byStep(failed)].sort(([, a], [, b]) => b.length - a.length);
  const named = groups.slice(0, 10).map(([name, group]) => `${group.length} of ${short(name)}`);
  const others = groups.length > named.length ? [`${groups.length - named.length} other steps`] : [];
  const unread = failed.some(({ isTailLeftOut }) => isTailLeftOut)
    ? ` Only the stderr of the first ${MAX_ERROR_TAILS} failed steps was read.`
    : '';
  return `And ${failed.length} more: ${[...named, ...others].join(', ')}.${unread}`;
}

function failure(result: StepResult, tail: Tail): string {
  const { step, record, outputs, errorTail } = result;
  const words = lastWords(result);
  const title = `<b>${short(step.name)}</b> ${short(reasonOf(record))}`;
  const said = errorTail ? endOf(errorTail, tail) : `<p>${inline(capitalized(words))}.</p>`;
  const file = outputs === null ? '' : `<p>${code(outputs.stderr)}</p>`;
  return `<details><summary>${title} (line ${step.at.line})</summary>\n${file}${said}\n</details>`;
}

function endOf(text: string, { lines, characters }: Tail): string {
  const all = text.split('\n');
  const kept = Number.isFinite(lines) ? all.slice(-lines).map((line) => clip(line, characters)) : all;
  while (kept.length > 1 && kept.join('\n').length > characters) kept.shift();
  const isCut = kept.join('\n') !== text;
  return `${isCut ? '<p>The last of it, shortened for want of room:</p>' : ''}${preformatted(kept.join('\n'))}`;
}

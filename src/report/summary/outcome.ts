import type { StudyStatus } from '../../study/state.js';
import { counted, shortDuration } from '../../util/format.js';
import { oneLine } from '../../util/log/plain-text.js';
import { quote } from '../../util/shell-quote.js';
import { countsText } from '../attention.js';
import { nodeHoursText } from '../cause-texts.js';
import { clip, code, inline } from '../markdown.js';
import type { StudyResults } from '../results.js';

export const marks: Readonly<Record<StudyStatus | 'NOTRUN', string>> = {
  FINISHED: '✅',
  DRYRUN: '✅',
  FAILURE: '❌',
  CANCELLED: '🚫',
  INTERRUPTED: '⏸️',
  NOTRUN: '⬜',
};

/** To how much messages from elsewhere are cut within a sentence or a table. */
export const MAX_TEXT_CHARACTERS = 300;

export const short = (text: string) => inline(clip(text, MAX_TEXT_CHARACTERS));
export const shortCode = (text: string) => code(clip(text, MAX_TEXT_CHARACTERS));

/** Whose fault it was, how the study ended, how many steps did how, and where it is. */
export function outcome(results: StudyResults): string {
  const { name, status, causeLine, interruption, steps, started, ended, path, host, spec, fluxUri } = results;
  const hours = nodeHoursText(results);
  return [
    `## ${marks[status]} ${short(name)}: ${status}`,
    '',
    ...(causeLine === '' ? [] : [`**${inline(causeLine)}**`, '']),
    `${counted(steps.length, 'step')} in ${shortDuration(ended - started)}: ${countsText(steps)}${hours && `; ${hours}`}.`,
    ...(interruption === '' ? [] : [`It stopped before its end: ${short(interruption)}.`]),
    // A path is of use as a whole only.
    `Spec ${code(spec)}, study directory ${code(path)} on ${short(host)}${fluxUri === null ? '' : `, Flux broker ${code(fluxUri)}`}.`,
  ].join('\n');
}

/** What continues a study that is not done; '' if there is nothing to continue. */
export function resuming(
  { status, path, steps, metrics = [] }: StudyResults,
  how: string | undefined,
  isNeutral = false,
): string {
  if (status !== 'INTERRUPTED' && status !== 'FAILURE' && status !== 'CANCELLED') return '';
  // Of one that only its metrics fail nothing is left to run.
  const isFailedByMetrics = metrics.some(({ verdict }) => verdict.severity === 'failure');
  if (isFailedByMetrics && steps.every(({ record }) => record.state === 'FINISHED')) return '';
  const option = code(`--output-path ${quote(oneLine(path))}`);
  const again =
    how === undefined
      ? `“Re-run ${isNeutral ? 'all' : 'failed'} jobs” on GitHub, or the same command with ${option} on the command line, continues this study`
      : inline(how).replace(/[.:]+$/, '');
  const jobs = status === 'INTERRUPTED' ? ' Jobs that still run go on meanwhile, and are taken over.' : '';
  return `### How to continue\n\n${again}: steps that are FINISHED stay, all others run again.${jobs}`;
}

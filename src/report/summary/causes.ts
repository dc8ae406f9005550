import { flakyText, hoursText, suspectText } from '../cause-texts.js';
import { sumOfNodeHours } from '../causes.js';
import { inline, markdownTable } from '../markdown.js';
import { byStep, type StudyResults } from '../results.js';
import { fittingLines } from './fit.js';
import { shortCode } from './outcome.js';

/** What all failures have in common; '' if nothing is known to be. */
export function patternMarkdown({ pattern = '' }: StudyResults): string {
  return pattern === '' ? '' : `### What the failures have in common\n\n${inline(pattern)}`;
}

/** Nodes on which what runs elsewhere fails. */
export function suspectsMarkdown({ suspects = [] }: StudyResults, bytes: number): string | undefined {
  return list(
    'Suspect nodes',
    suspects.map((suspect) => suspectText(suspect, shortCode)),
    bytes,
  );
}

/** Instances that passed only after they had failed. */
export function flakyMarkdown({ flaky = [] }: StudyResults, bytes: number): string | undefined {
  return list(
    'Flaky steps',
    flaky.map((instance) => flakyText(instance, shortCode)),
    bytes,
  );
}

/** Node-hours by the steps of the spec; '' if there is but one step that has any. */
export function nodeHoursMarkdown({ steps }: StudyResults, bytes: number): string | undefined {
  if (sumOfNodeHours(steps) === undefined) return '';
  const rows = [...byStep(steps)].flatMap(([name, group]) => {
    const hours = sumOfNodeHours(group);
    const jobs = group.reduce((sum, { record }) => sum + record.jobs.length, 0);
    return hours === undefined ? [] : [[shortCode(name), String(jobs), hoursText(hours)]];
  });
  if (rows.length < 2) return '';
  const lines = markdownTable(['Step', 'Jobs', 'Node-hours'], rows).split('\n');
  const begin = `### Node-hours\n\n${lines.slice(0, 2).join('\n')}\n`;
  return prefixed(begin, lines.slice(2), bytes);
}

function list(title: string, items: readonly string[], bytes: number): string | undefined {
  if (items.length === 0) return '';
  return prefixed(
    `### ${title}\n\n`,
    items.map((item) => `- ${item}`),
    bytes,
  );
}

/** As many lines as fit, after their beginning. */
function prefixed(begin: string, lines: readonly string[], bytes: number): string | undefined {
  const more = (count: number) => `\nAnd ${count} more; all are in report.json.`;
  const text = fittingLines(bytes - Buffer.byteLength(begin), lines, lines.length, more);
  return text === undefined ? undefined : begin + text;
}

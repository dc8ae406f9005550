import { isoTime } from '../../util/format.js';
import { type ComparedInstance, type Comparison, comparisonLine, growthText, type Slower } from '../comparison.js';
import { inline } from '../markdown.js';
import { short, shortCode } from './outcome.js';

/**
 * What is new since the baseline, as a section of a summary; '' without one.
 *
 * @param most how many of each kind are named; the others are counted
 */
export function comparisonMarkdown(comparison: Comparison | undefined, most = 20): string {
  if (comparison === undefined) return '';
  const { newlyFailing, fixed, stillFailing, slowerSteps, slowerInstances, unfinished, newlySkipped, gone } =
    comparison;
  const failing = ({ name, reason, was }: ComparedInstance) =>
    `${shortCode(name)} ${short(reason)}${was === null ? ' (new)' : was === 'FINISHED' ? '' : ` (was ${was})`}`;
  const parts = [
    `### What is new\n\n${since(comparison)} ${inline(comparisonLine(comparison))}.`,
    list('Newly failing', newlyFailing, failing, most),
    newlySkipped > 0 ? `${newlySkipped} more did not run because of others, and did before.` : '',
    list('Fixed', fixed, ({ name, was }) => `${shortCode(name)} was ${was}`, most),
    list('Still failing', stillFailing, ({ name, reason }) => `${shortCode(name)} ${short(reason)}`, most),
    list(`Slower steps`, slowerSteps, (step) => `${growth(step)} (median of ${step.instances})`, most),
    list('Slower instances', slowerInstances, growth, most),
    unfinished > 0 ? `${unfinished} that had FINISHED did not come to their end this time.` : '',
    changes(comparison),
    list('Missing now', gone, shortCode, most),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

function since({ baseline: { name, status, ended }, isOfSameStudy }: Comparison): string {
  const when = ended === null ? '' : ` of ${isoTime(ended)!.slice(0, 16).replace('T', ' ')} UTC`;
  const what = isOfSameStudy ? 'the run' : `a run of another study, ${short(name)},`;
  return `Since ${what}${when}, which ended ${status}:`;
}

const growth = (slower: Slower) => `${shortCode(slower.name)} ${inline(growthText(slower))}`;

/** A title and lines, of which the first are shown. */
export function list<T>(title: string, things: readonly T[], line: (thing: T) => string, most: number): string {
  if (things.length === 0) return '';
  const shown = things.slice(0, most).map((thing) => `- ${line(thing)}`);
  const rest = things.length - shown.length;
  return `**${title}** (${things.length})\n\n${[...shown, ...(rest > 0 ? [`- and ${rest} more`] : [])].join('\n')}`;
}

function changes({ added, gone }: Comparison): string {
  const parts = [
    ...(added > 0 ? [`${added} instance${added === 1 ? ' is' : 's are'} new`] : []),
    ...(gone.length > 0
      ? [`${gone.length} of the baseline ${gone.length === 1 ? 'is' : 'are'} not there any more`]
      : []),
  ];
  return parts.length === 0 ? '' : `${parts.join(', ')}.`;
}

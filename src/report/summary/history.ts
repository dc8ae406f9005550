import { type Change, compareLink } from '../../history/outcomes.js';
import { shortDuration } from '../../util/format.js';
import { inline } from '../markdown.js';
import { earlierRunsText } from '../metrics/rows.js';
import type { ShownHistory } from '../results.js';
import { list } from './comparison.js';
import { short, shortCode } from './outcome.js';

/**
 * What earlier runs of the branch say of this one, as a section of a summary: with how many it is compared is always said.
 *
 * @param most how many of each kind are named; the others are counted
 */
export function historyMarkdown(history: ShownHistory, most = 20): string {
  const { branch, runs, changes, slower } = history;
  const of = (change: Change['change']) => changes.filter((each) => each.change === change);
  const [newly, still, fixed] = [of('newly-failing'), of('still-failing'), of('fixed')];
  const flaky = changes.filter(({ isFlaky }) => isFlaky);
  const where = branch === '' ? '' : ` of ${shortCode(branch)}`;
  const isQuiet = newly.length + still.length + fixed.length + flaky.length + slower.length === 0;
  const parts = [
    `### Since earlier runs\n\n${earlierRunsText(runs, runs)}${where}${runs > 0 && isQuiet ? ': nothing is new' : ''}.`,
    list('Newly failing', newly, (change) => `${shortCode(change.name)}${since(change, history)}`, most),
    list('Still failing', still, (change) => `${shortCode(change.name)}${since(change, history)}`, most),
    list('Fixed', fixed, ({ name }) => shortCode(name), most),
    list('Flaky: they pass in some runs and fail in others', flaky, ({ name }) => shortCode(name), most),
    list(
      'Slower than usual',
      slower,
      ({ name, time, usual }) => `${shortCode(name)} ${shortDuration(time)}, usually ${shortDuration(usual)}`,
      most,
    ),
  ];
  return parts.filter((part) => part !== '').join('\n\n');
}

/** ` since 1a2b3c4 (compare)`; '' if nothing is known. */
function since(change: Change, { server = '', commit = '' }: ShownHistory): string {
  const first = change.failingSince?.run.commit ?? commit;
  if (change.lastPassed === null) return ', which has not passed in any of them';
  if (first === '') return '';
  const link = server === '' ? '' : compareLink(server, change, commit);
  const text = `since ${short(first.slice(0, 10))}`;
  return ` ${text}${link === '' ? '' : ` ([what changed](${inline(link)}))`}`;
}

import { shortDuration } from '../../util/format.js';
import { oneLine, table } from '../../util/log/plain-text.js';
import { countsText, failuresOf } from '../attention.js';
import { reasonOf } from '../results.js';
import { type Leg, legStatus, type MergedResults, shownStatus } from './merge.js';

/** The machines of a merged result for a log: a line for each. */
export function mergedTable({ legs }: MergedResults): string[] {
  return table([['MACHINE', 'STATUS', 'TIME', 'STEPS', 'FIRST FAILURE'], ...legs.map(legRow)]);
}

function legRow(leg: Leg): string[] {
  const { name, results } = leg;
  const status = shownStatus(legStatus(leg));
  if (results === undefined) return [oneLine(name), status, '', '', ''];
  const [failure] = failuresOf(results.steps);
  const first = failure === undefined ? '' : `${failure.step.name}: ${reasonOf(failure.record)}`;
  const time = shortDuration(results.ended - results.started);
  const cause = results.blame == null ? '' : ` (${results.blame.cause})`;
  return [oneLine(name), `${status}${cause}`, time, countsText(results.steps), oneLine(first)];
}

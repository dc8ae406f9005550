import type { Resumption } from '../conductor/resumption.js';
import type { ForeignJob } from '../schedulers/scheduler.js';
import { oneLine } from './plain-text.js';

/** So many steps are named; the journal has the others. */
const mostNotes = 60;

/** What a person wants to know of a study that is continued: how much of it stays, and which steps run again, and why. */
export function describeResumption({ counts, notes, removed }: Resumption, isDone: boolean): string[] {
  const { finished, running, again, fresh } = counts;
  if (isDone) return ['There is nothing to do: this study ran to its end before, and is still the same'];
  const parts = [
    `steps that stay FINISHED: ${finished}`,
    ...(running > 0 ? [`in flight, and watched again: ${running}`] : []),
    ...(again > 0 ? [`that run again: ${again}`] : []),
    ...(fresh > 0 ? [`that have not run yet: ${fresh}`] : []),
  ];
  const more = notes.length - mostNotes;
  return [
    `Continuing this study: ${parts.join(', ')}`,
    ...notes.slice(0, mostNotes).map(({ step, why }) => oneLine(`  ${step} runs again: ${why}`)),
    ...(more > 0 ? [`  and ${more} more`] : []),
    ...removed.map(removal),
  ];
}

/** A step that is gone, or that has become one of another kind, local or a job. */
function removal({ step, id }: ForeignJob): string {
  return oneLine(`  ${step} has no use any more for its job${id === '' ? '' : ` ${id}`}: it is cancelled`);
}

import { shortDuration } from '../util/format.js';
import { groupBy } from '../util/group-by.js';
import type { Finding } from './comparison.js';
import type { StudyResults } from './results.js';

/** More instances of a step than these have one finding. */
const MOST_ALONE = 10;

/** What of a history is worth a warning: what takes longer than usual. What newly fails is a failure already. */
export function historyFindings({ history, steps }: Pick<StudyResults, 'history' | 'steps'>): Finding[] {
  const places = new Map(steps.map(({ step }) => [step.name, step]));
  const slower = history?.slower ?? [];
  const groups = groupBy(slower, ({ name }) => places.get(name)!.step);
  return [...groups].flatMap(([step, group]): Finding[] => {
    const { at } = places.get(group[0]!.name)!;
    const alone = group.map(({ name, time, usual }) => ({
      ...{ at, step, title: `${name} took longer than usual` },
      message: `${shortDuration(time)}, usually ${shortDuration(usual)}.`,
    }));
    if (alone.length <= MOST_ALONE) return alone;
    const named = group.slice(0, MOST_ALONE).map(({ name }, i) => `${name}: ${alone[i]!.message}`);
    const title = `${alone.length} instances of ${step} took longer than usual`;
    return [{ at, step, title, message: [...named, `and ${alone.length - named.length} more`].join('\n') }];
  });
}

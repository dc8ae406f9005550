import type { Resumption } from '../conductor/resume.js';
import type { ObsoleteJob } from '../store/journal/records.js';
import { oneLine } from '../util/log/plain-text.js';

/** How many steps are named; the journal has the others. */
const MAX_NAMED = 60;

/** The lines about a study that is continued: how many steps stay, and which run again and why. */
export function describeResumption({ counts, notes, obsolete }: Resumption, isDone: boolean): string[] {
  const { finished, running, again, fresh } = counts;
  if (isDone) return ['There is nothing to do: this study has already run to its end, and has not changed'];
  const parts = [
    `steps that stay FINISHED: ${finished}`,
    ...(running > 0 ? [`in flight, and watched again: ${running}`] : []),
    ...(again > 0 ? [`that run again: ${again}`] : []),
    ...(fresh > 0 ? [`that have not run yet: ${fresh}`] : []),
  ];
  const more = notes.length - MAX_NAMED;
  return [
    `Continuing this study: ${parts.join(', ')}`,
    ...notes.slice(0, MAX_NAMED).map(({ step, why }) => oneLine(`  ${step} runs again: ${why}`)),
    ...(more > 0 ? [`  and ${more} more`] : []),
    ...obsolete.map(cancellation),
  ];
}

/**
 * The lines about workspaces whose steps the study does not have any more.
 *
 * @param steps the directories of the steps that it has
 */
export function describeLeftWorkspaces(
  workspaces: readonly string[],
  steps: ReadonlySet<string>,
): { readonly warning?: string; readonly info?: string } {
  const isOfStep = (workspace: string) => steps.has(workspace.split('/')[0]!);
  const [instances, others] = [workspaces.filter(isOfStep), workspaces.filter((workspace) => !isOfStep(workspace))];
  return {
    ...(instances.length > 0 && {
      warning: oneLine(
        `the study no longer has the instances of ${named(instances)}, but their workspaces stay in the study directory, and whatever reads ` +
          'the workspaces of all instances of a step (a funnel) reads theirs too: move them away, or start over with `resume: never`',
      ),
    }),
    ...(others.length > 0 && {
      info: oneLine(`Workspaces of steps that the study no longer has stay in its directory: ${named(others)}`),
    }),
  };
}

function named(workspaces: readonly string[]): string {
  const more = workspaces.length - MAX_NAMED;
  return `${workspaces.slice(0, MAX_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** The line about an obsolete job, whose step is gone, or has changed between local and scheduled. */
function cancellation({ step, id }: ObsoleteJob): string {
  return oneLine(`  ${step}: its job${id === '' ? '' : ` ${id}`} no longer belongs to the study and is cancelled`);
}

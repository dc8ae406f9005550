import { isTrustedEvent } from '../causes/trusted-events.js';
import type { GitHubEvent } from '../github/event.js';
import type { Runner } from '../github/runner-facts.js';
import { historyOptionsOf, legOf, type RunIds } from '../inputs/history.js';
import type { Inputs } from '../inputs/schema.js';
import type { HistoryOptions } from '../run/history-options.js';

interface HistoryPlace {
  readonly runner: Runner;
  readonly event: Pick<GitHubEvent, 'sha' | 'isOtherCommit'>;
  /** Of the user, on the host. */
  readonly home: string;
}

/**
 * The history of a study on GitHub; undefined if there is to be none, or the run is for no branch. A pull request, and a group
 * of the merge queue, is compared with the branch that it is to go into. So is a commit that only `sha` names: it may be a pull
 * request's.
 */
export function historyOf(inputs: Inputs, { runner, event, home }: HistoryPlace): HistoryOptions | undefined {
  const { repository, workflow = '', ref = '', baseRef = '', eventName, runUrl, serverUrl } = runner;
  const own = /^refs\/heads\/(.+)$/s.exec(ref)?.[1] ?? '';
  const queued = /^gh-readonly-queue\/(.+)\/pr-\d+-[0-9a-f]+$/.exec(own)?.[1];
  const branch = baseRef || (queued ?? own);
  if (branch === '') return undefined;
  return historyOptionsOf(inputs, {
    ...{ home, directory: home, server: serverUrl },
    isWritten: isTrustedEvent(eventName) && branch === own && event.isOtherCommit !== true,
    run: {
      ...{ repository, workflow, branch, commit: event.sha, event: eventName, url: runUrl },
      spec: inputs.spec,
      leg: legOnRunner(inputs, runner, event.sha),
      attempt: Number(runner.attempt) || 1,
    },
  });
}

/** Which of the studies of a workflow it is that have one spec. @param commit that the results are about */
export function legOnRunner(inputs: Inputs, runner: Runner, commit: string): string {
  const { job = '', step = '' } = runner;
  return legOf(inputs, [job, step], runIdsOf(runner, commit));
}

/** What is another in each run. @param commit that the results are about */
export function runIdsOf({ sha, runId, runNumber }: Runner, commit: string): RunIds {
  return { commits: [sha, commit], runId, runNumber };
}

import type { KnownCheckRun } from '../github/check-runs-api.js';
import type { Runner } from '../github/runner-facts.js';
import { withoutIds } from '../inputs/history.js';
import type { Inputs } from '../inputs/schema.js';
import { withPlainPaths } from '../inputs/study-key.js';
import type { GitHubRun } from '../report/results.js';
import { StartError } from '../run/mistakes.js';
import type { RunOutcome } from '../run/report.js';
import { SpecError } from '../spec/problem.js';
import { systemClock } from '../util/clock.js';
import { InputError } from '../util/errors.js';
import type { Log } from '../util/log/log.js';
import { checkName } from './check-run-observer.js';
import { legOnRunner, runIdsOf } from './history.js';

interface Keeping {
  readonly inputs: Inputs;
  readonly runner: Runner;
  readonly log: Pick<Log, 'info' | 'warning'>;
}

/** Keeps the issue about a study that this run has reported, if one is wanted. Never throws for GitHub's sake. */
export async function keepStudyIssue({ results }: Pick<RunOutcome, 'results'>, keeping: Keeping): Promise<void> {
  const { run } = results;
  const place = run && placeOf(run, keeping);
  if (place === undefined) return;
  const { keepIssue } = await import(/* webpackMode: "eager" */ '../github/issue/keep-issue.js');
  await keepIssue({ ...place, results });
}

/**
 * The same of a study that could not be run, unless that says nothing of it: that a machine cannot be reached, or that another
 * run drives it.
 *
 * @param reasons for people
 */
export async function keepIssueOfError(
  error: unknown,
  { reasons, run, ...keeping }: Keeping & { readonly reasons: readonly string[]; readonly run: GitHubRun },
): Promise<void> {
  const isOwn = error instanceof SpecError || error instanceof StartError || error instanceof InputError;
  const place = isOwn && !keeping.inputs['dry-run'] ? placeOf(run, keeping) : undefined;
  if (place === undefined) return;
  const { keepIssueOfRefused } = await import(/* webpackMode: "eager" */ '../github/issue/keep-issue.js');
  await keepIssueOfRefused({ ...place, reasons, spec: keeping.inputs.spec });
}

/** Undefined if there is to be no issue: what another commit comes to is not what the branch does. */
function placeOf(run: GitHubRun, { inputs: given, runner, log }: Keeping) {
  const inputs = withPlainPaths(given, runner.workspace);
  if (inputs.issue === '' || run.isOtherCommit) return undefined;
  return {
    ...{ runner, run, log },
    token: inputs['github-token'],
    title: inputs.issue,
    study: studyOf(inputs, runner, run.commit),
    clock: systemClock,
  };
}

/** What tells a study from the others of its workflow, the same in each run. A name that the inputs give may be that of several. */
function studyOf(inputs: Inputs, runner: Runner, commit: string): string {
  const name = withoutIds(checkName(inputs, runner, commit), runIdsOf(runner, commit));
  return JSON.stringify([name, legOnRunner(inputs, runner, commit)]);
}

/**
 * The same of a detached study, by the check run that GitHub has of its start.
 *
 * @param leg as the start has written it on the host: it chooses only among the studies of that check run's name
 */
export function detachedStudyOf({ name, sha, detailsUrl }: KnownCheckRun, leg = ''): string {
  const runId = /\/(\d+)$/.exec(detailsUrl)?.[1];
  return JSON.stringify([withoutIds(name, { commits: [sha], runId }), leg]);
}

import { decideIssue, type Night } from '../../history/issue.js';
import type { GitHubRun, StudyResults } from '../../report/results.js';
import type { Clock } from '../../util/clock.js';
import type { Log } from '../../util/log/log.js';
import { oneLine } from '../../util/log/plain-text.js';
import { limits } from '../annotations.js';
import { ApiError, GitHubApi } from '../api.js';
import { firstBytes } from '../bytes.js';
import type { KnownCheckRun } from '../check-runs-api.js';
import type { Runner } from '../runner-facts.js';
import {
  branchOf,
  changeComment,
  closingComment,
  failingIn,
  issueBody,
  markerOf,
  type ToldNight,
  toldRefusal,
  toldResults,
} from './issue-text.js';
import { IssuesApi, type KnownIssue } from './issues-api.js';
import { nightOf } from './night.js';
import { provenRun } from './prove-run.js';

/** Where an issue about a study is kept, and with what. */
interface IssuePlace {
  readonly runner: Pick<Runner, 'apiUrl' | 'repository'>;
  readonly token: string;
  /** Of the issue when it is opened; a person may change it. */
  readonly title: string;
  /** As `IssueIdentity` has it. */
  readonly study: string;
  readonly run: GitHubRun;
  readonly log: Pick<Log, 'info' | 'warning'>;
  readonly clock: Clock;
}

/** A study that was run. */
export interface KeptIssue extends IssuePlace {
  readonly results: StudyResults;
}

/** A study that could not be run, by its own doing. */
export interface RefusedIssue extends IssuePlace {
  /** The spec's path, as it was given. */
  readonly spec: string;
  /** Why, for people. */
  readonly reasons: readonly string[];
}

/** What is remembered to fail then: its steps may be others than before. */
const REFUSED = 'the study cannot be run';

/**
 * Keeps the one issue about a study on a branch: opened when it fails, rewritten by each run, closed when it is green. Never
 * throws: what GitHub does not do is a warning.
 */
export async function keepIssue(kept: KeptIssue): Promise<void> {
  await keepResults(kept);
}

function keepResults({ results, ...place }: KeptIssue): Promise<Keeping> {
  return keepNight(place, nightOf(results, place.run.event), toldResults(results));
}

/** The same for a study that could not be run, which is red. */
export async function keepIssueOfRefused({ spec, reasons, ...place }: RefusedIssue): Promise<void> {
  const night: Night = { event: place.run.event, outcome: 'red', failing: [REFUSED], wasBad: false };
  await keepNight(place, night, toldRefusal(spec, reasons));
}

/** @returns `later` if it could not be done for now, and may be another time */
async function keepNight(kept: IssuePlace, night: Night, told: ToldNight): Promise<Keeping> {
  const { log } = kept;
  // Whether an issue is open changes nothing then, and GitHub need not be asked.
  if (decideIssue(night, { number: 0, failing: [] }).do === 'nothing') return 'done';
  if (!kept.token.startsWith('ghs_')) {
    log.warning(
      `The issue is not updated: 'github-token' must be the job's own token or an app's, so that the next run recognises the issue; leave it at its default`,
    );
    return 'done';
  }
  try {
    await keep(kept, night, told);
    return 'done';
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    log.warning(`The issue about the study cannot be kept: ${oneLine(error.message)}. ${helpFor(error)}`.trim());
    return isPassing(error) ? 'later' : 'done';
  }
}

/** Whether what was to be done with an issue is done, as far as it can be. */
type Keeping = 'done' | 'later';

/** What GitHub forbids, or takes for wrong, it does not take later either. */
function isPassing({ trouble }: ApiError): boolean {
  return trouble === 'unavailable' || trouble === 'rate limit' || trouble === 'unauthorized';
}

/** A detached study, by the check run that its start has left. */
export type CollectedIssue = Omit<KeptIssue, 'run'> & {
  readonly checkRun: Pick<KnownCheckRun, 'detailsUrl' | 'sha'>;
};

/**
 * The same for a study that another run has started. Never throws for GitHub's sake. Done again, it changes nothing.
 *
 * @returns `later` if it could not be done for now, and may be another time
 */
export async function keepIssueOfDetached({ checkRun, ...kept }: CollectedIssue): Promise<Keeping> {
  const { runner, token, clock, log } = kept;
  const cannot = (why: string) => log.warning(`The issue about ${oneLine(kept.results.path)} cannot be kept: ${why}`);
  try {
    const api = new GitHubApi({ url: runner.apiUrl, token, clock });
    const run = await provenRun(api, runner.repository, checkRun);
    if (typeof run !== 'string') return await keepResults({ ...kept, run });
    cannot(run);
    return 'done';
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const isForbidden = error.trouble === 'forbidden' || error.trouble === 'not found';
    const help = isForbidden ? ". Add 'actions: read' to the job's 'permissions'" : '';
    cannot(`the run that started it could not be looked up: ${oneLine(error.message)}${help}`);
    return isPassing(error) ? 'later' : 'done';
  }
}

const notOpened =
  "The issue is not opened: only the infrastructure is to blame, which opens an issue only in the second run in a row, and no history says how the run before ended; set 'history', or see why it could not be read";

async function keep({ runner, token, clock, title, study, run, log }: IssuePlace, night: Night, told: ToldNight) {
  const api = new GitHubApi({ url: runner.apiUrl, token, clock });
  const issues = new IssuesApi(api, runner.repository, clock);
  const marker = markerOf({ workflow: run.workflow, branch: branchOf(run.ref), study });
  const found = await issues.find(marker);
  const known = found && { number: found.number, failing: failingIn(found.body) };
  const action = decideIssue(night, known ?? null);
  // A night that says nothing of the code does not change what is remembered to fail.
  const failing = night.outcome === 'site' ? (known?.failing ?? []) : night.failing;
  const body = () => issueBody({ marker, told, run, failing });
  const tell = (what: string, { number, url }: KnownIssue) => log.info(`Issue ${number} ${what}: ${oneLine(url)}`);
  switch (action.do) {
    case 'nothing':
      if (night.outcome === 'site' && night.wasBad === null) log.warning(notOpened);
      return;
    case 'open':
      return tell('was opened', await issues.open(firstBytes(oneLine(title), limits.title), body(), marker));
    case 'update': {
      if (action.comment !== null) await issues.comment(action.number, changeComment(action.comment, run));
      return tell('was updated', await issues.rewrite(action.number, body()));
    }
    case 'close':
      await issues.comment(action.number, closingComment(told, run));
      return tell('was closed', await issues.close(action.number));
  }
}

function helpFor({ trouble }: ApiError): string {
  if (trouble === 'forbidden' || trouble === 'not found') {
    return "Add 'issues: write' to the job's 'permissions', and check that the repository has issues enabled";
  }
  return trouble === 'unavailable' || trouble === 'rate limit' ? 'The next run tries again' : '';
}

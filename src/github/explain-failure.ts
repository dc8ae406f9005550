import { oneLine } from '../util/log/plain-text.js';
import { ApiError } from './api.js';

/** What was known when a check run was given up. */
export interface Situation {
  /** Whether it is on the commit already: it stays as it is then. */
  readonly hasRun: boolean;
  /** Whether GitHub took the token before. */
  readonly hasWorked: boolean;
  readonly isFork: boolean;
}

/** Why there is no check run, or not all of it, and what to do about it: a warning for people. */
export function explain(error: unknown, { hasRun, hasWorked, isFork }: Situation): string {
  const what = hasRun ? 'The check run cannot be kept up to date' : 'There is no check run';
  const why = oneLine(error instanceof Error ? error.message : String(error));
  const help = helpFor(error, hasWorked, isFork);
  return `${what}: ${why}. ${help}The job summary and the log have the results`;
}

/** Whether GitHub says that a check run is to be changed with the token of another app than the one that was sent. */
export function isOfAnotherApp(error: ApiError): boolean {
  return error.trouble === 'forbidden' && /modified by the GitHub App that created it/i.test(error.message);
}

function helpFor(error: unknown, hasWorked: boolean, isFork: boolean): string {
  if (!(error instanceof ApiError)) {
    if (error instanceof Error) return '';
    return "To have one, give the job 'permissions: checks: write' and leave 'github-token' as it is. ";
  }
  switch (error.trouble) {
    case 'unauthorized':
      return hasWorked
        ? "The token has expired, as a job's does after 24 hours: let a run end before that with 'timeout-minutes', and a later one continue the study. "
        : "'github-token' is not a token that GitHub accepts. ";
    case 'forbidden':
    case 'not found':
      if (isOfAnotherApp(error)) {
        return "Only a token of the app that made it can: give 'github-token' as the run did that made it. ";
      }
      return isFork
        ? "The token of a fork's pull request may only read, whatever the job's 'permissions' say. "
        : "Add 'checks: write' to the job's 'permissions' (beside 'contents: read'); the token of a person cannot make check runs. ";
    case 'rate limit':
      return 'All workflows of the repository share its hourly limit of requests. ';
    default:
      return '';
  }
}

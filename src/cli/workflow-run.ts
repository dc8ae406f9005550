import type { GitHubRun } from '../report/results.js';

/** The run on GitHub that a command is a step of; undefined elsewhere. */
export function runAround(environment: Readonly<Record<string, string | undefined>>): GitHubRun | undefined {
  const { GITHUB_ACTIONS, GITHUB_REPOSITORY: repository = '', GITHUB_RUN_ID = '' } = environment;
  if (GITHUB_ACTIONS !== 'true' || repository === '' || GITHUB_RUN_ID === '') return undefined;
  const server = (environment.GITHUB_SERVER_URL || 'https://github.com').replace(/\/+$/, '');
  return {
    repository,
    commit: environment.GITHUB_SHA ?? '',
    ref: environment.GITHUB_REF ?? '',
    event: environment.GITHUB_EVENT_NAME ?? '',
    workflow: environment.GITHUB_WORKFLOW_REF?.split('@')[0] || (environment.GITHUB_WORKFLOW ?? ''),
    job: environment.GITHUB_JOB ?? '',
    url: `${server}/${repository}/actions/runs/${GITHUB_RUN_ID}`,
    attempt: Number(environment.GITHUB_RUN_ATTEMPT) || 1,
  };
}

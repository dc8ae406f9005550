import type { GitHubRun } from '../../report/results.js';
import { ApiError, type GitHubApi, repositoryPath } from '../api.js';
import type { KnownCheckRun } from '../check-runs-api.js';
import { member } from '../event.js';

const PATIENCE_MS = 20_000;

/**
 * The workflow run that has started a detached study, by what GitHub says of the check run that this run made: what is in
 * the study may be written by its steps, and they are not to choose whose issue is about them.
 *
 * @returns why it is not known, if it is not
 * @throws ApiError
 */
export async function provenRun(
  api: GitHubApi,
  repository: string,
  { detailsUrl, sha }: Pick<KnownCheckRun, 'detailsUrl' | 'sha'>,
): Promise<GitHubRun | string> {
  const id = /\/actions\/runs\/(\d+)$/.exec(detailsUrl)?.[1];
  if (id === undefined) return 'its check run does not name the run that has started it';
  const path = `${repositoryPath(repository)}/actions/runs/${id}`;
  const answer = await api.request('GET', path, { milliseconds: PATIENCE_MS });
  const text = (name: string) => {
    const value = member(answer, name);
    return typeof value === 'string' ? value : '';
  };
  if (text('head_sha') !== sha) return 'its check run is on another commit than the run that has started it';
  if (text('head_branch') === '') throw new ApiError('refused', "GitHub's answer is not what its API documents");
  return {
    ...{ repository, commit: sha, ref: `refs/heads/${text('head_branch')}`, event: text('event') },
    ...{ workflow: `${repository}/${text('path').split('@')[0]}`, job: '', url: detailsUrl },
    attempt: Number(member(answer, 'run_attempt')) || 1,
  };
}

import { Job } from './bundle.js';
import { examplePayload } from './events.js';
import { GitHubServer } from './github-api.js';
import { chain, head, merged, reportingTo, startedBy } from './reported.js';

export const pull = 7;

/** The people of the repository: what they may do in it. */
export const people = {
  ada: { id: 1, permission: 'admin' },
  william: { id: 2, permission: 'write', role: 'maintain' },
  rita: { id: 3, permission: 'read', role: 'triage' },
} as const;

export interface CommentedOptions {
  /** Whose code the pull request is. */
  readonly from?: string;
  readonly by?: { readonly login: string; readonly id: number; readonly type?: string };
  readonly action?: 'created' | 'edited' | 'deleted';
  /** Whether the comment is on an issue that is no pull request. */
  readonly isOnIssue?: boolean;
}

/** The payload of a comment, as GitHub sends it. */
export function commentPayload(text: string, options: CommentedOptions = {}) {
  const { by = { login: 'ada', id: people.ada.id }, action = 'created', isOnIssue = false } = options;
  const payload = examplePayload('issue_comment');
  payload.action = action;
  payload.repository.full_name = 'octo/studies';
  payload.issue.number = pull;
  if (!isOnIssue) payload.issue.pull_request = { url: `https://api.github.com/repos/octo/studies/pulls/${pull}` };
  Object.assign(payload.comment, { id: 501, body: text, html_url: 'https://github.invalid/octo/studies/pull/7#c501' });
  Object.assign(payload.comment.user, { type: 'User', ...by });
  return payload;
}

/** A study with a parameter, at the head of the pull request. */
export const sizedStudy = `${chain('echo $(SIZE)')}
global.parameters:
  SIZE: { values: [1, 2], label: SIZE.%% }
`;

/** A job that looks at a comment on a pull request of a repository with people in it. */
export async function commented(text: string, options: CommentedOptions = {}) {
  const github = await GitHubServer.start();
  for (const [login, person] of Object.entries(people)) github.people.set(login, person);
  github.pulls.set(pull, { repository: options.from ?? github.repository, sha: head });
  github.files.set('studies/a.yaml', sizedStudy);
  const job = reportingTo(github, new Job()).with({ command: 'comment', spec: 'studies/a.yaml' });
  startedBy(job, 'issue_comment', commentPayload(text, options), merged);
  return { github, job };
}

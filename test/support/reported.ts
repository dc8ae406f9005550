import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import { commandsIn, type Ended, type Job } from './bundle.js';
import { examplePayload } from './events.js';
import type { GitHubServer } from './github-api.js';

/** The head of the pull request, and what would come of merging it. */
export const head = 'a'.repeat(40);
export const merged = 'b'.repeat(40);

/** Has a job report to a server of the test's, with a token that it takes; as after a push, without more. */
export function reportingTo(github: GitHubServer, job: Job): Job {
  Object.assign(job.environment, {
    GITHUB_API_URL: github.url,
    GITHUB_SERVER_URL: 'https://github.invalid',
    GITHUB_SHA: head,
    GITHUB_EVENT_NAME: 'push',
    'INPUT_GITHUB-TOKEN': github.token,
    INPUT_ANNOTATIONS: 'checks',
  });
  return job;
}

/** Says what started the workflow. */
export function startedBy(job: Job, name: string, payload: unknown, sha = head): Job {
  const file = path.join(job.directory, 'event.json');
  writeFileSync(file, JSON.stringify(payload));
  Object.assign(job.environment, { GITHUB_EVENT_NAME: name, GITHUB_EVENT_PATH: file, GITHUB_SHA: sha });
  return job;
}

/** The payload of a pull request whose code is in the repository, or in another. */
export function pullRequest(from = 'octo/studies') {
  const payload = examplePayload('pull_request');
  payload.number = 7;
  payload.repository.full_name = 'octo/studies';
  payload.pull_request.number = 7;
  payload.pull_request.head.sha = head;
  payload.pull_request.head.repo.full_name = from;
  payload.pull_request.base.repo.full_name = 'octo/studies';
  return payload;
}

/** A job that runs for a pull request, whose spec is at the head as it is merged unless the test says otherwise. */
export function forPullRequest(github: GitHubServer, job: Job, spec: string, from?: string): Job {
  github.files.set('study.yaml', spec);
  return startedBy(reportingTo(github, job), 'pull_request', pullRequest(from), merged);
}

/** The one check run that there is to be, by requests that GitHub's description allows. */
export function onlyCheckRun(server: GitHubServer) {
  expect(server.complaints).toEqual([]);
  expect(server.checkRuns).toHaveLength(1);
  return server.checkRuns[0]!;
}

/** A study of one step for each command; the second waits for the first, and so on. The first begins at line 6. */
export function chain(...commands: string[]): string {
  const steps = commands.map(
    (command, i) =>
      `  - name: s${i + 1}\n    description: A step.\n    run:\n${i === 0 ? '' : `      depends: [s${i}]\n`}` +
      `      cmd: |\n${command.replace(/^/gm, '        ')}\n`,
  );
  return `description:\n  name: hello\n  description: A test.\n\nstudy:\n${steps.join('\n')}`;
}

/** The commands of a log but for those that only fold it, or keep secrets out of it. */
export const commandsOf = ({ stdout }: Ended) =>
  commandsIn(stdout).filter(({ name }) => !['group', 'endgroup', 'add-mask'].includes(name));

/** The messages of one kind. */
export const messagesOf = (ended: Ended, kind: 'error' | 'warning') =>
  commandsOf(ended).flatMap(({ name, message }) => (name === kind ? [message] : []));

/** Those that stand on a line of the spec. */
export const onLines = (ended: Ended) => commandsOf(ended).filter(({ properties }) => properties.file !== undefined);

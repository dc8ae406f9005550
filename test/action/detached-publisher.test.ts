import { describe, expect, it } from 'vitest';
import { DetachedPublisher } from '../../src/action/detached-publisher.js';
import type { Runner } from '../../src/github/runner-facts.js';
import type { Inputs } from '../../src/inputs/schema.js';
import { registrationSchema } from '../../src/run/detach/registration.js';
import { ActionsLog } from '../../src/util/log/actions-log.js';
import { GitHubServer } from '../support/github-api.js';
import { head, onlyCheckRun } from '../support/reported.js';
import { explained, instanceOf, jobOf, resultsOf } from '../support/results.js';

const token = 'a'.repeat(32);
const HOUR = 3_600_000;

it.each([
  [1, 'later', 'in_progress'],
  [25, 'done', 'completed'],
] as const)(
  'the check run of a study that ended %i hours ago waits for an issue that GitHub does not take: %s',
  async (hours, done, status) => {
    const github = await GitHubServer.start();
    github.runs.set('4711', { event: 'schedule', head_branch: 'main', head_sha: head });
    github.fault = ({ path: at }) => (at.endsWith('/issues') ? { status: 503, body: '' } : undefined);
    const run = github.add({
      ...{ name: 'study', head_sha: head, status: 'in_progress', external_id: `detached-${token}` },
      details_url: 'https://github.invalid/octo/studies/actions/runs/4711',
    });
    const inputs = { annotations: 'checks', issue: 'The nightly is red', 'github-token': github.token } as Inputs;
    const runner = { apiUrl: github.url, repository: github.repository, runUrl: 'https://github.invalid' } as Runner;
    const publisher = new DetachedPublisher(inputs, runner, new ActionsLog('lines'));
    const registration = registrationSchema.parse({
      ...{ version: 1, token, studyPath: '/study', started: 1, repository: github.repository, sha: head, runUrl: '' },
      checkRun: { id: run.id, name: run.name },
    });
    const told = resultsOf([instanceOf('run', 1, [jobOf(1, ['n1'], 'code')])], { status: 'FAILURE' });
    const results = { ...explained(told), ended: Date.now() - hours * HOUR };
    const outcome = { results, comparison: undefined, isNeutral: false } as never;
    expect(await publisher.ended(registration, { outcome } as never)).toBe(done);
    expect(onlyCheckRun(github).status).toBe(status);
  },
);

describe('a study that a re-run has confirmed, which two check runs show', () => {
  const inputs = { annotations: 'checks', issue: 'The nightly is red' } as Inputs;

  /** The check runs, the older one first, and what publishes its failure. */
  async function confirmed() {
    const github = await GitHubServer.start();
    github.runs.set('4711', { event: 'schedule', head_branch: 'main', head_sha: head });
    const [older, newer] = [1, 2].map(() =>
      github.add({
        ...{ name: 'study', head_sha: head, status: 'in_progress', external_id: `detached-${token}` },
        details_url: 'https://github.invalid/octo/studies/actions/runs/4711',
      }),
    );
    const runner = { apiUrl: github.url, repository: github.repository, runUrl: 'https://github.invalid' } as Runner;
    const own = { ...inputs, 'github-token': github.token };
    const publisher = new DetachedPublisher(own, runner, new ActionsLog('lines'));
    const registration = registrationSchema.parse({
      ...{ version: 1, token, studyPath: '/study', started: 1, repository: github.repository, sha: head, runUrl: '' },
      checkRun: { id: newer!.id, name: 'study' },
      earlier: [{ id: older!.id, name: 'study' }],
    });
    const told = resultsOf([instanceOf('run', 1, [jobOf(1, ['n1'], 'code')])], { status: 'FAILURE' });
    const results = { ...explained(told), ended: Date.now() };
    const outcome = { results, comparison: undefined, isNeutral: false } as never;
    const end = () => publisher.ended(registration, { outcome } as never);
    return { github, end, url: () => publisher.shownOf(registration)?.url, newer: newer! };
  }

  it('has its issue, and the newest one is that of the study', async () => {
    const { github, end, url, newer } = await confirmed();
    expect(await end()).toBe('done');
    expect(github.checkRuns).toMatchObject([{ conclusion: 'failure' }, { conclusion: 'failure' }]);
    expect(github.issues).toMatchObject([{ title: inputs.issue, state: 'open' }]);
    expect(url()).toMatch(new RegExp(`/${newer.id}$`));
  });

  it('keeps both in progress while GitHub does not take the issue, so that it is tried again', async () => {
    const { github, end } = await confirmed();
    github.fault = ({ path: at }) => (at.endsWith('/issues') ? { status: 503, body: '' } : undefined);
    expect(await end()).toBe('later');
    expect(github.checkRuns).toMatchObject([{ status: 'in_progress' }, { status: 'in_progress' }]);
    github.fault = () => undefined;
    expect(await end()).toBe('done');
    expect(github.issues).toMatchObject([{ title: inputs.issue, state: 'open' }]);
  });
});

import { beforeEach, describe, expect, it } from 'vitest';
import { branchOf, issueBody, markerOf, toldResults } from '../../../src/github/issue/issue-text.js';
import {
  type CollectedIssue,
  type KeptIssue,
  keepIssue,
  keepIssueOfDetached,
  keepIssueOfRefused,
} from '../../../src/github/issue/keep-issue.js';
import type { StudyStatus } from '../../../src/study/state.js';
import { systemClock } from '../../../src/util/clock.js';
import { GitHubServer } from '../../support/github-api.js';
import { explained, instanceOf, jobOf, resultsOf, type Told } from '../../support/results.js';

const run = {
  ...{ repository: 'octo/studies', commit: 'c0ffee', ref: 'refs/heads/main', event: 'schedule' },
  ...{ workflow: 'nightly.yml', job: 'study', url: 'https://github.com/octo/studies/actions/runs/1', attempt: 1 },
};
const study = 'maestro: a.yaml';

let github: GitHubServer;
let said: string[];

beforeEach(async () => {
  github = await GitHubServer.start();
  said = [];
});

type More = Partial<KeptIssue> & {
  /** What the history says of the night before; null if there is no history. */
  readonly wasBad?: boolean | null;
};

/** A night in which the instances with these numbers fail, of three; or one for the site alone. */
function night(failing: readonly number[] | 'site', { wasBad, ...more }: More = {}): Promise<void> {
  const told = [1, 2, 3].map((a): Told => {
    if (failing === 'site') return instanceOf('run', a, [jobOf(1, ['n7'], a === 1 ? 'node' : null)]);
    return instanceOf('run', a, [jobOf(1, ['n1'], failing.includes(a) ? 'code' : null)]);
  });
  const status: StudyStatus = failing.length === 0 ? 'FINISHED' : 'FAILURE';
  return keepIssue({
    runner: { apiUrl: github.url, repository: github.repository },
    token: github.token,
    title: 'The nightly is red',
    ...{ study, run },
    results: explained(resultsOf(told, { status, ...(wasBad === null ? {} : { history: historyOf(wasBad) }) })),
    log: { info: (line) => void said.push(line), warning: (line) => void said.push(`warning: ${line}`) },
    clock: systemClock,
    ...more,
  });
}

const historyOf = (wasBad = false) => ({ branch: 'main', wasBad, runs: 1, changes: [], slower: [], values: {} });

const writes = () => github.log.filter((line) => !line.startsWith('GET'));

describe('the issue about a study', () => {
  it('is opened at the first red night, rewritten, commented on when what fails changes, and closed when it is green', async () => {
    await night([1]);
    const [issue] = github.issues;
    expect(issue).toMatchObject({ title: 'The nightly is red', state: 'open' });
    expect(issue!.body).toContain('run&#95;A.1');
    expect(said).toEqual([
      `Issue ${issue!.number} was opened: https://github.com/octo/studies/issues/${issue!.number}`,
    ]);

    await night([1], { run: { ...run, commit: 'beef' } });
    expect(github.comments).toEqual([]);
    expect(issue!.body).toContain('of beef.');

    await night([2, 3]);
    expect(github.comments.map(({ body }) => body.split('\n\n').slice(0, 2))).toEqual([
      [
        'Now failing (2): <code>run&#95;A.2</code>, <code>run&#95;A.3</code>.',
        'No longer failing: <code>run&#95;A.1</code>.',
      ],
    ]);

    await night([]);
    expect(issue!.state).toBe('closed');
    expect(github.comments[1]!.body).toMatch(/^Everything passes: 3 steps/);

    await night([]);
    expect(github.comments).toHaveLength(2);
    await night([3]);
    expect(github.issues.map(({ state }) => state)).toEqual(['closed', 'open']);
    expect(github.complaints).toEqual([]);
  });

  it('is one for each branch and each study of a workflow', async () => {
    await night([1]);
    await night([1], { run: { ...run, ref: 'refs/heads/release' } });
    await night([1], { study: 'maestro: b.yaml' });
    expect(github.issues).toHaveLength(3);
    await night([], { study: 'maestro: b.yaml' });
    expect(github.issues.map(({ state }) => state).sort()).toEqual(['closed', 'open', 'open']);
  });

  it('is opened for the infrastructure alone only from the second night on, and does not forget what failed before', async () => {
    await night('site');
    expect(github.issues).toEqual([]);
    await night('site', { wasBad: true });
    expect(github.issues).toHaveLength(1);
    expect(github.issues[0]!.body).toContain('Nothing here says that the code is wrong');
    await night([1]);
    expect(github.comments.map(({ body }) => body.split('\n')[0])).toEqual(['Now failing: <code>run&#95;A.1</code>.']);
    await night('site');
    await night([1]);
    expect(github.comments).toHaveLength(1);
  });

  it('is not opened for the infrastructure alone without a history, which a warning says unless one is open', async () => {
    const site = () => night('site', { wasBad: null });
    await site();
    await site();
    expect(github.issues).toEqual([]);
    const warning = expect.stringMatching(/^warning: The issue is not opened: .* no history/);
    expect(said).toEqual([warning, warning]);
    await night([1], { wasBad: null });
    await site();
    await night('site', { wasBad: null, run: { ...run, event: 'pull_request' } });
    expect(said.slice(2).some((line) => line.startsWith('warning'))).toBe(false);
  });

  it.each(['pull_request', 'pull_request_target', 'issue_comment', 'merge_group'])(
    'is neither asked for nor changed at %s',
    async (event) => {
      await night([1], { run: { ...run, event } });
      await night([], { run: { ...run, event } });
      expect(github.requests).toEqual([]);
      expect(said).toEqual([]);
    },
  );

  it('is not what others have written with its marker, nor a pull request', async () => {
    const marker = markerOf({ workflow: run.workflow, branch: branchOf(run.ref), study });
    const mallory = { login: 'mallory', id: 7, type: 'User' };
    github.addIssue({ body: `${marker}\n`, user: mallory });
    github.addIssue({ body: `${marker}\n`, isPullRequest: true });
    github.addIssue({ body: `I quote:\n${marker}\n` });
    await night([1]);
    expect(github.issues).toHaveLength(4);
    expect(github.issues.slice(0, 3).every(({ body }) => !body.includes('The last run'))).toBe(true);
  });

  it('is found among hundreds, because it was changed last', async () => {
    const marker = markerOf({ workflow: run.workflow, branch: 'main', study });
    const results = explained(resultsOf([instanceOf('run', 1, [jobOf(1, ['n1'], 'code')])], { status: 'FAILURE' }));
    const ours = github.addIssue({
      body: issueBody({ marker, told: toldResults(results), run, failing: ['run_A.1'] }),
    });
    for (let i = 0; i < 250; i++) github.addIssue({ body: 'x' });
    await night([]);
    expect(ours.state).toBe('closed');
  });

  it('is not opened twice where the answer to the first request is lost', async () => {
    let isLost = false;
    github.fault = ({ method }) => {
      if (method !== 'POST' || isLost) return undefined;
      isLost = true;
      return { instead: 'cut', thenWork: true };
    };
    await night([1]);
    expect(github.issues).toHaveLength(1);
    expect(said[0]).toMatch(/^Issue \d+ was opened/);
  });

  it.each([
    [403, "cannot be kept: .*Add 'issues: write' to the job's 'permissions'"],
    [410, 'cannot be kept: '],
    [422, 'cannot be kept: '],
  ])('that GitHub refuses with %s is a warning', async (status, warning) => {
    github.fault = ({ method }) => (method === 'POST' ? { status, body: { message: 'No' } } : undefined);
    await night([1]);
    expect(said).toEqual([expect.stringMatching(new RegExp(`^warning: The issue about the study ${warning}`))]);
  });

  it('is not opened with the token of a person, whose issue the next night would not know', async () => {
    await night([1], { token: 'ghp_0123' });
    expect(github.requests).toEqual([]);
    expect(said).toEqual([expect.stringContaining("'github-token' must be the job's own token or an app's")]);
  });

  it('is opened by a night that cannot be run, whose reasons it says, and is closed by the next that passes', async () => {
    const { title, place } = {
      title: 'The nightly is red',
      place: { apiUrl: github.url, repository: github.repository },
    };
    const log = { info: (line: string) => void said.push(line), warning: (line: string) => void said.push(line) };
    const refused = () =>
      keepIssueOfRefused({
        ...{ runner: place, token: github.token, title, study, run, log, clock: systemClock },
        ...{ spec: 'a.yaml', reasons: ['a.yaml:3:5: there is no such step'] },
      });
    await refused();
    expect(github.issues[0]!.body).toContain(
      'The study cannot be run:\n\n- a.yaml&#58;3&#58;5&#58; there is no such step',
    );
    await refused();
    expect(github.comments).toEqual([]);
    await night([1]);
    expect(github.comments[0]!.body).toMatch(/^Now failing: .*run&#95;A\.1.*\n\nNo longer failing: .*cannot be run/);
    await night([]);
    expect(github.issues.map(({ state }) => state)).toEqual(['closed']);
  });

  it('that a person has rewritten is rewritten without a comment', async () => {
    await night([1]);
    const [issue] = github.issues;
    issue!.body = `${issue!.body.split('\n')[0]}\nI look at this.`;
    await night([2]);
    expect(github.comments).toEqual([]);
    expect(issue!.body).toContain('run&#95;A.2');
    expect(writes().at(-1)).toMatch(/^PATCH/);
  });
});

describe('the issue about a detached study', () => {
  const sha = 'a'.repeat(40);
  const ended = (checkRun: Partial<CollectedIssue['checkRun']> = {}) =>
    keepIssueOfDetached({
      runner: { apiUrl: github.url, repository: github.repository },
      token: github.token,
      title: 'The nightly is red',
      study,
      checkRun: { sha, detailsUrl: 'https://github.com/octo/studies/actions/runs/9', ...checkRun },
      results: explained(resultsOf([instanceOf('run', 1, [jobOf(1, ['n1'], 'code')])], { status: 'FAILURE' })),
      log: { info: (line) => void said.push(line), warning: (line) => void said.push(`warning: ${line}`) },
      clock: systemClock,
    });

  it('is that of the workflow and branch that GitHub says have started it', async () => {
    github.runs.set('9', { event: 'schedule', head_branch: 'main', head_sha: sha });
    await ended();
    const workflow = 'octo/studies/.github/workflows/build.yml';
    expect(github.issues[0]!.body.startsWith(markerOf({ workflow, branch: 'main', study }))).toBe(true);
    expect(github.complaints).toEqual([]);
  });

  it('is none if it was started for a pull request, whatever is in the study', async () => {
    github.runs.set('9', { event: 'pull_request', head_branch: 'main', head_sha: sha });
    await ended();
    expect(github.issues).toEqual([]);
    expect(said).toEqual([]);
  });

  it.each([
    ['the run is of another commit', { sha: 'b'.repeat(40) }, 'on another commit'],
    ['no run is named', { detailsUrl: 'https://elsewhere.invalid/' }, 'does not name the run'],
    ['there is no such run', { detailsUrl: 'https://github.com/octo/studies/actions/runs/8' }, "Add 'actions: read'"],
  ])('is not kept, with a warning, if %s', async (_, checkRun, warning) => {
    github.runs.set('9', { event: 'schedule', head_branch: 'main', head_sha: sha });
    await ended(checkRun);
    expect(github.issues).toEqual([]);
    expect(said).toEqual([expect.stringMatching(/^warning: The issue about \S+ cannot be kept: /)]);
    expect(said[0]).toContain(warning);
  });
});

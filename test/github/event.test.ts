import { writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readRunner } from '../../src/action/runner.js';
import { eventOf, readEvent } from '../../src/github/event.js';
import { examplePayload } from '../support/events.js';
import { temporaryDirectory } from '../support/temporary.js';

const sha = 'f'.repeat(40);
const context = (name: string, repository = 'Codertocat/Hello-World') => ({ name, repository, sha });
const own = { kind: 'own' };

describe('the event of a run', () => {
  it('is on the head of a pull request, not on what would come of merging it', () => {
    const payload = examplePayload('pull_request');
    for (const name of ['pull_request', 'pull_request_target', 'pull_request_review']) {
      const { head, number } = payload.pull_request;
      expect(eventOf(payload, context(name))).toEqual({ name, sha: head.sha, origin: own, pullRequest: number });
    }
  });

  it('is of a fork if the head of the pull request is in another repository', () => {
    const payload = examplePayload('pull_request');
    payload.pull_request.head.repo.full_name = 'mallory/Hello-World';
    for (const name of ['pull_request', 'pull_request_target', 'pull_request_review']) {
      const { origin, sha } = eventOf(payload, context(name));
      expect(origin).toEqual({ kind: 'fork', repository: 'mallory/Hello-World' });
      expect(sha).toBe(payload.pull_request.head.sha);
    }
  });

  it('is of a fork if that was deleted', () => {
    const payload = examplePayload('pull_request');
    payload.pull_request.head.repo = null;
    expect(eventOf(payload, context('pull_request')).origin).toEqual({ kind: 'fork', repository: '' });
  });

  it('is of its own repository if that is a fork itself', () => {
    const payload = examplePayload('pull_request');
    payload.pull_request.head.repo.fork = true;
    payload.pull_request.base.repo.fork = true;
    expect(eventOf(payload, context('pull_request')).origin).toEqual(own);
  });

  it('is on the commit that a workflow_run is about, and of whose repository that is', () => {
    const payload = examplePayload('workflow_run', ({ workflow_run }) => workflow_run.event === 'workflow_dispatch');
    const run = payload.workflow_run;
    const repository = run.head_repository.full_name;
    expect(eventOf(payload, context('workflow_run', repository))).toEqual({
      name: 'workflow_run',
      sha: run.head_sha,
      origin: own,
    });
    run.head_repository.full_name = 'mallory/octo-repo';
    expect(eventOf(payload, context('workflow_run', repository)).origin).toEqual({
      kind: 'fork',
      repository: 'mallory/octo-repo',
    });
    run.head_repository = null;
    expect(eventOf(payload, context('workflow_run', repository)).origin).toEqual({ kind: 'fork', repository: '' });
  });

  it('is on the commit that was pushed, of a tag too', () => {
    const payload = examplePayload('push', ({ head_commit }) => head_commit !== null);
    expect(eventOf(payload, context('push'))).toEqual({ name: 'push', sha: payload.head_commit.id, origin: own });
    payload.after = 'a'.repeat(40);
    expect(eventOf(payload, context('push')).sha).toBe(payload.head_commit.id);
  });

  it('is on what the runner names if it is not about a commit', () => {
    const schedule = { schedule: '0 3 * * *', workflow: '.github/workflows/nightly.yml' };
    expect(eventOf(schedule, context('schedule'))).toEqual({ name: 'schedule', sha, origin: own });
    const dispatched = examplePayload('workflow_dispatch');
    expect(eventOf(dispatched, context('workflow_dispatch'))).toEqual({ name: 'workflow_dispatch', sha, origin: own });
  });

  it('may be of a fork if it is a comment on a pull request: it has only the number', () => {
    const payload = examplePayload('issue_comment');
    expect(eventOf(payload, context('issue_comment')).origin).toEqual(own);
    payload.issue.pull_request = { url: 'https://api.github.com/repos/Codertocat/Hello-World/pulls/7' };
    payload.issue.number = 7;
    const event = eventOf(payload, context('issue_comment'));
    expect(event).toEqual({ name: 'issue_comment', sha, origin: { kind: 'pull request', number: 7 } });
    payload.issue.number = '7/../8';
    expect(eventOf(payload, context('issue_comment')).origin).toEqual({ kind: 'unknown' });
  });

  it('is not trusted if it is about a pull request and does not say of whom', () => {
    for (const name of ['pull_request', 'pull_request_target', 'workflow_run', 'issue_comment']) {
      expect(eventOf({}, context(name))).toEqual({ name, sha, origin: { kind: 'unknown' } });
      expect(eventOf({ pull_request: {} }, context(name)).origin).toEqual({ kind: 'unknown' });
    }
  });

  const aboutCommits = ['check_suite', 'check_run', 'status', 'deployment', 'deployment_status'] as const;

  it.each(aboutCommits)('is of its own repository if it is about a commit on a branch of that: %s', (name) => {
    const payload = examplePayload(name);
    expect(eventOf(payload, context(name, payload.repository.full_name)).origin).toEqual(own);
  });

  it.each(aboutCommits)('is not trusted if it is about a commit, and names no branch that has it: %s', (name) => {
    const payload = examplePayload(name);
    const { repository } = payload;
    const suites = [payload.check_suite, payload.check_run?.check_suite].filter((suite) => suite !== undefined);
    for (const suite of suites) Object.assign(suite, { head_branch: null, pull_requests: [] });
    if (payload.check_run) payload.check_run.pull_requests = [];
    if (name === 'status') payload.branches = [];
    for (const ref of [sha, 'refs/pull/7/merge', 'refs/pull/7/head', '7/merge', '']) {
      if (payload.deployment) payload.deployment.ref = ref;
      expect(eventOf(payload, context(name, repository.full_name)).origin).toEqual({ kind: 'unknown' });
    }
    expect(eventOf({}, context(name)).origin).toEqual({ kind: 'unknown' });
  });

  /** A pull request as lists have them: of its repositories there are only addresses. */
  const listed = (owner: string) => ({
    number: 7,
    head: {
      ref: 'x',
      sha,
      repo: { id: 1, url: `https://api.github.com/repos/${owner}/Hello-World`, name: 'Hello-World' },
    },
    base: {
      ref: 'main',
      sha,
      repo: { id: 2, url: 'https://api.github.com/repos/Codertocat/Hello-World', name: 'Hello-World' },
    },
  });

  it.each<[string, string, (payload: ReturnType<typeof examplePayload>) => void]>([
    [
      'check_suite',
      'its pull requests',
      (payload) => Object.assign(payload.check_suite, { pull_requests: [listed('mallory')] }),
    ],
    [
      'check_suite',
      'its head',
      (payload) => Object.assign(payload.check_suite, { head_repository: { full_name: 'mallory/Hello-World' } }),
    ],
    [
      'check_run',
      'its pull requests',
      (payload) => Object.assign(payload.check_run, { pull_requests: [listed('mallory')] }),
    ],
    [
      'check_run',
      'those of its suite, and not first',
      (payload) =>
        Object.assign(payload.check_run.check_suite, { pull_requests: [listed('Codertocat'), listed('mallory')] }),
    ],
    ['status', 'a pull request', (payload) => Object.assign(payload, { pull_requests: [listed('mallory')] })],
    [
      'deployment_status',
      'its run',
      (payload) => Object.assign(payload, { workflow_run: { head_repository: { full_name: 'mallory/Hello-World' } } }),
    ],
    [
      'deployment_status',
      'its check run',
      (payload) => Object.assign(payload, { check_run: { pull_requests: [listed('mallory')] } }),
    ],
    [
      'deployment',
      'its run',
      (payload) => Object.assign(payload, { workflow_run: { head_repository: { full_name: 'mallory/Hello-World' } } }),
    ],
    [
      'repository_dispatch',
      'what was sent',
      (payload) => Object.assign(payload, { client_payload: { pull_request: listed('mallory') } }),
    ],
  ])('is of a fork if that is named in %s: %s', (name, _, change) => {
    const payload = examplePayload(name);
    change(payload);
    expect(eventOf(payload, context(name)).origin).toEqual({ kind: 'fork', repository: 'mallory/Hello-World' });
  });

  it('is of a fork that was deleted if a list has such a pull request', () => {
    const payload = examplePayload('check_suite');
    payload.check_suite.pull_requests = [{ ...listed('x'), head: { ref: 'x', sha, repo: null } }];
    expect(eventOf(payload, context('check_suite')).origin).toEqual({ kind: 'fork', repository: '' });
  });

  it('is of its own repository in a merge queue, as whoever may write to it has put it there', () => {
    expect(eventOf(examplePayload('merge_group'), context('merge_group')).origin).toEqual(own);
  });

  it.each([
    'push',
    'release',
    'issues',
    'discussion',
    'create',
    'label',
    'watch',
    'repository_dispatch',
    'merge_group',
  ])('is of its own repository as GitHub sends it: %s', (name) => {
    const payload = examplePayload(name);
    expect(eventOf(payload, context(name, payload.repository.full_name)).origin).toEqual(own);
  });

  it('is read whatever the payload is', () => {
    const names = fc.constantFrom('push', 'pull_request', 'workflow_run', 'issue_comment', 'schedule', ...aboutCommits);
    const keys = [
      'check_suite',
      'check_run',
      'head_repository',
      'branches',
      'deployment',
      'ref',
      'pull_request',
      'head',
      'repo',
      'full_name',
      'sha',
      'workflow_run',
      'issue',
      'number',
      'head_commit',
    ];
    const { payload } = fc.letrec((tie) => ({
      payload: fc.oneof({ maxDepth: 5 }, fc.jsonValue({ maxDepth: 1 }), tie('object')),
      object: fc.dictionary(fc.constantFrom(...keys), tie('payload')),
    }));
    fc.assert(
      fc.property(names, payload, (name, value) => {
        const event = eventOf(value, context(name));
        expect(event.name).toBe(name);
        expect(event.sha).toMatch(/^[0-9a-f]{40}$|^[0-9a-f]{64}$/);
      }),
    );
  });

  it('is read from the file that the runner names, if it can be', () => {
    const file = path.join(temporaryDirectory(), 'event.json');
    const runner = (name: string) =>
      readRunner({
        GITHUB_WORKSPACE: '/w',
        GITHUB_REPOSITORY: 'Codertocat/Hello-World',
        GITHUB_RUN_ID: '1',
        GITHUB_SHA: sha,
        GITHUB_EVENT_NAME: name,
        GITHUB_EVENT_PATH: file,
        RUNNER_TEMP: '/t',
      });
    expect(readEvent(runner('push'))).toEqual({ name: 'push', sha, origin: own });
    writeFileSync(file, '{');
    expect(readEvent(runner('pull_request')).origin).toEqual({ kind: 'unknown' });
    const payload = examplePayload('pull_request');
    writeFileSync(file, JSON.stringify(payload));
    expect(readEvent(runner('pull_request')).sha).toBe(payload.pull_request.head.sha);
  });
});

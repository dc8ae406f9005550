import { describe, expect, it } from 'vitest';
import { lookUp, refusal, studyEvent } from '../../src/action/fork-guard.js';
import type { GitHubEvent } from '../../src/github/event.js';
import type { Runner } from '../../src/github/runner-facts.js';
import { finish } from '../support/finish.js';
import { GitHubServer } from '../support/github-api.js';
import { VirtualClock } from '../support/virtual-clock.js';

const sha = 'f'.repeat(40);
const head = 'a'.repeat(40);
const run = { allowForkPr: false, isDryRun: false, hasPgen: false };
const from = (origin: GitHubEvent['origin'], name = 'pull_request'): GitHubEvent => ({ name, sha, origin });
const fork = from({ kind: 'fork', repository: 'mallory/studies' });
const comment = from({ kind: 'pull request', number: 7 }, 'issue_comment');

describe("a fork's pull request", () => {
  it('is refused, with what it would do and how to allow it', () => {
    for (const name of ['pull_request', 'pull_request_target', 'workflow_run', 'issue_comment']) {
      const why = refusal({ ...fork, name }, run);
      expect(why).toContain(`a fork, mallory/studies (${name})`);
      expect(why).toContain('shell commands on your machines');
      expect(why).toContain("'allow-fork-pr: true'");
    }
  });

  it('runs if that is allowed', () => {
    expect(refusal(fork, { ...run, allowForkPr: true })).toBeUndefined();
  });

  it('has a dry run, unless that runs a parameter generator', () => {
    expect(refusal(fork, { ...run, isDryRun: true })).toBeUndefined();
    expect(refusal(fork, { ...run, isDryRun: true, hasPgen: true })).toContain('Python on this runner');
    expect(refusal(fork, { ...run, hasPgen: true })).toContain('Python on this runner');
  });

  it('is refused if it only may be one', () => {
    expect(refusal(from({ kind: 'unknown' }), run)).toContain('does not say whose code');
    expect(refusal(comment, run)).toContain('pull request 7');
    expect(refusal(from({ kind: 'fork', repository: '' }), run)).toContain('which no longer exists');
  });

  it('says nothing that is a command of the runner', () => {
    expect(refusal(from({ kind: 'fork', repository: 'a\n::error::b' }), run)).not.toContain('\n');
  });
});

describe('a run of the repository itself', () => {
  it('is not refused', () => {
    expect(refusal(from({ kind: 'own' }), { ...run, hasPgen: true })).toBeUndefined();
  });
});

describe('a comment on a pull request', () => {
  const clock = new VirtualClock();

  async function lookedUp(repository: string): Promise<GitHubEvent> {
    const github = await GitHubServer.start();
    github.pulls.set(7, { repository, sha: head });
    const event = await lookUp(
      comment,
      { apiUrl: github.url, repository: github.repository, sha },
      github.token,
      clock,
    );
    expect(github.complaints).toEqual([]);
    return event;
  }

  it('is looked up: its code may be of the repository itself', async () => {
    const own = { name: 'issue_comment', sha: head, origin: { kind: 'own' }, pullRequest: 7 };
    expect(await lookedUp('octo/studies')).toEqual(own);
  });

  it('is looked up: its code may be of a fork', async () => {
    expect((await lookedUp('mallory/studies')).origin).toEqual({ kind: 'fork', repository: 'mallory/studies' });
  });

  it('is looked up: its code may be of a fork that was deleted, which the description does not have', async () => {
    const github = await GitHubServer.start();
    github.fault = () => ({ status: 200, body: { number: 7, head: { sha: head, repo: null } } });
    const runner = { apiUrl: github.url, repository: github.repository, sha };
    const event = await lookUp(comment, runner, github.token, clock);
    expect(event.origin).toEqual({ kind: 'fork', repository: '' });
  });

  it('is about another commit than the run if `sha` names one', async () => {
    const runner = {
      ...{ apiUrl: '', repository: 'octo/studies', sha, eventName: 'workflow_dispatch' },
      eventPath: '',
    };
    const on = (given: string) => studyEvent({ sha: given, 'github-token': '' }, runner as Runner, clock);
    for (const own of ['', sha]) expect(await on(own)).toEqual(expect.not.objectContaining({ isOtherCommit: true }));
    expect(await on('d'.repeat(40))).toMatchObject({ sha: 'd'.repeat(40), isOtherCommit: true });
  });

  it('stays open, and so refused, if it cannot be looked up', async () => {
    const github = await GitHubServer.start();
    const runner = { apiUrl: github.url, repository: github.repository, sha };
    expect(await lookUp(comment, runner, '', clock)).toBe(comment);
    expect(github.requests).toEqual([]);
    expect(await lookUp(comment, runner, github.token, clock)).toBe(comment);
    github.fault = () => ({ status: 502, body: 'not JSON' });
    expect(await finish(lookUp(comment, runner, github.token, clock), clock)).toBe(comment);
    expect(refusal(comment, run)).toBeDefined();
  });

  it('is not asked about if the event says whose code it is', async () => {
    const github = await GitHubServer.start();
    expect(await lookUp(fork, { apiUrl: github.url, repository: 'a/b', sha }, github.token, clock)).toBe(fork);
    expect(github.requests).toEqual([]);
  });
});

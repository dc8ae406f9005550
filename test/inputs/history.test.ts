import { describe, expect, it } from 'vitest';
import { historyOf } from '../../src/action/history.js';
import type { Runner } from '../../src/github/runner-facts.js';
import { inputsSchema } from '../../src/inputs/schema.js';

const commit = 'c'.repeat(40);
const runner: Runner = {
  ...{
    workspace: '/w',
    repository: 'octo/app',
    runId: '10000004711',
    runUrl: 'https://github.com/octo/app/actions/runs/4711',
  },
  ...{ apiUrl: '', serverUrl: 'https://github.com', sha: commit, eventPath: '', temporary: '/tmp', attempt: '2' },
  ...{ job: 'nightly', step: 'study', eventName: 'schedule', workflow: 'nightly.yml', ref: 'refs/heads/main' },
};
const historyIn = (on: Partial<Runner> = {}, given: Readonly<Record<string, string>> = {}) =>
  historyOf(inputsSchema.parse({ spec: 'study.yaml', history: 'auto', ...given }), {
    ...{ runner: { ...runner, ...on }, event: { sha: commit }, home: '/home/me' },
  });

describe('the history of a run on GitHub', () => {
  it('is in the directory of the studies, of the branch that it is for', () =>
    expect(historyIn()).toEqual({
      root: '/home/me/maestro-studies/.maestro-history',
      server: 'https://github.com',
      isWritten: true,
      run: {
        ...{ repository: 'octo/app', workflow: 'nightly.yml', spec: 'study.yaml', branch: 'main', commit },
        ...{ leg: expect.stringMatching(/^nightly\/study\/[0-9a-f]{8}$/), event: 'schedule', attempt: 2 },
        url: 'https://github.com/octo/app/actions/runs/4711',
      },
    }));

  it.each<[string, string, string]>([
    ['none', '~/nights', ''],
    ['a directory of yours', '~/nights', '/home/me/nights'],
    ['a directory', '/p/nights', '/p/nights'],
    ['one in the home directory', 'nights', '/home/me/nights'],
  ])('may be %s', (what, history, root) =>
    expect(historyIn({}, { history: what === 'none' ? 'none' : history })?.root ?? '').toBe(root),
  );

  it.each<[string, Partial<Runner>, string | undefined, boolean]>([
    ['a push', { eventName: 'push' }, 'main', true],
    ['a push to another branch', { eventName: 'push', ref: 'refs/heads/release/1' }, 'release/1', true],
    ['a dispatch', { eventName: 'workflow_dispatch' }, 'main', true],
    ['a pull request', { eventName: 'pull_request', ref: 'refs/pull/7/merge', baseRef: 'main' }, 'main', false],
    ['one into another branch', { eventName: 'pull_request_target', baseRef: 'release/1' }, 'release/1', false],
    ['a comment', { eventName: 'issue_comment' }, 'main', false],
    [
      'a group of the merge queue',
      { eventName: 'merge_group', ref: `refs/heads/gh-readonly-queue/main/pr-7-${commit}` },
      'main',
      false,
    ],
    ['a tag', { eventName: 'push', ref: 'refs/tags/v1' }, undefined, false],
    ['a run that says nothing', { ref: undefined }, undefined, false],
  ])('of %s is that of the branch, to which only its own runs add', (_, on, branch, isWritten) => {
    const history = historyIn(on);
    expect(history?.run.branch).toBe(branch);
    expect(history?.isWritten ?? false).toBe(isWritten);
  });

  it('is only compared with if the study is about another commit, which may be a pull request’s', () => {
    const inputs = inputsSchema.parse({ spec: 'study.yaml', history: 'auto' });
    const event = { sha: 'd'.repeat(40), isOtherCommit: true };
    const history = historyOf(inputs, { ...{ runner, event }, home: '/home/me' });
    expect(history).toMatchObject({ isWritten: false, run: { branch: 'main', commit: 'd'.repeat(40) } });
  });

  it('is another one for another leg of a matrix, and not for another commit or run', () => {
    const leg = (env: string, on: Partial<Runner> = {}) => historyIn(on, { env })!.run.leg;
    expect(leg('CC=gcc')).not.toBe(leg('CC=clang'));
    expect(leg('CC=gcc', { job: 'other' })).not.toBe(leg('CC=gcc'));
    const later = { runId: '10000004712', sha: commit };
    expect(leg(`RUN=10000004712\nSHA=${commit}`, later)).toBe(leg(`RUN=10000004711\nSHA=${commit}`));
  });
});

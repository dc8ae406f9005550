import { describe, expect, it } from 'vitest';
import { decideIssue, type Night, type OpenIssue } from '../../src/history/issue.js';

const night = (outcome: Night['outcome'], more: Partial<Night> = {}): Night => ({
  ...{ event: 'schedule', outcome, failing: outcome === 'green' ? [] : ['run_1'], wasBad: false },
  ...more,
});
const issue = (failing: readonly string[] | null = ['run_1']): OpenIssue => ({ number: 7, failing });

describe('the issue about a study', () => {
  it.each<[string, Night, OpenIssue | null, ReturnType<typeof decideIssue>]>([
    ['is opened at the first red night', night('red'), null, { do: 'open' }],
    ['is not opened at a green night', night('green'), null, { do: 'nothing' }],
    ['is not opened for the site at its first bad night', night('site'), null, { do: 'nothing' }],
    ['is opened for the site at its second', night('site', { wasBad: true }), null, { do: 'open' }],
    ['is not opened for a study that came to no verdict', night('none', { wasBad: true }), null, { do: 'nothing' }],
    ['is rewritten while the same fails', night('red'), issue(), { do: 'update', number: 7, comment: null }],
    [
      'is commented on when what fails changes',
      night('red', { failing: ['run_2', 'run_3'] }),
      issue(['run_1', 'run_2']),
      { do: 'update', number: 7, comment: { added: ['run_3'], gone: ['run_1'] } },
    ],
    [
      'is not commented on for the order of what fails',
      night('red', { failing: ['b', 'a', 'a'] }),
      issue(['a', 'b']),
      { do: 'update', number: 7, comment: null },
    ],
    [
      'is not commented on for the site',
      night('site', { failing: ['run_9'] }),
      issue(),
      { do: 'update', number: 7, comment: null },
    ],
    [
      'is not commented on if a person has rewritten it',
      night('red'),
      issue(null),
      { do: 'update', number: 7, comment: null },
    ],
    ['is closed when it is green', night('green'), issue(), { do: 'close', number: 7 }],
    ['stays as it is when a run was cancelled', night('none'), issue(), { do: 'nothing' }],
  ])('%s', (_, now, open, action) => expect(decideIssue(now, open)).toEqual(action));

  it.each(['pull_request', 'pull_request_target', 'issue_comment', 'workflow_run', ''])(
    'is left alone at %j',
    (event) => {
      for (const outcome of ['red', 'green'] as const) {
        expect(decideIssue(night(outcome, { event }), issue())).toEqual({ do: 'nothing' });
        expect(decideIssue(night(outcome, { event }), null)).toEqual({ do: 'nothing' });
      }
    },
  );
});

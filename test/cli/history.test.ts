import { describe, expect, it } from 'vitest';
import { historyHere } from '../../src/cli/history.js';
import { inputsSchema } from '../../src/inputs/schema.js';

const github = { GITHUB_ACTIONS: 'true', GITHUB_REPOSITORY: 'octo/studies', GITHUB_RUN_ID: '1' };
const historyIn = (environment: Readonly<Record<string, string>>, history = 'nights', isElsewhere = false) =>
  historyHere(inputsSchema.parse({ spec: 'study.yaml', history }), {
    ...{ specPath: '/here/study.yaml', workingDirectory: '/here', environment },
    hosts: { home: '/home/me', isElsewhere },
  });

describe('a history on the command line', () => {
  it('is in a directory that is named as others are, and of the spec', () => {
    expect(historyIn({})).toMatchObject({ root: '/here/nights', isWritten: true, run: { spec: '/here/study.yaml' } });
    expect(historyIn({}, 'nights', true)?.root).toBe('/home/me/nights');
    expect(historyIn({}, 'none')).toBeUndefined();
  });

  it.each([
    ['schedule', true],
    ['push', true],
    ['pull_request', false],
    ['issue_comment', false],
    ['merge_group', false],
  ])('in a workflow that is started by %s is added to: %s', (event, isWritten) =>
    expect(historyIn({ ...github, GITHUB_EVENT_NAME: event })?.isWritten).toBe(isWritten),
  );
});

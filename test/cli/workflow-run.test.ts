import { describe, expect, it } from 'vitest';
import { runAround } from '../../src/cli/workflow-run.js';

const environment = {
  GITHUB_ACTIONS: 'true',
  GITHUB_REPOSITORY: 'octo/studies',
  GITHUB_RUN_ID: '4711',
  GITHUB_SERVER_URL: 'https://github.example/',
  GITHUB_SHA: 'c0ffee',
  GITHUB_REF: 'refs/heads/main',
  GITHUB_EVENT_NAME: 'schedule',
  GITHUB_WORKFLOW_REF: 'octo/studies/.github/workflows/nightly.yml@refs/heads/main',
  GITHUB_JOB: 'study',
  GITHUB_RUN_ATTEMPT: '2',
};

describe('the run on GitHub around a command', () => {
  it('is what its environment says', () =>
    expect(runAround(environment)).toEqual({
      repository: 'octo/studies',
      commit: 'c0ffee',
      ref: 'refs/heads/main',
      event: 'schedule',
      workflow: 'octo/studies/.github/workflows/nightly.yml',
      job: 'study',
      url: 'https://github.example/octo/studies/actions/runs/4711',
      attempt: 2,
    }));

  it.each(['GITHUB_ACTIONS', 'GITHUB_REPOSITORY', 'GITHUB_RUN_ID'])('is none without %s', (name) =>
    expect(runAround({ ...environment, [name]: undefined })).toBeUndefined(),
  );
});

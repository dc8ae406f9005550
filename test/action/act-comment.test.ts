import { expect, it } from 'vitest';
import { ActRepository, act } from '../support/act.js';
import { commentPayload, people, pull } from '../support/commented.js';
import { GitHubServer } from '../support/github-api.js';

const spec = 'samples/hello-bye-parameterized.yaml';

/** The example workflow, as a comment on a pull request starts it. */
async function commentedOn(text: string, by?: { readonly login: string; readonly id: number }) {
  const github = await GitHubServer.start();
  for (const [login, person] of Object.entries(people)) github.people.set(login, person);
  const repository = new ActRepository();
  github.pulls.set(pull, { repository: github.repository, sha: repository.head });
  github.files.set(spec, repository.read(spec));
  const payload = commentPayload(text, by === undefined ? {} : { by });
  const run = await repository.run({ workflow: 'example-comment.yml', event: 'issue_comment', payload, github });
  return { run, github };
}

if (act.program === undefined) {
  console.warn(act.why);
  it.skip(act.why, () => {});
} else {
  it('the example for comments runs the study that a comment asks for, and its one answer has the result', async () => {
    const { run, github } = await commentedOn('/study run NAME=Ada,Bob,Cem,Dan');
    expect(run.jobs, run.log).toEqual({ command: 'success', study: 'success', answer: 'success' });
    expect(run.output('study', 'study', 'status')).toBe('FINISHED');
    expect(github.comments).toHaveLength(1);
    expect(github.comments[0]!.body).toContain('FINISHED');
    expect(github.complaints).toEqual([]);
  });

  it('the example for comments runs nothing for a person who may not write, and says so', async () => {
    const { run, github } = await commentedOn('/study run', { login: 'rita', id: people.rita.id });
    expect(run.jobs, run.log).toMatchObject({ command: 'success' });
    expect(run.jobs.study).not.toBe('success');
    expect(github.reactions).toMatchObject([{ content: '-1' }]);
    expect(github.checkRuns).toEqual([]);
  });
}

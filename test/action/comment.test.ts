import { describe, expect, it } from 'vitest';
import { commandsIn, type Ended } from '../support/bundle.js';
import { commented } from '../support/commented.js';
import type { GitHubServer } from '../support/github-api.js';
import { commandsOf, head, messagesOf, startedBy } from '../support/reported.js';

const nothing = { run: 'false', spec: '', parameters: '', machines: '[]', sha: '', answer: '' };
const fork = 'mallory/studies';

/** The one answer that there is to be, by requests that GitHub's description allows. */
function onlyAnswer(github: GitHubServer): string {
  expect(github.complaints).toEqual([]);
  expect(github.comments).toHaveLength(1);
  return github.comments[0]!.body;
}

const reactionsOf = (github: GitHubServer) =>
  github.reactions.map(({ comment, content }) => `${content} to ${comment}`);

function expectQuiet(ended: Ended): void {
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  expect(commandsOf(ended)).toEqual([]);
}

describe('a command in a comment', () => {
  it('of a person with write permission is a run of the head, named in the answer', async () => {
    const { github, job } = await commented('Looks good.\n\n/study run SIZE=10,20');
    expectQuiet(await job.run());
    const answer = onlyAnswer(github);
    expect(job.outputs).toEqual({
      run: 'true',
      spec: 'studies/a.yaml',
      parameters: '"SIZE": ["10","20"]',
      machines: '[]',
      sha: head,
      answer: String(github.comments[0]!.id),
    });
    expect(reactionsOf(github)).toEqual(['eyes to 501']);
    expect(answer).toContain('<!-- maestro-on-flux: answer to 501 -->\n');
    expect(answer).toContain('Study <code>studies/a.yaml</code> with <code>SIZE=10,20</code>');
    expect(answer).toContain(`[${head.slice(0, 12)}](https://github.invalid/octo/studies/commit/${head})`);
    expect(answer).toContain('the head of this pull request when the command was read');
    expect(answer).toContain('[ada](https://github.invalid/octo/studies/pull/7#c501)');
    expect(answer).toContain('[The run](https://github.invalid/octo/studies/actions/runs/4711)');
    expect(answer).toContain('Running.');
    expect(github.log).toEqual([
      'GET /collaborators/ada/permission 200',
      'GET /pulls/7 200',
      'GET /contents/studies/a.yaml 200',
      'POST /issues/comments/501/reactions 201',
      'POST /issues/7/comments 201',
    ]);
    expect(await job.post()).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('chooses a spec and machines, whose objects become those of a matrix', async () => {
    const { github, job } = await commented('/study run ./studies//a.yaml machine=b,c', {
      by: { login: 'william', id: 2 },
    });
    const machines = [{ name: 'a' }, { name: 'b', host: 'b.example.org', 'runs-on': ['self-hosted'] }, 'c'];
    job.with({ spec: '', machines: JSON.stringify(machines) });
    expectQuiet(await job.run());
    expect(job.outputs).toMatchObject({ run: 'true', spec: 'studies/a.yaml' });
    expect(JSON.parse(job.outputs.machines!)).toEqual(machines.slice(1));
    expect(onlyAnswer(github)).toContain('on <code>b</code>, <code>c</code>');
  });

  it('that chooses no machine is for all', async () => {
    const { job } = await commented('/study run');
    expectQuiet(await job.with({ machines: 'a\nb' }).run());
    expect(JSON.parse(job.outputs.machines!)).toEqual(['a', 'b']);
  });

  it("of a fork's pull request runs the commit that it names, if that is the head", async () => {
    const { github, job } = await commented(`/study run @${head.slice(0, 7)}`, { from: fork });
    expectQuiet(await job.run());
    expect(job.outputs).toMatchObject({ run: 'true', sha: head });
    expect(onlyAnswer(github)).not.toContain('when the command was read');
  });

  it('is answered once more by a re-run, in the same comment', async () => {
    const { github, job } = await commented('/study run');
    github.addComment({
      issue: 7,
      body: '<!-- maestro-on-flux: answer to 501 -->\nnot ours',
      user: { login: 'mallory', id: 66, type: 'User' },
    });
    const ours = github.addComment({ issue: 7, body: '<!-- maestro-on-flux: answer to 501 -->\nof the first attempt' });
    job.environment.GITHUB_RUN_ATTEMPT = '2';
    expectQuiet(await job.run());
    expect(job.outputs.answer).toBe(String(ours.id));
    expect(github.comments.map(({ body }) => body.split('\n')[1])).toEqual([
      'not ours',
      expect.stringContaining('Study'),
    ]);
  });

  it('is answered once although the first request seems to have failed', async () => {
    const { github, job } = await commented('/study run');
    let failures = 1;
    github.fault = ({ method, path }) =>
      method === 'POST' && path.endsWith('/7/comments') && failures-- > 0
        ? { status: 502, body: 'no JSON', thenWork: true }
        : undefined;
    expectQuiet(await job.run());
    onlyAnswer(github);
    expect(job.outputs.answer).toBe(String(github.comments[0]!.id));
  });
});

describe('a command that is not run', () => {
  it.each([
    ['of a person who may only read', '/study run', { by: { login: 'rita', id: 3 } }, '-1'],
    ["on a fork's pull request without a commit", '/study run', { from: fork }, 'confused'],
    ['with text that is made to break things', '/study run SIZE=</code>\u2028::error::x <!--', {}, 'confused'],
  ] as const)('is answered, and sets no output but the answer: %s', async (_, text, options, reaction) => {
    const { github, job } = await commented(text, options);
    expectQuiet(await job.run());
    expect(onlyAnswer(github)).toContain('Nothing runs for');
    expect(job.outputs).toEqual({ ...nothing, answer: String(github.comments[0]!.id) });
    expect(reactionsOf(github)).toEqual([`${reaction} to 501`]);
  });
});

describe('a comment without a command', () => {
  it.each([
    ['quotes one', '> /study run', {}],
    ['was edited', '/study run', { action: 'edited' }],
    ['is of a bot', '/study run', { by: { login: 'renovate[bot]', id: 5, type: 'Bot' } }],
  ] as const)('changes nothing and asks nothing of GitHub: it %s', async (_, text, options) => {
    const { github, job } = await commented(text, options);
    expectQuiet(await job.run());
    expect(job.outputs).toEqual(nothing);
    expect(github.requests).toEqual([]);
  });
});

describe('a command that GitHub does not let us look at or answer', () => {
  it('runs without an answer, with a warning that says which permission is missing', async () => {
    const { github, job } = await commented('/study run');
    github.fault = ({ method }) =>
      method === 'POST' ? { status: 403, body: { message: 'Resource not accessible by integration' } } : undefined;
    const ended = await job.run();
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(job.outputs).toMatchObject({ run: 'true', sha: head, answer: '' });
    expect(messagesOf(ended, 'warning')).toEqual([
      expect.stringMatching(/^There is no reaction to the comment: GitHub answered 403.*'pull-requests: write'/),
      expect.stringMatching(/^There is no answer to the comment: GitHub answered 403.*'pull-requests: write'/),
    ]);
  });

  it.each([
    ['the permission', '/permission'],
    ['the pull request', '/pulls/7'],
  ])('is not run, and the step fails: %s', async (_, route) => {
    const { github, job } = await commented('/study run');
    github.fault = ({ path }) => (path.endsWith(route) ? { status: 403, body: { message: 'No' } } : undefined);
    const ended = await job.run();
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    expect(messagesOf(ended, 'error')).toEqual([expect.stringContaining('GitHub answered 403, No')]);
    expect(job.outputs).toEqual(nothing);
    expect(onlyAnswer(github)).toContain('the command could not be processed');
    expect(job.summary).toContain('The comment cannot be answered');
  });

  it.each([
    ['another event', 'push', () => ({}), 'is for workflows on `issue_comment`, and this one was started by push'],
    ['a payload that says nothing', 'issue_comment', () => ({}), 'the event of the comment cannot be read'],
  ])('is an error: %s', async (_, name, payload, says) => {
    const { github, job } = await commented('');
    const ended = await startedBy(job, name, payload()).run();
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    expect(messagesOf(ended, 'error')).toEqual([expect.stringContaining(says)]);
    expect(commandsIn(ended.stdout).length).toBeGreaterThan(0);
    expect(github.requests).toEqual([]);
  });

  it('needs a token', async () => {
    const { job } = await commented('/study run');
    const ended = await job.with({ 'github-token': '' }).run();
    expect(messagesOf(ended, 'error')).toEqual(["input 'github-token' is required to read comments"]);
  });
});

import { describe, expect, it } from 'vitest';
import { GitHubApi } from '../../../src/github/api.js';
import { acceptedAnswer, refusedAnswer } from '../../../src/github/comment/answer-text.js';
import { commentIn, type NewComment } from '../../../src/github/comment/comment-event.js';
import { CommentsApi } from '../../../src/github/comment/comments-api.js';
import { decide, type Offer } from '../../../src/github/comment/decide.js';
import { parseComment } from '../../../src/github/comment/parse-command.js';
import { type CommentedOptions, commentPayload, people, pull, sizedStudy } from '../../support/commented.js';
import { GitHubServer } from '../../support/github-api.js';
import { head } from '../../support/reported.js';
import { VirtualClock } from '../../support/virtual-clock.js';

const fork = 'mallory/studies';
const urls = { runUrl: 'https://github.invalid/run', repositoryUrl: 'https://github.invalid/octo/studies' };

async function decided(text: string, options: CommentedOptions = {}, offer: Partial<Offer> = {}) {
  const github = await GitHubServer.start();
  for (const [login, person] of Object.entries(people)) github.people.set(login, person);
  github.pulls.set(pull, { repository: options.from ?? github.repository, sha: head });
  github.files.set('studies/a.yaml', sizedStudy);
  const clock = new VirtualClock();
  const api = new CommentsApi(new GitHubApi({ url: github.url, token: github.token, clock }), github.repository, clock);
  const comment = commentIn(commentPayload(text, options)) as NewComment;
  const decision = await decide(parseComment(text)!, comment, { spec: 'studies/a.yaml', machines: [], ...offer }, api);
  expect(github.complaints).toEqual([]);
  const context = { comment, ...urls };
  const answer = decision.kind === 'run' ? acceptedAnswer(decision, context) : refusedAnswer(decision, context);
  return { decision, answer, asked: github.log };
}

interface Refused {
  readonly what: string;
  readonly text: string;
  readonly options?: CommentedOptions;
  readonly offer?: Partial<Offer>;
  readonly reaction?: string;
  readonly says: string;
  /** Up to which request it is looked at. */
  readonly asks?: readonly string[];
}

const permission = 'GET /collaborators/ada/permission 200';
const refusals: readonly Refused[] = [
  {
    what: 'a person who may only read',
    text: '/study run',
    options: { by: { login: 'rita', id: 3 } },
    reaction: '-1',
    says: "people with write permission to this repository, and yours is 'read'",
    asks: ['GET /collaborators/rita/permission 200'],
  },
  {
    what: 'a person who is no collaborator',
    text: '/study nonsense',
    options: { by: { login: 'mallory', id: 66 } },
    reaction: '-1',
    says: 'people with write permission to this repository, and you have none',
    asks: ['GET /collaborators/mallory/permission 404'],
  },
  {
    what: "a person with another's former name",
    text: '/study run',
    options: { by: { login: 'ada', id: 66 } },
    reaction: '-1',
    says: 'people with write permission',
    asks: [permission],
  },
  {
    what: 'a comment on an issue',
    text: '/study run',
    options: { isOnIssue: true },
    says: 'This is an issue',
    asks: [permission],
  },
  {
    what: "a fork's pull request without a commit",
    text: '/study run',
    options: { from: fork },
    says: 'of a fork, mallory/studies, and its study can run any command',
    asks: [permission, 'GET /pulls/7 200'],
  },
  {
    what: "a fork's pull request with a commit that is its head no more",
    text: '/study run @bbbbbbb',
    options: { from: fork },
    says: `The head of this pull request is ${head.slice(0, 12)} now, not bbbbbbb`,
    asks: [permission, 'GET /pulls/7 200'],
  },
  {
    what: 'a commit of a branch that is its head no more',
    text: '/study run @bbbbbbb',
    says: `The head of this pull request is ${head.slice(0, 12)} now, not bbbbbbb`,
  },
  { what: 'an unknown spec', text: '/study run b.yaml', says: "There is no file 'b.yaml' at" },
  { what: 'no spec', text: '/study run', offer: { spec: '' }, says: 'The command must name a spec' },
  {
    what: 'an unknown parameter',
    text: '/study run SIEZ=1',
    says: "The study has no parameter 'SIEZ' (did you mean 'SIZE'?)",
  },
  {
    what: 'a machine where there is no choice',
    text: '/study run machine=x',
    says: "There is no machine 'x': this workflow has only one place to run",
  },
  {
    what: 'an unknown machine',
    text: '/study run machine=quarz',
    offer: { machines: ['quartz', 'ruby'] },
    says: "There is no machine 'quarz' (did you mean 'quartz'?)",
  },
  {
    what: 'a verb that there is not',
    text: '/study retry',
    says: "'retry' is not a command (there is run and help)",
    asks: [permission],
  },
  { what: 'a question', text: '/study', says: '<code>/study run [SPEC] [@SHA]', asks: [permission] },
  {
    what: 'a path out of the repository',
    text: '/study run ../../etc/passwd',
    says: 'is not the path of a file in the repository',
    asks: [permission],
  },
  {
    what: 'a value with a command in it',
    text: '/study run SIZE=$(id)',
    says: "The value of 'SIZE' may have letters",
    asks: [permission],
  },
  {
    what: 'text that is made to break the answer',
    text: '/study run SIZE=</code><img> @everyone **x** ::error::x <!--',
    says: '',
    asks: [permission],
  },
];

describe('a command that is not run', () => {
  it.each(refusals)('is answered with the reason: $what', async (refused) => {
    const { text, options = {}, offer = {}, reaction = 'confused', says, asks } = refused;
    const { decision, answer, asked } = await decided(text, options, offer);
    expect(decision).toMatchObject({ kind: 'refused', reaction });
    expect(answer.replaceAll(/&#(\d+);/g, (_, character) => String.fromCharCode(character))).toContain(says);
    expect(answer.replace(/^<!-- [a-z0-9: -]+ -->/, '').replaceAll(/<\/?code>/g, '')).not.toMatch(/[<@]|\*\*/);
    if (asks !== undefined) expect(asked).toEqual(asks);
  });
});

describe('a command that is run', () => {
  it.each([
    ['of an administrator', '/study run', {}],
    ['of a maintainer', '/study run', { by: { login: 'william', id: 2 } }],
    ["on a fork's pull request, with its head", `/study run @${head.slice(0, 7)}`, { from: fork }],
    ['with the whole id of a commit', `/study run @${head.toUpperCase()}`, { from: fork }],
  ])('is answered with the commit: %s', async (_, text, options) => {
    const { decision, answer } = await decided(text, options);
    expect(decision).toMatchObject({ kind: 'run', spec: 'studies/a.yaml', sha: head, machines: [] });
    expect(answer).toContain(`[${head.slice(0, 12)}](https://github.invalid/octo/studies/commit/${head})`);
  });

  it('leaves room for the result, whatever it is asked with', async () => {
    const words = Array.from({ length: 50 }, (_, i) => `P${i}=${'_'.repeat(400)}`).join(' ');
    const { decision, answer } = await decided(`/study run other.yaml ${words}`, {}, {});
    expect(decision.kind).toBe('refused');
    expect(Buffer.byteLength(answer)).toBeLessThan(10_000);
  });
});

describe('the event of a comment', () => {
  it.each(['edited', 'deleted'] as const)('is none of ours if the comment was %s', (action) =>
    expect(commentIn(commentPayload('/study run', { action }))).toBeUndefined(),
  );

  it('is none of ours if the comment is of a bot', () => {
    const by = { login: 'renovate[bot]', id: 5, type: 'Bot' };
    expect(commentIn(commentPayload('/study run', { by }))).toBeUndefined();
  });

  it.each([[{}], [null], [7], [{ action: 'created' }], [{ ...commentPayload('a'), comment: { id: 1, body: 'a' } }]])(
    'is unreadable if it is none that GitHub sends: %j',
    (payload) => expect(commentIn(payload)).toBe('unreadable'),
  );

  it('has an empty text if the comment has none', () => {
    const payload = commentPayload('a');
    payload.comment.body = null;
    expect(commentIn(payload)).toMatchObject({ text: '', author: { login: 'ada', id: 1 }, isOnPullRequest: true });
  });
});

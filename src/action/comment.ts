import { ApiError, GitHubApi } from '../github/api.js';
import { acceptedAnswer, failedAnswer, markerOf, refusedAnswer } from '../github/comment/answer-text.js';
import { type NewComment, readComment } from '../github/comment/comment-event.js';
import { CommentsApi, type Reaction } from '../github/comment/comments-api.js';
import { decide, type Refusal, type WantedRun } from '../github/comment/decide.js';
import { parametersYaml, parseComment } from '../github/comment/parse-command.js';
import type { Runner } from '../github/runner-facts.js';
import type { Inputs } from '../inputs/schema.js';
import type { ProcessContext } from '../run/process-context.js';
import { systemClock } from '../util/clock.js';
import { describeError, InputError } from '../util/errors.js';
import { ActionsLog } from '../util/log/actions-log.js';
import { finishAnswer } from './comment-answer.js';
import { nameOf } from './run-options.js';
import { type CommentOutputs, cannotRun, setOutputs, writeSummary } from './runner.js';

/** `command: comment`: looks at a comment, or puts the result into the answer to it. Returns the exit status. */
export async function commentCommand(inputs: Inputs, runner: Runner, _context: ProcessContext): Promise<number> {
  const log = new ActionsLog('lines');
  try {
    if (inputs['github-token'] === '') throw new InputError([`${nameOf('github-token')} is required to read comments`]);
    if (inputs.answer === '' && inputs.reports.length > 0)
      throw new InputError([`${nameOf('reports')} is of no use without ${nameOf('answer')}, which is empty`]);
    const api = new CommentsApi(
      new GitHubApi({ url: runner.apiUrl, token: inputs['github-token'], clock: systemClock }),
      runner.repository,
      systemClock,
    );
    if (inputs.answer === '') await look(inputs, runner, api, log);
    else await finishAnswer(inputs, runner, api, log);
    return 0;
  } catch (error) {
    const why = error instanceof ApiError ? explain(error) : describeError(error);
    log.error(why);
    if (inputs.summary) await writeSummary(cannotRun([why], 'The comment cannot be answered'));
    return 1;
  }
}

const nothing = { run: 'false', spec: '', parameters: '', machines: '[]', sha: '', answer: '' };

async function look(inputs: Inputs, runner: Runner, api: CommentsApi, log: ActionsLog): Promise<void> {
  if (runner.eventName !== 'issue_comment') {
    throw new InputError([
      `\`command: comment\` is for workflows on \`issue_comment\`, and this one was started by ${runner.eventName || 'another event'}`,
    ]);
  }
  const comment = readComment(runner.eventPath);
  if (comment === 'unreadable') throw new InputError(['the event of the comment cannot be read']);
  const parsed = comment && parseComment(comment.text);
  if (comment === undefined || parsed === undefined) {
    log.info('No line of the comment is a command: nothing is done');
    output(nothing);
    return;
  }
  const replies = new Replies(comment, runner, api, log);
  const offer = { spec: inputs.spec, machines: inputs.machines.map(({ name }) => name) };
  let decision: WantedRun | Refusal;
  try {
    decision = await decide(parsed, comment, offer, api);
  } catch (error) {
    output(nothing);
    await replies.failed();
    throw error;
  }
  const answer = await replies.decided(decision);
  if (decision.kind === 'refused') {
    for (const reason of decision.reasons) log.info(`Nothing runs: ${reason}`);
    output({ ...nothing, answer });
    return;
  }
  const { spec, sha, machines, parameters } = decision;
  log.info(`${comment.author.login} has asked for ${spec} at ${sha}`);
  const places = inputs.machines.filter(({ name }) => machines.includes(name)).map(({ value }) => value);
  output({
    run: 'true',
    spec,
    parameters: parametersYaml(parameters),
    machines: JSON.stringify(places),
    sha,
    answer,
  });
}

function output(values: CommentOutputs): void {
  const failure = setOutputs(values);
  if (failure !== undefined) throw new InputError([failure]);
}

/** What people see of a decision on the page of the comment. What cannot be shown there is a warning in the log. */
class Replies {
  readonly #comment: NewComment;
  readonly #runner: Runner;
  readonly #api: CommentsApi;
  readonly #log: ActionsLog;

  constructor(comment: NewComment, runner: Runner, api: CommentsApi, log: ActionsLog) {
    this.#comment = comment;
    this.#runner = runner;
    this.#api = api;
    this.#log = log;
  }

  /** @returns the id of the answer, '' if there is none */
  async decided(decision: WantedRun | Refusal): Promise<string> {
    if (decision.kind === 'run') return this.#reply('eyes', acceptedAnswer(decision, this.#context));
    return this.#reply(decision.reaction, refusedAnswer(decision, this.#context));
  }

  /** GitHub did not say what has to be known. */
  async failed(): Promise<void> {
    await this.#reply('confused', failedAnswer(this.#context));
  }

  get #context() {
    const { runUrl, serverUrl, repository } = this.#runner;
    return { comment: this.#comment, runUrl, repositoryUrl: `${serverUrl}/${repository}` };
  }

  async #reply(reaction: Reaction, body: string): Promise<string> {
    const comment = this.#comment;
    const mayBeThere = this.#runner.attempt !== undefined && this.#runner.attempt !== '1';
    await this.#try('reaction to the comment', () => this.#api.react(comment.id, reaction));
    const make = () => this.#api.answer(comment, body, markerOf(comment), mayBeThere);
    return String((await this.#try('answer to the comment', make)) ?? '');
  }

  async #try<T>(what: string, send: () => Promise<T>): Promise<T | undefined> {
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#log.warning(`There is no ${what}: ${explain(error, this.#comment.isOnPullRequest)}`);
      return undefined;
    }
  }
}

/** What GitHub answered, and which permission is missing. */
function explain(error: ApiError, isOnPullRequest = true): string {
  const permission = isOnPullRequest ? 'pull-requests: write' : 'issues: write';
  const help = {
    unauthorized: ". 'github-token' is not a token that GitHub accepts",
    forbidden: `. Add '${permission}' to the job's 'permissions' (beside 'contents: read')`,
    'not found': `. Is '${permission}' in the job's 'permissions' (beside 'contents: read')?`,
    'rate limit': '. All workflows of the repository share its hourly limit of requests',
    unavailable: '',
    refused: '',
  }[error.trouble];
  return `${error.message}${help}`;
}

import type { Clock } from '../../util/clock.js';
import { ApiError, type GitHubApi, repositoryPath } from '../api.js';
import { member } from '../event.js';

/** How long each request may be tried, in milliseconds. */
const PATIENCE_MS = 20_000;

/** How many pages of a hundred open issues are searched for ours, the last that were changed first. */
const MAX_PAGES = 10;

/** An issue as GitHub has it. */
export interface KnownIssue {
  readonly number: number;
  readonly body: string;
  /** Its page. */
  readonly url: string;
}

/** The requests that an issue about a study takes. All throw ApiError. */
export class IssuesApi {
  readonly #api: GitHubApi;
  readonly #root: string;
  readonly #clock: Clock;

  /** @param repository `owner/name` */
  constructor(api: GitHubApi, repository: string, clock: Clock) {
    this.#api = api;
    this.#clock = clock;
    this.#root = `${repositoryPath(repository)}/issues`;
  }

  /** The open issue whose body begins with a marker. A bot's only: others can write a marker into theirs. */
  async find(marker: string): Promise<KnownIssue | undefined> {
    for (let page = 1; page <= MAX_PAGES; page++) {
      const query = { state: 'open', sort: 'updated', direction: 'desc', per_page: '100', page: String(page) };
      const answer = await this.#api.request('GET', `${this.#root}?${new URLSearchParams(query)}`, {
        milliseconds: PATIENCE_MS,
      });
      if (!Array.isArray(answer)) throw odd();
      const ours = answer.filter((issue) => member(issue, 'user', 'type') === 'Bot' && !isPullRequest(issue));
      const found = ours.map(toKnown).find(({ body }) => body.startsWith(marker));
      if (found !== undefined || answer.length < 100) return found;
    }
    return undefined;
  }

  /** Opens an issue, or takes the one that a request without an answer has opened. @param body begins with the marker */
  async open(title: string, body: string, marker: string): Promise<KnownIssue> {
    const deadline = this.#clock.now() + PATIENCE_MS;
    for (let attempt = 0; ; attempt++) {
      try {
        return toKnown(await this.#send('POST', this.#root, { title, body }, false));
      } catch (error) {
        const isUncertain = error instanceof ApiError && error.trouble === 'unavailable';
        if (!isUncertain || !(await this.#api.pause(attempt, deadline))) throw error;
        const made = await this.find(marker);
        if (made !== undefined) return made;
      }
    }
  }

  /** Rewrites the body. */
  async rewrite(number: number, body: string): Promise<KnownIssue> {
    return toKnown(await this.#send('PATCH', `${this.#root}/${number}`, { body }, true));
  }

  async close(number: number): Promise<KnownIssue> {
    const closed = { state: 'closed', state_reason: 'completed' };
    return toKnown(await this.#send('PATCH', `${this.#root}/${number}`, closed, true));
  }

  /** Comments once: where there is no answer, a comment too few is better than one too many. */
  async comment(number: number, body: string): Promise<void> {
    await this.#send('POST', `${this.#root}/${number}/comments`, { body }, false);
  }

  #send(method: 'POST' | 'PATCH', path: string, body: object, isRepeatable: boolean): Promise<unknown> {
    return this.#api.request(method, path, { body, milliseconds: PATIENCE_MS, isRepeatable });
  }
}

/** GitHub lists pull requests as issues, too. */
const isPullRequest = (issue: unknown) => member(issue, 'pull_request') !== undefined;

function toKnown(issue: unknown): KnownIssue {
  const [number, body, url] = ['number', 'body', 'html_url'].map((name) => member(issue, name));
  if (!Number.isSafeInteger(number)) throw odd();
  return {
    number: Number(number),
    body: typeof body === 'string' ? body : '',
    url: typeof url === 'string' ? url : '',
  };
}

function odd(): ApiError {
  return new ApiError('refused', "GitHub's answer is not what its API documents");
}

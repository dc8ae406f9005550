import type { Clock } from '../../util/clock.js';
import { ApiError, type GitHubApi, repositoryPath } from '../api.js';
import { type GitHubEvent, member, pullRequestEvent } from '../event.js';
import type { NewComment } from './comment-event.js';

/** How long each request may be tried, in milliseconds. */
const PATIENCE_MS = 30_000;

/** How many pages of a hundred comments are searched for ours. */
const MAX_PAGES = 3;

/** What of a file is known at a commit. */
export type FileAtCommit =
  | { readonly kind: 'text'; readonly text: string }
  /** It is there, and too large to be sent, or a link. */
  | { readonly kind: 'file' }
  | { readonly kind: 'directory' }
  /** There is none, or the token may not read it: GitHub answers the same. */
  | { readonly kind: 'absent' };

/** A comment as GitHub has it. */
export interface KnownComment {
  readonly id: number;
  readonly body: string;
  readonly isOfBot: boolean;
}

export type Reaction = 'eyes' | 'confused' | '-1';

/** The requests that commands in comments take. All throw ApiError. */
export class CommentsApi {
  readonly #api: GitHubApi;
  readonly #repository: string;
  readonly #root: string;
  readonly #clock: Clock;

  /** @param repository `owner/name` */
  constructor(api: GitHubApi, repository: string, clock: Clock) {
    this.#api = api;
    this.#clock = clock;
    this.#repository = repository;
    this.#root = repositoryPath(repository);
  }

  /**
   * What a person may do in the repository: `admin`, `write`, `read` or `none`. Roles that an organization has made are told as
   * the one of these that they are made from, `maintain` as `write` and `triage` as `read`.
   */
  async permissionOf({ login, id }: NewComment['author']): Promise<string> {
    const path = `${this.#root}/collaborators/${encodeURIComponent(login)}/permission`;
    try {
      const answer = await this.#get(path);
      // The name may be another person's by now.
      if (member(answer, 'user', 'id') !== id) return 'none';
      const permission = member(answer, 'permission');
      return typeof permission === 'string' ? permission : 'none';
    } catch (error) {
      if (error instanceof ApiError && error.trouble === 'not found') return 'none';
      throw error;
    }
  }

  /** The head of a pull request now, and whose code it is. */
  async head(number: number): Promise<Pick<GitHubEvent, 'sha' | 'origin'>> {
    const pull = await this.#get(`${this.#root}/pulls/${number}`);
    const event = pullRequestEvent(pull, { name: 'issue_comment', repository: this.#repository, sha: '' });
    if (event.sha === '') throw odd();
    return event;
  }

  async file(path: string, sha: string): Promise<FileAtCommit> {
    const encoded = path.split('/').map(encodeURIComponent).join('/');
    const url = `${this.#root}/contents/${encoded}?${new URLSearchParams({ ref: sha })}`;
    try {
      const answer = await this.#get(url);
      const [content, type] = [member(answer, 'content'), member(answer, 'type')];
      if (Array.isArray(answer) || (type !== 'file' && type !== 'symlink')) return { kind: 'directory' };
      if (member(answer, 'encoding') !== 'base64' || typeof content !== 'string') return { kind: 'file' };
      return { kind: 'text', text: Buffer.from(content, 'base64').toString() };
    } catch (error) {
      if (error instanceof ApiError && error.trouble === 'not found') return { kind: 'absent' };
      throw error;
    }
  }

  /** GitHub keeps one reaction of a kind: it may be sent again. */
  async react(comment: number, content: Reaction): Promise<void> {
    await this.#send('POST', `${this.#root}/issues/comments/${comment}/reactions`, { content }, true);
  }

  /**
   * Makes the one answer to a comment, or takes the one that an earlier attempt has made.
   *
   * @param marker what our answer begins with, and no other comment of a bot
   * @param mayBeThere whether there was an earlier attempt
   * @returns its id
   */
  async answer(to: NewComment, body: string, marker: string, mayBeThere: boolean): Promise<number> {
    if (mayBeThere) {
      const found = await this.#find(to, marker);
      if (found !== undefined) return (await this.edit(found.id, body)).id;
    }
    const deadline = this.#clock.now() + PATIENCE_MS;
    for (let attempt = 0; ; attempt++) {
      try {
        const path = `${this.#root}/issues/${to.issue}/comments`;
        return toKnown(await this.#send('POST', path, { body }, false)).id;
      } catch (error) {
        // It may have been made all the same, and a second one would be one too many.
        const isUncertain = error instanceof ApiError && error.trouble === 'unavailable';
        if (!isUncertain || !(await this.#api.pause(attempt, deadline))) throw error;
        const made = await this.#find(to, marker);
        if (made !== undefined) return made.id;
      }
    }
  }

  async comment(id: number): Promise<KnownComment> {
    return toKnown(await this.#get(`${this.#root}/issues/comments/${id}`));
  }

  async edit(id: number, body: string): Promise<KnownComment> {
    return toKnown(await this.#send('PATCH', `${this.#root}/issues/comments/${id}`, { body }, true));
  }

  /** A bot's only: others can write a marker, and would be shown as the authors of what we write. */
  async #find(to: NewComment, marker: string): Promise<KnownComment | undefined> {
    for (let page = 1; page <= MAX_PAGES; page++) {
      const query = new URLSearchParams({ since: to.created, per_page: '100', page: String(page) });
      const answer = await this.#get(`${this.#root}/issues/${to.issue}/comments?${query}`);
      if (!Array.isArray(answer)) throw odd();
      const ours = answer.map(toKnown).find(({ body, isOfBot }) => isOfBot && body.startsWith(marker));
      if (ours !== undefined || answer.length < 100) return ours;
    }
    return undefined;
  }

  async #get(path: string): Promise<unknown> {
    return this.#api.request('GET', path, { milliseconds: PATIENCE_MS });
  }

  async #send(method: 'POST' | 'PATCH', path: string, body: object, isRepeatable: boolean): Promise<unknown> {
    return this.#api.request(method, path, { body, milliseconds: PATIENCE_MS, isRepeatable });
  }
}

function toKnown(comment: unknown): KnownComment {
  const [id, body] = [member(comment, 'id'), member(comment, 'body')];
  if (!Number.isSafeInteger(id)) throw odd();
  return {
    id: Number(id),
    body: typeof body === 'string' ? body : '',
    isOfBot: member(comment, 'user', 'type') === 'Bot',
  };
}

function odd(): ApiError {
  return new ApiError('refused', "GitHub's answer is not what its API documents");
}

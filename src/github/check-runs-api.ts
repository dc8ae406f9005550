import type { Clock } from '../util/clock.js';
import type { ApiAnnotation } from './annotations.js';
import { ApiError, type GitHubApi, repositoryPath } from './api.js';
import type { CheckOutput, Conclusion } from './check-run-text.js';
import { member } from './event.js';
import type { SpecAtHead } from './spec-lines.js';

/** A check run as GitHub has it. */
export interface KnownCheckRun {
  readonly id: number;
  readonly externalId: string;
  readonly name: string;
  readonly status: string;
  /** The commit that it is on. */
  readonly sha: string;
  /** The app whose token made it: `github-actions` for that of a job. */
  readonly app: string;
  /** Its page. */
  readonly url: string | undefined;
  /** Where it leads to: the run that made it. */
  readonly detailsUrl: string;
  readonly annotations: number;
}

/** What is set of a check run. */
export interface CheckRunFields {
  readonly name?: string;
  readonly external_id?: string;
  readonly details_url?: string;
  readonly started_at?: string;
  readonly status?: 'in_progress' | 'completed';
  readonly conclusion?: Conclusion;
  readonly completed_at?: string;
  readonly output: CheckOutput & { readonly annotations?: readonly ApiAnnotation[] };
}

export type NamedFields = CheckRunFields & { readonly name: string; readonly external_id: string };

/** How many pages of a hundred check runs are searched for ours. */
const MAX_PAGES = 3;

/** The requests that check runs take, each with the milliseconds that it may be tried for. All throw ApiError. */
export class CheckRunsApi {
  readonly #api: GitHubApi;
  readonly #root: string;

  readonly #clock: Clock;

  /** @param repository `owner/name` */
  constructor(api: GitHubApi, repository: string, clock: Clock) {
    this.#api = api;
    this.#clock = clock;
    this.#root = repositoryPath(repository);
  }

  /**
   * The check run that an earlier attempt left on a commit, or a new one.
   *
   * Annotations cannot be taken back: on one that has some, those of then would stand beside those of now. A new one of the
   * same name takes its place on the commit.
   */
  async open(sha: string, fields: NamedFields, milliseconds: number): Promise<KnownCheckRun> {
    const left = this.#countdown(milliseconds);
    for (let attempt = 0; ; attempt++) {
      const found = await this.#find(sha, fields.name, fields.external_id, left());
      if (found?.annotations === 0) {
        const taken = await this.#takeOver(found, fields, left());
        if (taken !== undefined) return taken;
      }
      try {
        return await this.create(sha, fields, left());
      } catch (error) {
        // One that was made all the same is found.
        if (!isUncertain(error) || !(await this.#api.pause(attempt, this.#clock.now() + left()))) throw error;
      }
    }
  }

  /** Annotations are added, not replaced: before they are sent again, GitHub is asked whether it has them. */
  async append(
    run: KnownCheckRun,
    fields: CheckRunFields,
    annotations: readonly ApiAnnotation[],
    milliseconds: number,
  ): Promise<KnownCheckRun> {
    if (annotations.length === 0) return this.update(run.id, fields, milliseconds);
    const left = this.#countdown(milliseconds);
    const body = { ...fields, output: { ...fields.output, annotations } };
    const wanted = run.annotations + annotations.length;
    for (let attempt = 0; ; attempt++) {
      try {
        return { ...(await this.update(run.id, body, left(), false)), annotations: wanted };
      } catch (error) {
        if (!isUncertain(error) || !(await this.#api.pause(attempt, this.#clock.now() + left()))) throw error;
        const now = await this.get(run.id, left());
        if (now.annotations >= wanted) return now;
      }
    }
  }

  /** The newest check run of a name and a key on a commit. */
  async #find(sha: string, name: string, key: string, milliseconds: number): Promise<KnownCheckRun | undefined> {
    const ours = await this.all(sha, name, key, milliseconds);
    return ours.reduce<KnownCheckRun | undefined>(
      (newest, run) => (run.id > (newest?.id ?? 0) ? run : newest),
      undefined,
    );
  }

  /** Those check runs of a name, or of any, on a commit that have the same key, of the newest page that has any. */
  async all(sha: string, name: string | undefined, key: string, milliseconds: number): Promise<KnownCheckRun[]> {
    for (let page = 1; page <= MAX_PAGES; page++) {
      const named = name === undefined ? {} : { check_name: name };
      const query = new URLSearchParams({ ...named, filter: 'all', per_page: '100', page: String(page) });
      const answer = await this.#api.request('GET', `${this.#root}/commits/${sha}/check-runs?${query}`, {
        milliseconds,
      });
      const runs = member(answer, 'check_runs');
      if (!Array.isArray(runs)) throw odd();
      const ours = runs.map(toKnown).filter(({ externalId }) => externalId === key);
      if (ours.length > 0 || runs.length < 100) return ours;
    }
    return [];
  }

  /** Not sent again if it may have been carried out: there would be two. */
  async create(sha: string, fields: NamedFields, milliseconds: number): Promise<KnownCheckRun> {
    const body = { ...fields, head_sha: sha };
    return toKnown(
      await this.#api.request('POST', `${this.#root}/check-runs`, { body, milliseconds, isRepeatable: false }),
    );
  }

  /** @param isRepeatable no for fields with annotations: they are added to those that there are */
  async update(id: number, body: CheckRunFields, milliseconds: number, isRepeatable = true): Promise<KnownCheckRun> {
    const options = { body, milliseconds, isRepeatable };
    return toKnown(await this.#api.request('PATCH', `${this.#root}/check-runs/${id}`, options));
  }

  async get(id: number, milliseconds: number): Promise<KnownCheckRun> {
    return toKnown(await this.#api.request('GET', `${this.#root}/check-runs/${id}`, { milliseconds }));
  }

  /** Undefined if GitHub does not let us: it was made with the token of another app, or is to stay as it is. */
  async #takeOver(
    found: KnownCheckRun,
    fields: CheckRunFields,
    milliseconds: number,
  ): Promise<KnownCheckRun | undefined> {
    try {
      return await this.update(found.id, fields, milliseconds);
    } catch (error) {
      if (error instanceof ApiError && ['forbidden', 'not found', 'refused'].includes(error.trouble)) return undefined;
      throw error;
    }
  }

  /** How much is left of a time, whenever that is asked. */
  #countdown(milliseconds: number): () => number {
    const deadline = this.#clock.now() + milliseconds;
    return () => Math.max(1, deadline - this.#clock.now());
  }

  /** A file as it is at a commit. Does not throw. */
  async file(path: string, sha: string, milliseconds: number): Promise<SpecAtHead> {
    try {
      const encoded = path.split('/').map(encodeURIComponent).join('/');
      const url = `${this.#root}/contents/${encoded}?${new URLSearchParams({ ref: sha })}`;
      const answer = await this.#api.request('GET', url, { milliseconds });
      const content = member(answer, 'content');
      if (member(answer, 'encoding') !== 'base64' || typeof content !== 'string') return { kind: 'unknown' };
      return { kind: 'text', text: Buffer.from(content, 'base64').toString() };
    } catch (error) {
      // GitHub answers the same if the token may not read the contents, but a token that checked them out may.
      return { kind: error instanceof ApiError && error.trouble === 'not found' ? 'absent' : 'unknown' };
    }
  }
}

/** Whether a request may have been carried out although it failed. */
function isUncertain(error: unknown): boolean {
  return error instanceof ApiError && error.trouble === 'unavailable';
}

function toKnown(run: unknown): KnownCheckRun {
  const id = member(run, 'id');
  if (!Number.isSafeInteger(id)) throw odd();
  const [url, annotations] = [member(run, 'html_url'), member(run, 'output', 'annotations_count')];
  const text = (...keys: readonly string[]) => {
    const value = member(run, ...keys);
    return typeof value === 'string' ? value : '';
  };
  return {
    id: Number(id),
    externalId: text('external_id'),
    name: text('name'),
    status: text('status'),
    sha: text('head_sha'),
    app: text('app', 'slug'),
    detailsUrl: text('details_url'),
    url: typeof url === 'string' ? url : undefined,
    annotations: typeof annotations === 'number' ? annotations : 0,
  };
}

function odd(): ApiError {
  return new ApiError('refused', "GitHub's answer is not what its API documents");
}

import type { Clock } from '../util/clock.js';
import { backOffMs } from '../util/retry.js';
import { sleep } from '../util/sleep.js';
import { firstBytes } from './bytes.js';
import { member } from './event.js';
import { type HttpAnswer, type HttpRequest, send } from './http.js';

/** What is wrong with a request that GitHub did not carry out. */
export type ApiFailure =
  /** The token is none, or none any more. */
  | 'unauthorized'
  /** The token may not do that. */
  | 'forbidden'
  | 'not found'
  /** Too much was asked of the API lately. */
  | 'rate limit'
  /** GitHub, or the way there, does not work: it may do so again soon, and may have carried the request out. */
  | 'unavailable'
  /** The request is wrong. */
  | 'refused';

export class ApiError extends Error {
  readonly trouble: ApiFailure;
  /** How long GitHub says to wait, in milliseconds; undefined if it does not say. */
  readonly wait: number | undefined;

  constructor(trouble: ApiFailure, message: string, wait?: number) {
    super(message);
    this.name = 'ApiError';
    this.trouble = trouble;
    this.wait = wait;
  }
}

/** What is left of the requests that the repository has an hour. */
export interface Quota {
  readonly limit: number;
  readonly remaining: number;
  /** When it is full again, in milliseconds since the epoch. */
  readonly reset: number;
}

export interface ApiOptions {
  /** `https://api.github.com`, or `https://HOST/api/v3` of GitHub Enterprise Server. */
  readonly url: string;
  readonly token: string;
  readonly clock: Clock;
  /** How long one request may take, in milliseconds. */
  readonly patience?: number;
}

/** How a request is made. */
export interface RequestOptions {
  /** Until when, in milliseconds from now, it is tried again. */
  readonly milliseconds: number;
  readonly body?: object;
  /** Whether it can be sent again when it may have been carried out already; it can be, unless this says no. */
  readonly isRepeatable?: boolean;
}

/** At the end nothing waits longer for GitHub than this since its last answer. */
const SILENCE_MS = 5000;

const BACK_OFF = { firstMs: 1000, maxMs: 27_000, factor: 3, jitter: 0.25 } as const;

/** GitHub asks clients to wait at least a minute for a limit whose end it does not give. */
const SECONDARY_LIMIT_WAIT_MS = 60_000;

/** GitHub's REST API: requests that are tried again where that helps, within the time that they are given. */
export class GitHubApi {
  readonly #options: ApiOptions;
  #quota: Quota | undefined;
  #hasWorked = false;
  /** Whether the last request had no answer at all. */
  #isSilent = false;
  /** Until when, once there is a hurry, an answer is waited for. */
  #silentUntil = Number.POSITIVE_INFINITY;
  #cut = new AbortController();
  #pauseEnd = new AbortController();

  constructor(options: ApiOptions) {
    this.#options = options;
  }

  /** From the last answer. */
  get quota(): Quota | undefined {
    return this.#quota;
  }

  /** Whether GitHub has taken the token once. */
  get hasWorked(): boolean {
    return this.#hasWorked;
  }

  /** From now on a GitHub that does not answer is given up soon; one that answers is not. What is being waited for ends. */
  hurry(): void {
    const cut = this.#cut;
    this.#silentUntil = this.#options.clock.now() + SILENCE_MS;
    const why = new DOMException(`not answered within ${SILENCE_MS / 1000} s`, 'TimeoutError');
    setTimeout(() => cut.abort(why), SILENCE_MS).unref();
    this.#pauseEnd.abort();
  }

  /**
   * @param path from the API's root: `/repos/...`
   * @returns the answer's JSON
   * @throws ApiError
   */
  async request(method: HttpRequest['method'], path: string, options: RequestOptions): Promise<unknown> {
    const { clock } = this.#options;
    const deadline = clock.now() + options.milliseconds;
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#once(method, path, options.body, deadline);
      } catch (error) {
        const isAgain = error instanceof ApiError && this.#isWorthAgain(error, options);
        if (!isAgain || !(await this.pause(attempt, deadline, error.wait))) throw error;
      }
    }
  }

  /**
   * Waits before something is tried again: as GitHub says, else a little longer each time.
   *
   * @param attempt counts from 0
   * @returns whether there is time left; if not, it does not wait
   */
  async pause(attempt: number, deadline: number, wait?: number): Promise<boolean> {
    const { clock } = this.#options;
    const milliseconds = wait ?? backOffMs(attempt + 1, BACK_OFF, clock);
    const last = this.#isSilent ? Math.min(deadline, this.#silentUntil) : deadline;
    if (clock.now() + milliseconds >= last) return false;
    this.#pauseEnd = new AbortController();
    const { signal } = this.#pauseEnd;
    await sleep(clock, milliseconds, signal);
    return !signal.aborted;
  }

  #isWorthAgain({ trouble }: ApiError, { isRepeatable = true }: RequestOptions): boolean {
    return trouble === 'rate limit' || (trouble === 'unavailable' && isRepeatable);
  }

  async #once(method: HttpRequest['method'], path: string, body: object | undefined, deadline: number) {
    const { url, token, clock, patience = 15_000 } = this.#options;
    const headers = {
      authorization: `Bearer ${token}`,
      accept: 'application/vnd.github+json',
      'x-github-api-version': '2022-11-28',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const request = { method, url: `${url}${path}`, headers, ...(body && { body: JSON.stringify(body) }) };
    const isHurried = this.#silentUntil !== Number.POSITIVE_INFINITY;
    // A pause that GitHub asked for is none of its silence.
    if (isHurried && !this.#isSilent) this.#silentUntil = clock.now() + SILENCE_MS;
    const last = Math.min(deadline, this.#silentUntil);
    this.#cut = new AbortController();
    let answer: HttpAnswer;
    try {
      answer = await send(request, Math.max(1, Math.min(patience, last - clock.now())), this.#cut.signal);
    } catch (error) {
      this.#isSilent = true;
      throw new ApiError('unavailable', `GitHub's API cannot be reached: ${whyOf(error, token)}`);
    }
    this.#isSilent = false;
    this.#note(answer);
    const json = parsed(answer.body);
    if (answer.status >= 200 && answer.status < 300 && json !== undefined) {
      this.#hasWorked = true;
      return json;
    }
    throw toError(answer, json, clock.now());
  }

  #note(answer: HttpAnswer): void {
    const [limit, remaining, reset] = ['limit', 'remaining', 'reset'].map((name) =>
      numberIn(answer, `x-ratelimit-${name}`),
    );
    if (limit === undefined || remaining === undefined || reset === undefined) return;
    this.#quota = { limit, remaining, reset: reset * 1000 };
  }
}

/** `/repos/owner/name` of `owner/name`. */
export function repositoryPath(repository: string): string {
  return `/repos/${repository.split('/').map(encodeURIComponent).join('/')}`;
}

function toError(answer: HttpAnswer, json: unknown, now: number): ApiError {
  const { status } = answer;
  const said = member(json, 'message');
  const message = `GitHub answered ${status}${typeof said === 'string' ? `, ${firstBytes(said, 300)}` : ''}`;
  if (isLimit(answer, message)) return new ApiError('rate limit', message, waitOf(answer, now));
  if (status === 401) return new ApiError('unauthorized', message);
  if (status === 403) return new ApiError('forbidden', message);
  if (status === 404 || status === 410) return new ApiError('not found', message);
  // What is not JSON comes from something between us and GitHub.
  if (status >= 500 || status === 408 || json === undefined) return new ApiError('unavailable', message);
  return new ApiError('refused', message);
}

/** GitHub says that there were too many requests with a 429, or with a 403 that does not mean that it is forbidden. */
function isLimit(answer: HttpAnswer, message: string): boolean {
  if (answer.status === 429) return true;
  if (answer.status !== 403) return false;
  return (
    answer.header('retry-after') !== null ||
    answer.header('x-ratelimit-remaining') === '0' ||
    /\brate limit\b/i.test(message)
  );
}

function waitOf(answer: HttpAnswer, now: number): number {
  const after = numberIn(answer, 'retry-after');
  if (after !== undefined) return after * 1000;
  const reset = answer.header('x-ratelimit-remaining') === '0' ? numberIn(answer, 'x-ratelimit-reset') : undefined;
  // A second more: its clock is not ours.
  return reset === undefined ? SECONDARY_LIMIT_WAIT_MS : Math.max(0, reset * 1000 - now) + 1000;
}

function numberIn(answer: HttpAnswer, name: string): number | undefined {
  const text = answer.header(name);
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** The cause says what happened; the error around it only that a fetch failed. */
function whyOf(error: unknown, token: string): string {
  const { cause } = error as { readonly cause?: unknown };
  const why = cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : undefined;
  return String(why ?? (error as Error).message).replaceAll(token, '***');
}

import { HttpClient } from '@actions/http-client';
import { fetch } from 'undici';
import { deadline } from '../util/abort.js';
import { version } from '../util/version.js';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PATCH';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface HttpAnswer {
  readonly status: number;
  /** A header's value; null if there is none. */
  header(name: string): string | null;
  readonly body: string;
}

/**
 * Sends a request: through the proxy that HTTPS_PROXY, HTTP_PROXY and NO_PROXY name, as all actions do. The library of the
 * toolkit decides which proxy that is; its own requests cannot be given up, and would hold the process up.
 *
 * @param milliseconds how long all of it may take
 * @param cut gives it up before
 * @throws what the network says; a TimeoutError
 */
export async function send(
  { method, url, headers, body }: HttpRequest,
  milliseconds: number,
  cut?: AbortSignal,
): Promise<HttpAnswer> {
  const proxy = new HttpClient().getAgentDispatcher(url);
  const limit = deadline(milliseconds, cut === undefined ? {} : { parent: cut });
  try {
    const response = await fetch(url, {
      method,
      headers: { 'user-agent': `maestro-on-flux/${version}`, ...headers },
      signal: limit.signal,
      ...(body === undefined ? {} : { body }),
      ...(proxy === undefined ? {} : { dispatcher: proxy }),
    });
    return {
      status: response.status,
      header: (name) => response.headers.get(name),
      body: await response.text(),
    };
  } finally {
    limit.release();
    await proxy?.destroy();
  }
}

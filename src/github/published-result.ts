import type { Clock } from '../util/clock.js';
import { isoTime } from '../util/format.js';
import type { Log } from '../util/log/log.js';
import { oneLine } from '../util/log/plain-text.js';
import { limits } from './annotations.js';
import { GitHubApi } from './api.js';
import { firstBytes, firstLines } from './bytes.js';
import type { Conclusion } from './check-run-text.js';
import { CheckRunsApi } from './check-runs-api.js';
import type { GitHubEvent } from './event.js';
import { explain } from './explain-failure.js';
import type { Runner } from './runner-facts.js';

/** A check run that is over as soon as there is one. */
export interface PublishedResult {
  readonly runner: Pick<Runner, 'apiUrl' | 'repository' | 'runUrl'>;
  readonly event: Pick<GitHubEvent, 'sha' | 'origin'>;
  /** '' for none. */
  readonly token: string;
  readonly name: string;
  /** A later result with the same key and name takes its place. */
  readonly key: string;
  readonly conclusion: Conclusion;
  /** Without markup. */
  readonly title: string;
  /** Markdown. */
  readonly summary: string;
  readonly log: Pick<Log, 'warning'>;
  readonly clock: Clock;
}

/** How long GitHub is tried, in milliseconds. */
const PUBLISH_TIMEOUT_MS = 60_000;

/** The most bytes that GitHub takes as the summary of a check run. */
export const MAX_CHECK_SUMMARY_BYTES = limits.output;

/**
 * Publishes a result on the commit that people look at. Never throws: where GitHub does not take it, a warning says so.
 *
 * @returns the page of the check run; undefined if there is none
 */
export async function publishResult(result: PublishedResult): Promise<string | undefined> {
  const { runner, event, token, clock, log } = result;
  const api = new GitHubApi({ url: runner.apiUrl, token, clock });
  try {
    if (token === '') throw 'there is no token';
    if (event.sha === '') throw 'the commit is not known';
    const now = isoTime(clock.now());
    const checks = new CheckRunsApi(api, runner.repository, clock);
    const run = await checks.open(
      event.sha,
      {
        name: firstBytes(oneLine(result.name), limits.title),
        external_id: result.key,
        details_url: runner.runUrl,
        ...{ status: 'completed', conclusion: result.conclusion, started_at: now, completed_at: now },
        output: {
          title: firstBytes(oneLine(result.title), limits.title),
          summary: firstLines(result.summary, limits.output, '_The rest does not fit here._'),
        },
      },
      PUBLISH_TIMEOUT_MS,
    );
    return run.url;
  } catch (error) {
    const { hasWorked } = api;
    log.warning(explain(error, { hasRun: false, hasWorked, isFork: event.origin.kind !== 'own' }));
    return undefined;
  }
}

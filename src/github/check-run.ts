import type { StudyResults } from '../report/results.js';
import { comparisonMarkdown } from '../report/summary/comparison.js';
import type { Problem } from '../spec/problem.js';
import type { Clock } from '../util/clock.js';
import { isoTime } from '../util/format.js';
import type { Log } from '../util/log/log.js';
import { oneLine } from '../util/log/plain-text.js';
import {
  type Annotation,
  type Annotations,
  type ApiAnnotation,
  annotationsOf,
  annotationsOfProblems,
  chunksOf,
  type Extras,
  limits,
} from './annotations.js';
import { ApiError, GitHubApi, type Quota } from './api.js';
import { firstBytes } from './bytes.js';
import {
  type CheckOutput,
  type Conclusion,
  type Counts,
  cannotRunOutput,
  conclusions,
  detachedOutput,
  finalOutput,
  runningOutput,
  stoppedOutput,
} from './check-run-text.js';
import { type CheckRunFields, CheckRunsApi, type KnownCheckRun } from './check-runs-api.js';
import type { GitHubEvent } from './event.js';
import { explain } from './explain-failure.js';
import { placed, type RanSpec } from './placed-annotations.js';
import type { Runner } from './runner-facts.js';

export interface CheckRunOptions {
  readonly runner: Pick<Runner, 'apiUrl' | 'repository' | 'runUrl' | 'sha'>;
  readonly event: Pick<GitHubEvent, 'sha' | 'origin'>;
  /** '' for none. */
  readonly token: string;
  /** What people see, and branch protection knows. Two that have the same on one commit hide each other. */
  readonly name: string;
  /** The study's key: a later run with the same is about the same. */
  readonly key: string;
  readonly spec: RanSpec;
  readonly log: Pick<Log, 'warning'>;
  readonly clock: Clock;
  /** How long one request may take, in milliseconds. */
  readonly patience?: number;
  /** Called when there is a check run. */
  readonly onOpen?: () => void;
}

export interface Delivery {
  /** The check run's page; undefined if there is none. */
  readonly url: string | undefined;
  /** Whether everything that was to be on lines of the spec is there; if not, workflow commands have to say it. */
  readonly isDelivered: boolean;
}

/** How long the check run is tried for at the beginning, with an update, and at the end, in milliseconds. */
const times = { start: 20_000, update: 15_000, end: 60_000 } as const;

/**
 * The check run that shows a study on the commit that people look at. No method throws: where GitHub does not take it,
 * a warning says so once, and the study goes on.
 */
export class CheckRun {
  readonly #options: CheckRunOptions;
  readonly #api: GitHubApi;
  readonly #checks: CheckRunsApi;
  readonly #began: number;
  /** Undefined until there is one. */
  #run: KnownCheckRun | undefined;
  /** Whether GitHub has said that there will not be one, or not any more. */
  #isRefused = false;
  #isOver = false;
  /** Whether the first request is under way. */
  #isOpening = false;
  #counts: (() => Counts) | undefined;
  #sent = '';
  #stopTimer: (() => void) | undefined;
  #sending: Promise<void> = Promise.resolve();

  private constructor(options: CheckRunOptions) {
    const { runner, token, clock, patience } = options;
    this.#options = { ...options, name: firstBytes(oneLine(options.name), limits.title) };
    this.#api = new GitHubApi({ url: runner.apiUrl, token, clock, ...(patience === undefined ? {} : { patience }) });
    this.#checks = new CheckRunsApi(this.#api, runner.repository, clock);
    this.#began = clock.now();
  }

  /**
   * Says that the study runs: on the check run that an earlier attempt of it left on this commit, or on a new one. What
   * GitHub cannot do now is tried again with the first update, and at the end.
   */
  static async start(options: CheckRunOptions): Promise<CheckRun> {
    const check = CheckRun.begin(options);
    await check.#sending;
    return check;
  }

  /** The same without waiting for GitHub, which gates nothing. */
  static begin(options: CheckRunOptions): CheckRun {
    const check = new CheckRun(options);
    const why =
      options.token === '' ? 'there is no token' : options.event.sha === '' ? 'the commit is not known' : undefined;
    if (why !== undefined) check.#refuse(why);
    else {
      check.#isOpening = true;
      check.#sending = check
        .#attempt(() => check.#open(new Map(), times.start), 'for now')
        .finally(() => {
          check.#isOpening = false;
        });
    }
    return check;
  }

  /** Whether there is a check run to put annotations on, as far as is known. */
  get isWorking(): boolean {
    return this.#run !== undefined && !this.#isRefused;
  }

  /** Its page. */
  get url(): string | undefined {
    return this.#run?.url;
  }

  /**
   * Says that the counts have changed: they are asked for, and sent, when it is time for that.
   *
   * @param counts how many steps are in each state, now
   */
  update(counts: () => Counts): void {
    this.#counts = counts;
    if (this.#isOver || this.#isRefused || this.#stopTimer !== undefined) return;
    const { clock } = this.#options;
    const now = clock.now();
    const wait = untilNextUpdate(now - this.#began, this.#api.quota, now);
    this.#stopTimer = clock.after(wait, () => {
      const ask = this.#counts;
      this.#counts = undefined;
      const sent = this.#isOpening ? this.#sending.then(() => this.#sendCounts(ask)) : this.#sendCounts(ask);
      this.#sending = sent.finally(() => {
        this.#stopTimer = undefined;
        // What changed meanwhile is sent the next time.
        if (this.#counts !== undefined) this.update(this.#counts);
      });
    });
  }

  /** Says how the study ended. */
  async complete(results: StudyResults, extras: Extras = {}): Promise<Delivery> {
    const { comparison, isNeutral = false } = extras;
    const { runUrl } = this.#options.runner;
    return this.#end(
      isNeutral ? 'neutral' : conclusions[results.status],
      () => annotationsOf(results, extras),
      (cut) => finalOutput(results, runUrl, { comparison: comparisonMarkdown(comparison), cut, isNeutral }),
    );
  }

  /**
   * Says that the study could not be run, or not to where results are known.
   *
   * @param reasons for people; `problems` of the spec say more
   */
  async cannotRun(
    reasons: readonly string[],
    {
      problems = [],
      isCancelled = false,
    }: { readonly problems?: readonly Problem[]; readonly isCancelled?: boolean } = {},
  ): Promise<Delivery> {
    const { runner, spec } = this.#options;
    return this.#end(
      isCancelled ? 'cancelled' : 'failure',
      () => annotationsOfProblems(problems, spec.shown),
      (cut) => cannotRunOutput(reasons, runner.runUrl, cut),
    );
  }

  /** Reports that the process that drove the study is gone and left no results. */
  async stopped(conclusion: 'cancelled' | 'timed_out'): Promise<Delivery> {
    const { runUrl } = this.#options.runner;
    return this.#end(
      conclusion,
      () => ({ annotations: [], cut: [] }),
      () => stoppedOutput(runUrl),
    );
  }

  /** What GitHub has of it once it has answered; undefined if there is none. */
  async opened(): Promise<{ readonly id: number; readonly name: string } | undefined> {
    await this.#sending;
    return this.#run === undefined || this.#isRefused ? undefined : { id: this.#run.id, name: this.#options.name };
  }

  /**
   * Says that the study runs detached: another run, which finds this by the key, will complete it.
   *
   * @param where it is, in Markdown
   * @returns whether GitHub has taken that
   */
  async leaveToCollector(where: string, key: string): Promise<boolean> {
    this.leave();
    await this.#sending;
    const run = this.#run;
    if (run === undefined || this.#isRefused) return false;
    const output = detachedOutput(where, this.#options.runner.runUrl);
    const fields = { external_id: key, output };
    let isTaken = false;
    await this.#attempt(async () => {
      await this.#checks.update(run.id, fields, times.update);
      isTaken = true;
    }, 'for now');
    return isTaken;
  }

  /** Stops updating: another process drives the study now. */
  leave(): void {
    this.#isOver = true;
    this.#counts = undefined;
    this.#stopTimer?.();
  }

  async #end(
    conclusion: Conclusion,
    annotate: () => Annotations,
    output: (cut: readonly string[]) => CheckOutput,
  ): Promise<Delivery> {
    const { clock } = this.#options;
    const deadline = clock.now() + times.end;
    this.leave();
    this.#api.hurry();
    // Or it would overwrite what is said now.
    await this.#sending;
    let isDelivered = false;
    const finish = async () => {
      if (this.#run === undefined) await this.#open(new Map(), this.#left(deadline));
      const { annotations, cut } = annotate();
      const placed = await this.#placed(annotations, deadline);
      const nowhere = annotations.length - placed.length;
      const unplaced = `${nowhere} of the annotations could not be put on lines of the spec at this commit.`;
      await this.#deliver(conclusion, output(nowhere === 0 ? cut : [...cut, unplaced]), chunksOf(placed), deadline);
      isDelivered = nowhere === 0;
    };
    if (!this.#isRefused) await this.#attempt(finish, 'for good');
    return { url: this.url, isDelivered };
  }

  /** The first request carries the conclusion: whatever becomes of the others, that is said. */
  async #deliver(
    conclusion: Conclusion,
    output: CheckOutput,
    chunks: readonly (readonly ApiAnnotation[])[],
    deadline: number,
  ): Promise<void> {
    const { clock } = this.#options;
    const ended = { status: 'completed', conclusion, completed_at: isoTime(clock.now())! } as const;
    const [first = [], ...others] = chunks;
    const append = async (annotations: readonly ApiAnnotation[], fields: CheckRunFields) => {
      this.#run = await this.#checks.append(this.#run!, fields, annotations, this.#left(deadline));
    };
    try {
      await append(first, { ...ended, output });
    } catch (error) {
      // Whatever GitHub has against an annotation, it is not to hide how the study ended.
      if (!(error instanceof ApiError) || error.trouble !== 'refused' || first.length === 0) throw error;
      await append([], { ...ended, output });
      throw error;
    }
    for (const chunk of others) await append(chunk, { output });
  }

  /** Annotations on the lines of the spec as it is at the commit. */
  async #placed(annotations: readonly Annotation[], deadline: number): Promise<ApiAnnotation[]> {
    const { spec, runner, event } = this.#options;
    const at = event.sha === runner.sha ? undefined : event.sha;
    // A part of the time only: lines are worth less than the outcome.
    return placed(this.#checks, annotations, spec, { at, milliseconds: Math.min(15_000, this.#left(deadline)) });
  }

  #sendCounts(ask: (() => Counts) | undefined): Promise<void> {
    return this.#attempt(async () => {
      // What is said at the end waits for nothing else.
      if (this.#isOver) return;
      const counts: Counts = ask?.() ?? new Map();
      const text = JSON.stringify([...counts]);
      if (text === this.#sent) return;
      if (this.#run === undefined) await this.#open(counts, times.update);
      else {
        const output = runningOutput(counts, this.#options.runner.runUrl);
        await this.#checks.update(this.#run.id, { output }, times.update);
      }
      this.#sent = text;
    }, 'for now');
  }

  async #open(counts: Counts, milliseconds: number): Promise<void> {
    const { event, name, key, runner } = this.#options;
    const fields = {
      name,
      details_url: runner.runUrl,
      external_id: key,
      status: 'in_progress',
      started_at: isoTime(this.#began)!,
      output: runningOutput(counts, runner.runUrl),
    } as const;
    this.#run = await this.#checks.open(event.sha, fields, milliseconds);
    this.#options.onOpen?.();
  }

  #left(deadline: number): number {
    return Math.max(1, deadline - this.#options.clock.now());
  }

  /** What does not work now may work later; what is forbidden is not tried again. */
  async #attempt(work: () => Promise<void>, how: 'for now' | 'for good'): Promise<void> {
    try {
      await work();
    } catch (error) {
      const trouble = error instanceof ApiError ? error.trouble : undefined;
      const isPassing = trouble === 'unavailable' || trouble === 'rate limit';
      if (how === 'for good' || !isPassing) this.#refuse(error);
    }
  }

  #refuse(error: unknown): void {
    if (this.#isRefused) return;
    this.#isRefused = true;
    const { log, event } = this.#options;
    const { hasWorked } = this.#api;
    log.warning(explain(error, { hasRun: this.#run !== undefined, hasWorked, isFork: event.origin.kind !== 'own' }));
  }
}

/** How often a young study's check run is updated: people watch it move. */
const MIN_UPDATE_INTERVAL_MS = 15_000;

/**
 * How long to wait, in milliseconds, before a check run is updated again. All workflows of a repository share a thousand
 * requests an hour: an update comes when a tenth of the study's time has gone by since the last, so a study of an hour
 * makes some 40, and one of a day some 75. What is left of the quota stretches that.
 *
 * @param age how long the study has been running, in milliseconds
 */
export function untilNextUpdate(age: number, quota: Quota | undefined, now: number): number {
  const wait = Math.max(MIN_UPDATE_INTERVAL_MS, age / 10);
  if (quota === undefined || quota.limit <= 0 || now >= quota.reset) return wait;
  const left = quota.remaining / quota.limit;
  // The rest is for how studies end. No quota is longer than an hour: what says so is a clock that is wrong.
  if (left < 0.1) return Math.max(wait, Math.min(quota.reset - now, 3_600_000));
  return left < 0.5 ? wait * 4 : wait;
}

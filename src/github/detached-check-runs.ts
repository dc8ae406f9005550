import type { StudyResults } from '../report/results.js';
import { comparisonMarkdown } from '../report/summary/comparison.js';
import type { Clock } from '../util/clock.js';
import { isoTime } from '../util/format.js';
import { type ApiAnnotation, annotationsOf, chunksOf, type Extras } from './annotations.js';
import { ApiError, GitHubApi } from './api.js';
import { type CheckOutput, type Counts, conclusions, finalOutput, runningOutput } from './check-run-text.js';
import { type CheckRunFields, CheckRunsApi, type KnownCheckRun } from './check-runs-api.js';
import { explain, isOfAnotherApp } from './explain-failure.js';
import { placed, type RanSpec } from './placed-annotations.js';
import type { Runner } from './runner-facts.js';

/** The check run of a detached study, as a file says that anyone on the host can have written who runs steps there. */
export interface ClaimedCheckRun {
  readonly id: number;
  readonly sha: string;
  /** What its `external_id` may be. */
  readonly keys: readonly string[];
}

/** What GitHub says of it. */
export type FoundCheckRun =
  /** What was claimed is true, and it is in progress, or one of those that show the same study is: `others`. */
  | { readonly kind: 'open'; readonly run: KnownCheckRun; readonly others: readonly KnownCheckRun[] }
  /** It is over, as are all that show the same study: another run has completed them. */
  | { readonly kind: 'over'; readonly run: KnownCheckRun }
  /** It is not what was claimed, and nothing is published. */
  | { readonly kind: 'unproven'; readonly why: string }
  /** GitHub could not be asked. */
  | { readonly kind: 'unknown'; readonly why: string };

export type OpenCheckRun = Extract<FoundCheckRun, { kind: 'open' }>;

/** Whether it is published: on a page, or not for now. */
export type Publication =
  | { readonly kind: 'shown'; readonly url: string | undefined }
  | { readonly kind: 'later'; readonly why: string };

interface Options {
  /** The run that collects, in the repository whose check runs they are. */
  readonly runner: Pick<Runner, 'apiUrl' | 'repository' | 'runUrl'>;
  readonly token: string;
  readonly clock: Clock;
}

/** How long GitHub is tried for, in milliseconds. */
const times = { look: 20_000, update: 15_000, end: 60_000 } as const;

/** The app that the token of a job is of. */
const jobsApp = 'github-actions';

/**
 * The check runs that show detached studies, for a run that collects these: only what GitHub itself says decides where something
 * is published. No method throws an ApiError.
 */
export class DetachedCheckRuns {
  readonly #options: Options;
  readonly #api: GitHubApi;
  readonly #checks: CheckRunsApi;

  constructor(options: Options) {
    const { runner, token, clock } = options;
    this.#options = options;
    this.#api = new GitHubApi({ url: runner.apiUrl, token, clock });
    this.#checks = new CheckRunsApi(this.#api, runner.repository, clock);
  }

  /** Finds out whether a claim is true. */
  async find({ id, sha, keys }: ClaimedCheckRun): Promise<FoundCheckRun> {
    if (this.#options.token === '') return { kind: 'unknown', why: this.#explain('there is no token') };
    try {
      const run = await this.#checks.get(id, times.look);
      if (!keys.includes(run.externalId))
        return { kind: 'unproven', why: `check run ${id} is not the one of this study` };
      if (run.sha !== sha) return { kind: 'unproven', why: `check run ${id} is on another commit than ${sha}` };
      const others = await this.#others(run);
      return isOver(run) && others.length === 0 ? { kind: 'over', run } : { kind: 'open', run, others };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.trouble === 'not found') return { kind: 'unproven', why: `the repository has no check run ${id}` };
      return { kind: 'unknown', why: this.#explain(error) };
    }
  }

  /** What shows the same study, and is in progress. */
  async #others({ id, sha, name, externalId }: KnownCheckRun): Promise<KnownCheckRun[]> {
    const named = await this.#checks.all(sha, name, externalId, times.look);
    // A run that has followed the study may have another name for it; where a commit has very many, only the names find all.
    const all = [...named, ...(await this.#checks.all(sha, undefined, externalId, times.look))];
    return [...new Map(all.map((run) => [run.id, run])).values()].filter((run) => run.id !== id && !isOver(run));
  }

  /** Says how far the study is. @returns why not, if GitHub does not take it */
  async update({ run }: OpenCheckRun, counts: Counts): Promise<string | undefined> {
    if (isOver(run)) return undefined;
    try {
      const output = runningOutput(counts, this.#options.runner.runUrl);
      await this.#checks.update(run.id, { output }, times.update);
      return undefined;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return this.#explain(error);
    }
  }

  /** Says how the study ended, on lines of the spec too. @param spec undefined if its text is not known */
  async complete(
    found: OpenCheckRun,
    results: StudyResults,
    spec: RanSpec | undefined,
    { comparison, isNeutral = false }: Pick<Extras, 'comparison' | 'isNeutral'>,
  ): Promise<Publication> {
    const { annotations, cut } = annotationsOf(results, { comparison, isNeutral });
    const conclusion = isNeutral ? 'neutral' : conclusions[results.status];
    const fields = (placedCount: number) => {
      const nowhere = annotations.length - placedCount;
      const unplaced =
        nowhere === 0 ? [] : [`${nowhere} of the annotations could not be put on lines of the spec at this commit.`];
      const notes = { comparison: comparisonMarkdown(comparison), cut: [...cut, ...unplaced], isNeutral };
      // Of the study, not of now: who says it again says the same.
      const completed_at = isoTime(results.ended)!;
      const output = finalOutput(results, this.#options.runner.runUrl, notes);
      return { status: 'completed', conclusion, completed_at, output } as const;
    };
    return this.#end(found, fields, async (milliseconds) =>
      spec === undefined ? [] : placed(this.#checks, annotations, spec, { at: found.run.sha, milliseconds }),
    );
  }

  /** Completes the check run as cancelled: this commit has no result, for a run for another one has continued the study, or it was removed. */
  async abandon(found: OpenCheckRun, how: 'continued' | 'removed'): Promise<Publication> {
    const completed_at = isoTime(this.#options.clock.now())!;
    const collector = `[The run that collected it](${this.#options.runner.runUrl}) has more.`;
    const output: CheckOutput = {
      continued: {
        title: 'Another run has continued the study',
        summary: `A later run has continued this study for another commit. ${collector}`,
      },
      removed: {
        title: 'The study was removed',
        summary: `The directory of this study was removed before it was collected, so it is not known how it ended. ${collector}`,
      },
    }[how];
    return this.#end(
      found,
      () => ({ status: 'completed', conclusion: 'cancelled', completed_at, output }),
      async () => [],
    );
  }

  async #end(
    { run, others }: OpenCheckRun,
    fields: (placedCount: number) => CheckRunFields,
    place: (milliseconds: number) => Promise<readonly ApiAnnotation[]>,
  ): Promise<Publication> {
    const deadline = this.#options.clock.now() + times.end;
    const left = () => Math.max(1, deadline - this.#options.clock.now());
    try {
      const annotations = await place(Math.min(15_000, left()));
      const deliver = (to: KnownCheckRun) => this.#deliver(to, annotations, fields, left);
      const url = isOver(run) ? run.url : await this.#orOnNew(run, deliver, left);
      // The study was started again meanwhile, and shown by another one.
      for (const other of others) await this.#unlessRefused(() => this.#checks.update(other.id, fields(0), left()));
      return { kind: 'shown', url };
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return { kind: 'later', why: this.#explain(error) };
    }
  }

  /** The annotations come first, and those that GitHub has are not sent again: a collector may die in between, and another goes on. */
  async #deliver(
    to: KnownCheckRun,
    annotations: readonly ApiAnnotation[],
    fields: (placedCount: number) => CheckRunFields,
    left: () => number,
  ): Promise<string | undefined> {
    const { output } = fields(annotations.length);
    let run = to;
    let count = annotations.length;
    try {
      for (const chunk of chunksOf(annotations.slice(run.annotations))) {
        run = await this.#checks.append(run, { output }, chunk, left());
      }
    } catch (error) {
      // Whatever GitHub has against an annotation, it is not to hide how the study ended.
      if (!(error instanceof ApiError) || error.trouble !== 'refused') throw error;
      count = run.annotations;
    }
    return (await this.#checks.update(run.id, fields(count), left())).url;
  }

  /** Where GitHub does not let another run complete a check run, a new one of the same name takes its place on the commit. */
  async #orOnNew(
    run: KnownCheckRun,
    deliver: (to: KnownCheckRun) => Promise<string | undefined>,
    left: () => number,
  ): Promise<string | undefined> {
    try {
      return await deliver(run);
    } catch (error) {
      const isRefused = error instanceof ApiError && (error.trouble === 'forbidden' || error.trouble === 'not found');
      // One of ours in place of another app's would leave that in progress, and may not be the one that is required.
      if (!isRefused || run.app !== jobsApp || isOfAnotherApp(error)) throw error;
    }
    const all = await this.#checks.all(run.sha, run.name, run.externalId, left());
    const made = all.filter(({ id }) => id > run.id).sort((a, b) => b.id - a.id)[0];
    if (made?.status === 'completed') return made.url;
    return deliver(made ?? (await this.#replace(run, left())));
  }

  #replace({ sha, name, externalId }: KnownCheckRun, milliseconds: number): Promise<KnownCheckRun> {
    const { runUrl } = this.#options.runner;
    const output = runningOutput(new Map(), runUrl);
    const fields = { name, external_id: externalId, details_url: runUrl, status: 'in_progress', output } as const;
    return this.#checks.create(sha, fields, milliseconds);
  }

  /** What GitHub refuses now it refuses later too. */
  async #unlessRefused(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const isRefused = error instanceof ApiError && ['forbidden', 'not found', 'refused'].includes(error.trouble);
      if (!isRefused) throw error;
    }
  }

  #explain(error: unknown): string {
    return explain(error, { hasRun: true, hasWorked: this.#api.hasWorked, isFork: false });
  }
}

function isOver({ status }: KnownCheckRun): boolean {
  return status === 'completed';
}

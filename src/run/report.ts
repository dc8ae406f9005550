import { decideNeutral } from '../causes/neutral.js';
import type { Host } from '../hosts/host.js';
import type { Metric } from '../metrics/metric.js';
import { buildResults, type ExecutionEnd } from '../report/build-results.js';
import { type BaselineReport, type Comparison, compare } from '../report/comparison.js';
import { reportHtml } from '../report/html/report-html.js';
import { junitXml } from '../report/junit.js';
import { metricFiles } from '../report/metrics/files.js';
import { reportJson } from '../report/report-json.js';
import type { GitHubRun, StudyResults } from '../report/results.js';
import { summaryMarkdown } from '../report/summary.js';
import type { LeaseHolder } from '../store/lease.js';
import { exitCodes } from '../study/state.js';
import type { GuardedPlace } from '../util/guarded-path.js';
import type { Log } from '../util/log/log.js';
import { redactedResults } from './detach/redacted-results.js';
import type { Figures } from './figures/figures.js';
import type { HistoryOptions } from './history-options.js';
import { logResults } from './log-results.js';
import type { OpenStudy } from './open-study.js';
import type { RunOptions } from './options.js';
import type { StopSignals } from './stop-signals.js';
import { writeReports } from './write-reports.js';

/** What reports are made with. */
export interface ReportContext {
  readonly options: Pick<RunOptions, 'shownSpec' | 'isDryRun' | 'report'>;
  readonly host: Host;
  readonly log: Log;
  /** Who drove the study. */
  readonly holder: LeaseHolder;
  /** Where the reports go, on this machine. */
  readonly reportPlace: (studyPath: string) => GuardedPlace;
  /** What the results are compared with. */
  readonly baseline: BaselineReport | undefined;
  /** What is read from the outputs of its steps. */
  readonly metrics?: readonly Metric[];
  /** The history that its results are compared with, and become a part of; undefined if there is none. */
  readonly history?: HistoryOptions | undefined;
  /** Says when the run is to end. */
  readonly ending?: Pick<StopSignals, 'waiting'>;
  /** The run on GitHub that the study was started for; undefined elsewhere. */
  readonly run?: GitHubRun | undefined;
  /** Takes secrets out of what is kept in the study; undefined where GitHub masks them. */
  readonly redact?: ((text: string) => string) | undefined;
}

export interface RunOutcome {
  readonly results: StudyResults;
  /** With the baseline; undefined if there is none. */
  readonly comparison: Comparison | undefined;
  /** Whether only the infrastructure is to blame, and that is asked to be neutral. */
  readonly isNeutral: boolean;
  /** The exit status that the study calls for. */
  readonly exitCode: number;
  /** Whether running the same again would continue the study: it was interrupted, and no other process has taken it. */
  readonly isResumable: boolean;
  readonly reportPath: string;
  /** Of a study that a detached conductor has driven, and that is reported with this: names its start. */
  readonly followed?: string;
  /** The job summary. */
  readonly summary: string;
}

/**
 * Reports how a study ended: in the log, and in files unless another process has taken the study.
 *
 * @param ending with `staged`, if its files are being written still; the reports appear after them
 * @throws what `staged` rejects with
 */
export async function report(
  context: ReportContext,
  { plan, session }: Pick<OpenStudy, 'plan' | 'session'>,
  ending: ExecutionEnd & { readonly staged?: Promise<unknown> },
): Promise<RunOutcome> {
  const { options, host, log } = context;
  const built = await buildResults(host, plan, ending, { spec: options.shownSpec, run: context.run });
  const { results: found, keep } = await figuresOf(context, built);
  const results = context.redact === undefined ? found : redactedResults(found, context.redact);
  const place = context.reportPlace(plan.places.studyPath);
  const reportPath = place.path;
  const comparison = context.baseline && compare(context.baseline, results, options.report.slowerThan);
  const { isNeutral, note } = decideNeutral({
    onInfrastructure: options.report.onInfrastructure,
    event: context.run?.event ?? '',
    isOtherCommit: context.run?.isOtherCommit,
    status: results.status,
    blame: results.blame ?? null,
  });
  const summary = summaryMarkdown(results, { comparison, isNeutral });
  const files = {
    'report.json': reportJson(results),
    'summary.md': summary,
    'junit.xml': junitXml(results),
    'report.html': reportHtml(results, { comparison, runUrl: context.holder.runUrl }),
    ...metricFiles(results),
  };
  await ending.staged;
  log.phase('Report');
  // What is said of a study is for who drives it to say.
  if (session?.lost.aborted !== true) {
    await writeReports(context, results, files, place);
    await keep();
  }
  log.endPhase();

  logResults(log, { results, comparison, isNeutral });
  if (note !== '') log.warning(note);
  const isResumable =
    results.status === 'INTERRUPTED' && ending.isResumable !== false && session?.lost.aborted !== true;
  const exitCode = isNeutral ? 0 : exitCodes[results.status];
  return { results, comparison, reportPath, summary, isResumable, isNeutral, exitCode };
}

/** The code for metrics and history is loaded only where there are any. */
async function figuresOf(context: ReportContext, results: StudyResults): Promise<Figures> {
  const { host, log, options, metrics = [], history, ending } = context;
  if (metrics.length === 0 && history === undefined) return { results, keep: async () => {} };
  const figures = await import(/* webpackMode: "eager" */ './figures/figures.js');
  const { slowerThan } = options.report;
  return figures.figuresOf({ host, log, metrics, history, slowerThan, stop: ending?.waiting }, results);
}

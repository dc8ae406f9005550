import { decideNeutral } from '../causes/neutral.js';
import type { Host } from '../hosts/host.js';
import type { Metric } from '../metrics/metric.js';
import { collect, collectedText, collectedWarnings } from '../report/artifacts/collected.js';
import { bringLogs } from '../report/artifacts/failed-logs.js';
import { failuresOf } from '../report/attention.js';
import { buildResults, type ExecutionEnd } from '../report/build-results.js';
import {
  type BaselineReport,
  type Comparison,
  compare,
  comparisonLine,
  hasNothingInCommon,
} from '../report/comparison.js';
import { finalTable } from '../report/final-table.js';
import { findingsOf } from '../report/findings.js';
import { reportHtml } from '../report/html/report-html.js';
import { junitXml } from '../report/junit.js';
import { metricFileNames, metricFiles } from '../report/metrics/files.js';
import { metricsLine } from '../report/metrics/rows.js';
import { reportJson } from '../report/report-json.js';
import {
  type GitHubRun,
  lastWords,
  MAX_ERROR_TAILS,
  reasonOf,
  type StepResult,
  type StudyResults,
} from '../report/results.js';
import { summaryMarkdown } from '../report/summary.js';
import type { LeaseHolder } from '../store/lease.js';
import { exitCodes } from '../study/state.js';
import { describeError } from '../util/errors.js';
import { someOf } from '../util/format.js';
import { GuardedDirectory } from '../util/guarded-directory.js';
import type { GuardedPlace } from '../util/guarded-path.js';
import type { Log } from '../util/log/log.js';
import { oneLine } from '../util/log/plain-text.js';
import { redactedResults } from './detach/redacted-results.js';
import type { Figures } from './figures/figures.js';
import type { HistoryOptions } from './history-options.js';
import type { OpenStudy } from './open-study.js';
import type { RunOptions } from './options.js';
import type { StopSignals } from './stop-signals.js';

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
    await write(context, results, files, place);
    await keep();
  }
  log.endPhase();

  reportFailures(log, results, isNeutral);
  for (const { severity, at, title, message } of findingsOf(results, comparison)) {
    log[severity === 'failure' ? 'error' : 'warning'](message, { at, title });
  }
  if (results.metrics?.length) log.info(metricsLine(results.metrics));
  if (comparison !== undefined) reportComparison(log, comparison);
  for (const line of finalTable(results)) log.info(line);
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

/** Writes files of this machine. That they cannot be written must not hide how the study ended: it is a warning. */
async function write(
  context: ReportContext,
  results: StudyResults,
  files: Readonly<Record<string, string>>,
  place: GuardedPlace,
): Promise<void> {
  const { log } = context;
  let directory: GuardedDirectory;
  try {
    directory = await GuardedDirectory.open(place);
  } catch (error) {
    log.warning(cannotWrite(error));
    return;
  }
  const unwritten = await writeReports(directory, files);
  const warnings = [...unwritten, ...(await bring(context, results, directory)), ...replacedWarnings(directory)];
  for (const warning of warnings) log.warning(warning);
  if (unwritten.length === 0) log.info(`Reports in ${place.path}`);
}

/**
 * Writes reports of this machine that no other files go with. Never throws.
 *
 * @returns what a person is to be warned of
 */
export async function writeFiles(place: GuardedPlace, files: Readonly<Record<string, string>>): Promise<string[]> {
  try {
    const directory = await GuardedDirectory.open(place);
    return [...(await writeReports(directory, files)), ...replacedWarnings(directory)];
  } catch (error) {
    return [cannotWrite(error)];
  }
}

const cannotWrite = (error: unknown) => `the reports cannot be written: ${describeError(error)}`;

/** @returns what a person is to be warned of */
async function writeReports(directory: GuardedDirectory, files: Readonly<Record<string, string>>): Promise<string[]> {
  const warnings: string[] = [];
  for (const [name, text] of Object.entries(files)) {
    try {
      await directory.write(name, text);
    } catch (error) {
      warnings.push(`the report ${name} cannot be written: ${describeError(error)}`);
    }
  }
  return warnings;
}

function replacedWarnings({ replaced }: GuardedDirectory): string[] {
  if (replaced.length === 0) return [];
  return [`a symbolic link, or a special file, was in the way of ${someOf(replaced)}: it was removed, not followed`];
}

/** Names in the directory of the reports that are not for files of the study. */
const reserved = ['report.json', 'junit.xml', 'report.html', 'summary.md', 'logs', ...metricFileNames];

/**
 * Brings to the reports what is wanted of the study's files, and the logs of failed steps. That it cannot be brought does
 * not change how the study ended.
 *
 * @returns what a person is to be warned of
 */
async function bring(
  { host, options, log }: ReportContext,
  results: StudyResults,
  directory: GuardedDirectory,
): Promise<string[]> {
  const wanted = options.report.collect;
  if (options.isDryRun) return [];
  const logs = failuresOf(results.steps).flatMap(({ step, outputs }) => {
    const [stdout, stderr] = [`${results.path}/${outputs?.stdout}`, `${results.path}/${outputs?.stderr}`];
    return outputs === null ? [] : [{ name: step.name, stdout, stderr }];
  });
  const warnings: string[] = [];
  // Whatever becomes of the one, the other is tried.
  try {
    const { leftOut } = await bringLogs(host, logs, directory);
    if (leftOut > 0) {
      const brought = logs.length - leftOut;
      log.info(`The logs of ${brought} failed steps are in logs/ of the reports; ${leftOut} more are left out`);
    }
  } catch (error) {
    warnings.push(`the logs of failed steps could not be collected: ${describeError(error)}`);
  }
  if (wanted.length === 0) return warnings;
  try {
    const collected = await collect(host, results.path, wanted, directory, reserved);
    log.info(collectedText(collected));
    warnings.push(...collectedWarnings(collected));
  } catch (error) {
    warnings.push(`not everything could be collected: ${describeError(error)}`);
  }
  return warnings;
}

/** @param isNeutral whether nothing of it is to be red */
function reportFailures(log: Log, { steps }: StudyResults, isNeutral: boolean): void {
  const failures = failuresOf(steps);
  const unread = failures.filter(({ isTailLeftOut }) => isTailLeftOut).length;
  for (const [i, result] of failures.entries()) {
    if (result.isTailLeftOut && !failures[i - 1]?.isTailLeftOut) {
      log.info(
        `Only the stderr of the first ${MAX_ERROR_TAILS} failed steps was read, not that of the other ${unread}`,
      );
    }
    reportFailure(log, result, isNeutral);
  }
}

function reportComparison(log: Log, comparison: Comparison): void {
  const { baseline, isOfSameStudy, gone } = comparison;
  const whose = isOfSameStudy ? '' : ` of another study, ${oneLine(baseline.name)}`;
  if (hasNothingInCommon(comparison)) {
    log.warning(
      `The baseline${whose && ` is${whose}, and`} has no step in common with this run: nothing can be compared`,
    );
  } else log.info(`Compared with the baseline${whose}: ${comparisonLine(comparison)}`);
  if (gone.length > 0) log.info(`In the baseline, but missing now: ${someOf(gone.map(oneLine), 10)}`);
}

/** A failure on its line of the spec: the title says what, the message how the step's stderr ended. */
function reportFailure(log: Log, result: StepResult, isNeutral: boolean): void {
  const { step, record, outputs } = result;
  const title = `${step.name} ${record.state}: ${reasonOf(record)}`;
  const lines = [lastWords(result), ...(outputs === null ? [] : [`(${outputs.stderr})`])];
  log[record.tolerated || isNeutral ? 'warning' : 'error'](lines.join('\n'), { at: step.at, title });
}

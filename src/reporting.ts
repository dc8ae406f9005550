import { mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Begun } from './begin.js';
import type { LeaseHolder } from './conductor/lease.js';
import { describeError } from './errors.js';
import type { Host } from './hosts/host.js';
import { someOf } from './hosts/tree/bytes.js';
import type { Inputs } from './inputs.js';
import { failuresOf } from './report/attention.js';
import { collectResults, type Ending } from './report/collect.js';
import { collect, collectedText, collectedWarnings } from './report/collected.js';
import {
  type BaselineReport,
  type Comparison,
  compare,
  comparisonLine,
  findings,
  hasNothingInCommon,
} from './report/comparison.js';
import { bringLogs } from './report/failed-logs.js';
import { finalTable } from './report/final-table.js';
import { reportHtml } from './report/html/report-html.js';
import { junitXml } from './report/junit.js';
import type { Log } from './report/log.js';
import { oneLine } from './report/plain-text.js';
import { reportJson } from './report/report-json.js';
import { lastWords, mostErrorTails, reasonOf, type StepResult, type StudyResults } from './report/results.js';
import { summaryMarkdown } from './report/summary.js';

/** What reports are made with. */
export interface ReportContext {
  readonly inputs: Inputs;
  readonly host: Host;
  readonly log: Log;
  /** Who drove the study. */
  readonly holder: LeaseHolder;
  /** Where the reports go, on this machine. */
  readonly reportPath: (studyPath: string) => string;
  /** What the results are compared with. */
  readonly baseline: BaselineReport | undefined;
}

export interface RunOutcome {
  readonly results: StudyResults;
  /** With the baseline; undefined if there is none. */
  readonly comparison: Comparison | undefined;
  /** Whether the same run again would continue the study: nobody else drives it. */
  readonly isResumable: boolean;
  readonly reportPath: string;
  /** The job summary. */
  readonly summary: string;
}

/**
 * Says how a study ended: in the reports, which are written unless the study is somebody else's by now, and in the log.
 */
export async function report(context: ReportContext, { plan, hold }: Begun, ending: Ending): Promise<RunOutcome> {
  const { inputs, host, log } = context;
  log.phase('Report');
  const results = await collectResults(host, plan, ending, inputs.spec);
  const reportPath = context.reportPath(plan.places.studyPath);
  const comparison = context.baseline && compare(context.baseline, results, inputs['slower-than']);
  const summary = summaryMarkdown(results, { comparison });
  const files = {
    'report.json': reportJson(results),
    'summary.md': summary,
    'junit.xml': junitXml(results),
    'report.html': reportHtml(results, { comparison, runUrl: context.holder.runUrl }),
  };
  // What is said of a study is for who drives it to say.
  if (hold?.lost.aborted !== true) await write(context, results, files, reportPath);
  log.endPhase();

  reportFailures(log, results);
  if (comparison !== undefined) reportComparison(log, comparison);
  for (const line of finalTable(results)) log.info(line);
  const isResumable = results.status === 'INTERRUPTED' && hold?.lost.aborted !== true;
  return { results, comparison, reportPath, summary, isResumable };
}

async function write(
  context: ReportContext,
  results: StudyResults,
  files: Readonly<Record<string, string>>,
  reportPath: string,
): Promise<void> {
  const { log } = context;
  const unwritten = await writeReports(reportPath, files);
  for (const warning of await bring(context, results, reportPath)) log.warning(warning);
  if (unwritten === undefined) log.info(`Reports in ${reportPath}`);
  else log.warning(unwritten);
}

/** Writes files of this machine. That they cannot be written must not hide how the study ended: returns why instead. */
async function writeReports(directory: string, files: Readonly<Record<string, string>>): Promise<string | undefined> {
  try {
    await mkdir(directory, { recursive: true });
    for (const [name, text] of Object.entries(files)) {
      // Whole or not at all, on a full disk too.
      const file = path.join(directory, name);
      await writeFile(`${file}.new`, text);
      await rename(`${file}.new`, file);
    }
    return undefined;
  } catch (error) {
    return `the reports cannot be written: ${(error as Error).message}`;
  }
}

/** Names in the directory of the reports that are not for files of the study. */
const reserved = ['report.json', 'junit.xml', 'report.html', 'summary.md', 'logs'];

/**
 * Brings to the reports what is wanted of the study's files, and the logs of failed steps. That it cannot be brought does
 * not change how the study ended.
 *
 * @returns what a person is to be warned of
 */
async function bring(
  { host, inputs, log }: ReportContext,
  results: StudyResults,
  reportPath: string,
): Promise<string[]> {
  if (inputs['dry-run']) return [];
  const logs = failuresOf(results.steps).flatMap(({ step, outputs }) => {
    const [stdout, stderr] = [`${results.path}/${outputs?.stdout}`, `${results.path}/${outputs?.stderr}`];
    return outputs === null ? [] : [{ name: step.name, stdout, stderr }];
  });
  try {
    const { leftOut } = await bringLogs(host, logs, reportPath);
    if (leftOut > 0) {
      log.info(
        `The logs of ${logs.length - leftOut} failed steps are in ${reportPath}/logs; ${leftOut} more are left out`,
      );
    }
    if (inputs.collect.length === 0) return [];
    const collected = await collect(host, results.path, inputs.collect, reportPath, reserved);
    log.info(collectedText(collected));
    return collectedWarnings(collected);
  } catch (error) {
    return [`not everything could be collected: ${describeError(error)}`];
  }
}

function reportFailures(log: Log, { steps }: StudyResults): void {
  const failures = failuresOf(steps);
  const unread = failures.filter(({ isTailLeftOut }) => isTailLeftOut).length;
  for (const [i, result] of failures.entries()) {
    if (result.isTailLeftOut && !failures[i - 1]?.isTailLeftOut) {
      log.info(`Only the stderr of the first ${mostErrorTails} failed steps was read, not that of the other ${unread}`);
    }
    reportFailure(log, result);
  }
}

function reportComparison(log: Log, comparison: Comparison): void {
  const { baseline, isOfSameStudy, gone } = comparison;
  for (const { at, title, message } of findings(comparison)) log.warning(message, { at, title });
  const whose = isOfSameStudy ? '' : ` of another study, ${oneLine(baseline.name)}`;
  if (hasNothingInCommon(comparison)) {
    log.warning(
      `The baseline${whose && ` is${whose}, and`} has no step in common with this run: nothing can be compared`,
    );
  } else log.info(`Compared with the baseline${whose}: ${comparisonLine(comparison)}`);
  if (gone.length > 0) log.info(`Missing now, which the baseline has: ${someOf(gone.map(oneLine), 10)}`);
}

/** A failure on its line of the spec: the title says what, the message how the step's stderr ended. */
function reportFailure(log: Log, result: StepResult): void {
  const { step, record, outputs } = result;
  const title = `${step.name} ${record.state}: ${reasonOf(record)}`;
  const lines = [lastWords(result), ...(outputs === null ? [] : [`(${outputs.stderr})`])];
  log[record.tolerated ? 'warning' : 'error'](lines.join('\n'), { at: step.at, title });
}

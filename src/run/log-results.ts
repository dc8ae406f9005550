import { failuresOf } from '../report/attention.js';
import { type Comparison, comparisonLine, hasNothingInCommon } from '../report/comparison.js';
import { finalTable } from '../report/final-table.js';
import { findingsOf } from '../report/findings.js';
import { metricsLine } from '../report/metrics/rows.js';
import { lastWords, MAX_ERROR_TAILS, reasonOf, type StepResult, type StudyResults } from '../report/results.js';
import { someOf } from '../util/format.js';
import type { Log } from '../util/log/log.js';
import { oneLine } from '../util/log/plain-text.js';

interface LoggedResults {
  readonly results: StudyResults;
  readonly comparison: Comparison | undefined;
  readonly isNeutral: boolean;
}

/** Says in the log how a study ended: what failed, what else was found, and the table that ends a run. */
export function logResults(log: Log, { results, comparison, isNeutral }: LoggedResults): void {
  reportFailures(log, results, isNeutral);
  for (const { severity, at, title, message } of findingsOf(results, comparison)) {
    log[severity === 'failure' ? 'error' : 'warning'](message, { at, title });
  }
  if (results.metrics?.length) log.info(metricsLine(results.metrics));
  if (comparison !== undefined) reportComparison(log, comparison);
  for (const line of finalTable(results)) log.info(line);
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

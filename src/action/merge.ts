import path from 'node:path';
import { type Conclusion, conclusions } from '../github/check-run-text.js';
import { type GitHubEvent, readEvent } from '../github/event.js';
import { MAX_CHECK_SUMMARY_BYTES, publishResult } from '../github/published-result.js';
import type { Runner } from '../github/runner-facts.js';
import type { Inputs } from '../inputs/schema.js';
import { type MergedResults, mergedExitCodes, mergedWarnings, worstCause } from '../report/merge/merge.js';
import { mergedSummary, mergedTitle } from '../report/merge/merged-summary.js';
import { mergedTable } from '../report/merge/merged-table.js';
import { mergeReports, writeMerged } from '../run/merge-reports.js';
import { isCancelled, type ProcessContext } from '../run/process-context.js';
import { exitCodes } from '../study/state.js';
import { systemClock } from '../util/clock.js';
import { describeError } from '../util/errors.js';
import { ActionsLog } from '../util/log/actions-log.js';
import { lookUp } from './fork-guard.js';
import { nameOf, placings } from './run-options.js';
import { cannotRun, type Outputs, setOutputs, stepCounts, writeSummary } from './runner.js';

/** What the check run is called if the inputs do not say. */
const CHECK_NAME = 'maestro: all machines';

const TITLE = 'The reports cannot be merged';

/** `command: merge`: one report, summary and check run of those of several machines. Returns the exit status. */
export async function mergeCommand(inputs: Inputs, runner: Runner, { cancel }: ProcessContext): Promise<number> {
  const log = new ActionsLog(placings[inputs.annotations]);
  const publisher = new Publisher(inputs, runner, log);
  try {
    const merged = mergeReports({
      reports: inputs.reports,
      expected: inputs.expected,
      directory: runner.workspace,
      called: nameOf('reports'),
    });
    const place = {
      path: path.resolve(
        runner.workspace,
        inputs['report-path'] || path.join(runner.temporary, 'maestro-report/merged'),
      ),
      untrusted: [runner.workspace],
    };
    const { summary, warnings } = await writeMerged(merged, place, runner.runUrl);
    for (const warning of [...warnings, ...mergedWarnings(merged)]) log.warning(warning);
    if (warnings.length === 0) log.info(`Reports in ${place.path}`);
    for (const line of mergedTable(merged)) log.info(line);
    if (inputs.summary) warn(log, await writeSummary(summary));
    const title = mergedTitle(merged);
    const url = await publisher.publish(conclusionOf(merged), title, mergedSummary(merged, MAX_CHECK_SUMMARY_BYTES));
    warn(log, setOutputs(outputsOf(merged, place.path, url)));
    const exitCode = mergedExitCodes[merged.status];
    log[exitCode === 0 ? 'info' : 'error'](title);
    return exitCode;
  } catch (error) {
    const reasons = describeError(error).split('\n');
    log.error(reasons.join('\n'));
    if (inputs.summary) await writeSummary(cannotRun(reasons, TITLE));
    await publisher.publish('failure', `${TITLE}: ${reasons[0]}`, cannotRun(reasons, TITLE));
    return isCancelled(cancel) ? exitCodes.CANCELLED : 1;
  }
}

function warn(log: ActionsLog, failure: string | undefined): void {
  if (failure !== undefined) log.warning(failure);
}

/** Nothing lets a required check pass in which no machine has run the study. */
function conclusionOf({ status }: MergedResults): Conclusion {
  return status === 'NOTRUN' || status === 'DRYRUN' ? 'failure' : conclusions[status];
}

/** The outputs, with the steps of all machines counted together. */
function outputsOf({ status, legs }: MergedResults, reportPath: string, checkRunUrl: string | undefined): Outputs {
  const records = legs.flatMap(({ results }) => results?.steps.map(({ record }) => record) ?? []);
  return {
    status,
    cause: worstCause(legs.flatMap(({ results }) => results ?? [])),
    ...{ 'study-path': '', 'flux-uri': '' },
    ...stepCounts(records),
    'report-path': reportPath,
    'check-run-url': checkRunUrl ?? '',
  };
}

/** Puts the merged result on the commit, if that is wanted. */
class Publisher {
  readonly #inputs: Inputs;
  readonly #runner: Runner;
  readonly #log: ActionsLog;

  constructor(inputs: Inputs, runner: Runner, log: ActionsLog) {
    this.#inputs = inputs;
    this.#runner = runner;
    this.#log = log;
  }

  async publish(conclusion: Conclusion, title: string, summary: string): Promise<string | undefined> {
    const inputs = this.#inputs;
    const runner = this.#runner;
    if (inputs.annotations !== 'checks') return undefined;
    const token = inputs['github-token'];
    const event: GitHubEvent = await lookUp(readEvent(runner), runner, token, systemClock);
    return publishResult({
      ...{ runner, event, token, conclusion, title },
      name: inputs['check-name'] || CHECK_NAME,
      key: `${runner.runId}-merged`,
      summary: `${summary}\n\n[The run](${runner.runUrl}) has the whole report.`,
      log: this.#log,
      clock: systemClock,
    });
  }
}

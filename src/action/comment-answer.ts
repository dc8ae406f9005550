import { finishedAnswer, isAnswer } from '../github/comment/answer-text.js';
import type { CommentsApi } from '../github/comment/comments-api.js';
import type { Runner } from '../github/runner-facts.js';
import type { Inputs } from '../inputs/schema.js';
import type { MergedResults } from '../report/merge/merge.js';
import { mergedSummary } from '../report/merge/merged-summary.js';
import { summaryBeginning } from '../report/summary.js';
import { mergeReports } from '../run/merge-reports.js';
import { InputError } from '../util/errors.js';
import type { ActionsLog } from '../util/log/actions-log.js';
import { nameOf } from './run-options.js';

/**
 * Puts the result of a run into the answer to the comment that asked for it.
 *
 * @throws ApiError, InputError if the comment is no answer of ours
 */
export async function finishAnswer(inputs: Inputs, runner: Runner, api: CommentsApi, log: ActionsLog): Promise<void> {
  const id = Number(inputs.answer);
  const { body } = await api.comment(id);
  if (!isAnswer(body)) throw new InputError([`${nameOf('answer')}: comment ${id} is not an answer to a command`]);
  const results = readResults(inputs, runner, log);
  const noReport = `❌ There is no report: the study did not start, or it was killed. [The run](${runner.runUrl}) says why.`;
  await api.edit(
    id,
    finishedAnswer(body, (bytes) => (results === undefined ? noReport : resultText(results, bytes))),
  );
  log.info(`The result is in the answer, comment ${id}`);
}

/** Undefined if there is no report that can be read: that is a result, too. */
function readResults({ reports, expected }: Inputs, { workspace }: Runner, log: ActionsLog): MergedResults | undefined {
  if (reports.length === 0) return undefined;
  try {
    const results = mergeReports({ reports, expected, directory: workspace, called: nameOf('reports') });
    return results.legs.some((leg) => leg.results !== undefined) ? results : undefined;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    log.warning(error.message);
    return undefined;
  }
}

function resultText(merged: MergedResults, bytes: number): string {
  const [leg, ...others] = merged.legs;
  return leg?.results === undefined || others.length > 0
    ? mergedSummary(merged, bytes)
    : summaryBeginning(leg.results, bytes);
}

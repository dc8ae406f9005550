import { finishedAnswer, isAnswer } from '../github/comment/answer-text.js';
import type { CommentsApi } from '../github/comment/comments-api.js';
import type { Runner } from '../github/runner-facts.js';
import type { Inputs } from '../inputs/schema.js';
import { InputError } from '../util/errors.js';
import type { ActionsLog } from '../util/log/actions-log.js';

/**
 * Puts the result of a run into the answer to the comment that asked for it.
 *
 * @throws ApiError, InputError if the comment is no answer of ours
 */
export async function finishAnswer(inputs: Inputs, runner: Runner, api: CommentsApi, log: ActionsLog): Promise<void> {
  const id = Number(inputs.answer);
  const { body } = await api.comment(id);
  if (!isAnswer(body)) throw new InputError([`input 'answer': comment ${id} is not an answer to a command`]);
  await api.edit(
    id,
    finishedAnswer(body, (_bytes) => `No report: [the run](${runner.runUrl}) says why.`),
  );
  log.info(`The result is in comment ${id}`);
}

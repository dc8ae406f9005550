import type { Runner } from '../github/runner-facts.js';
import { tryActionInputs } from '../inputs/parse.js';
import type { Command, Inputs } from '../inputs/schema.js';
import { Mistakes } from '../run/mistakes.js';
import { isCancelled, type ProcessContext } from '../run/process-context.js';
import { exitCodes } from '../study/state.js';
import { describeError } from '../util/errors.js';
import { ActionsLog } from '../util/log/actions-log.js';
import { collectCommand } from './collect.js';
import { commentCommand } from './comment.js';
import { mergeCommand } from './merge.js';
import { post } from './post.js';
import { runCommand } from './run.js';
import { cannotRun, maskSecrets, readRunner, writeSummary } from './runner.js';
import { isPost, savePost } from './state.js';

export { isPost, post };

/** Carries out a command. Returns the exit status, and throws nothing: what is wrong is in the log and the summary. */
type CarryOut = (inputs: Inputs, runner: Runner, context: ProcessContext, mistakes: Mistakes) => Promise<number>;

const commands: Readonly<Record<Command, CarryOut>> = {
  run: runCommand,
  collect: collectCommand,
  merge: mergeCommand,
  comment: commentCommand,
};

/** The action's main step. Returns the exit status, by which the step fails. */
export async function action(context: ProcessContext): Promise<number> {
  const { environment, cancel } = context;
  let runner: Runner;
  let inputs: Inputs;
  let mistakes: Mistakes;
  try {
    runner = readRunner(environment);
    savePost();
    maskSecrets(environment);
    const tried = tryActionInputs(environment);
    inputs = tried.inputs;
    mistakes = new Mistakes(tried.errors);
    // A run tells what is wrong with its study too.
    if (inputs.command !== 'run' || tried.isCommandWrong) mistakes.refuse();
  } catch (error) {
    const log = new ActionsLog('commands');
    log.error(describeError(error));
    await writeSummary(cannotRun([describeError(error)]));
    return isCancelled(cancel) ? exitCodes.CANCELLED : 1;
  }
  return commands[inputs.command](inputs, runner, context, mistakes);
}

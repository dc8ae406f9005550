import type { Runner } from '../github/runner-facts.js';
import type { Inputs } from '../inputs/schema.js';
import type { ProcessContext } from '../run/process-context.js';
import { InputError } from '../util/errors.js';
import { ActionsLog } from '../util/log/actions-log.js';
import { placings } from './run-options.js';

/** `command: merge`. Returns the exit status. */
export async function mergeCommand(inputs: Inputs, _runner: Runner, _context: ProcessContext): Promise<number> {
  const log = new ActionsLog(placings[inputs.annotations]);
  log.error(new InputError(["input 'command': merge cannot be used yet"]).message);
  return 1;
}

import { type ArgumentOptions, readInputs } from '../../src/cli/arguments.js';
import type { Inputs } from '../../src/inputs/schema.js';
import { InputError } from '../../src/util/errors.js';

/** The inputs of the command line. @throws InputError with a line for everything that is wrong */
export function commandLineInputs(args: readonly string[], options: ArgumentOptions): Inputs {
  const { inputs, errors } = readInputs(args, options);
  if (errors.length > 0) throw new InputError(errors);
  return inputs;
}

import { UserError } from './errors.js';

/** Inputs that cannot be used, said in the words of whoever gave them. */
export class InputError extends UserError {
  constructor(messages: readonly string[]) {
    super(messages.join('\n'));
    this.name = 'InputError';
  }
}

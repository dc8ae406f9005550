import { InputError } from '../../src/util/errors.js';

/** What is wrong with inputs, a line each; none if they are read. */
export function complaints(read: () => unknown): string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return error.message.split('\n');
  }
}

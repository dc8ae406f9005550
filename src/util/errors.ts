/** An error whose message is for people: what was wrong, where, and what to do about it. */
export class UserError extends Error {}

/** An error as a person is to see it: what was wrong for those that say it, else that the fault is ours. Never a stack. */
export function describeError(error: unknown): string {
  // The reason of what was aborted: why this program was to end, in words for people.
  if (!(error instanceof Error)) return String(error);
  const { message } = error;
  if (error instanceof UserError) return message;
  const code = (error as NodeJS.ErrnoException).code;
  // What the operating system says of this machine's files is for the user to mend.
  if (typeof code === 'string' && /^E[A-Z0-9]+$/.test(code)) return message;
  return `internal error, please report it: ${message}`;
}

/** Inputs that cannot be used, said in the words of whoever gave them. */
export class InputError extends UserError {
  constructor(messages: readonly string[]) {
    super(messages.join('\n'));
    this.name = 'InputError';
  }
}

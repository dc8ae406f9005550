/** An error whose message is for the user: what is wrong, where, and what to do about it. */
export class UserError extends Error {}

/**
 * The text of an error for the user: its message if it is meant for the user, otherwise that this is a bug. Never a
 * stack.
 */
export function describeError(error: unknown): string {
  // The reason of an aborted signal is a text for the user.
  if (!(error instanceof Error)) return String(error);
  const { message } = error;
  if (error instanceof UserError) return message;
  const code = (error as NodeJS.ErrnoException).code;
  // The user can fix errors of the operating system about local files.
  if (typeof code === 'string' && /^E[A-Z0-9]+$/.test(code)) return message;
  return `internal error, please report it: ${message}`;
}

/** An input that cannot be used; the message names it as the user gave it. */
export class InputError extends UserError {
  constructor(messages: readonly string[]) {
    super(messages.join('\n'));
    this.name = 'InputError';
  }
}

/** The batch system of a study cannot be reached, or cannot do what the study needs. */
export class BackendError extends UserError {
  /** @param hint what to do about it */
  constructor(message: string, hint: string) {
    super(`${message} (${hint})`);
    this.name = 'BackendError';
  }
}

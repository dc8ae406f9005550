import { capitalized } from './format.js';
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

/** What Node has no words for, or others than commands on Linux say. By the name or the number of the error. */
const systemWordsOf: Readonly<Record<string, string>> = {
  EISDIR: 'Is a directory',
  EIO: 'Input/output error',
  EBUSY: 'Device or resource busy',
  '-116': 'Stale file handle',
  '-121': 'Remote I/O error',
  '-122': 'Disk quota exceeded',
};

/** The words of the operating system for an error of a file, as commands say them: `No space left on device`. */
export function systemWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code = '', errno = 0, message } = error as NodeJS.ErrnoException;
  const known = systemWordsOf[code] ?? systemWordsOf[errno];
  if (known !== undefined) return known;
  // `ENOSPC: no space left on device, write`
  const words = /^E\w+: ([^,]*)/.exec(message)?.[1] ?? message;
  return capitalized(words);
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

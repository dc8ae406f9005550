import { randomBytes } from 'node:crypto';
import { programs } from '../generated/programs.js';
import { assignments } from '../util/shell-quote.js';
import { appendedText, journalPath, type LockFile, type ReplacedFile } from './study-writer.js';

/** What the writer says, in a line each. */
export type WriterReport =
  /** It has begun. Nothing that may hang was looked at before. */
  | { readonly type: 'ready' }
  /** The first request that it has not answered is done. */
  | { readonly type: 'ok' }
  /** It could not be done. If that was an append the writer has ended, so that nothing overtakes it. */
  | { readonly type: 'failed'; readonly words: string }
  /** Another driver has the study, and the writer has ended. `lease` is that driver's line, '' if there is none yet. */
  | { readonly type: 'lost'; readonly lease: string }
  /** Maestro's lock files are there. They stay until the writer is told to forget them. */
  | { readonly type: 'cancel' }
  | { readonly type: 'update'; readonly base64: string };

/** @returns undefined for a line that is none of the writer's */
export function parseWriterReport(line: string): WriterReport | undefined {
  const [, type, rest = ''] = /^(\w+)(?: (.*))?$/.exec(line) ?? [];
  switch (type) {
    case 'ready':
    case 'ok':
    case 'cancel':
      return { type };
    case 'failed':
      return { type, words: rest };
    case 'lost':
      return { type, lease: rest };
    case 'update':
      return { type, base64: rest };
    default:
      return undefined;
  }
}

/** Adds to the journal. @param flush the number of the append, as in `StudyWriter` */
export function appendRequest(text: string, flush: number): Buffer {
  return withText(`append ${flush}`, appendedText(text));
}

export function replaceRequest(file: ReplacedFile, text: string): Buffer {
  return withText(`replace ${file}`, text);
}

/** Removes a lock file of Maestro's that the writer told of. An update that has changed since is another one, and stays. */
export function forgetRequest(what: LockFile, base64: string): Buffer {
  return Buffer.from(`${bell}forget ${what} ${base64}\n`);
}

/** Ends the writer of a driver that ends: no step waits for its appends any more. */
export const endRequest = '\nend\n';

/**
 * The first byte of a request, which says nothing: a `read` with a limit of time may lose the byte that comes just when the time
 * is over.
 */
const bell = '\n';

/** A line that says how many bytes follow, those bytes, and a newline, without which the text is not whole. */
function withText(words: string, text: string): Buffer {
  const body = Buffer.from(text);
  return Buffer.concat([Buffer.from(`${bell}${words} ${body.length}\n`), body, Buffer.from('\n')]);
}

export interface RemoteWriterTextOptions {
  readonly studyPath: string;
  /** The fencing number of the driver. */
  readonly fence: number;
  /** Counts the writers of this driver: an earlier one may linger on a connection that broke. */
  readonly number: number;
  /** Whether it looks for Maestro's lock files. */
  readonly watchesLocks?: boolean;
}

/** The command on the host by which a driver of a study writes the study's own files: the text of remote-writer.sh. */
export function remoteWriterText({ studyPath, fence, number, watchesLocks = true }: RemoteWriterTextOptions): string {
  const token = randomBytes(8).toString('hex');
  const temporary = `${studyPath}/.conductor/clerk-${fence}-${number}-${token}`;
  const variables = {
    study: studyPath,
    journal: journalPath,
    fence,
    temporary,
    number,
    watches_locks: watchesLocks ? 'yes' : 'no',
  };
  return assignments(variables) + programs['store/remote-writer.sh'];
}

import path from 'node:path';

/**
 * The directory beside a study's in which `.conductor/` is until Maestro has made the study directory: Maestro deletes
 * what is in a directory that it is given.
 */
export function controlDirectoryOf(studyPath: string): string {
  return path.posix.join(path.posix.dirname(studyPath), `.${path.posix.basename(studyPath)}.conductor`);
}

/**
 * Where the copy of a staged directory is, from which Maestro's steps read: they may begin before `.conductor/` has been moved,
 * so it stays where it is.
 */
export function stageBeside(studyPath: string): string {
  return `${controlDirectoryOf(studyPath)}/stage`;
}

/** What is known of Maestro's process, relative to `.conductor/`: `process`, `log`, `exit`. */
export const runPath = '.conductor/maestro';
